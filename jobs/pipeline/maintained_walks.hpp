// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "algorithms/maintained_walks/maintained_walks.hpp"
#include "algorithms/ppr/ppr.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// What the walks are called beside the file of lists.
inline constexpr const char* kMaintainedWalksFile = "maintained_walks.h5";

/// **Collective.** The walks behind `ppr.method: maintained`, from the vertices of my home blocks of the types that
/// sources have as neighbours: refreshed from those of `ppr.previous` (with `graph.previous`, the graph they were made
/// on), or made anew where none are named. Writes them to `walks_file`; the same bytes either way. Throws `ConfigError`
/// or `InputError` when the stored walks are not of that graph, seed and options.
[[nodiscard]] std::vector<algorithms::MaintainedWalks> maintained_walks_stage(Session& session,
                                                                              const algorithms::PprOptions& options,
                                                                              const std::filesystem::path& walks_file);

}  // namespace rove::jobs
