// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/bfloat16.hpp"
#include "engine/base/ids.hpp"
#include "engine/exec/detail/propagation_kernels.hpp"
#include "engine/graph/distributed_graph.hpp"

namespace rove::exec {

/// Row lengths are padded to a multiple of this many floats, so that kernels need no tail.
inline constexpr std::uint32_t kRowLanes = 16;
[[nodiscard]] constexpr std::uint32_t padded_width(std::uint32_t width) {
  return (width + kRowLanes - 1) / kRowLanes * kRowLanes;
}

/// The operator D^-a A D^-b over the chosen edge types, each read in both directions: a source pulls its
/// destinations, a destination its sources (an undirected type is read by source only). D: degrees over those types.
struct PropagationOptions {
  std::vector<EdgeTypeId> edge_types;  ///< empty: all
  double row_exponent = 0.5;           ///< a
  double column_exponent = 0.5;        ///< b
  /// Which edges there are, by the local ids of a row and its neighbour (empty: all); the same in both directions on
  /// all ranks. Degrees count these. Costs a copy of the chosen targets.
  std::function<bool(std::uint32_t row, std::uint32_t neighbor)> keep = {};
};

/// The third primitive: every vertex pulls the sum of its neighbours' rows over the halo.
///
///   sum(r) = x[t_0] + x[t_1] + ...      over the slots of r in slot order
///
/// by r's owner, slots beyond `kSegment` in segments of that many whose sums are added in order: the bits depend on the
/// graph and x alone, not on ranks, threads, partition or instruction set. The operator is never stored:
/// Y = D^-a A D^-b X is a pull between two scalings of rows, and k applications need only the scaling `chain` between
/// pulls, because D^-b (D^-a A D^-b)^k = (D^-(a+b) A)^k D^-b (specs of LightGCN's cost: half the structure traffic).
/// Rows without edges have scale 0. Edge weights are not read.
///
/// X is row-major, `num_local` rows of `width` floats (a multiple of 16), 64-byte aligned: owned rows, then ghosts.
/// Stored as `BFloat16` it takes half the bytes to gather and to send; sums are of floats all the same, and a result
/// that is stored so is rounded once, after it was scaled. Immutable; refers to the graph, which must outlive it. Cost
/// of a pull: 4 (width + 1) bytes per slot (2 width + 4 of `BFloat16`), and the halo.
class Propagation {
 public:
  static constexpr std::uint64_t kSegment = 8192;
  /// Most rows that a consumer is handed at once: at 64 columns a third of the first-level cache.
  static constexpr std::uint64_t kBlockRows = 64;

  Propagation(const graph::DistributedGraph& graph, const PropagationOptions& options);

  [[nodiscard]] const graph::DistributedGraph& graph() const { return *graph_; }
  [[nodiscard]] std::uint32_t num_owned() const { return static_cast<std::uint32_t>(slots_.size()); }
  [[nodiscard]] std::uint32_t num_local() const { return graph_->num_local(); }
  /// Slots of the owned rows.
  [[nodiscard]] std::uint64_t num_slots() const { return num_slots_; }
  [[nodiscard]] std::span<const std::uint32_t> targets_of(std::uint32_t row) const {
    return {slots_[row].targets, slots_[row].degree};
  }

  /// Per owned row: d^-b, d^-a and d^-(a+b), for pre-scaling, post-scaling and between two pulls.
  [[nodiscard]] std::span<const float> before() const { return before_; }
  [[nodiscard]] std::span<const float> after() const { return after_; }
  [[nodiscard]] std::span<const float> chain() const { return chain_; }
  /// d^b, which undoes `before`, and d^a, which undoes `after` (0 for rows without edges).
  [[nodiscard]] std::span<const float> undo_before() const { return undo_before_; }
  [[nodiscard]] std::span<const float> undo_after() const { return undo_after_; }

  /// Owned rows to compute: those that read no ghost first. Ascending within both parts.
  struct Rows {
    std::vector<std::uint32_t> interior;
    std::vector<std::uint32_t> boundary;
    bool is_sparse = false;  ///< few of the rows between the first and the last
    [[nodiscard]] std::uint64_t size() const { return interior.size() + boundary.size(); }
  };
  [[nodiscard]] const Rows& rows_of_type(VertexTypeId type) const { return rows_by_type_[type.index()]; }
  /// Some owned rows, given in ascending order.
  [[nodiscard]] Rows select(std::span<const std::uint32_t> rows) const;

  using TouchedRows = detail::TouchedRows;
  struct Pull {
    const Rows* rows = nullptr;           ///< nullptr: all owned rows
    std::span<const float> scale;         ///< per owned row; empty: 1
    std::span<const float> source_scale;  ///< per local row: rows of x are multiplied by it as they are read; empty: 1
    /// Per local row, the same at owners and ghosts; non-empty: rows of x with flag 0 count as zero, are not read and,
    /// with a `source_type`, do not travel. Not with `source_scale`.
    std::span<const std::uint8_t> nonzero;
    TouchedRows touched = {};  ///< what the consumer of a block reads and writes, fetched in advance
    /// The chosen rows read this vertex type only, so only its ghosts travel; nothing: all types.
    std::optional<VertexTypeId> source_type;
  };
  /// **Collective.** y[r] = scale[r] · sum(r) for the chosen owned rows; other rows of y stay as they are. Interior
  /// rows are computed while the halo of x travels. y needs the owned rows only; it may be x when no chosen row is
  /// read.
  void pull(std::span<float> x, std::uint32_t width, const Pull& options, std::span<float> y) const;

  void pull(std::span<BFloat16> x, std::uint32_t width, const Pull& options, std::span<BFloat16> y) const;

  /// The same on a single rank, where x has no ghosts to bring up to date.
  void pull_local(std::span<const float> x, std::uint32_t width, const Pull& options, std::span<float> y) const;

  /// Called from several threads with disjoint blocks of at most `kBlockRows` rows: `results` holds a scaled sum for
  /// each.
  using BlockConsumer = std::function<void(std::span<const std::uint32_t> rows, const float* results)>;
  /// **Collective.** The same, handing over blocks of results while they lie in the first-level cache.
  void pull(std::span<float> x, std::uint32_t width, const Pull& options, const BlockConsumer& consume) const;
  void pull(std::span<BFloat16> x, std::uint32_t width, const Pull& options, const BlockConsumer& consume) const;
  void pull_local(std::span<const float> x, std::uint32_t width, const Pull& options,
                  const BlockConsumer& consume) const;

 private:
  /// The part of the graph's halo that belongs to one vertex type; ghosts of a type do not lie together.
  struct TypeHalo {
    std::vector<std::uint64_t> send_offsets;  ///< P + 1
    std::vector<std::uint32_t> send_rows;
    std::vector<std::uint64_t> receive_offsets;  ///< P + 1
    std::vector<std::uint32_t> ghosts;           ///< local ids, in order of arrival
  };
  void build_rows();
  void build_halos();
  template <class Stored>
  void run(std::span<Stored> x, std::uint32_t width, const Pull& options, Stored* y,
           const BlockConsumer* consume) const;
  template <class Stored>
  void pull_all(const Stored* x, std::uint32_t width, const Pull& options, bool boundary, Stored* y,
                const BlockConsumer* consume) const;
  template <class Stored>
  void pull_part(const Stored* x, std::uint32_t width, std::span<const std::uint32_t> rows, const Pull& options,
                 bool is_sparse, Stored* y, const BlockConsumer* consume) const;
  template <class Stored>
  void pull_hub(const Stored* x, std::uint32_t width, std::uint32_t row, const Pull& options, float* out) const;

  const graph::DistributedGraph* graph_;
  std::vector<detail::RowSlots> slots_;             ///< per owned row
  std::vector<std::vector<std::uint32_t>> merged_;  ///< targets of the types that several adjacencies reach
  std::vector<std::uint32_t> hubs_;                 ///< rows whose segments are shared by the threads
  std::uint64_t num_slots_ = 0;
  std::vector<Rows> rows_by_type_;
  std::vector<std::uint8_t> reads_ghost_;  ///< per owned row
  std::vector<TypeHalo> halo_by_type_;
  std::vector<float> before_;
  std::vector<float> after_;
  std::vector<float> chain_;
  std::vector<float> undo_before_;
  std::vector<float> undo_after_;
};

}  // namespace rove::exec
