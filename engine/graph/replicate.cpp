// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/replicate.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/parallel/parallel.hpp"

namespace rove::graph {
namespace {

constexpr std::uint64_t kReplicateGrain = 1U << 14U;

/// **Collective.** One side of an edge type whole, in row order: home blocks are contiguous and in rank order, so they
/// are gathered as they are.
AdjacencyBlock gather_side(const comm::Communicator& comm, const DistributedGraph& graph, const CsrGraph& csr,
                           VertexTypeId rows, VertexTypeId targets) {
  const std::uint64_t first = graph.schema().stable_range(targets).begin;
  std::vector<std::uint32_t> mine(csr.targets.size());
  parallel::for_each({0, mine.size()}, kReplicateGrain, [&](std::uint64_t slot) {
    mine[slot] = static_cast<std::uint32_t>(graph.index_map().stable_of(csr.targets[slot]).value() - first);
  });
  const RaggedRows<std::uint32_t> home = graph.home(rows).to_home<std::uint32_t>(comm, csr.offsets, mine);
  mine = {};
  std::vector<std::uint64_t> degrees(home.offsets.size() - 1);
  for (std::size_t row = 0; row < degrees.size(); ++row) degrees[row] = home.offsets[row + 1] - home.offsets[row];
  AdjacencyBlock whole;
  whole.offsets = detail::offsets_from_lengths(comm.all_gather_v<std::uint64_t>(degrees).data);
  whole.targets = comm.all_gather_v<std::uint32_t>(home.values).data;
  return whole;
}

}  // namespace

DistributedGraph replicate(const comm::Communicator& comm, const DistributedGraph& graph, EdgeTypeId type) {
  const Schema& schema = graph.schema();
  GraphBlocks whole;
  Assignment assignment;
  assignment.num_parts = 1;
  for (std::uint16_t t = 0; t < schema.vertex_types().size(); ++t) {
    const VertexTypeId vertices{t};
    const IndexRange owned = graph.owned_of_type(vertices);
    whole.schema.add_vertex_type(schema.vertex_type(vertices).name, schema.vertex_type(vertices).count);
    const std::vector<VertexKey> home =
        graph.home(vertices).to_home<VertexKey>(comm, graph.owned_keys().subspan(owned.begin, owned.size()));
    whole.keys.push_back(comm.all_gather_v<VertexKey>(home).data);
    assignment.parts.emplace_back(schema.vertex_type(vertices).count);
  }
  EdgeType edge_type = schema.edge_type(type);
  edge_type.has_weights = false;
  edge_type.has_times = false;
  edge_type.relations.clear();
  const VertexTypeId source = edge_type.source;
  const VertexTypeId destination = edge_type.destination;
  whole.schema.add_edge_type(std::move(edge_type));
  EdgeBlocks& edges = whole.edges.emplace_back();
  edges.by_source = gather_side(comm, graph, graph.by_source(type), source, destination);
  edges.by_destination = gather_side(comm, graph, graph.by_destination(type), destination, source);
  return DistributedGraph::build(comm.split(comm.rank().value()), whole, assignment);
}

}  // namespace rove::graph
