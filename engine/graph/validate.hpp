// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::graph {

/// **Collective.** What is wrong with a distributed graph, at most a few lines per rule and rank; the same list on all
/// ranks, empty when all holds: offsets ascend from 0 and span the targets; targets are local ids of the right type;
/// attributes are as long as the targets; owned vertices ascend and every vertex has exactly one owner; every ghost is
/// owned by the rank it is received from; both directions of an edge type hold the same edges with the same attributes.
/// With `blocks`: they are the edges of the blocks, in the slots they had there. Cost: one exchange of the ghosts,
/// O(edges).
[[nodiscard]] std::vector<std::string> validate(const comm::Communicator& comm, const DistributedGraph& graph,
                                                const GraphBlocks* blocks = nullptr);

}  // namespace rove::graph
