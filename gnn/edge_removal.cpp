// SPDX-License-Identifier: Apache-2.0
#include "gnn/edge_removal.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "engine/base/assert.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kRemoved = std::numeric_limits<std::uint64_t>::max();

template <class T, class Keep>
void filter(std::vector<T>& values, const Keep& keep) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (keep(i)) values[kept++] = values[i];
  }
  values.resize(kept);
}

/// Drops slots from one adjacency.
template <class Keep>
void filter_slots(graph::AdjacencyBlock& block, const Keep& keep) {
  std::vector<std::uint64_t> offsets{0};
  offsets.reserve(block.offsets.size());
  for (std::size_t row = 0; row + 1 < block.offsets.size(); ++row) {
    std::uint64_t degree = 0;
    for (std::uint64_t slot = block.offsets[row]; slot < block.offsets[row + 1]; ++slot) degree += keep(slot) ? 1U : 0U;
    offsets.push_back(offsets.back() + degree);
  }
  filter(block.targets, keep);
  filter(block.weights, keep);
  filter(block.times, keep);
  filter(block.relations, keep);
  block.offsets = std::move(offsets);
}

/// New positions by source of the old ones that I hold: `kRemoved` where there is none.
std::vector<std::uint64_t> new_positions(const comm::Communicator& comm, std::span<const std::uint8_t> removed) {
  std::uint64_t kept = 0;
  for (const std::uint8_t flag : removed) kept += flag == 0 ? 1U : 0U;
  std::uint64_t next = comm.exclusive_scan(kept);
  std::vector<std::uint64_t> positions;
  positions.reserve(removed.size());
  for (const std::uint8_t flag : removed) positions.push_back(flag == 0 ? next++ : kRemoved);
  return positions;
}

/// **Collective.** What `mine`, cut over the ranks at `first` (P + 1 entries), holds at any positions.
std::vector<std::uint64_t> look_up(const comm::Communicator& comm, std::span<const std::uint64_t> first,
                                   std::span<const std::uint64_t> mine, std::span<const std::uint64_t> positions) {
  const auto ranks = static_cast<std::size_t>(comm.size());
  const auto holder = [&](std::uint64_t position) {
    return static_cast<std::size_t>(std::ranges::upper_bound(first, position) - first.begin()) - 1;
  };
  std::vector<std::uint64_t> counts(ranks);
  for (const std::uint64_t position : positions) ++counts[holder(position)];
  std::vector<std::uint64_t> next(ranks);
  for (std::size_t r = 1; r < ranks; ++r) next[r] = next[r - 1] + counts[r - 1];
  std::vector<std::uint64_t> asked(positions.size());
  std::vector<std::uint64_t> place(positions.size());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    place[i] = next[holder(positions[i])]++;
    asked[place[i]] = positions[i];
  }
  auto received = comm.exchange<std::uint64_t>(asked, counts);
  for (std::uint64_t& position : received.data) position = mine[position - first[comm.rank().index()]];
  std::vector<std::uint64_t> answer_counts(ranks);
  for (std::size_t r = 0; r < ranks; ++r) answer_counts[r] = received.offsets[r + 1] - received.offsets[r];
  const auto answers = comm.exchange<std::uint64_t>(received.data, answer_counts);
  std::vector<std::uint64_t> result(positions.size());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = answers.data[place[i]];
  return result;
}

graph::Schema with_count(const graph::Schema& schema, EdgeTypeId type, std::uint64_t count) {
  graph::Schema result;
  for (const graph::VertexType& vertex_type : schema.vertex_types())
    result.add_vertex_type(vertex_type.name, vertex_type.count);
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    graph::EdgeType edge_type = schema.edge_types()[e];
    if (e == type.index()) edge_type.count = count;
    result.add_edge_type(std::move(edge_type));
  }
  return result;
}

}  // namespace

void remove_edges(const comm::Communicator& comm, graph::GraphBlocks& blocks, EdgeTypeId type,
                  std::span<const std::uint8_t> removed) {
  graph::EdgeBlocks& edges = blocks.edges[type.index()];
  ROVE_ASSERT(removed.size() == edges.by_source.targets.size());
  const std::vector<std::uint64_t> sizes = comm.all_gather(std::uint64_t{removed.size()});
  std::vector<std::uint64_t> first{0};
  for (const std::uint64_t size : sizes) first.push_back(first.back() + size);
  edges.edge_positions = look_up(comm, first, new_positions(comm, removed), edges.edge_positions);
  filter_slots(edges.by_source, [&](std::size_t slot) { return removed[slot] == 0; });
  filter_slots(edges.by_destination, [&](std::size_t slot) { return edges.edge_positions[slot] != kRemoved; });
  std::erase(edges.edge_positions, kRemoved);
  const auto kept = comm.all_reduce<std::uint64_t>(edges.by_source.targets.size(), comm::ReduceOp::kSum);
  blocks.schema = with_count(blocks.schema, type, kept);
}

}  // namespace rove::gnn
