// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/detail/lists.hpp"

#include <algorithm>
#include <array>
#include <bit>
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

namespace {

/// Counts up to 31 have a bin each, larger ones sixteen bins per power of two.
constexpr std::size_t kNumBins = 32 + 27 * 16;
constexpr std::uint32_t bin_of(std::uint32_t count) {
  const auto width = static_cast<std::uint32_t>(std::bit_width(count));
  return width <= 5 ? count : (width - 5) * 16 + (count >> (width - 5));
}
constexpr std::uint32_t smallest_in_bin(std::uint32_t bin) {
  return bin < 32 ? bin : (16 + bin % 16) << (bin / 16 - 1);
}

}  // namespace

/// A count that at least k entries reach and that few more than k do.
std::uint32_t CountRanking::least_count(std::span<const Entry> entries) const {
  std::array<std::uint32_t, kNumBins> bins{};
  for (const Entry& entry : entries) ++bins[bin_of(entry.count)];
  std::uint64_t reaching = 0;
  std::uint32_t bin = kNumBins;
  while (bin > 0 && reaching < k_) reaching += bins[--bin];
  // From 2^24 on neighbouring counts may round to the same score, where the row decides: one more bin takes them all
  // in.
  constexpr std::uint32_t kExact = std::uint32_t{1} << 23U;
  return smallest_in_bin(bin) >= kExact ? smallest_in_bin(bin - 1) : smallest_in_bin(bin);
}

std::span<const Scored> CountRanking::rank(std::span<const Entry> entries, std::uint32_t first_vertex, double scale) {
  const std::uint32_t least = entries.size() > k_ ? least_count(entries) : 0;
  ranked_.clear();
  for (const Entry& entry : entries) {
    if (entry.count < least) continue;
    ranked_.push_back({static_cast<float>(static_cast<double>(entry.count) * scale), entry.vertex - first_vertex});
  }
  std::sort(ranked_.begin(), ranked_.end(), ranks_before);
  return std::span(ranked_).first(std::min<std::size_t>(ranked_.size(), k_));
}

double bernstein_bound(double best, double walks, std::uint64_t num_targets, std::uint32_t looks) {
  const double failure = 0.01 / looks;
  const double log_term = math::log(2.0 * static_cast<double>(std::max<std::uint64_t>(num_targets, 1)) / failure);
  return std::sqrt(6.0 * best * log_term / walks);
}

}  // namespace rove::algorithms::detail
