// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"

namespace rove::algorithms::detail {

/// **Collective.** Throws `InputError` on all ranks, naming one edge, when a weight of the edge types (none named: all)
/// is negative, infinite or not a number on any.
void require_nonnegative_weights(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                 std::span<const EdgeTypeId> types);

}  // namespace rove::algorithms::detail
