// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "algorithms/sampling/balanced_edges.hpp"
#include "algorithms/sampling/negative_sampler.hpp"
#include "algorithms/sampling/neighbor_sampler.hpp"
#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::algorithms {

/// A batch of training edges made ready for a sampler: its endpoints and negatives are the seeds, and every edge knows
/// where they stand among those of their type. A seed's place is its local number in a subgraph whose seeds come first;
/// for others see `name_vertices`.
struct LinkBatch {
  /// Stands for a negative that does not exist.
  static constexpr std::uint32_t kNone = NegativeSampler::kNone;

  std::vector<std::vector<std::uint32_t>> rows;  ///< by vertex type: seeds
  std::vector<std::vector<std::int64_t>> times;  ///< by vertex type, by seed; empty unless times were given
  std::vector<std::uint32_t> relations;          ///< by edge: index into the relations
  std::vector<std::uint32_t> sources;            ///< by edge: place among the seeds of the source type
  std::vector<std::uint32_t> destinations;       ///< by edge: of the destination type
  std::vector<std::uint64_t> positions;          ///< by edge: in the edge type's order by source
  std::vector<std::uint32_t> negatives;          ///< by edge, so many each: of the destination type, or `kNone`

  /// The seeds as samplers take them; they refer to this batch.
  [[nodiscard]] std::vector<SeedRows> seeds() const;
};

/// What a batch is made with.
struct LinkBatchOptions {
  std::span<const EdgeTypeId> relations;
  std::span<const NegativeSampler> negatives;  ///< one per relation, or none
  /// Each occurrence of a vertex is a seed of its own; otherwise a vertex is one seed however often it occurs.
  bool disjoint = false;
};

/// Vertices in the order met: per edge its source, its destination, its negatives. `times` are those of the edges, or
/// empty; they need disjoint seeds.
[[nodiscard]] LinkBatch make_link_batch(const graph::Schema& schema, std::span<const SampledEdge> edges,
                                        std::span<const std::int64_t> times, std::uint64_t epoch,
                                        const LinkBatchOptions& options);

/// Turns places among the seeds into local numbers in what `ShadowSampler` has made of `batch.seeds()`: the first
/// vertex of a seed's own type in its subgraph. `relations` as the batch was made with.
void name_vertices(const graph::Schema& schema, std::span<const EdgeTypeId> relations, const SampledSubgraph& subgraph,
                   LinkBatch& batch);

/// **Collective.** The times of sampled edges, asked of the home ranks of their sources. Throws `ConfigError` when a
/// relation has none.
[[nodiscard]] std::vector<std::int64_t> edge_times(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                                   std::span<const EdgeTypeId> relations,
                                                   std::span<const SampledEdge> edges);

}  // namespace rove::algorithms
