// SPDX-License-Identifier: Apache-2.0
#include "gnn/metrics/user_metrics.hpp"

#include <algorithm>

#include "engine/base/math.hpp"

namespace rove::gnn {

std::size_t most_counted(std::uint32_t longest, std::initializer_list<std::span<const std::uint64_t>> offsets) {
  std::uint64_t most = 0;
  for (const std::span<const std::uint64_t> rows : offsets) {
    for (std::size_t row = 0; row + 1 < rows.size(); ++row) most = std::max(most, rows[row + 1] - rows[row]);
  }
  return std::min<std::uint64_t>(most, longest);
}

UserMeasure::UserMeasure(std::size_t longest) : gain_(longest), ideal_(longest + 1) {
  for (std::size_t j = 0; j < longest; ++j) {
    gain_[j] = 1.0 / math::log2(static_cast<double>(j) + 2.0);
    ideal_[j + 1] = ideal_[j] + gain_[j];
  }
}

UserMetrics UserMeasure::operator()(std::span<const std::uint64_t> ranked, std::span<const std::uint32_t> test,
                                    std::uint32_t cutoff) const {
  double hits = 0;
  double gain = 0;
  double precisions = 0;
  double first_hit = 0;
  for (std::size_t j = 0; j < std::min<std::size_t>(cutoff, ranked.size()); ++j) {
    if (!std::binary_search(test.begin(), test.end(), ranked[j])) continue;
    const double rank = static_cast<double>(j) + 1.0;
    hits += 1.0;
    gain += gain_[j];
    precisions += hits / rank;
    if (first_hit == 0) first_hit = 1.0 / rank;
  }
  const std::size_t reachable = std::min<std::size_t>(cutoff, test.size());
  return {hits / static_cast<double>(test.size()),
          gain / ideal_[reachable],
          hits / cutoff,
          hits > 0 ? 1.0 : 0.0,
          first_hit,
          precisions / static_cast<double>(reachable)};
}

}  // namespace rove::gnn
