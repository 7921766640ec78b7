// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/exec/superstep_runner.hpp"
#include "engine/graph/distributed_graph.hpp"

namespace rove::algorithms {

struct PageRankOptions {
  double damping = 0.85;     ///< probability of following an edge
  double tolerance = 1e-10;  ///< ends when the L1 change of a superstep is at most this
  std::uint64_t max_supersteps = 200;
  bool weighted = false;            ///< follow edges with probability proportional to their weights
  std::vector<EdgeTypeId> edges{};  ///< none named: all
};

struct PageRankResult {
  std::vector<double> ranks;  ///< of the owned vertices by local id; they sum to 1 over all ranks
  std::uint64_t supersteps = 0;
  double residual = 0.0;  ///< L1 change of the last superstep
};

/// **Collective.** Stationary distribution of the random surfer (Page, Brin, Motwani, Winograd 1999), by power
/// iteration from the uniform vector, over all vertices of all types and the selected directed edges. Dangling vertices
/// (no out-edge, or no weight on them) teleport: their mass spreads uniformly, so that the mass stays 1. A self-loop is
/// an edge like others; parallel edges count each; an isolated vertex gets the teleport share only. Throws
/// `ConfigError` for a damping outside [0, 1), `InputError` for a negative or infinite weight. Same bits at any rank
/// count.
[[nodiscard]] PageRankResult pagerank(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                      const PageRankOptions& options = {}, const exec::RunOptions& run = {});

}  // namespace rove::algorithms
