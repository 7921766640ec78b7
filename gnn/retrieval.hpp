// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "engine/comm/communicator.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "gnn/embedding_table.hpp"
#include "gnn/interactions.hpp"

namespace rove::gnn {

struct RetrievalOptions {
  std::uint32_t top_k = 100;
  bool mask_seen = true;  ///< leaves out the user's training items
};

/// **Collective.** The `top_k` items of largest dot product for every owned user that `wanted` (counted from the first
/// owned one) chooses, exactly: score descending, ties by ascending item row. Targets are rows of the item type; users
/// not wanted get empty lists, users with fewer than `top_k` items left get those. The score is the float32 fused chain
/// over the columns in order, the same on every instruction set. Items travel in blocks from their owners to all ranks;
/// every rank scores its own users. Throws `InputError` naming the row when an embedding is not finite. Cost: 2 · users
/// · items · dim flops; memory: a block of items, and the lists.
[[nodiscard]] graph::NeighborLists top_items(const comm::Communicator& comm, const Interactions& interactions,
                                             const EmbeddingTable& embeddings, const RetrievalOptions& options,
                                             const std::function<bool(std::uint64_t)>& wanted);

/// **Collective.** `top_items` of all users, at the home block of the user type: what `recommendations.h5` holds.
[[nodiscard]] graph::NeighborLists recommend(const comm::Communicator& comm, const Interactions& interactions,
                                             const EmbeddingTable& embeddings, const RetrievalOptions& options);

/// Multiply-adds per second that the scoring kernel reaches on data in the first-level cache, with all threads,
/// times 2.
[[nodiscard]] double peak_flops_per_second();

}  // namespace rove::gnn
