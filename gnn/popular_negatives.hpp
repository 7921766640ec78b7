// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "algorithms/sampling/popularity.hpp"
#include "engine/comm/communicator.hpp"
#include "gnn/interactions.hpp"
#include "gnn/triple_sampler.hpp"

namespace rove::gnn {

/// Negatives by popularity (algorithms/sampling/popularity.hpp) among the items that the user lacks. A draw is a
/// function of (seed, epoch, user key, position, attempt): the same on any ranks. Refers to the interactions. Memory: 8
/// bytes per item of my home block, and about 50 per triple while drawing.
class PopularNegatives {
 public:
  /// **Collective.**
  PopularNegatives(const comm::Communicator& comm, const Interactions& interactions, std::uint64_t seed);

  /// **Collective.** Redraws the negatives of this rank's triples. A draw that hits an item of the user is repeated, up
  /// to `kAttempts` times; then it is uniform over the items that the user lacks. Two exchanges per round of attempts.
  void replace(const comm::Communicator& comm, std::uint64_t epoch, std::span<Triple> triples) const;

  static constexpr std::uint32_t kAttempts = 64;

 private:
  const Interactions* interactions_;
  std::uint64_t seed_;
  algorithms::CumulativeWeights weights_;    ///< of the items of my home block
  std::vector<std::uint64_t> rank_offsets_;  ///< P + 1: weight of the home blocks before
};

}  // namespace rove::gnn
