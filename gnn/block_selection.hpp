// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/base/top_k.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "gnn/detail/dense_kernels.hpp"
#include "gnn/interactions.hpp"
#include "gnn/retrieval.hpp"

namespace rove::gnn {

/// The best items of this rank's users from scores that arrive in blocks of consecutive item rows, in any order.
/// Different users may be offered to from different threads.
class BlockSelection {
 public:
  /// `wanted` chooses among the owned users, counted from the first.
  BlockSelection(const Interactions& interactions, const RetrievalOptions& options,
                 const std::function<bool(std::uint64_t)>& wanted);

  /// The chosen users, ascending.
  [[nodiscard]] std::span<const std::uint32_t> users() const { return users_; }
  /// The place of an owned user among the chosen, which it must be.
  [[nodiscard]] std::uint32_t place_of(std::uint64_t user) const { return places_[user]; }

  /// The chosen users as rows of a propagation over their graph.
  [[nodiscard]] exec::Propagation::Rows rows_in(const exec::Propagation& propagation) const;

  /// Scores of the item rows first, first + 1, ..., for the chosen user at `place`; those from `count` on to the next
  /// multiple of 16 are read and ignored.
  void offer(std::uint32_t place, std::uint64_t first, const float* scores, std::uint64_t count);

  /// The lists of all owned users; users that were not chosen have empty ones. The selections are used up.
  [[nodiscard]] graph::NeighborLists take();

 private:
  const Interactions* interactions_;
  bool mask_seen_;
  detail::FindNotLess* find_;
  std::vector<std::uint32_t> users_;
  std::vector<std::uint32_t> places_;
  std::vector<TopK> selections_;
};

}  // namespace rove::gnn
