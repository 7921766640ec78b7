// SPDX-License-Identifier: Apache-2.0
#include "gnn/metrics/count_histogram.hpp"

#include <algorithm>

#include "engine/parallel/parallel.hpp"

namespace rove::gnn {
namespace {

/// Adds up the counts of equal values, which lie together.
void merge_equal(std::vector<ValueCount>& sorted) {
  std::size_t kept = 0;
  for (const ValueCount& entry : sorted) {
    if (kept > 0 && sorted[kept - 1].value == entry.value) {
      sorted[kept - 1].count += entry.count;
    } else {
      sorted[kept++] = entry;
    }
  }
  sorted.resize(kept);
}

}  // namespace

std::vector<ValueCount> count_histogram(const comm::Communicator& comm, std::span<const std::uint64_t> values) {
  std::vector<std::uint64_t> sorted(values.begin(), values.end());
  parallel::sort(std::span(sorted), std::less<>());
  std::vector<ValueCount> mine;
  for (const std::uint64_t value : sorted) {
    if (mine.empty() || mine.back().value != value) mine.push_back({value, 0});
    ++mine.back().count;
  }
  std::vector<ValueCount> all = comm.all_gather_v(std::span<const ValueCount>(mine)).data;
  std::ranges::sort(all, {}, &ValueCount::value);
  merge_equal(all);
  return all;
}

}  // namespace rove::gnn
