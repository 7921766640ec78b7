// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::bench {

/// R-MAT (0.57, 0.19, 0.19) with `edge_factor` edges per vertex, vertices permuted, symmetrised, without duplicates,
/// loops and isolated vertices: one vertex type, one undirected edge type. On one rank.
[[nodiscard]] graph::GraphBlocks symmetrised_rmat(std::uint32_t scale, std::uint32_t edge_factor, std::uint64_t seed);

/// Users and items with activity weights rank^-0.5 and popularity weights rank^-0.9, permuted; distinct pairs. On one
/// rank.
[[nodiscard]] graph::GraphBlocks power_law_bipartite(std::uint64_t users, std::uint64_t items,
                                                     std::uint64_t interactions, std::uint64_t seed);

/// Lines "user item item ..." of dense numbers, as LightGCN's data sets have them. Throws `IoError`.
[[nodiscard]] graph::GraphBlocks read_adjacency(const std::string& path);

/// One rank's home blocks of a graph that every rank holds whole: for benchmarks only.
[[nodiscard]] graph::GraphBlocks home_blocks(const graph::GraphBlocks& whole, Rank rank, std::int32_t ranks);

/// **Collective.** The graph with each vertex on the rank that a hash of its key names.
[[nodiscard]] graph::DistributedGraph hash_distributed(const comm::Communicator& comm,
                                                       const graph::GraphBlocks& blocks);

}  // namespace rove::bench
