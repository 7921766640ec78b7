// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "algorithms/sampling/neighbor_sampler.hpp"
#include "algorithms/sampling/sampling_graph.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/assignment.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::algorithms {

/// This rank's share of the graph as samplers read it: of every link the rows this rank owns, and of every slot the
/// owner of its neighbour, so that a vertex met is asked for without looking it up. For graphs that do not fit a node
/// whole. Immutable; reading is thread-safe.
class PartitionedSamplingGraph {
 public:
  /// **Collective.** Ships every row to the rank its part names (`assignment.num_parts` must equal the number of ranks,
  /// at most 65,536). Throws as `SamplingGraph::replicated`, and `InputError` when the assignment does not cover the
  /// graph. Cost: one exchange of the links' edges, one of the distinct neighbours.
  [[nodiscard]] static PartitionedSamplingGraph build(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                                      const graph::Assignment& assignment,
                                                      std::span<const SampledLink> links,
                                                      SamplingAttributes attributes = {});
  /// What `build` holds on each rank at its peak, when parts are even.
  [[nodiscard]] static MemoryPlan plan(const graph::Schema& schema, std::int32_t ranks,
                                       std::span<const SampledLink> links, SamplingAttributes attributes = {});

  [[nodiscard]] const graph::Schema& schema() const { return schema_; }
  /// Row r of a link's adjacency is `owned_rows(anchors)[r]`.
  [[nodiscard]] std::span<const SamplingGraph::Adjacency> adjacencies() const { return adjacencies_; }
  /// By slot of the link: the rank that owns the neighbour.
  [[nodiscard]] std::span<const std::uint16_t> slot_owners(std::size_t link) const { return slot_owners_[link]; }
  /// Rows of a type owned here, ascending, and their keys.
  [[nodiscard]] std::span<const std::uint32_t> owned_rows(VertexTypeId type) const { return owned_rows_[type.index()]; }
  [[nodiscard]] std::span<const VertexKey> owned_keys(VertexTypeId type) const { return owned_keys_[type.index()]; }

  struct Located {
    std::uint64_t key = 0;
    std::uint32_t owner = 0;
    std::uint32_t reserved = 0;
  };
  /// **Collective.** Key and owner of any rows of a type, asked of their home ranks.
  [[nodiscard]] std::vector<Located> locate(const comm::Communicator& comm, VertexTypeId type,
                                            std::span<const std::uint32_t> rows) const;

 private:
  PartitionedSamplingGraph() = default;

  graph::Schema schema_;
  std::vector<SamplingGraph::Adjacency> adjacencies_;
  std::vector<std::vector<std::uint16_t>> slot_owners_;
  std::vector<std::vector<std::uint32_t>> owned_rows_;
  std::vector<std::vector<VertexKey>> owned_keys_;
  std::vector<std::vector<Located>> home_;  ///< by type, of my home block
};

/// What sampling sent to other ranks, in bytes, from this rank.
struct SamplingTraffic {
  std::uint64_t requests = 0;  ///< vertices asked for, and seeds located
  std::uint64_t answers = 0;   ///< neighbours sent
  std::uint64_t exchanges = 0;
};

/// The neighbour sampler over a partitioned graph: a vertex's neighbours are drawn by its owner. Hop by hop and link by
/// link, the batches in flight on all ranks group their frontiers by owner; owners answer with neighbours, edge
/// positions and the neighbours' owners. The same bytes as `NeighborSampler` with the same options, whatever the
/// partition. A vertex costs 4 bytes there (24 in disjoint subgraphs) and 4 back, a sampled edge 12.
class PartitionedSampler {
 public:
  /// Throws `ConfigError` as `NeighborSampler`.
  PartitionedSampler(const PartitionedSamplingGraph& graph, FanoutOptions options);

  /// **Collective.** Samples this rank's batches, all at once; a rank may have none. `batches[b]` are the seeds of one.
  /// Holds what the frontiers of these batches draw: choose their number by memory.
  void sample(const comm::Communicator& comm, std::span<const std::vector<SeedRows>> batches, std::uint64_t epoch,
              std::vector<SampledSubgraph>& results, SamplingTraffic& traffic) const;

 private:
  const PartitionedSamplingGraph* graph_;
  FanoutOptions options_;
};

}  // namespace rove::algorithms
