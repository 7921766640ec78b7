// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/graph/graph_blocks.hpp"

/// Plain serial twins of the classic algorithms, written from their definitions over a whole graph (the blocks of one
/// rank). Results by stable id.
namespace rove::tests {

enum class Reading : std::uint8_t { kIn, kOut, kBoth };

struct SerialNeighbor {
  std::uint64_t vertex = 0;  ///< stable id
  double weight = 1.0;
};
/// Neighbours of every vertex: [vertex][edge type and direction][slot]; an undirected type read both ways counts once.
using SerialLists = std::vector<std::vector<std::vector<SerialNeighbor>>>;
[[nodiscard]] SerialLists serial_lists(const graph::GraphBlocks& whole, Reading reading);

[[nodiscard]] std::vector<double> serial_pagerank(const graph::GraphBlocks& whole, double damping, double tolerance,
                                                  std::uint64_t max_supersteps, bool weighted);
/// By union-find.
[[nodiscard]] std::vector<StableVertexId> serial_components(const graph::GraphBlocks& whole);
/// By peeling off a vertex of least degree at a time.
[[nodiscard]] std::vector<std::uint32_t> serial_core_numbers(const graph::GraphBlocks& whole);
[[nodiscard]] std::vector<StableVertexId> serial_label_propagation(const graph::GraphBlocks& whole,
                                                                   std::uint64_t max_supersteps);
/// By Dijkstra's algorithm.
[[nodiscard]] std::vector<double> serial_shortest_paths(const graph::GraphBlocks& whole, StableVertexId source);

}  // namespace rove::tests
