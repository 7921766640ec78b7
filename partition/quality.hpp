// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/assignment.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::partition {

/// How good a partition is. Counts are exact; the same on all ranks and for any number of ranks.
struct PartitionQuality {
  struct TypeBalance {
    std::string type;
    std::vector<std::uint64_t> vertices;  ///< per part
    std::vector<std::uint64_t> edges;     ///< per part: adjacency entries of the type's vertices
    double vertex_imbalance = 1;          ///< largest part over average
    double edge_imbalance = 1;
  };

  std::int32_t parts = 1;
  std::uint64_t edges = 0;      ///< without self-loops; an undirected edge counts once
  std::uint64_t cut_edges = 0;  ///< those whose ends lie in different parts
  /// Sum over vertices of the foreign parts that read them: rows of one halo update.
  std::uint64_t communication_volume = 0;
  std::vector<std::uint64_t> owned;   ///< vertices per part
  std::vector<std::uint64_t> ghosts;  ///< foreign vertices a part reads
  std::vector<TypeBalance> types;
  double work_imbalance = 1;  ///< adjacency entries of the largest part over average

  /// By part: ghosts among the vertices it holds.
  [[nodiscard]] std::vector<double> halo_shares() const;
  /// Share of cut edges: also the chance that a step of an undirected stationary walk leaves its part.
  [[nodiscard]] double cut_share() const {
    return edges == 0 ? 0 : static_cast<double>(cut_edges) / static_cast<double>(edges);
  }
};

/// **Collective.** Cost: one exchange of the distinct neighbours of each home block.
[[nodiscard]] PartitionQuality evaluate(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                        const graph::Assignment& assignment);

}  // namespace rove::partition
