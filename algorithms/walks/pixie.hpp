// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "algorithms/ppr/index_query.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/top_k.hpp"
#include "engine/exec/walk_graph.hpp"

/// Recommendations from several vertices at once by walks with a budget (Pixie; Eksombatchai et al., WWW 2018, arXiv
/// 1711.07601).
///
/// *Budgets.* Of N moves in all, query vertex q gets N w_q s_q / sum_r w_r s_r, and 16 at least, where
/// s_q = d (C - log(d + 1)) grows more slowly than its degree d; C is 1 + the largest log(d + 1) of any vertex, so that
/// it grows up to the largest hub. Weights are shares here, so their scale does not matter.
///
/// *Walks.* One restart walk after the other from q, until the budget is used: at every vertex, q included, it ends
/// with probability c, else it takes any edge. Visits to targets after a move are counted. With `enough_vertices`, the
/// walks of q also end as soon as more than so many targets have been visited `enough_visits` times.
///
/// *Score.* With V_q(v) the visits that q's walks made to v: (sum_q sqrt(V_q(v)))^2 with the multi-hit booster, which
/// prefers what several query vertices lead to, else sum_q V_q(v); over the moves of all walks.
///
/// A walk is a function of (seed, key of q, its number) as every walk (docs/decisions/0060), so the answer does not
/// depend on threads or ranks; how many walks are in flight at once does not change it either.
namespace rove::algorithms {

struct PixieOptions {
  double restart = 0.15;
  std::uint32_t moves = 100'000;          ///< N, of one query
  std::uint32_t enough_visits = 4;        ///< n_v of the paper, at least 1
  std::uint32_t enough_vertices = 2'000;  ///< n_p of the paper, per query vertex; 0: all budgets are used up
  bool boost = true;
  /// The bias of its users' features: a vertex is stepped to in proportion to the factor of its feature: above 0, the
  /// largest at most 1000 times the smallest. Empty: any edge alike.
  std::span<const std::uint8_t> features = {};  ///< by stable id
  std::vector<double> factors;                  ///< by feature
  std::uint64_t seed = 42;

  /// What a query vertex gets at least, so that none is dropped silently.
  static constexpr std::uint64_t kLeastMoves = 16;
};

/// Throws `ConfigError` for what is out of range.
void check_pixie_options(const PixieOptions& options);

struct PixieQuery {
  std::span<const WeightedSeed> seeds;  ///< at least one; a vertex named twice counts with both weights
  std::uint32_t top_k = 100;
  bool exclude_linked = true;  ///< leave out what any seed is linked to; the seeds are always left out
  std::span<const std::uint32_t> excluded = {};   ///< target rows to leave out
  std::span<const std::uint8_t> candidates = {};  ///< by target row: 1 for those to choose among; empty: all
};

struct PixieAnswer {
  std::vector<Scored> ranked;  ///< ids are rows of the target type; scores above 0
  std::uint64_t moves = 0;
  std::uint32_t stopped_early = 0;  ///< query vertices whose walks ended before their budget
  bool cold = false;                ///< no seed has slots
};

/// What all queries on a graph share. Immutable; thread-safe.
class PixieGraph {
 public:
  /// `graph`: replicated, without links; `keys`: of every vertex, by stable id. Both, and the features, must outlive
  /// it. Cost: one pass over the vertices.
  PixieGraph(const exec::WalkGraph& graph, std::span<const VertexKey> keys, IndexRange targets, PixieOptions options);

  [[nodiscard]] const exec::WalkGraph& graph() const { return graph_; }
  [[nodiscard]] std::span<const VertexKey> keys() const { return keys_; }
  [[nodiscard]] IndexRange targets() const { return targets_; }
  [[nodiscard]] const PixieOptions& options() const { return options_; }
  /// Moves of each seed (with slots, ascending, weights above 0). Throws `ConfigError` for weights that are none.
  [[nodiscard]] std::vector<std::uint64_t> budgets(std::span<const WeightedSeed> seeds) const;

 private:
  const exec::WalkGraph& graph_;
  std::span<const VertexKey> keys_;
  IndexRange targets_;
  PixieOptions options_;
  double scale_ = 0.0;  ///< C
};

/// Answers queries one at a time; holds the scratch, 20 bytes per target and 24 KiB. Not thread-safe: one per thread.
class PixieWalker {
 public:
  explicit PixieWalker(const PixieGraph& graph);
  ~PixieWalker();
  PixieWalker(PixieWalker&&) noexcept;
  PixieWalker& operator=(PixieWalker&&) noexcept;

  /// Cost: the moves, 10 to 20 ns each. Throws `ConfigError` for a query out of range.
  [[nodiscard]] PixieAnswer answer(const PixieQuery& query);

 private:
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;
};

/// Scratch of one `PixieWalker`.
[[nodiscard]] std::uint64_t pixie_scratch_bytes(std::uint64_t num_targets);

}  // namespace rove::algorithms
