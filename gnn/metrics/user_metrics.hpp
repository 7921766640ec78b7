// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace rove::gnn {

/// The names of ranking metrics as `metrics.json` has them, in the order of `RankingMetrics`.
inline constexpr std::array<std::string_view, 6> kRankingMetricNames{"recall",   "ndcg", "precision",
                                                                     "hit_rate", "mrr",  "map"};
inline constexpr std::size_t kNumRankingMetrics = kRankingMetricNames.size();
/// The metrics of one user's list, in that order; each is in [0, 1].
using UserMetrics = std::array<double, kNumRankingMetrics>;

/// Measures single lists of at most `longest` entries. Immutable; thread-safe.
class UserMeasure {
 public:
  explicit UserMeasure(std::uint32_t longest);

  /// `ranked`: item rows, best first; only the first `cutoff` count. `test`: item rows, ascending and distinct.
  /// Preconditions: `test` is not empty, 1 <= cutoff <= longest. Cost: cutoff binary searches.
  [[nodiscard]] UserMetrics operator()(std::span<const std::uint64_t> ranked, std::span<const std::uint32_t> test,
                                       std::uint32_t cutoff) const;

 private:
  std::vector<double> gain_;   ///< 1 / log2(rank + 1) for rank 1, 2, ...
  std::vector<double> ideal_;  ///< its running sums, from 0
};

}  // namespace rove::gnn
