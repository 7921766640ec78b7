// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

#include "engine/graph/neighbor_lists.hpp"
#include "io/hdf5/header.hpp"
#include "jobs/config/config.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// **Collective.** The lists of a file from the edge type's users to its items, for the owned users. Throws
/// `InputError` when it is of another format or holds other vertices than the graph.
[[nodiscard]] graph::NeighborLists read_ranked_lists(Session& session, EdgeTypeId type,
                                                     const std::filesystem::path& file, io::FileFormat format);

/// The ppr.h5 that `train.negatives: ppr` draws from: `train.ppr_file`, or the one in `directory`; nothing for other
/// negatives.
[[nodiscard]] std::optional<std::filesystem::path> hard_negatives_file(const Config& config,
                                                                       const std::filesystem::path& directory);
/// **Collective.** Its lists. Throws `IoError` when there is no such file.
[[nodiscard]] std::optional<graph::NeighborLists> hard_negatives(Session& session, EdgeTypeId type,
                                                                 const std::filesystem::path& directory);

}  // namespace rove::jobs
