// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "algorithms/ppr/index_query.hpp"
#include "algorithms/ppr/slot_lists.hpp"
#include "engine/base/ids.hpp"

namespace rove::algorithms {

/// Exact PPR on one thread, without an index and without walks.
///
/// Where every edge can be walked both ways the walk is reversible, so (I - (1 - c) P) has a real spectrum in
/// [c, 2 - c] and Chebyshev's semi-iteration (Golub and Varga 1961) gains a factor (1 + sqrt(1 - (1-c)^2)) / (1 -
/// c), 1.80 at c = 0.15, with each pass over the graph; power iteration gains 1.18. On bipartite graphs the cyclic form
/// updates one side at a time, in place, and a gain costs half a pass. Else: forward push in whole-graph scans with
/// tightening epochs (PowerPush; Wu, Gan, Wei, Zhang, SIGMOD 2021).
///
/// Where the graph has weights, a walk moves in proportion to them, and all of this holds with the strengths of
/// vertices (the sums of their weights) in place of degrees. Dangling vertices as in algorithms/ppr/ppr.hpp. Immutable;
/// thread-safe, each call has its own vectors of 8 or 16 bytes per vertex.
class ExactPpr {
 public:
  /// Copies the adjacency of vertices 0 to num_vertices - 1 in order of degree: 4 bytes per slot, 8 with weights, and
  /// 32 per vertex.
  /// `is_symmetric`: the selection of edges was `Direction::kBoth`. Cost: a few passes over the graph.
  ExactPpr(const SlotLists& graph, std::uint32_t num_vertices, bool is_symmetric, double restart);

  struct Scores {
    std::vector<double> values;  ///< by stable id, sum 1; empty when no seed has slots
    double error = 0.0;          ///< L1 distance from the true scores: at most this
    std::uint32_t rounds = 0;    ///< passes over the slots, a half pass as 0.5 rounded up
  };
  /// Until the error is at most `tolerance` (above 1e-13). Deterministic.
  [[nodiscard]] Scores solve(std::span<const WeightedSeed> seeds, double tolerance) const;

  /// Sources that `solve_columns` takes at once: a vertex's values are one cache line.
  static constexpr std::size_t kColumns = 16;
  /// At most kColumns single sources together, in single precision; symmetric graphs without weights only. Calls
  /// `visit(vertex, values of all columns)` for every vertex, in some fixed order. The L1 error is at most
  /// `tolerance` (above 1e-5) and rounding. Sources without slots get nothing.
  void solve_columns(
      std::span<const std::uint32_t> sources, double tolerance,
      const std::function<void(std::uint32_t vertex, std::span<const float, kColumns> values)>& visit) const;

  [[nodiscard]] bool is_symmetric() const { return is_symmetric_; }
  [[nodiscard]] bool is_bipartite() const { return num_left_ < order_.size(); }

 private:
  /// Σ weight · value over a row's slots.
  [[nodiscard]] double pulled(std::uint64_t position, const double* values) const;
  [[nodiscard]] Scores solve_symmetric(std::span<const WeightedSeed> seeds, double total, double tolerance) const;
  [[nodiscard]] Scores solve_by_push(std::span<const WeightedSeed> seeds, double total, double tolerance) const;

  double restart_;
  bool is_symmetric_;
  std::vector<std::uint32_t> order_;     ///< vertex at each position
  std::vector<std::uint32_t> position_;  ///< of each vertex
  std::uint64_t num_left_ = 0;           ///< positions below this are the left side; all where there are no two sides
  std::vector<std::uint64_t> offsets_;   ///< by position
  std::vector<std::uint32_t> targets_;   ///< positions
  std::vector<float> weights_;           ///< per slot; empty: all 1
  std::vector<double> strengths_;        ///< by position
};

}  // namespace rove::algorithms
