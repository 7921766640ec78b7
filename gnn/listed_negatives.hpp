// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "engine/comm/communicator.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "engine/graph/redistribute.hpp"
#include "gnn/interactions.hpp"
#include "gnn/triple_sampler.hpp"

namespace rove::gnn {

/// Hard negatives from ranked lists, such as the users' neighbours by Personalized PageRank: items near a user in the
/// graph that it lacks, beyond the nearest, which may be positives in waiting. As in PinSAGE (Ying et al., KDD 2018)
/// the window of ranks keeps them hard but not too hard, and their share grows from epoch to epoch. A draw is a
/// function of (seed, epoch, user key, position). Refers to the interactions. Memory: 4 bytes per entry in a window.
class ListedNegatives {
 public:
  /// `lists`: rows of the item type for each owned user, nearest first. Of each the ranks [first, last) count, from 0.
  ListedNegatives(const Interactions& interactions, const graph::NeighborLists& lists, std::uint64_t first,
                  std::uint64_t last, std::uint64_t seed);

  /// Replaces a negative with the chance `share` by one from the user's window, uniformly; users without one keep
  /// theirs.
  void replace(std::uint64_t epoch, double share, std::span<Triple> triples) const;

 private:
  const Interactions* interactions_;
  std::uint64_t seed_;
  graph::RaggedRows<std::uint32_t> windows_;  ///< per owned user
};

/// Users that triples are drawn for, and those of them with something to draw: the same on all ranks.
struct WindowCounts {
  std::uint64_t users = 0;
  std::uint64_t with_window = 0;
};
/// **Collective.** Of the windows that `ListedNegatives` would draw from.
[[nodiscard]] WindowCounts count_windows(const comm::Communicator& comm, const Interactions& interactions,
                                         const graph::NeighborLists& lists, std::uint64_t first, std::uint64_t last);

/// The share in an epoch (from 1): from 0 in the first to `last_share` in the last.
[[nodiscard]] double hard_share(double last_share, std::uint64_t epoch, std::uint64_t epochs);

}  // namespace rove::gnn
