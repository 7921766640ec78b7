// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "algorithms/walks/walk_corpus.hpp"
#include "engine/graph/neighbor_lists.hpp"

namespace rove::algorithms {

/// Importance-based neighbourhoods of PinSAGE (Ying et al., KDD 2018): short walks along a meta-path from every seed;
/// the vertices most visited at the ends of traversals are its neighbours, weighted by their share of those visits.
/// A walk makes one traversal, then ends with probability `stop` before each further one (as DGL's sampler). The seed
/// itself may be among its neighbours.
struct PinsageOptions {
  VertexTypeId seeds;
  std::vector<exec::WalkLink> path;  ///< leads from the seeds' type back to it
  std::uint32_t traversals = 3;      ///< of one walk at most
  double stop = 0.5;
  bool weighted = false;         ///< walks move in proportion to the edges' weights
  std::uint32_t walks = 200;     ///< per seed
  std::uint32_t neighbors = 10;  ///< kept per seed, by visits descending, then row
  std::uint64_t seed = 42;
  std::uint64_t batch_bytes = std::uint64_t{1} << 30U;  ///< of walks, on one rank
  ProgressSink* progress = &no_progress();
};

/// The walks behind the lists.
[[nodiscard]] WalkCorpusOptions pinsage_walks(const PinsageOptions& options);
/// What a rank holds while the lists are made, beside the walks.
[[nodiscard]] std::uint64_t pinsage_list_bytes(const graph::Schema& schema, std::int32_t ranks,
                                               const PinsageOptions& options);

/// **Collective.** Lists of my home block of the seeds' type; the scores of a list sum to 1. Same bytes from both
/// layouts. Throws as `make_walks` does, and `ConfigError` for a path that is none from the seeds' type to itself.
[[nodiscard]] graph::NeighborLists pinsage_neighbors(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                                     const PinsageOptions& options);
[[nodiscard]] graph::NeighborLists pinsage_neighbors(const comm::Communicator& comm,
                                                     const graph::DistributedGraph& graph,
                                                     const PinsageOptions& options);

}  // namespace rove::algorithms
