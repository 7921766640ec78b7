// SPDX-License-Identifier: Apache-2.0
#include "io/import/graph_rebuild.hpp"

#include <utility>

#include "engine/graph/block_distribution.hpp"
#include "io/import/edge_exchange.hpp"
#include "io/import/row_mapping.hpp"

namespace rove::io {

RowsAfter rebuild(const comm::Communicator& comm, ImportedGraph& graph, std::vector<std::vector<EdgeList>> lists,
                  std::span<const std::vector<std::uint8_t>> keep) {
  const graph::Schema old = graph.blocks.schema;
  graph::Schema schema;
  RowsAfter new_rows(keep.size());
  for (std::size_t t = 0; t < keep.size(); ++t) {
    ShrunkType shrunk = shrink_type(comm, graph, VertexTypeId{static_cast<std::uint16_t>(t)}, keep[t]);
    new_rows[t] = std::move(shrunk.new_rows);
    schema.add_vertex_type(old.vertex_types()[t].name, shrunk.count);
  }
  for (std::size_t e = 0; e < lists.size(); ++e) {
    graph::EdgeType type = old.edge_types()[e];
    const auto renumber = [&](VertexTypeId end, std::vector<std::uint32_t> EdgeList::* column) {
      const graph::BlockDistribution homes(old.vertex_type(end).count, comm.size());
      std::vector<std::uint32_t> rows;
      for (const EdgeList& list : lists[e]) rows.insert(rows.end(), (list.*column).begin(), (list.*column).end());
      const auto mapped = look_up_rows(comm, homes, new_rows[end.index()], rows);
      std::size_t i = 0;
      for (EdgeList& list : lists[e]) {
        for (std::uint32_t& row : list.*column) row = static_cast<std::uint32_t>(mapped[i++]);
      }
    };
    renumber(type.source, &EdgeList::sources);
    renumber(type.destination, &EdgeList::targets);
    graph.blocks.edges[e] =
        build_edges(comm, std::move(lists[e]), columns_of(type), {schema.vertex_type(type.source).count, comm.size()},
                    {schema.vertex_type(type.destination).count, comm.size()});
    type.count = comm.all_reduce(std::uint64_t{graph.blocks.edges[e].by_source.targets.size()}, comm::ReduceOp::kSum);
    schema.add_edge_type(std::move(type));
  }
  graph.blocks.schema = std::move(schema);
  return new_rows;
}

}  // namespace rove::io
