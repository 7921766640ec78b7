// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/detail/lists.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/math.hpp"

namespace rove::algorithms::detail {

void FixedLists::set(std::uint64_t row, std::span<const Scored> ranked) {
  lengths_[row] = static_cast<std::uint32_t>(ranked.size());
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    targets_[row * k_ + i] = ranked[i].id;
    scores_[row * k_ + i] = ranked[i].score;
  }
}

graph::NeighborLists FixedLists::compact() const {
  graph::NeighborLists lists;
  lists.offsets.reserve(lengths_.size() + 1);
  for (const std::uint32_t length : lengths_) lists.offsets.push_back(lists.offsets.back() + length);
  lists.targets.reserve(lists.offsets.back());
  lists.scores.reserve(lists.offsets.back());
  for (std::size_t row = 0; row < lengths_.size(); ++row) {
    const auto begin = static_cast<std::ptrdiff_t>(row * k_);
    const auto end = begin + lengths_[row];
    lists.targets.insert(lists.targets.end(), targets_.begin() + begin, targets_.begin() + end);
    lists.scores.insert(lists.scores.end(), scores_.begin() + begin, scores_.begin() + end);
  }
  return lists;
}

std::vector<Scored> rank_counts(std::span<const exec::VisitCounter::Entry> entries, std::uint32_t first_vertex,
                                double scale, TopK& selection) {
  // A count that was refused is refused with every smaller one: most candidates cost one integer comparison.
  std::uint32_t refused = 0;
  for (const exec::VisitCounter::Entry& entry : entries) {
    if (entry.count <= refused) continue;
    const auto score = static_cast<float>(static_cast<double>(entry.count) * scale);
    if (selection.may_enter(score)) {
      selection.push({score, entry.vertex - first_vertex});
    } else {
      refused = entry.count;
    }
  }
  return selection.take();
}

double bernstein_bound(double best, double walks, std::uint64_t num_targets) {
  constexpr double kFailure = 0.01;
  const double log_term = math::log(2.0 * static_cast<double>(std::max<std::uint64_t>(num_targets, 1)) / kFailure);
  return std::sqrt(6.0 * best * log_term / walks);
}

}  // namespace rove::algorithms::detail
