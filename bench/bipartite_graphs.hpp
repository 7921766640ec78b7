// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/graph_blocks.hpp"

/// User-item graphs for the benchmarks: types "user" and "item", edge type "user,rates,item", rows by key.
namespace rove::bench {

struct BipartiteGraph {
  graph::GraphBlocks blocks;                ///< this rank's home blocks
  std::vector<std::uint64_t> test_offsets;  ///< per user of the home block, and one more
  std::vector<std::uint32_t> test_items;    ///< item rows
};

/// **Collective.** Imports "user item item ..." lines, plain or compressed; `test` may be empty.
[[nodiscard]] BipartiteGraph read_adjacency(const comm::Communicator& comm, const std::string& train,
                                            const std::string& test);

/// Distinct interactions, users uniform, items Zipf with exponent 1, of about `interactions` draws.
[[nodiscard]] BipartiteGraph zipf_graph(const comm::Communicator& comm, std::uint64_t users, std::uint64_t items,
                                        std::uint64_t interactions);

/// Vertices to ranks by a hash of their stable ids.
[[nodiscard]] graph::DistributedGraph scatter(const comm::Communicator& comm, const graph::GraphBlocks& blocks);

/// STREAM-like bandwidths of this machine with all threads of this process, GB/s: best of several.
struct Bandwidth {
  double copy = 0;
  double triad = 0;
  double read = 0;
};
[[nodiscard]] Bandwidth measure_bandwidth();

}  // namespace rove::bench
