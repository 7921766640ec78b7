// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "partition/metis.hpp"

namespace rove::partition {

/// Weight of the edges whose ends lie in different parts.
[[nodiscard]] std::int64_t cut_of(const MetisProblem& problem, std::span<const std::int32_t> parts);

/// Brings every constraint of the problem within its cap, which METIS often misses when there are several, and returns
/// the number of moves made (0 and no other effect when all caps hold). Vertices leave overloaded parts in order of the
/// cut they cost per overflow they take away, ties by number; then pairs are exchanged; what is still too heavy is
/// dealt out by weight, which always meets the caps (they are at least the ceiling bounds). In the end, moves that
/// lower the cut within the caps are made. Serial and deterministic. Cost: one pass over the edges, more for types that
/// must be repaired.
std::uint64_t rebalance(const MetisProblem& problem, std::int32_t num_parts, std::span<std::int32_t> parts);

}  // namespace rove::partition
