// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
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

/// The most entries of a row that count under cut-offs of at most `longest`, of ragged rows with these offsets:
/// cut-offs may be far beyond the catalogue.
[[nodiscard]] std::size_t most_counted(std::uint32_t longest,
                                       std::initializer_list<std::span<const std::uint64_t>> offsets);

/// Measures single lists of which, as of their test items, at most `longest` entries count. Immutable; thread-safe.
class UserMeasure {
 public:
  explicit UserMeasure(std::size_t longest);

  /// `ranked`: item rows, best first; only the first `cutoff` count. `test`: item rows, ascending and distinct.
  /// Preconditions: `test` is not empty; cutoff >= 1; of each at most `longest` entries are within the cutoff. Cost:
  /// cutoff binary searches.
  [[nodiscard]] UserMetrics operator()(std::span<const std::uint64_t> ranked, std::span<const std::uint32_t> test,
                                       std::uint32_t cutoff) const;

 private:
  std::vector<double> gain_;   ///< 1 / log2(rank + 1) for rank 1, 2, ...
  std::vector<double> ideal_;  ///< its running sums, from 0
};

}  // namespace rove::gnn
