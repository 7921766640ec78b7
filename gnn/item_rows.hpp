// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/embedding_table.hpp"

namespace rove::gnn {

/// Rows of any items, wherever they are owned, for models whose batches name most of the catalogue: every rank knows
/// each item's owner, and fetches each row that a batch names once. On one rank nothing is copied. Memory: 12 bytes per
/// item of all ranks, and the rows of a batch's distinct items.
class ItemRows {
 public:
  ItemRows(const comm::Communicator& comm, const graph::DistributedGraph& graph, VertexTypeId items,
           std::uint32_t width);

  /// **Collective.** Fetches the rows of the items named (rows of the item type, in any order, repeated or not).
  void fetch(const EmbeddingTable& table, std::span<const std::uint32_t> items);
  /// After `fetch`: where the row of a fetched item stands in `rows`.
  [[nodiscard]] std::uint32_t place_of(std::uint32_t item) const { return places_[item]; }
  [[nodiscard]] const float* rows(const EmbeddingTable& table) const {
    return is_alone_ ? table.values().data() : fetched_.data();
  }

  [[nodiscard]] Rank owner_of(std::uint32_t item) const { return graph_->partition().owner_of(globals_[item]); }
  /// An item counted from its owner's first.
  [[nodiscard]] std::uint32_t place_at_owner(std::uint32_t item) const {
    return static_cast<std::uint32_t>(globals_[item].value() - first_items_[owner_of(item).index()]);
  }

 private:
  const comm::Communicator* comm_;
  const graph::DistributedGraph* graph_;
  std::uint32_t width_;
  bool is_alone_;
  std::uint64_t first_local_;
  std::vector<GlobalVertexId> globals_;     ///< by row of the item type
  std::vector<std::uint64_t> first_items_;  ///< by rank: global id of its first item
  std::vector<std::uint32_t> places_;       ///< by row of the item type
  HugeBuffer<float> fetched_;
};

}  // namespace rove::gnn
