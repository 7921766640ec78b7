// SPDX-License-Identifier: Apache-2.0
#include "algorithms/maintained_walks/consistent_adjacency.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"

namespace rove::algorithms {
namespace {

exec::WalkGraphOptions graph_options(bool weighted) {
  exec::WalkGraphOptions options;
  options.sampling = weighted ? exec::SlotSampling::kRejection : exec::SlotSampling::kUniform;
  return options;
}

}  // namespace

ConsistentAdjacency::ConsistentAdjacency(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                         const exec::EdgeSelection& selection, bool weighted)
    : graph_(exec::WalkGraph::replicated(comm, blocks, selection, graph_options(weighted))), is_weighted_(weighted) {
  const graph::Schema& schema = blocks.schema;
  const std::vector<exec::AdjacencySide> sides = exec::selected_sides(schema, selection);
  for (std::uint16_t t = 0; t < schema.vertex_types().size(); ++t) {
    std::vector<const exec::AdjacencySide*> lanes;
    for (const exec::AdjacencySide& side : sides) {
      if (side.rows == VertexTypeId{t}) lanes.push_back(&side);
    }
    if (lanes.size() < 2) continue;
    MultiLane result{schema.stable_range(VertexTypeId{t}), lanes.size(), {}};
    result.ends.resize(result.vertices.size() * lanes.size());
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      const std::vector<std::uint64_t>& offsets = exec::block_of(blocks, *lanes[lane]).offsets;
      std::vector<std::uint32_t> mine(offsets.size() - 1);
      for (std::size_t i = 0; i < mine.size(); ++i) mine[i] = static_cast<std::uint32_t>(offsets[i + 1] - offsets[i]);
      const std::vector<std::uint32_t> degrees = comm.all_gather_v<std::uint32_t>(mine).data;
      for (std::size_t v = 0; v < degrees.size(); ++v) {
        const std::uint32_t begin = lane == 0 ? 0 : result.ends[v * lanes.size() + lane - 1];
        result.ends[v * lanes.size() + lane] = begin + degrees[v];
      }
    }
    multi_lane_.push_back(std::move(result));
  }
}

MemoryPlan ConsistentAdjacency::plan(const graph::Schema& schema, const exec::EdgeSelection& selection, bool weighted) {
  MemoryPlan plan = exec::WalkGraph::plan_replicated(schema, selection, graph_options(weighted));
  std::vector<std::uint64_t> lanes(schema.vertex_types().size());
  for (const exec::AdjacencySide& side : exec::selected_sides(schema, selection)) ++lanes[side.rows.index()];
  std::uint64_t ends = 0;
  for (std::size_t t = 0; t < lanes.size(); ++t) {
    if (lanes[t] > 1) ends += lanes[t] * schema.vertex_types()[t].count;
  }
  plan.hold("ends of lanes", 4 * ends);
  return plan;
}

ConsistentAdjacency::Step ConsistentAdjacency::step(std::uint32_t vertex, std::uint64_t seed, VertexKey key,
                                                    std::uint32_t walk, std::uint32_t step) const {
  const std::uint64_t record = graph_.records()[vertex];
  const std::uint64_t degree = graph_.degree_of_record(record);
  if (degree == 0) return {kNoVertex, 0};
  std::uint32_t next = 0xFFFFFFFFU;
  for (std::uint32_t attempt = 0;; ++attempt) {
    const RandomBlock words = RandomStream(seed, Purpose::kWalk, attempt).block(key.value(), walk, step);
    const Choice choice =
        choose(vertex, graph_.offset_of_record(record), degree, exec::slot_draw(words[1], words[2]), words[3]);
    next = std::min(next, choice.next);
    if (!is_weighted_ || accepts(choice.edge, dart_of(vertex, words[3], seed, key, walk, step, attempt))) {
      return {graph_.targets()[choice.edge], next};
    }
  }
}

std::span<const std::uint32_t> ConsistentAdjacency::lane_ends(std::uint32_t vertex) const {
  for (const MultiLane& type : multi_lane_) {
    if (!type.vertices.contains(vertex)) continue;
    return std::span(type.ends).subspan((vertex - type.vertices.begin) * type.lanes, type.lanes);
  }
  return {};
}

}  // namespace rove::algorithms
