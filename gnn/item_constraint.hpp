// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/redistribute.hpp"

namespace rove::gnn {

/// UltraGCN's item-item graph: for every item i of this rank (owned, or a ghost) its strongest neighbours by
///   ω_ij = C_ij √(g_i + 1) / (g_i √(g_j + 1))
/// where C_ij counts the users of both and g_i = Σ_j C_ij, j = i included: as the authors' code has it, where the paper
/// leaves the diagonal out. Strongest first, ties by row. Immutable. Memory: 8 bytes per neighbour.
class ItemConstraint {
 public:
  struct Neighbor {
    std::uint32_t item = 0;    ///< row of the item type
    std::uint32_t weight = 0;  ///< bits of the float: messages of integers have no padding to leak
    [[nodiscard]] float omega() const;
  };

  /// **Collective.** At most `neighbors` per item. Cost: that of the rows of CᵀC (`CoInteractions`).
  ItemConstraint(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                 std::uint32_t neighbors);

  /// Of an item that this rank owns or that one of its users interacted with; empty for others.
  [[nodiscard]] std::span<const Neighbor> of(std::uint32_t item_row) const {
    const std::uint32_t place = place_of_[item_row];
    return std::span(lists_.values).subspan(lists_.offsets[place], lists_.offsets[place + 1] - lists_.offsets[place]);
  }

 private:
  graph::RaggedRows<Neighbor> lists_;    ///< an empty one, those of the owned items, those of the ghosts
  std::vector<std::uint32_t> place_of_;  ///< by row of the item type
};

}  // namespace rove::gnn
