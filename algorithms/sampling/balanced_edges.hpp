// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/graph_blocks.hpp"

/// The balanced multi-link edge sampler of 2T-HGNN (De Nadai et al., WWW 2024): every epoch trains on equally many
/// edges of each relation, drawn anew, uniformly, and exactly as many as asked for.
namespace rove::algorithms {

enum class BatchMix : std::uint8_t {
  kStratified,  ///< each batch holds an equal share of every relation, to within one edge
  kMixed,       ///< batches cut one shuffle of all edges
};

struct BalancedEdgeOptions {
  /// The relations: distinct edge types. Of an undirected type, which stores each edge twice, the edge with
  /// source row <= destination row counts.
  std::vector<EdgeTypeId> types;
  /// Edges per epoch, by relation; empty: as many as the smallest relation has (the paper).
  std::vector<std::uint64_t> quotas;
  std::uint64_t batch_size = 256;
  BatchMix mix = BatchMix::kStratified;
  std::uint64_t seed = 42;
};

struct SampledEdge {
  std::uint64_t position = 0;  ///< in the edge type's order by source: the edge's identity
  std::uint32_t source = 0;    ///< row within the source type
  std::uint32_t destination = 0;
  std::uint32_t relation = 0;  ///< index into `BalancedEdgeOptions::types`
  std::uint32_t reserved = 0;
  friend bool operator==(const SampledEdge&, const SampledEdge&) = default;
};

/// One epoch's edges: batches in order, this rank holding a contiguous block of them.
struct EdgeEpoch {
  std::uint64_t num_batches = 0;             ///< over all ranks
  std::uint64_t first_batch = 0;             ///< of this rank
  std::vector<std::uint64_t> batch_offsets;  ///< into `edges`: this rank's batches + 1
  std::vector<SampledEdge> edges;
  std::vector<std::uint64_t> relation_edges;  ///< by relation: edges there are
  std::vector<std::uint64_t> quotas;          ///< by relation: edges of this epoch
};

/// **Collective.** Draws the edges of one epoch. A relation's edges are those with the smallest keys, a key being 64
/// random bits of (seed, epoch, relation, edge); the threshold is found by histograms over 16 bits of the keys at a
/// time, ties by position, so no edge moves before it is chosen. A second key shuffles them into batches.
///
/// The bytes depend on graph, options and epoch alone. Throws `ConfigError`, on all ranks, when a quota exceeds its
/// relation, or types and quotas do not fit together. Cost: three keys per edge, two all-reduces of 65,536
/// counts per relation, one exchange of the chosen edges; 24 bytes per chosen edge, a few times over.
[[nodiscard]] EdgeEpoch sample_balanced_edges(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                              const BalancedEdgeOptions& options, std::uint64_t epoch);

/// What that holds on one of `ranks` ranks for the edges of an epoch at its peak, at most.
[[nodiscard]] std::uint64_t balanced_edges_bytes(const graph::Schema& schema, std::int32_t ranks,
                                                 const BalancedEdgeOptions& options);

}  // namespace rove::algorithms
