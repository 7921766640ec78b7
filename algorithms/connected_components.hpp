// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/exec/superstep_runner.hpp"
#include "engine/graph/distributed_graph.hpp"

namespace rove::algorithms {

struct ComponentsResult {
  std::vector<StableVertexId> labels;  ///< of the owned vertices by local id: the smallest stable id of the component
  std::uint64_t num_components = 0;
  std::uint64_t supersteps = 0;
};

/// **Collective.** Weakly connected components over all vertex types: edge directions do not matter. Minimum label
/// propagation; the number of supersteps is at most the largest distance from a component's smallest vertex, plus two.
/// Self-loops and parallel edges change nothing; an isolated vertex is a component. `edges`: the edge types that
/// connect (none named: all).
[[nodiscard]] ComponentsResult connected_components(const comm::Communicator& comm,
                                                    const graph::DistributedGraph& graph,
                                                    const std::vector<EdgeTypeId>& edges = {},
                                                    const exec::RunOptions& run = {});

}  // namespace rove::algorithms
