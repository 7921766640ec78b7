// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"

namespace rove::graph {

/// **Collective.** All vertices, and the edges of one type without their attributes, on every rank: a graph of one
/// part on a communicator of that rank alone, so nothing done on it afterwards is collective. Local ids are stable ids,
/// slots keep their order, the edge type is number 0. Throws `DoesNotFitError` beyond 2^32 - 2 vertices. Memory while
/// it is built: `kReplicationCopies` times the adjacency.
[[nodiscard]] DistributedGraph replicate(const comm::Communicator& comm, const DistributedGraph& graph,
                                         EdgeTypeId type);

inline constexpr std::uint64_t kReplicationCopies = 3;

}  // namespace rove::graph
