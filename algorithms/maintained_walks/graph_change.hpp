// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "algorithms/maintained_walks/consistent_adjacency.hpp"
#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::algorithms {

/// Which vertices of two graphs are the same: those of one type name and key. By stable id; `kNoVertex` where there is
/// none.
struct VertexMatch {
  std::vector<std::uint32_t> now;     ///< of each vertex before
  std::vector<std::uint32_t> before;  ///< of each vertex now
};
/// **Collective.** Gathers the keys of both graphs, a type at a time. Cost: 16 bytes per vertex of the type while
/// matching, 4 for each vertex of both graphs in the result.
[[nodiscard]] VertexMatch match_vertices(const comm::Communicator& comm, const graph::GraphBlocks& before,
                                         const graph::GraphBlocks& now);

/// What a step of a stored walk is checked against: one small look-up tells for nearly every step that it stays.
class GraphChange {
 public:
  /// Above every `ConsistentSlot::next`: the mark of a vertex all of whose steps must be looked at.
  static constexpr std::uint32_t kExamineAll = std::numeric_limits<std::uint32_t>::max();

  struct Mark {
    std::uint32_t now = kNoVertex;  ///< the vertex in today's graph
    /// A step from the vertex stays as it is unless its `next` is below this: today's degree, 0 where several lanes are
    /// unchanged, `kExamineAll` where slots were refilled or taken away, or weights changed.
    std::uint32_t bound = 0;
  };

  /// Both lists, weighted or not alike, must outlive the object. Cost: one pass over the slots of both.
  GraphChange(const ConsistentAdjacency& before, const ConsistentAdjacency& now, const VertexMatch& match);

  /// By stable id before, and one entry more for `kNoVertex`.
  [[nodiscard]] std::span<const Mark> marks() const { return marks_; }
  [[nodiscard]] const ConsistentAdjacency& before() const { return *before_; }
  [[nodiscard]] const ConsistentAdjacency& now() const { return *now_; }
  /// Whether all vertices have the same stable ids.
  [[nodiscard]] bool same_vertices() const { return same_vertices_; }
  /// Whether some slot of `vertex` held `target` and does not any more (both by stable id before).
  [[nodiscard]] bool lost_slot(std::uint32_t vertex, std::uint32_t target) const {
    const std::uint64_t hash = hash_of(pair_of(vertex, target));
    const std::uint64_t bit = hash >> filter_shift_;
    return ((filter_[bit / 64] >> (bit % 64)) & 1U) != 0 && holds(pair_of(vertex, target), hash);
  }
  /// Vertices whose slots are not what they were.
  [[nodiscard]] std::uint64_t num_changed() const { return num_changed_; }

 private:
  static std::uint64_t pair_of(std::uint32_t vertex, std::uint32_t target) {
    return (std::uint64_t{vertex} << 32U) | target;
  }
  static std::uint64_t hash_of(std::uint64_t pair) { return pair * 0x9E3779B97F4A7C15U; }
  [[nodiscard]] bool holds(std::uint64_t pair, std::uint64_t hash) const;
  void mark(std::uint32_t vertex, std::uint32_t now, std::vector<std::uint64_t>& lost, std::uint64_t& changed);
  void index(const std::vector<std::uint64_t>& lost);

  const ConsistentAdjacency* before_;
  const ConsistentAdjacency* now_;
  std::vector<Mark> marks_;
  bool same_vertices_ = true;
  std::uint64_t num_changed_ = 0;
  std::vector<std::uint64_t> lost_slots_;  ///< open addressing; all ones: free
  std::uint32_t hash_shift_ = 63;
  std::vector<std::uint64_t> filter_;  ///< one bit per hash, small enough for the first-level cache most nights
  std::uint32_t filter_shift_ = 58;
};

}  // namespace rove::algorithms
