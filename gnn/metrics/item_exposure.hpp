// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "gnn/interactions.hpp"

namespace rove::gnn {

/// How ranked lists, cut at `cutoff`, spread over the catalogue. With n items, c_i lists that name item i, and S the
/// sum of the c_i. The fairness measures are those for individual items of Rampisela et al. (ACM TORS 2024), in the
/// corrected forms, which reach both ends of [0, 1]: between all lists naming the same first items and the most even
/// allocation, for lists of the lengths that there are; where the two coincide the best value is given.
struct ItemExposure {
  std::uint32_t cutoff = 0;
  double coverage = 0;       ///< share of the items that some list names
  double gini = 0;           ///< of the c_i; 0: all equal
  double novelty = 0;        ///< mean over list entries of log2(users / training interactions of the item), in bits
  double popularity = 0;     ///< mean training interactions of a list entry
  double fair_jain = 1;      ///< Jain's index; 1: all c_i equal
  double fair_coverage = 1;  ///< qualification fairness: items named, of those that could be
  double fair_entropy = 1;   ///< entropy of the c_i / S; 1: all equal
  double unfair_gini = 0;    ///< Gini between its least and its largest possible value; 0: fair
  double fair_share = 1;     ///< FSat: items with at least floor(S / n) lists
  double vocd = 0;  ///< mean over pairs of named items of |c_i - c_j| / max(c_i, c_j), as the authors' code; 0: fair
  double ii_d = 0;  ///< mean over users and items of (exposure - even exposure)^2; exposure is 0.8^(rank - 1)
  double ai_d = 0;  ///< the same for an item's mean exposure over users, mean over items
};

/// **Collective.** Training interactions of the items of my home block.
[[nodiscard]] std::vector<std::uint64_t> popularity_at_home(const comm::Communicator& comm,
                                                            const Interactions& interactions);

/// **Collective.** Measures the lists of the owned users; empty lists do not count. `popularity`: of the items of my
/// home block. Items are counted at their homes: memory is 8 bytes per list entry, cut at the largest cutoff, and 16
/// per item of the home block. Cost: a sort of the entries per cutoff.
[[nodiscard]] std::vector<ItemExposure> measure_exposure(const comm::Communicator& comm,
                                                         const Interactions& interactions,
                                                         std::span<const std::uint64_t> popularity,
                                                         const graph::NeighborLists& lists,
                                                         std::span<const std::uint32_t> cutoffs);

}  // namespace rove::gnn
