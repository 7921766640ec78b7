// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "algorithms/ppr/ppr.hpp"
#include "engine/base/top_k.hpp"
#include "engine/exec/walk_graph.hpp"

namespace rove::algorithms::detail {

/// Receives the list of an owned source.
using StoreList = std::function<void(std::uint32_t vertex, std::span<const Scored> ranked, double error_bound)>;

/// Puts the target rows that the list of an owned source must not hold into `rows`, in any order.
using CollectExcluded = std::function<void(std::uint32_t vertex, std::vector<std::uint32_t>& rows)>;

/// **Collective.** PPR by power iteration in double, eight sources at a time, as a vertex program whose value is a row
/// of eight columns. Ends when at most `tolerance` of the mass is not yet distributed: 142 supersteps for 1e-10 at c =
/// 0.15. Cost of a batch: that many pulls of 64 bytes per slot. Sources without slots are left out.
void power_iteration(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                     const exec::WalkGraph& walk_graph, const PprOptions& options,
                     const CollectExcluded& collect_excluded, const StoreList& store);

}  // namespace rove::algorithms::detail
