// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::graph {

/// **Collective.** All vertices, and the edges of one type without their attributes, on every rank: the blocks of a job
/// of one rank, the edge type number 0. Memory while it runs: twice the adjacency.
[[nodiscard]] GraphBlocks gather_whole(const comm::Communicator& comm, const DistributedGraph& graph, EdgeTypeId type);

/// Rows of every vertex type in another order: the i-th was row order[type][i].
using RowOrder = std::vector<std::vector<std::uint32_t>>;

/// Blocks of one rank under other numbers. Keys go with their rows, so they ascend no longer; the slots of a row keep
/// their order. Precondition: `order` holds every row of every type once.
[[nodiscard]] GraphBlocks reordered(const GraphBlocks& whole, const RowOrder& order);

/// Such blocks as a graph of one part on `alone`, a communicator of the calling rank, so neither this nor what is done
/// on it afterwards is collective. Local ids are rows, type after type. Throws `DoesNotFitError` beyond 2^32 - 2
/// vertices.
[[nodiscard]] DistributedGraph build_alone(const comm::Communicator& alone, const GraphBlocks& whole);

/// Copies of the adjacency while a graph is gathered, put in order and built.
inline constexpr std::uint64_t kReplicationCopies = 3;

}  // namespace rove::graph
