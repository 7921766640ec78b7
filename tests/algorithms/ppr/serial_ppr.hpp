// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "algorithms/ppr/ppr.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "engine/graph/neighbor_lists.hpp"

/// Slow twins of PPR on the whole graph, from the definitions in algorithms/ppr/ppr.hpp.
/// `PprOptions::excluded` is read as that of all rows.
namespace rove::tests {

/// Lists of all rows of the source type by walking, one walk after the other; counts in ordered maps.
[[nodiscard]] graph::NeighborLists serial_ppr_walks(const graph::GraphBlocks& whole,
                                                    const algorithms::PprOptions& options);
/// Lists by truncated fingerprints and one exact step.
[[nodiscard]] graph::NeighborLists serial_ppr_index(const graph::GraphBlocks& whole,
                                                    const algorithms::PprOptions& options);
/// Lists by conserved flow over truncated fingerprints of all vertices.
[[nodiscard]] graph::NeighborLists serial_ppr_verd(const graph::GraphBlocks& whole,
                                                   const algorithms::PprOptions& options);
/// Exact scores of one source, by Gaussian elimination on pi (I - (1 - c) P) = c e_s, normalised; by stable id.
[[nodiscard]] std::vector<double> dense_ppr(const graph::GraphBlocks& whole, const algorithms::PprOptions& options,
                                            std::uint32_t source);
/// The list that these scores give.
[[nodiscard]] graph::NeighborLists exact_list(const graph::GraphBlocks& whole, const algorithms::PprOptions& options,
                                              std::uint32_t source);

}  // namespace rove::tests
