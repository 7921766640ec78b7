// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "jobs/config/config.hpp"
#include "jobs/query/neighbor_index.hpp"
#include "jobs/verbs/command_line.hpp"

namespace rove::jobs {

/// The two files that answer queries.
struct IndexFiles {
  std::filesystem::path index;
  std::filesystem::path graph;
};

/// `path`: an index.h5, a run directory, or an output directory (its published run, `latest`). The graph is `graph` or,
/// where none is given, the graph.h5 beside the index. Throws `IoError` and `InputError` saying what is missing.
[[nodiscard]] IndexFiles find_index_files(const std::filesystem::path& path,
                                          const std::optional<std::filesystem::path>& graph);

/// The graph of `path` (a graph.h5, a run, or an output directory), or `graph` where one is given.
[[nodiscard]] std::filesystem::path find_graph_file(const std::filesystem::path& path,
                                                    const std::optional<std::filesystem::path>& graph);

/// The job file that was named; without one the configuration that made the file, over it what the command line says.
[[nodiscard]] Config index_configuration(const CommandLine& command_line, const std::filesystem::path& file);

/// What a request that names no target type asks for: the first of `ppr.targets`.
[[nodiscard]] std::string default_target(const Config& config);

/// Opens them with the configuration's `query.*` and `ppr.*` defaults. Throws `ConfigError` for an index that was made
/// without what `split` holds out of the graph.
[[nodiscard]] std::unique_ptr<NeighborIndex> open_index(const IndexFiles& files, const Config& config);

}  // namespace rove::jobs
