// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/memory_plan.hpp"
#include "engine/graph/schema.hpp"

/// What a graph of some schema takes on one rank, by the numbers of its vertices and edges.
namespace rove::jobs {

/// Of original ids that nobody has read yet.
inline constexpr std::uint64_t kTypicalIdBytes = 12;

/// The largest block of `count` rows that a rank of `ranks` has.
[[nodiscard]] std::uint64_t rank_share(std::uint64_t count, std::int32_t ranks);

/// Bytes of one rank's adjacencies in both directions, with `extra_per_slot` in one of them.
[[nodiscard]] std::uint64_t adjacency_bytes(const graph::Schema& schema, std::int32_t ranks,
                                            std::uint64_t extra_per_slot);

/// What a rank holds of a graph in home blocks, with ids.
[[nodiscard]] MemoryPlan plan_home_blocks(const graph::Schema& schema, std::int32_t ranks);

}  // namespace rove::jobs
