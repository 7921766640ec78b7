// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/input_file.hpp"
#include "io/imported_graph.hpp"

/// Contents for the tests of files: functions of the graph alone, cut at any number of ranks.
namespace rove::tests {

[[nodiscard]] io::FileProvenance sample_provenance();

/// This rank's share of a whole graph of `tests/support/graphs.hpp`, with the ids its keys were made from.
[[nodiscard]] io::ImportedGraph sample_import(const graph::GraphBlocks& whole, Rank rank, std::int32_t ranks);

/// Vectors of my home block: a function of the row and the column.
[[nodiscard]] std::vector<float> sample_vectors(const graph::GraphBlocks& blocks, VertexTypeId type, Rank rank,
                                                std::int32_t ranks, std::uint64_t dim);

/// Up to `length` neighbours of every row of my home block, some with equal scores; every third row has none.
[[nodiscard]] graph::NeighborLists sample_lists(const graph::GraphBlocks& blocks, VertexTypeId source,
                                                VertexTypeId target, Rank rank, std::int32_t ranks,
                                                std::uint64_t length);

/// **Collective.** Calls `write` on rank 0 alone with a communicator of one rank, then on all ranks, and expects both
/// files to hold the same dataset bytes.
void expect_same_at_one_rank(const comm::Communicator& comm,
                             const std::function<void(const comm::Communicator&, const std::filesystem::path&)>& write);

/// Writes graph.h5, partition.h5, embeddings.h5, ppr.h5 and recommendations.h5 of `whole` into the directory.
/// **Collective.**
void write_sample_files(const comm::Communicator& comm, const graph::GraphBlocks& whole,
                        const std::filesystem::path& directory);

}  // namespace rove::tests
