// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "algorithms/sampling/neighbor_sampler.hpp"
#include "algorithms/sampling/partitioned_sampler.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "engine/graph/schema.hpp"

namespace rove::algorithms {

/// Neighbourhoods of PinSAGE (Ying et al., KDD 2018), layer by layer: a vertex's neighbours are the most visited
/// vertices of its list (`pinsage_neighbors`), with the weights of importance pooling. DGL's `PinSAGESampler` applied
/// once per layer, with the walks of a vertex drawn once and not again at every layer: layer h reads the lists of the
/// vertices that were new at layer h - 1, seeds at layer 0.
///
/// The result has one link: the list's owner is the anchor, edges have weights and no positions, since they are none of
/// the graph's. Lists stay at the home ranks of their rows and are asked for layer by layer by all batches in flight,
/// so no rank holds more than its block. Immutable.
class PinsageSampler {
 public:
  /// `lists`: of my home block of the type.
  PinsageSampler(const graph::Schema& schema, VertexTypeId type, graph::NeighborLists lists, std::uint64_t layers);

  /// **Collective.** Samples this rank's batches, all at once; a rank may have none. Throws `InternalError` for seeds
  /// of another type, out of range or given twice. A vertex asked for costs 4 bytes and 4 back, a neighbour 8.
  void sample(const comm::Communicator& comm, std::span<const std::vector<SeedRows>> batches,
              std::vector<SampledSubgraph>& results, SamplingTraffic& traffic) const;

 private:
  graph::Schema schema_;
  VertexTypeId type_;
  graph::NeighborLists lists_;
  std::uint64_t layers_;
};

}  // namespace rove::algorithms
