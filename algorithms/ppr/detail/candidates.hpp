// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/exec/visit_counter.hpp"

namespace rove::algorithms::detail {

/// Whether lists may hold this target row. `candidates`: as in `PprOptions`.
[[nodiscard]] inline bool is_candidate(std::span<const std::uint8_t> candidates, std::uint64_t row) {
  return candidates.empty() || candidates[row] != 0;
}

/// The entries of candidates, in the same order; they lie in `kept` unless all rows are. Rows are vertex -
/// first_vertex.
[[nodiscard]] inline std::span<const exec::VisitCounter::Entry> keep_candidates(
    std::span<const exec::VisitCounter::Entry> entries, std::span<const std::uint8_t> candidates,
    std::uint32_t first_vertex, std::vector<exec::VisitCounter::Entry>& kept) {
  if (candidates.empty()) return entries;
  kept.clear();
  for (const exec::VisitCounter::Entry& entry : entries) {
    if (candidates[entry.vertex - first_vertex] != 0) kept.push_back(entry);
  }
  return kept;
}

}  // namespace rove::algorithms::detail
