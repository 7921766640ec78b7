// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "algorithms/ppr/detail/lists.hpp"
#include "algorithms/ppr/fingerprint_table.hpp"
#include "engine/base/top_k.hpp"
#include "engine/exec/visit_counter.hpp"

namespace rove::algorithms::detail {

/// Keeps the `limit` largest counts (ties: smaller row first). Rows are vertex - first_vertex.
[[nodiscard]] Fingerprint make_fingerprint(std::span<const exec::VisitCounter::Entry> entries,
                                           std::uint32_t first_vertex, std::uint64_t lost, std::uint32_t limit);

/// Scratch of one thread for `one_hop`.
struct OneHopScratch {
  OneHopScratch(std::uint64_t num_targets, std::uint32_t top_k) : counter({0, num_targets}), ranking(top_k) {}

  exec::VisitCounter counter;  ///< by target row
  CountRanking ranking;
  std::vector<std::uint32_t> slots;     ///< rows of the table for the source's slots; parallel edges repeat
  std::vector<std::uint32_t> excluded;  ///< target rows that must not be listed
};

struct OneHopOptions {
  double restart = 0.15;
  std::uint32_t walks = 0;
  std::uint64_t num_targets = 0;
};

struct OneHopList {
  std::span<const Scored> ranked;  ///< lies in the scratch
  double error_bound = 0.0;
};

/// pi_s = c e_s + (1 - c) / d * (sum over the slots of pi_x), in raw counts: all fingerprints have as many walks, so
/// the sum is one of integers and any order gives the same bits. The share of lost walks divides the result (rule D1).
/// Precondition: scratch.slots is not empty. Sorts scratch.slots; leaves the counter clear.
[[nodiscard]] OneHopList one_hop(const FingerprintTable& table, const OneHopOptions& options, OneHopScratch& scratch);

}  // namespace rove::algorithms::detail
