// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/base/random.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/exec/consistent_slot.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/exec/walk_random.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::algorithms {

/// No vertex: beyond the end of a walk that was lost.
inline constexpr std::uint32_t kNoVertex = 0xFFFFFFFFU;

/// The adjacency of a whole graph, on every rank, with a consistent choice of slots. A vertex's slots may come from
/// several adjacencies (edge types, directions), its *lanes*, each of which grows at its own end: the lane is chosen by
/// the acceptance word in proportion to its length, the slot within it by jump hash. Vertices are stable ids.
/// Immutable; reading is thread-safe.
///
/// *Weighted*: a slot chosen so is accepted with weight / largest weight of the vertex, else the next attempt chooses
/// (`exec::SlotSampling::kRejection` with consistent slots). An appended slot, no heavier than the heaviest, moves only
/// attempts to itself; a changed weight, only attempts on its slot.
class ConsistentAdjacency {
 public:
  /// **Collective.** Throws `DoesNotFitError` above 2^32 - 2 vertices.
  ConsistentAdjacency(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                      const exec::EdgeSelection& selection, bool weighted = false);
  [[nodiscard]] static MemoryPlan plan(const graph::Schema& schema, const exec::EdgeSelection& selection,
                                       bool weighted = false);

  struct Step {
    std::uint32_t target = kNoVertex;  ///< kNoVertex: no slot to leave by
    std::uint32_t next = 0;            ///< of `ConsistentSlot`, the least of all attempts; 0: several lanes
  };

  [[nodiscard]] std::uint32_t num_vertices() const { return graph_.num_rows(); }
  [[nodiscard]] const exec::WalkGraph& graph() const { return graph_; }
  [[nodiscard]] std::span<const std::uint32_t> slots(std::uint32_t vertex) const { return graph_.neighbors(vertex); }
  [[nodiscard]] bool is_weighted() const { return is_weighted_; }
  /// What darts at the vertex's slots must be below; empty unless weighted.
  [[nodiscard]] std::span<const std::uint32_t> thresholds(std::uint32_t vertex) const {
    if (!is_weighted_) return {};
    return {graph_.thresholds() + graph_.offset_of_record(graph_.records()[vertex]), graph_.degree(vertex)};
  }

  /// Where in the array of targets the step's slot lies, and `ConsistentSlot::next`. Precondition: degree > 0.
  struct Choice {
    std::uint64_t edge = 0;
    std::uint32_t next = 0;
  };
  [[nodiscard, gnu::always_inline]] Choice choose(std::uint32_t vertex, std::uint64_t first, std::uint64_t degree,
                                                  std::uint64_t draw, std::uint32_t acceptance) const {
    if (!multi_lane_.empty()) {
      const std::span<const std::uint32_t> ends = lane_ends(vertex);
      if (uses_several(ends)) {
        const auto at = static_cast<std::uint32_t>((std::uint64_t{acceptance} * degree) >> 32U);
        std::uint32_t lane_begin = 0;
        std::size_t lane = 0;
        for (; ends[lane] <= at; ++lane) lane_begin = ends[lane];
        return {first + lane_begin + exec::consistent_slot(draw, ends[lane] - lane_begin).slot, 0};
      }
    }
    const exec::ConsistentSlot chosen = exec::consistent_slot(draw, static_cast<std::uint32_t>(degree));
    return {first + chosen.slot, chosen.next};
  }

  /// Whether a weighted choice stands. `dart`: the acceptance word, or `dart_of` where several lanes have used it up.
  [[nodiscard]] bool accepts(std::uint64_t edge, std::uint32_t dart) const {
    const std::uint32_t threshold = graph_.thresholds()[edge];
    return dart < threshold || threshold == 0xFFFFFFFFU;
  }
  [[nodiscard]] std::uint32_t dart_of(std::uint32_t vertex, std::uint32_t acceptance, std::uint64_t seed, VertexKey key,
                                      std::uint32_t walk, std::uint32_t step, std::uint32_t attempt) const {
    if (!uses_several_lanes(vertex)) return acceptance;
    return RandomStream(seed, Purpose::kWalkSecond, attempt).block(key.value(), walk, step)[0];
  }

  /// The step that walk `walk` of the source with this key takes from the vertex.
  [[nodiscard]] Step step(std::uint32_t vertex, std::uint64_t seed, VertexKey key, std::uint32_t walk,
                          std::uint32_t step) const;

  /// Ends of the vertex's lanes within its slots; one entry where its type has one lane or none.
  [[nodiscard]] std::span<const std::uint32_t> lane_ends(std::uint32_t vertex) const;
  /// Whether more than one lane has slots.
  [[nodiscard]] static bool uses_several(std::span<const std::uint32_t> ends) {
    std::uint32_t begin = 0;
    std::uint32_t used = 0;
    for (const std::uint32_t end : ends) {
      used += end > begin ? 1U : 0U;
      begin = end;
    }
    return used > 1;
  }
  [[nodiscard]] bool uses_several_lanes(std::uint32_t vertex) const { return uses_several(lane_ends(vertex)); }

 private:
  /// Lane ends of the vertices of one type with several lanes, vertex by vertex.
  struct MultiLane {
    IndexRange vertices;
    std::size_t lanes = 0;
    std::vector<std::uint32_t> ends;
  };

  exec::WalkGraph graph_;
  bool is_weighted_;
  std::vector<MultiLane> multi_lane_;
};

}  // namespace rove::algorithms
