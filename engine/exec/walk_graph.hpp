// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/exec/adjacency_view.hpp"
#include "engine/exec/alias_table.hpp"
#include "engine/exec/edge_selection.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::exec {

[[nodiscard]] const graph::AdjacencyBlock& block_of(const graph::GraphBlocks& blocks, const AdjacencySide& side);

/// Edges that a walk may take at a step of a meta-path: one edge type in one direction, of one relation if named.
struct WalkLink {
  EdgeTypeId type;
  bool forward = true;  ///< from source to destination
  std::optional<std::uint32_t> relation;
  friend bool operator==(const WalkLink&, const WalkLink&) = default;
};

/// How a slot is drawn in proportion to its weight (edge types without weights weigh 1). Each is exact to 2^-32 and
/// gives other walks than the others; what is cheaper where: docs/walks.md.
enum class SlotSampling : std::uint8_t {
  kUniform,    ///< weights are not used: a slot is a slot
  kAlias,      ///< Walker's tables: one draw, one more cache line, 8 bytes per slot
  kRejection,  ///< a uniform slot, accepted with weight / largest weight of the vertex: 4 bytes per slot
  kInverse,    ///< binary search in the vertex's cumulative weights: 4 bytes per slot
};

/// What a walk graph holds beside the slots.
struct WalkGraphOptions {
  std::vector<WalkLink> links;  ///< not empty: a vertex has one list of slots per link, instead of one of all edges
  SlotSampling sampling = SlotSampling::kUniform;
  bool times = false;       ///< times per slot, and the slots of a list in order of (time, slot)
  bool membership = false;  ///< `sorted_neighbors`, for second-order walks
  bool returns = false;     ///< with membership, without links: `weight_back` for weighted slots too
};

/// The adjacency that walks step over: all selected edges of a vertex in one list (edge types in schema order, by
/// destination before by source, slots in the graph's slot order: the same list in both layouts, part of every stored
/// walk), or one list per link; behind one 8-byte {offset, degree} record per vertex and list, so that a step reads two
/// cache lines. Immutable; reading is thread-safe.
///
/// *Partitioned*: rows are the owned vertices of this rank, by local id; targets are local ids, from `num_rows()` on
/// ghosts, which live elsewhere (`home_of_ghost`). *Replicated*: rows are all vertices, by stable id, on every rank; no
/// ghosts.
class WalkGraph {
 public:
  /// Where a ghost is owned, and its local id there.
  struct RemoteVertex {
    Rank owner;
    LocalVertexId local;
  };

  /// Cost: a few passes over the selected edges. Throws `DoesNotFitError` when offset and degree do not fit 64 bits
  /// together, `InputError` for a negative or infinite weight that would be used, `ConfigError` when times are asked
  /// for and an edge type has none. `options.links`, when there are some, take the place of the view's selection.
  [[nodiscard]] static WalkGraph partitioned(const AdjacencyView& view, const WalkGraphOptions& options = {});

  /// **Collective.** Gathers the whole graph on every rank: for the replicated layout only, after `plan_replicated` was
  /// found to fit. Throws as `partitioned` does, and `DoesNotFitError` above 2^32 - 2 vertices.
  [[nodiscard]] static WalkGraph replicated(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                            const EdgeSelection& selection, const WalkGraphOptions& options = {});

  /// What `partitioned` and `replicated` hold on this rank at their peak, known before anything is allocated.
  [[nodiscard]] static MemoryPlan plan_partitioned(const AdjacencyView& view, const WalkGraphOptions& options = {});
  [[nodiscard]] static MemoryPlan plan_replicated(const graph::Schema& schema, const EdgeSelection& selection,
                                                  const WalkGraphOptions& options = {});

  [[nodiscard]] std::uint32_t num_rows() const { return num_rows_; }
  [[nodiscard]] std::uint32_t num_lists() const { return num_lists_; }
  [[nodiscard]] std::uint64_t num_slots() const { return num_slots_; }
  [[nodiscard]] bool has_ghosts() const { return !ghosts_.empty(); }

  [[nodiscard]] std::uint64_t degree(std::uint32_t row, std::uint32_t list = 0) const {
    return degree_of_record(record(row, list));
  }
  [[nodiscard]] std::span<const std::uint32_t> neighbors(std::uint32_t row, std::uint32_t list = 0) const {
    return targets_.span().subspan(offset_of_record(record(row, list)), degree(row, list));
  }
  /// Precondition: `target` >= num_rows(), in the partitioned layout.
  [[nodiscard]] RemoteVertex home_of_ghost(std::uint32_t target) const { return ghosts_[target - num_rows_]; }

  /// A number for every vertex that all ranks agree on: the stable id in the replicated layout, the global id in the
  /// partitioned one. Walks remember vertices by it. Only with `membership`.
  [[nodiscard]] std::uint32_t id_of(std::uint32_t target) const {
    return target < num_rows_ ? first_id_ + target : ghost_ids_[target - num_rows_];
  }
  [[nodiscard]] bool owns(std::uint32_t id) const { return id - first_id_ < num_rows_; }
  [[nodiscard]] std::uint32_t row_of(std::uint32_t id) const { return id - first_id_; }
  [[nodiscard]] Rank owner_of(std::uint32_t id) const;
  /// Ids of the neighbours of an owned row over all its lists, ascending. Only with `membership`.
  [[nodiscard]] std::span<const std::uint32_t> sorted_neighbors(std::uint32_t row) const {
    const std::uint64_t begin = offset_of_record(records_[std::uint64_t{row} * num_lists_]);
    const std::uint64_t end = offset_of_record(records_[(std::uint64_t{row} + 1) * num_lists_]);
    return {(sorted_.empty() ? targets_.data() : sorted_.data()) + begin, end - begin};
  }
  [[nodiscard]] std::uint32_t num_ids() const { return rank_begins_.back(); }
  /// Whether two vertices, one of them owned, can be neighbours: a bit of a filter that is set for all that are, and
  /// for about one in eight other pairs. One cache line instead of a search.
  [[nodiscard]] bool may_be_neighbors(std::uint32_t id, std::uint32_t other) const {
    if (filter_.empty()) return true;
    const std::uint64_t bit = filter_bit(id, other);
    return ((filter_[bit / 64] >> (bit % 64)) & 1U) != 0;
  }
  void prefetch_pair(std::uint32_t id, std::uint32_t other) const {
    if (!filter_.empty()) __builtin_prefetch(filter_.data() + filter_bit(id, other) / 64);
  }
  /// The inverse of `id_of`. Precondition: a row or a ghost has the id. Cost: for a ghost, a binary search.
  [[nodiscard]] std::uint32_t target_of(std::uint32_t id) const { return owns(id) ? row_of(id) : ghost_of(id); }

  /// Whether a walk can come to a neighbour of the vertex before the last one, by the types of the edges. Only with
  /// `membership`.
  [[nodiscard]] bool closes_triangles() const { return closes_triangles_; }
  /// Whether `weight_back` is known: with `membership`, without links, weighted slots with `returns`.
  [[nodiscard]] bool knows_returns() const { return knows_returns_; }
  /// Whether `weight_back` of this row must be searched for: else one slot leads back to where a walk came from.
  [[nodiscard]] bool must_search_returns(std::uint32_t row) const {
    if (repeats_.empty()) return searches_returns_;
    return searches_returns_ || ((repeats_[row / 64] >> (row % 64)) & 1U) != 0;
  }
  /// What the slots to the neighbour at this place of `sorted_neighbors(row)` weigh together (null: none): their
  /// number, or with weights their share of the row in units of 2^-32; and what the whole row weighs in that unit.
  [[nodiscard]] std::uint32_t weight_back(std::uint32_t row, const std::uint32_t* place) const;
  [[nodiscard]] double weight_of_all(std::uint64_t degree) const {
    return shares_.empty() ? static_cast<double>(degree) : 0x1.0p32;
  }

  /// The raw arrays, for the walk kernel. One slot more than `num_slots()` may be read. Record of list l of row r at
  /// r * num_lists() + l.
  [[nodiscard]] const std::uint64_t* records() const { return records_.data(); }
  [[nodiscard]] const std::uint32_t* targets() const { return targets_.data(); }
  [[nodiscard]] const AliasSlot* alias_slots() const { return alias_.data(); }
  /// Per slot; kRejection: accept below (2^32 - 1: always); kInverse: cumulative share of the list.
  [[nodiscard]] const std::uint32_t* thresholds() const { return thresholds_.data(); }
  [[nodiscard]] const std::int64_t* times() const { return times_.data(); }
  [[nodiscard]] std::uint64_t offset_of_record(std::uint64_t record) const { return record >> degree_bits_; }
  [[nodiscard]] std::uint64_t degree_of_record(std::uint64_t record) const { return record & degree_mask_; }

 private:
  friend class WalkGraphBuilder;
  WalkGraph() = default;
  [[nodiscard]] std::uint64_t record(std::uint32_t row, std::uint32_t list) const {
    return records_[std::uint64_t{row} * num_lists_ + list];
  }
  [[nodiscard]] std::uint32_t ghost_of(std::uint32_t id) const;
  [[nodiscard]] std::uint64_t filter_bit(std::uint32_t id, std::uint32_t other) const {
    const std::uint64_t pair = (std::uint64_t{std::min(id, other)} << 32U) | std::max(id, other);
    return (pair * 0x9E3779B97F4A7C15U) >> filter_shift_;
  }

  std::uint32_t num_rows_ = 0;
  std::uint32_t num_lists_ = 1;
  std::uint64_t num_slots_ = 0;
  std::uint32_t degree_bits_ = 1;
  std::uint64_t degree_mask_ = 1;
  HugeBuffer<std::uint64_t> records_;  ///< num_rows * num_lists and a sentinel
  HugeBuffer<std::uint32_t> targets_;
  HugeBuffer<AliasSlot> alias_;
  HugeBuffer<std::uint32_t> thresholds_;
  HugeBuffer<std::int64_t> times_;
  HugeBuffer<std::uint32_t> sorted_;  ///< empty where the targets themselves are in order of their ids
  HugeBuffer<std::uint64_t> filter_;  ///< bits of pairs of neighbours; where triangles are possible
  std::uint32_t filter_shift_ = 0;
  HugeBuffer<std::uint32_t> shares_;  ///< by place in the ids in order: of all slots to that neighbour; with `returns`
  std::vector<std::uint64_t> repeats_;  ///< a bit per row with several slots to one neighbour; empty: no row has
  bool closes_triangles_ = true;
  bool knows_returns_ = false;
  bool searches_returns_ = false;  ///< of every row
  std::vector<RemoteVertex> ghosts_;
  std::uint32_t first_id_ = 0;
  std::vector<std::uint32_t> ghost_ids_;       ///< ascending
  std::vector<std::uint32_t> rank_begins_{0};  ///< first id of every rank, and the number of ids
};

}  // namespace rove::exec
