// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/exec/superstep_runner.hpp"
#include "engine/graph/distributed_graph.hpp"

namespace rove::algorithms {

struct LabelPropagationOptions {
  std::uint64_t max_supersteps = 100;
  std::vector<EdgeTypeId> edges{};  ///< none named: all
};

enum class LabelPropagationEnd : std::uint8_t { kStable, kCycle, kSuperstepLimit };

struct LabelPropagationResult {
  std::vector<StableVertexId> labels;  ///< of the owned vertices by local id
  std::uint64_t supersteps = 0;
  LabelPropagationEnd end = LabelPropagationEnd::kStable;
};

/// **Collective.** Communities by label propagation (Raghavan, Albert, Kumara 2007), synchronous: every vertex starts
/// with its stable id and takes the label most frequent among its neighbours; it keeps its own when that is among the
/// most frequent, and otherwise takes the smallest of them. Edge directions do not matter, parallel edges count each, a
/// self-loop counts as a neighbour with the own label, an isolated vertex keeps its label. Synchronous updates may
/// alternate (on bipartite graphs they often do): the run ends with the first labelling that occurred before, found by
/// a 64-bit digest of each superstep's labelling, and says so.
[[nodiscard]] LabelPropagationResult label_propagation(const comm::Communicator& comm,
                                                       const graph::DistributedGraph& graph,
                                                       const LabelPropagationOptions& options = {},
                                                       const exec::RunOptions& run = {});

}  // namespace rove::algorithms
