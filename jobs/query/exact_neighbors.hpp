// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "jobs/query/neighbor_index.hpp"

namespace rove::jobs {

/// The answer without an index, from the graph alone: exact scores (`algorithms::ExactPpr`, one core) with L1 error at
/// most `tolerance`. `target`: the type answered when the request names none. Allow-lists by name are an index's; here
/// they throw `ConfigError`.
[[nodiscard]] NeighborAnswer exact_neighbors(const NamedGraph& names, const NeighborRequest& request,
                                             const std::string& target, double restart, double tolerance);

}  // namespace rove::jobs
