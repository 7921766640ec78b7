// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "engine/graph/replicate.hpp"

namespace rove::partition {

/// An order of a whole graph's rows in which rows that read the same neighbours lie near each other: by cluster, the
/// parts of one METIS k-way cut (their sizes matter little, so nothing is balanced afterwards), and as they were within
/// one. Whoever walks all rows then finds most of what they read in a core's cache. The order as it is for one cluster,
/// for fewer than two vertices a cluster, and beyond METIS's 32-bit index. `alone`: a communicator of the calling rank;
/// `whole`: its blocks; `progress`: told of the cut, which takes minutes on a graph of tens of millions of edges
/// without communities. Serial; throws as `run_metis`. The order may differ between builds of METIS: results must not
/// depend on it.
[[nodiscard]] graph::RowOrder locality_order(const comm::Communicator& alone, const graph::GraphBlocks& whole,
                                             std::uint64_t num_clusters, ProgressSink& progress = no_progress());

/// What it holds beside the blocks.
[[nodiscard]] std::uint64_t locality_order_bytes(std::uint64_t vertices, std::uint64_t edges);

}  // namespace rove::partition
