// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/top_k.hpp"
#include "engine/exec/visit_counter.hpp"
#include "engine/graph/neighbor_lists.hpp"

namespace rove::algorithms::detail {

/// What rounding a score to float32 adds to its error, relative to the score.
inline constexpr double kScoreRounding = 0x1.0p-24;

/// Room for k entries in each of a number of rows, filled in any order by any thread, a row by one thread.
class FixedLists {
 public:
  FixedLists(std::uint64_t rows, std::uint32_t k) : k_(k), lengths_(rows), targets_(rows * k), scores_(rows * k) {}

  void set(std::uint64_t row, std::span<const Scored> ranked);
  [[nodiscard]] graph::NeighborLists compact() const;
  [[nodiscard]] static std::uint64_t bytes(std::uint64_t rows, std::uint32_t k) {
    return rows * (24 * std::uint64_t{k} + 24);
  }

 private:
  std::uint32_t k_;
  std::vector<std::uint32_t> lengths_;
  std::vector<std::uint64_t> targets_;
  std::vector<float> scores_;
};

/// Picks the k best of a source's counts. Not thread-safe: one per thread. Cost: two passes over the counts.
class CountRanking {
 public:
  using Entry = exec::VisitCounter::Entry;

  explicit CountRanking(std::uint32_t k) : k_(k) {}

  [[nodiscard]] std::uint32_t top_k() const { return k_; }

  /// The best of `entries` by count * scale, rounded to float. Rows are vertex - first_vertex. Valid until the next
  /// call.
  [[nodiscard]] std::span<const Scored> rank(std::span<const Entry> entries, std::uint32_t first_vertex, double scale);

 private:
  [[nodiscard]] std::uint32_t least_count(std::span<const Entry> entries) const;

  std::uint32_t k_;
  std::vector<Scored> ranked_;
};

/// Largest error of any of a list's scores with probability 0.99: full-path counts of `walks` walks, the largest true
/// score taken as `best`, `num_targets` candidates. From Pr[|x - pi| >= g pi] <= 2 exp(-g^2 R h / 6) with h >= pi, and
/// a union bound: over the targets, and over `looks` at growing numbers of walks, the first good one of which is taken.
[[nodiscard]] double bernstein_bound(double best, double walks, std::uint64_t num_targets, std::uint32_t looks = 1);

}  // namespace rove::algorithms::detail
