// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/embedding_table.hpp"

namespace rove::gnn {

/// Rows of owned vertices that an earlier training left, by local id.
struct KnownRows {
  EmbeddingTable rows;
  std::vector<std::uint8_t> is_known;  ///< per owned vertex
};

/// The same on all ranks.
struct WarmStartCounts {
  std::uint64_t known = 0;
  std::uint64_t from_neighbors = 0;
  std::uint64_t at_random = 0;  ///< new, and no neighbour, or no row of the type, is known
};

/// **Collective.** Changes the initial parameters of the edge type's two vertex types: known rows go on where they
/// were; a new one starts at the mean of its known neighbours, in slot order, scaled to the mean length of the known
/// rows of its own type (the graph's initialisation of new ids; Monolith, arXiv 2209.07663, keeps rows by id); one
/// without any, or of a type without known rows, keeps its random row. Cost: one halo update; memory: a row per local
/// vertex.
WarmStartCounts start_from(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                           const KnownRows& known, EmbeddingTable& parameters);

}  // namespace rove::gnn
