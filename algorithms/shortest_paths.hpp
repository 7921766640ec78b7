// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/exec/superstep_runner.hpp"
#include "engine/graph/distributed_graph.hpp"

namespace rove::algorithms {

struct ShortestPathsResult {
  std::vector<double> distances;  ///< of the owned vertices by local id; +infinity where there is no path
  std::uint64_t supersteps = 0;
};

/// **Collective.** Length of the shortest directed path from `source` to every vertex (Bellman 1958, Ford 1956, over a
/// frontier). Edge types without weights have length 1 per edge. A path's length is the sum of its weights in double,
/// added from the source on; rounding is monotone, so the least fixed point is unique and equals Dijkstra's result bit
/// for bit. Self-loops change nothing; of parallel edges the shortest counts. `edges`: which edge types (none named:
/// all). Throws `InputError` for a negative weight or a NaN, `ConfigError` for a source that is not in the graph.
[[nodiscard]] ShortestPathsResult shortest_paths(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                                 StableVertexId source, const std::vector<EdgeTypeId>& edges = {},
                                                 const exec::RunOptions& run = {});

}  // namespace rove::algorithms
