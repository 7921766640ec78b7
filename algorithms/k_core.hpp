// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/exec/superstep_runner.hpp"
#include "engine/graph/distributed_graph.hpp"

namespace rove::algorithms {

struct KCoreResult {
  std::vector<std::uint32_t> core_numbers;  ///< of the owned vertices by local id
  std::uint32_t degeneracy = 0;             ///< largest core number
  std::uint64_t supersteps = 0;
};

/// **Collective.** Core number of every vertex: the largest k such that it lies in a subgraph where every vertex has at
/// least k neighbours (Seidman 1983). Each vertex lowers its estimate, at first its degree, to the largest h such that
/// h neighbours estimate at least h (Montresor, De Pellegrini, Miorandi 2013). Edge directions do not matter, parallel
/// edges count each, self-loops do not count, an isolated vertex has core number 0. `edges`: the edge types that count
/// (none named: all).
[[nodiscard]] KCoreResult k_core(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                 const std::vector<EdgeTypeId>& edges = {}, const exec::RunOptions& run = {});

}  // namespace rove::algorithms
