// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/assignment.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::partition {

/// What an independent look at a partition found. It shares no code with the partitioners or `evaluate`: it walks edges
/// by source only and counts into plain arrays.
struct Verification {
  std::vector<std::string> problems;  ///< empty: the partition is valid
  std::uint64_t cut_edges = 0;        ///< of stored directed edges; an undirected type counts each edge once
  std::vector<double>
      vertex_excess;  ///< per type: vertices of the largest part over what the tolerance allows (<= 1 is within)
  std::vector<double> edge_excess;  ///< the same for adjacency entries

  [[nodiscard]] bool valid() const { return problems.empty(); }
};

/// **Collective.** Checks that every vertex has exactly one part in range and that every type's vertices and edges are
/// balanced within `imbalance` or, for types too small for it, within the ceiling bound. `check_balance` false leaves
/// balance to the reader of the excesses.
[[nodiscard]] Verification verify(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                  const graph::Assignment& assignment, double imbalance, bool check_balance);

}  // namespace rove::partition
