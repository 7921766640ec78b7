// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "algorithms/ppr/ppr.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::tests {

/// This rank's block of a graph that every rank has.
inline graph::GraphBlocks my_cut(const graph::GraphBlocks& whole) {
  return cut(whole, world().rank(), world().size());
}

/// **Collective.** The lists of all rows, on every rank.
inline graph::NeighborLists whole_lists(const algorithms::PprResult& result) {
  std::vector<std::uint64_t> lengths;
  for (std::uint64_t row = 0; row < result.lists.num_rows(); ++row) {
    lengths.push_back(result.lists.targets_of(row).size());
  }
  graph::NeighborLists all;
  for (const std::uint64_t length : world().all_gather_v<std::uint64_t>(lengths).data) {
    all.offsets.push_back(all.offsets.back() + length);
  }
  all.targets = world().all_gather_v<std::uint64_t>(result.lists.targets).data;
  all.scores = world().all_gather_v<float>(result.lists.scores).data;
  return all;
}

}  // namespace rove::tests
