// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/exec/visit_counter.hpp"

namespace rove::algorithms {

/// What the walks from one vertex visited: the most visited targets with their raw counts, by row.
struct Fingerprint {
  std::vector<exec::VisitCounter::Entry> entries;
  std::uint32_t lost = 0;  ///< walks that ended at a dangling vertex
  std::uint32_t cut = 0;   ///< largest count that was not kept
};

/// Fingerprints of many vertices, one after another.
struct FingerprintTable {
  std::vector<std::uint64_t> offsets{0};
  std::vector<exec::VisitCounter::Entry> entries;
  std::vector<std::uint32_t> lost;
  std::vector<std::uint32_t> cut;

  void append(const Fingerprint& fingerprint);
};

/// The same, without owning it: of memory, or of a file mapped into it. No rows: there are no fingerprints.
struct FingerprintView {
  std::span<const std::uint64_t> offsets;
  std::span<const exec::VisitCounter::Entry> entries;
  std::span<const std::uint32_t> lost;
  std::span<const std::uint32_t> cut;

  FingerprintView() = default;
  FingerprintView(std::span<const std::uint64_t> row_offsets, std::span<const exec::VisitCounter::Entry> row_entries,
                  std::span<const std::uint32_t> row_lost, std::span<const std::uint32_t> row_cut)
      : offsets(row_offsets), entries(row_entries), lost(row_lost), cut(row_cut) {}
  explicit FingerprintView(const FingerprintTable& table)
      : FingerprintView(table.offsets, table.entries, table.lost, table.cut) {}

  [[nodiscard]] bool empty() const { return lost.empty(); }
  /// Throws `InputError` when the offsets are not in order (a mapped file that is damaged).
  [[nodiscard]] std::span<const exec::VisitCounter::Entry> of(std::uint64_t row) const {
    const std::uint64_t begin = offsets[row];
    const std::uint64_t end = offsets[row + 1];
    if (begin > end || end > entries.size()) fail_offsets(row);
    return entries.subspan(begin, end - begin);
  }

 private:
  [[noreturn]] static void fail_offsets(std::uint64_t row);
};

// Files hold entries as pairs of numbers: target row, visits.
static_assert(sizeof(exec::VisitCounter::Entry) == 2 * sizeof(std::uint32_t));
[[nodiscard]] inline std::span<const exec::VisitCounter::Entry> entries_of_pairs(std::span<const std::uint32_t> pairs) {
  return {reinterpret_cast<const exec::VisitCounter::Entry*>(pairs.data()), pairs.size() / 2};
}
[[nodiscard]] inline std::span<const std::uint32_t> pairs_of_entries(
    std::span<const exec::VisitCounter::Entry> entries) {
  return {reinterpret_cast<const std::uint32_t*>(entries.data()), 2 * entries.size()};
}

}  // namespace rove::algorithms
