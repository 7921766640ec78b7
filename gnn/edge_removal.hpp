// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "engine/comm/communicator.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::gnn {

/// **Collective.** Takes edges of one type out of a graph; vertices and the order of the remaining slots stay.
/// `removed`: per slot of my block of `by_source`, not 0 for the edges to take out. Cost: two exchanges of the edge
/// positions; 17 bytes per slot of `by_destination` beside the graph.
void remove_edges(const comm::Communicator& comm, graph::GraphBlocks& blocks, EdgeTypeId type,
                  std::span<const std::uint8_t> removed);

}  // namespace rove::gnn
