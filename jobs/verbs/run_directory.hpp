// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

namespace rove::jobs {

/// What a path on the command line may name.
enum class PathKind { kFile, kRun, kOutput };

/// A run has `manifest.json`, `state.json` or a file of Rove's; an output directory has numbered runs. Throws `IoError`
/// when there is nothing at `path`, and `InputError` when it is a directory of neither kind.
[[nodiscard]] PathKind kind_of(const std::filesystem::path& path);

/// The run that `path` means: itself, or the published run of an output directory. Throws `InputError` when nothing is
/// published there.
[[nodiscard]] std::filesystem::path run_of(const std::filesystem::path& path);

/// The HDF5 files of a run by name.
[[nodiscard]] std::vector<std::filesystem::path> files_of_run(const std::filesystem::path& run);

}  // namespace rove::jobs
