// SPDX-License-Identifier: Apache-2.0
#include "jobs/verbs/open_index.hpp"

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/input_file.hpp"
#include "jobs/verbs/run_directory.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

/// Queries take their first steps in graph.h5, which holds the whole log, and the others in the index.
void refuse_held_out(const NeighborIndex& index, const IndexFiles& files) {
  Config made_by;
  made_by.add_file(files.index.parent_path() / "config", index.header().provenance.config_yaml);
  const std::string split = made_by.text("split.method");
  if (split == "none") return;
  throw ConfigError(fmt::format(
      "'{}' was made with split.method: {}, without interactions that '{}' holds: answers from both would "
      "be of neither graph; make one of the whole log: `rove index -g {} -o index.h5 --set split.method=none`",
      files.index.string(), split, files.graph.string(), files.graph.string()));
}

}  // namespace

IndexFiles find_index_files(const fs::path& path, const std::optional<fs::path>& graph) {
  IndexFiles files;
  if (kind_of(path) == PathKind::kFile) {
    files.index = path;
  } else {
    // `latest` may move while the files are in use: the run that it names now is meant.
    const fs::path run = fs::canonical(run_of(path));
    files.index = run / "index.h5";
    if (!fs::exists(files.index)) {
      throw IoError(
          fmt::format("'{}' has no index.h5; set index.enabled: true in its job file, or make one with "
                      "`rove index -g {} -o {}`",
                      run.string(), (run / "graph.h5").string(), files.index.string()));
    }
  }
  files.graph = graph.value_or(fs::canonical(files.index).parent_path() / "graph.h5");
  if (!fs::exists(files.graph)) {
    throw IoError(fmt::format("'{}' does not exist; name the graph that '{}' was built on with --graph",
                              files.graph.string(), files.index.string()));
  }
  return files;
}

fs::path find_graph_file(const fs::path& path, const std::optional<fs::path>& graph) {
  if (graph) return *graph;
  return kind_of(path) == PathKind::kFile ? path : fs::canonical(run_of(path)) / "graph.h5";
}

Config index_configuration(const CommandLine& command_line, const fs::path& file) {
  if (!command_line.job_file().empty()) return command_line.configuration();
  const io::hdf5::InputFile input(file);
  return command_line.configuration_over(file.parent_path() / "config", io::read_header(input).provenance.config_yaml);
}

std::string default_target(const Config& config) {
  const std::vector<std::string> targets = config.texts("ppr.targets");
  if (targets.empty()) throw ConfigError("ppr.targets is empty; name at least one vertex type");
  return targets.front();
}

std::unique_ptr<NeighborIndex> open_index(const IndexFiles& files, const Config& config) {
  NeighborIndex::Options options;
  options.source = config.text("ppr.sources");
  options.target = default_target(config);
  options.hops = config.count_as<std::uint32_t>("query.hops");
  options.threshold = config.real("query.threshold");
  options.boost = config.boolean("query.boost");
  if (!(options.threshold >= 0.0 && options.threshold <= 1.0)) {
    throw ConfigError(fmt::format("query.threshold is {}, expected from 0 to 1", options.threshold));
  }
  auto index = std::make_unique<NeighborIndex>(files.index, files.graph, options);
  refuse_held_out(*index, files);
  return index;
}

}  // namespace rove::jobs
