// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/embedding_table.hpp"

namespace rove::gnn {

/// Columns [begin, end) of a padded row that a rank holds when `dim` columns are dealt out in blocks of 16, as evenly
/// as they go: none where there are more ranks than blocks.
[[nodiscard]] IndexRange columns_of(Rank rank, std::int32_t ranks, std::uint32_t dim);

/// The column layout of training: every rank holds all vertices but only its own columns of their rows, on a copy of
/// the whole graph. The copy's rows lie by cluster (`partition::locality_order`), so that a hop finds much of what it
/// gathers in a core's own cache: worth it on a single rank too, which then holds all columns. Propagation, Adam and
/// the start are column by column, so they need no messages; what reads whole rows gets those of a batch
/// (gnn/column_batches.hpp). Losses stay with the owners of the partitioned graph. Refers to the communicator and the
/// partitioned graph. Immutable.
///
/// 40 columns on two ranks: three blocks, the last padded with 8 columns of zeros. Rank 0 holds columns 0 ... 31, rank
/// 1 columns 32 ... 47.
class ColumnLayout {
 public:
  /// **Collective.** Copies the edges of the type to every rank. `cluster_bytes`: of a cluster's rows, about, as rank 0
  /// holds them, which makes the clusters and tells `progress` of it.
  ColumnLayout(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type, std::uint32_t dim,
               std::uint64_t cluster_bytes, ProgressSink& progress = no_progress());
  /// What making the clusters takes on rank 0, beside a copy of the edges.
  [[nodiscard]] static std::uint64_t clustering_bytes(std::uint64_t vertices, std::uint64_t edges);

  /// All vertices; the edge type is `edge_type()`.
  [[nodiscard]] const graph::DistributedGraph& whole_graph() const { return whole_graph_; }
  /// The local id in `whole_graph()` of a vertex by its stable id in the partitioned graph.
  [[nodiscard]] std::uint32_t place_of(StableVertexId vertex) const { return places_[vertex.index()]; }
  [[nodiscard]] static EdgeTypeId edge_type() { return EdgeTypeId{0}; }
  /// Floats of a padded whole row, and of this rank's part of it.
  [[nodiscard]] std::uint32_t whole_width() const { return whole_width_; }
  [[nodiscard]] std::uint32_t width() const { return static_cast<std::uint32_t>(columns(comm_.rank()).size()); }
  [[nodiscard]] std::uint32_t first_column() const { return static_cast<std::uint32_t>(columns(comm_.rank()).begin); }
  [[nodiscard]] IndexRange columns(Rank rank) const { return columns_of(rank, comm_.size(), dim_); }

  /// A table of this rank's columns of all rows.
  [[nodiscard]] EmbeddingTable make_table() const;
  /// **Collective.** Whole rows of the vertices that this rank owns in the partitioned graph, from a table of columns.
  [[nodiscard]] EmbeddingTable to_owners(const EmbeddingTable& columns) const;
  /// **Collective.** The inverse.
  void from_owners(const EmbeddingTable& whole, std::span<float> columns) const;
  /// **Collective.** A flag per vertex of all types, from one per vertex that this rank owns in the partitioned graph.
  [[nodiscard]] std::vector<std::uint8_t> flags_of_all(std::span<const std::uint8_t> owned_flags) const;

  /// **Collective.** Whole padded rows of my home block of a type, from columns of all rows of all types, and back: how
  /// a checkpoint holds rows, whatever the layout.
  [[nodiscard]] std::vector<float> to_home(VertexTypeId type, std::span<const float> columns) const;
  void from_home(VertexTypeId type, std::span<const float> home, std::span<float> columns) const;

 private:
  [[nodiscard]] std::span<const std::uint32_t> places_of(VertexTypeId type) const;
  /// **Collective.** Fills `places_`.
  graph::DistributedGraph make_whole_graph(EdgeTypeId type, std::uint64_t cluster_bytes, ProgressSink& progress);

  const comm::Communicator& comm_;
  const graph::DistributedGraph& graph_;
  std::uint32_t dim_;
  std::uint32_t whole_width_;
  std::vector<std::uint32_t> places_;  ///< by stable id of the partitioned graph
  graph::DistributedGraph whole_graph_;
};

}  // namespace rove::gnn
