// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/replicate.hpp"

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "engine/base/assert.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::graph {
namespace {

constexpr std::uint64_t kReplicateGrain = 1U << 14U;
constexpr std::uint64_t kReorderGrain = 1U << 10U;

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

/// One side of an edge type with rows and targets under their new numbers.
AdjacencyBlock reordered_side(const AdjacencyBlock& side, std::span<const std::uint32_t> rows,
                              std::span<const std::uint32_t> target_places) {
  AdjacencyBlock result;
  result.offsets.resize(rows.size() + 1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    result.offsets[i + 1] = result.offsets[i] + side.offsets[rows[i] + 1U] - side.offsets[rows[i]];
  }
  result.targets.resize(side.targets.size());
  parallel::for_each({0, rows.size()}, kReorderGrain, [&](std::uint64_t i) {
    const std::uint64_t begin = side.offsets[rows[i]];
    for (std::uint64_t slot = result.offsets[i]; slot < result.offsets[i + 1]; ++slot) {
      result.targets[slot] = target_places[side.targets[begin + slot - result.offsets[i]]];
    }
  });
  return result;
}

}  // namespace

GraphBlocks gather_whole(const comm::Communicator& comm, const DistributedGraph& graph, EdgeTypeId type) {
  const Schema& schema = graph.schema();
  GraphBlocks whole;
  for (std::uint16_t t = 0; t < schema.vertex_types().size(); ++t) {
    const VertexTypeId vertices{t};
    const IndexRange owned = graph.owned_of_type(vertices);
    whole.schema.add_vertex_type(schema.vertex_type(vertices).name, schema.vertex_type(vertices).count);
    const std::vector<VertexKey> home =
        graph.home(vertices).to_home<VertexKey>(comm, graph.owned_keys().subspan(owned.begin, owned.size()));
    whole.keys.push_back(comm.all_gather_v<VertexKey>(home).data);
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
  return whole;
}

GraphBlocks reordered(const GraphBlocks& whole, const RowOrder& order) {
  GraphBlocks result;
  result.schema = whole.schema;
  RowOrder places(order.size());
  for (std::size_t t = 0; t < order.size(); ++t) {
    ROVE_ASSERT_LIGHT(order[t].size() == whole.keys[t].size());
    std::vector<VertexKey>& keys = result.keys.emplace_back();
    keys.reserve(order[t].size());
    places[t].resize(order[t].size());
    for (std::uint32_t i = 0; i < order[t].size(); ++i) {
      keys.push_back(whole.keys[t][order[t][i]]);
      places[t][order[t][i]] = i;
    }
  }
  for (std::size_t e = 0; e < whole.edges.size(); ++e) {
    const EdgeType& type = whole.schema.edge_types()[e];
    const std::size_t source = type.source.index();
    const std::size_t destination = type.destination.index();
    EdgeBlocks& edges = result.edges.emplace_back();
    edges.by_source = reordered_side(whole.edges[e].by_source, order[source], places[destination]);
    edges.by_destination = reordered_side(whole.edges[e].by_destination, order[destination], places[source]);
  }
  return result;
}

DistributedGraph build_alone(const comm::Communicator& alone, const GraphBlocks& whole) {
  ROVE_ASSERT_LIGHT(alone.size() == 1);
  Assignment assignment;
  assignment.num_parts = 1;
  for (const VertexType& type : whole.schema.vertex_types()) assignment.parts.emplace_back(type.count);
  return DistributedGraph::build(alone, whole, assignment);
}

}  // namespace rove::graph
