// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/detail/fingerprints.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>

#include "engine/base/error.hpp"

namespace rove::algorithms::detail {

using Entry = exec::VisitCounter::Entry;

namespace {

/// The count c such that fewer than `limit` entries are above it and at least `limit` reach it. Nearly all counts are
/// small, so a histogram with a last bin for all others finds it in one pass; only if it lies there, a selection does.
std::uint32_t threshold_count(std::span<const Entry> entries, std::uint32_t limit) {
  constexpr std::size_t kBins = 1024;
  std::array<std::uint32_t, kBins> bins{};
  for (const Entry& entry : entries) ++bins[std::min<std::size_t>(entry.count, kBins - 1)];
  std::uint64_t reaching = bins[kBins - 1];
  if (reaching >= limit) {
    std::vector<std::uint32_t> counts;
    for (const Entry& entry : entries) counts.push_back(entry.count);
    const auto nth = counts.begin() + static_cast<std::ptrdiff_t>(limit - 1);
    std::nth_element(counts.begin(), nth, counts.end(), std::greater<>());
    return *nth;
  }
  std::size_t count = kBins - 1;
  while (reaching < limit) reaching += bins[--count];
  return static_cast<std::uint32_t>(count);
}

}  // namespace

Fingerprint make_fingerprint(std::span<const Entry> entries, std::uint32_t first_vertex, std::uint64_t lost,
                             std::uint32_t limit) {
  Fingerprint result;
  result.lost = static_cast<std::uint32_t>(lost);
  if (entries.size() <= limit) {
    result.entries.assign(entries.begin(), entries.end());
  } else {
    const std::uint32_t threshold = threshold_count(entries, limit);
    std::vector<std::uint32_t> tied;
    result.entries.reserve(limit);
    for (const Entry& entry : entries) {
      if (entry.count > threshold) {
        result.entries.push_back(entry);
      } else if (entry.count == threshold) {
        tied.push_back(entry.vertex);
      } else {
        result.cut = std::max(result.cut, entry.count);
      }
    }
    const std::size_t num_kept = limit - result.entries.size();
    if (num_kept < tied.size()) {
      result.cut = threshold;
      std::nth_element(tied.begin(), tied.begin() + static_cast<std::ptrdiff_t>(num_kept), tied.end());
    }
    for (std::size_t i = 0; i < num_kept; ++i) result.entries.push_back({tied[i], threshold});
  }
  // By row, so that adding one up walks through the counts in one direction.
  std::sort(result.entries.begin(), result.entries.end(),
            [](const Entry& a, const Entry& b) { return a.vertex < b.vertex; });
  for (Entry& entry : result.entries) entry.vertex -= first_vertex;
  return result;
}

OneHopList one_hop(const FingerprintTable& table, const OneHopOptions& options, OneHopScratch& scratch) {
  std::vector<std::uint32_t>& slots = scratch.slots;
  std::sort(slots.begin(), slots.end());
  // A fingerprint's counts are below 2^31 (checked options), so this many of them cannot overflow 64 bits; 32-bit sums
  // are checked.
  std::uint64_t lost = 0;
  std::uint64_t cut = 0;
  std::uint64_t largest_sum = 0;
  std::uint64_t longest_run = 0;
  std::uint64_t run = 0;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const std::uint32_t row = slots[i];
    run = i > 0 && slots[i - 1] == row ? run + 1 : 1;
    longest_run = std::max(longest_run, run);
    lost += table.lost[row];
    cut += table.cut[row];
    const auto entries_of = [&](std::uint32_t of) {
      return std::span(table.entries).subspan(table.offsets[of], table.offsets[of + 1] - table.offsets[of]);
    };
    largest_sum += scratch.counter.add(entries_of(row),
                                       i + 1 < slots.size() ? entries_of(slots[i + 1]) : std::span<const Entry>());
  }
  if (largest_sum > std::numeric_limits<std::uint32_t>::max()) {
    throw DoesNotFitError(
        "a source has so many edges that the counts of its neighbours' walks pass 2^32; lower "
        "ppr.item_walks or cap the degree at import");
  }
  for (const std::uint32_t row : scratch.excluded) scratch.counter.forget(row);

  const double degree = static_cast<double>(slots.size());
  const double walks = static_cast<double>(options.walks);
  const double moves_on = 1.0 - options.restart;
  const double kept_share = 1.0 - moves_on * (static_cast<double>(lost) / (degree * walks));
  const double scale = moves_on * options.restart / (degree * walks * kept_share);
  OneHopList result;
  result.ranked = scratch.ranking.rank(scratch.counter.drain(scratch.ranking.top_k()), 0, scale);
  if (!result.ranked.empty()) {
    const double effective_walks = walks * degree / (moves_on * static_cast<double>(longest_run));
    result.error_bound =
        bernstein_bound(static_cast<double>(result.ranked.front().score), effective_walks, options.num_targets) +
        static_cast<double>(cut) * scale;
  }
  return result;
}

}  // namespace rove::algorithms::detail
