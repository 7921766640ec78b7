// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "algorithms/sampling/detail/vertex_table.hpp"
#include "algorithms/sampling/neighbor_sampler.hpp"
#include "engine/graph/schema.hpp"

namespace rove::algorithms::detail {

/// Numbers the vertices of one batch in the order they are met and collects its edges. Kept between batches: its tables
/// grow to the largest one seen.
class SubgraphBuilder {
 public:
  /// Starts a batch in `result`, which must stay until the next one. `seed_keys` are those of all seeds in order, for
  /// disjoint subgraphs; otherwise empty. Throws as `NeighborSampler::sample`.
  void begin(const graph::Schema& schema, std::size_t num_links, const FanoutOptions& options,
             std::span<const SeedRows> seeds, std::span<const VertexKey> seed_keys, SampledSubgraph& result);

  /// Vertices of a type that draw at the hop, by local number.
  [[nodiscard]] IndexRange anchors(VertexTypeId type, std::uint64_t hop) const {
    const std::vector<std::uint64_t>& hops = result_->vertices[type.index()].hop_offsets;
    return {hops[hop], hops[hop + 1]};
  }
  [[nodiscard]] std::uint32_t row_of(VertexTypeId type, std::uint64_t local) const {
    return result_->vertices[type.index()].rows[local];
  }
  /// What tells the draws of this vertex from those of others with its key (`drawing_entity`).
  [[nodiscard]] std::uint64_t seed_tag_of(VertexTypeId type, std::uint64_t local) const {
    return seed_tags_.empty() ? 0 : seed_tags_[result_->vertices[type.index()].seeds[local]];
  }
  [[nodiscard]] std::int64_t time_of(VertexTypeId type, std::uint64_t local) const {
    return seed_times_.empty() ? 0 : seed_times_[result_->vertices[type.index()].seeds[local]];
  }

  /// Appends what anchor `local` (of the type `anchors`) drew through a link: rows of the type `neighbors`. A link
  /// whose neighbours are no edges of the graph has no `positions`.
  void append(std::size_t link, VertexTypeId anchors, VertexTypeId neighbors, std::uint64_t local,
              std::span<const std::uint32_t> rows, std::span<const std::uint64_t> positions);
  void end_link(std::size_t link) {
    SampledEdges& edges = result_->edges[link];
    edges.hop_offsets.push_back(edges.neighbors.size());
  }
  void end_hop() {
    for (SampledVertices& vertices : result_->vertices) vertices.hop_offsets.push_back(vertices.rows.size());
  }

  /// Of a type, for kernels that number vertices themselves. Not for disjoint subgraphs.
  [[nodiscard]] VertexTable& table(VertexTypeId type) { return tables_[type.index()]; }

 private:
  void add_seeds(const graph::Schema& schema, std::span<const SeedRows> seeds);

  SampledSubgraph* result_ = nullptr;
  std::vector<VertexTable> tables_;  ///< by vertex type
  std::vector<PairTable> pairs_;     ///< by vertex type, of (seed, row)
  bool disjoint_ = false;
  std::vector<std::uint64_t> seed_tags_;  ///< by seed; empty unless disjoint
  std::vector<std::int64_t> seed_times_;  ///< by seed; empty unless temporal
  std::vector<std::uint64_t> pair_rows_;
  std::vector<std::uint64_t> met_pairs_;
};

}  // namespace rove::algorithms::detail
