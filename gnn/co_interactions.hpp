// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/training.hpp"
#include "gnn/type_halo.hpp"

namespace rove::gnn {

/// Rows of AᵀA at the owners of the items, where A counts the interactions of users (rows) with items: entry (i, j) is
/// how often users of i interacted with j as well. Nothing of the size of the matrix is held: rows are made when asked
/// for, from the users' lists, of which this rank keeps those of its users and of the ghosts among them (8 bytes per
/// interaction).
class CoInteractions {
 public:
  struct Entry {
    std::uint32_t item = 0;     ///< row of the item type
    std::uint64_t count = 0;    ///< entry of the matrix
    std::uint64_t squares = 0;  ///< diagonal entry of `item`
  };

  /// What one rank holds at most, rows that are being made included.
  [[nodiscard]] static std::uint64_t bytes(const ModelShare& share);

  /// **Collective.**
  CoInteractions(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type);

  /// Calls `consume` with the non-zero entries of the rows of some owned items, counted from the first: its own
  /// diagonal entry, and the others in an order that depends on the graph alone. From several threads. Cost: the
  /// interactions of the users of the items; 32 bytes per item and thread.
  void for_each_row(IndexRange items,
                    const std::function<void(std::uint64_t item, std::span<const Entry> entries)>& consume) const;

 private:
  struct Listed {
    std::uint32_t item = 0;
    std::uint32_t squares = 0;
  };
  [[nodiscard]] std::span<const Listed> list_of(std::uint32_t local_user) const;

  const graph::CsrGraph& by_item_;
  std::uint64_t num_items_;
  std::uint64_t first_user_;
  std::uint32_t num_owned_;
  graph::RaggedRows<Listed> owned_;   ///< lists of the owned users
  graph::RaggedRows<Listed> ghosts_;  ///< and of the ghosts
  std::vector<std::uint32_t> ghost_places_;
};

}  // namespace rove::gnn
