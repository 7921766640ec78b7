// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/redistribute.hpp"

namespace rove::gnn {

/// The training interactions of this rank's users: which item rows each has, ascending and distinct, for the rejection
/// of negatives and for masking in evaluation and retrieval. Users are counted from the first owned one. Immutable;
/// refers to the graph. Memory: 4 bytes per interaction.
class Interactions {
 public:
  /// Throws `InputError` when source and destination of the edge type are the same vertex type.
  Interactions(const graph::DistributedGraph& graph, EdgeTypeId type);
  /// The same with further items of the owned users (rows of the item type, ascending and distinct per user), such as
  /// those held out for validation when others are tested.
  Interactions(const graph::DistributedGraph& graph, EdgeTypeId type, const graph::RaggedRows<std::uint32_t>& more);

  [[nodiscard]] const graph::DistributedGraph& graph() const { return *graph_; }
  [[nodiscard]] EdgeTypeId edge_type() const { return type_; }
  [[nodiscard]] VertexTypeId user_type() const { return graph_->schema().edge_type(type_).source; }
  [[nodiscard]] VertexTypeId item_type() const { return graph_->schema().edge_type(type_).destination; }
  [[nodiscard]] std::uint64_t num_users() const { return graph_->schema().vertex_type(user_type()).count; }
  [[nodiscard]] std::uint64_t num_items() const { return graph_->schema().vertex_type(item_type()).count; }
  [[nodiscard]] std::uint64_t num_interactions() const { return graph_->schema().edge_type(type_).count; }
  [[nodiscard]] IndexRange owned_users() const { return graph_->owned_of_type(user_type()); }
  [[nodiscard]] IndexRange owned_items() const { return graph_->owned_of_type(item_type()); }

  [[nodiscard]] std::span<const std::uint32_t> items_of(std::uint64_t user) const {
    return std::span(items_).subspan(offsets_[user], offsets_[user + 1] - offsets_[user]);
  }
  [[nodiscard]] bool has(std::uint64_t user, std::uint64_t item_row) const;
  /// Whether a triple can be drawn: the user has an item, and lacks one.
  [[nodiscard]] bool is_trainable(std::uint64_t user) const {
    const std::uint64_t count = offsets_[user + 1] - offsets_[user];
    return count > 0 && count < num_items();
  }
  /// The `rank`-th item row (from 0) that the user lacks. Precondition: rank < num_items - number of the user's items.
  [[nodiscard]] std::uint64_t missing_item(std::uint64_t user, std::uint64_t rank) const;

 private:
  const graph::DistributedGraph* graph_;
  EdgeTypeId type_;
  std::vector<std::uint64_t> offsets_;
  std::vector<std::uint32_t> items_;
};

}  // namespace rove::gnn
