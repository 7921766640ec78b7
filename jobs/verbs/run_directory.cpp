// SPDX-License-Identifier: Apache-2.0
#include "jobs/verbs/run_directory.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/publish/publisher.hpp"

namespace rove::jobs {

namespace fs = std::filesystem;

PathKind kind_of(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    throw IoError(fmt::format(
        "'{}' does not exist; name a file that Rove wrote, a run directory, or the output directory", path.string()));
  }
  if (!fs::is_directory(status)) return PathKind::kFile;
  if (fs::exists(path / "manifest.json") || fs::exists(path / "state.json") || !files_of_run(path).empty()) {
    return PathKind::kRun;
  }
  if (!io::publish::list_runs(path).empty()) return PathKind::kOutput;
  throw InputError(
      fmt::format("'{}' is neither a run directory (no manifest.json, no .h5 files) nor an output directory "
                  "with numbered runs",
                  path.string()));
}

fs::path run_of(const fs::path& path) {
  if (kind_of(path) != PathKind::kOutput) return path;
  if (const auto published = io::publish::published_run(path)) return *published;
  throw InputError(fmt::format("nothing is published in '{}' yet; name one of its runs, such as '{}'", path.string(),
                               io::publish::list_runs(path).back().path.string()));
}

std::vector<fs::path> files_of_run(const fs::path& run) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run, error)) {
    if (entry.path().extension() == ".h5" && entry.is_regular_file()) files.push_back(entry.path());
  }
  if (error) throw IoError(fmt::format("cannot list '{}': {}", run.string(), error.message()));
  std::ranges::sort(files);
  return files;
}

}  // namespace rove::jobs
