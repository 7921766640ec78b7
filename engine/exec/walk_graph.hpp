// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/exec/adjacency_view.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::exec {

/// One adjacency of an edge type: whose rows it lists, and of which type its targets are.
struct AdjacencySide {
  EdgeTypeId type;
  bool by_source = true;
  VertexTypeId rows;
  VertexTypeId targets;
};
/// The adjacencies whose slots, one after another, are a vertex's slot list, in the order of `AdjacencyView`: edge
/// types in schema order, by destination before by source.
[[nodiscard]] std::vector<AdjacencySide> selected_sides(const graph::Schema& schema, const EdgeSelection& selection);
[[nodiscard]] const graph::AdjacencyBlock& block_of(const graph::GraphBlocks& blocks, const AdjacencySide& side);

/// The adjacency that walks step over: all selected edges of a vertex in one list (edge types in schema order, by
/// destination before by source, slots in the graph's slot order: the same list in both layouts, part of every stored
/// walk), behind one 8-byte {offset, degree} record per vertex, so that a step reads two cache lines. Edge weights are
/// not used: a slot is a slot. Immutable; reading is thread-safe.
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

  /// Cost: one pass over the selected edges. Throws `DoesNotFitError` when offset and degree do not fit 64 bits
  /// together.
  [[nodiscard]] static WalkGraph partitioned(const AdjacencyView& view);

  /// **Collective.** Gathers the whole graph on every rank: for the replicated layout only, after `plan_replicated` was
  /// found to fit. Throws `DoesNotFitError` above 2^32 - 2 vertices.
  [[nodiscard]] static WalkGraph replicated(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                            const EdgeSelection& selection);

  /// What `partitioned` and `replicated` hold on this rank at their peak, known before anything is allocated.
  [[nodiscard]] static MemoryPlan plan_partitioned(const AdjacencyView& view);
  [[nodiscard]] static MemoryPlan plan_replicated(const graph::Schema& schema, const EdgeSelection& selection);

  [[nodiscard]] std::uint32_t num_rows() const { return num_rows_; }
  [[nodiscard]] std::uint64_t num_slots() const { return num_slots_; }
  [[nodiscard]] bool has_ghosts() const { return !ghosts_.empty(); }

  [[nodiscard]] std::uint64_t degree(std::uint32_t row) const { return degree_of_record(records_[row]); }
  [[nodiscard]] std::span<const std::uint32_t> neighbors(std::uint32_t row) const {
    return targets_.span().subspan(offset_of_record(records_[row]), degree(row));
  }
  /// Precondition: `target` >= num_rows(), in the partitioned layout.
  [[nodiscard]] RemoteVertex home_of_ghost(std::uint32_t target) const { return ghosts_[target - num_rows_]; }

  /// The raw arrays, for the walk kernel. One slot more than `num_slots()` may be read.
  [[nodiscard]] const std::uint64_t* records() const { return records_.data(); }
  [[nodiscard]] const std::uint32_t* targets() const { return targets_.data(); }
  [[nodiscard]] std::uint64_t offset_of_record(std::uint64_t record) const { return record >> degree_bits_; }
  [[nodiscard]] std::uint64_t degree_of_record(std::uint64_t record) const { return record & degree_mask_; }

 private:
  /// Fills the records from the degrees and allocates the targets.
  explicit WalkGraph(std::span<const std::uint64_t> degrees);

  std::uint32_t num_rows_ = 0;
  std::uint64_t num_slots_ = 0;
  std::uint32_t degree_bits_ = 1;
  std::uint64_t degree_mask_ = 1;
  HugeBuffer<std::uint64_t> records_;
  HugeBuffer<std::uint32_t> targets_;
  std::vector<RemoteVertex> ghosts_;
};

}  // namespace rove::exec
