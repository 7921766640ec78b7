// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"

namespace rove::io::publish {

/// Metric name to value, as in `metrics.json`: "recall@20" to 0.183.
using Metrics = std::map<std::string, double>;

/// Writes `metrics.json` durably. Not collective.
void write_metrics(const std::filesystem::path& path, const Metrics& metrics);
/// The numbers at the top level of `metrics.json`; other members (segments) are left aside.
[[nodiscard]] Metrics read_metrics(const std::filesystem::path& path);

struct ManifestDataset {
  std::string name;
  std::string dtype;
  std::vector<std::uint64_t> shape;
};

struct ManifestFile {
  std::string name;  ///< relative to the run directory
  std::uint64_t bytes = 0;
  /// SHA-256 of each block of 64 MiB in hexadecimal, so that ranks and threads share the work: `split -b 64M
  /// --filter=sha256sum FILE` prints the same. A file of one block has its usual SHA-256.
  std::vector<std::string> sha256_blocks;
  std::string format;                         ///< "rove/graph"; empty for other files
  std::vector<ManifestDataset> datasets;      ///< of HDF5 files
  std::map<std::string, std::uint64_t> rows;  ///< vertex type to rows
};

/// `manifest.json`: written last, so a run directory with one is whole.
struct Manifest {
  std::string status;  ///< "complete" or "refused"
  std::string reason;  ///< why it was refused
  std::string created_utc;
  std::string software_version;
  std::string commit;
  Metrics metrics;
  std::vector<ManifestFile> files;
};

inline constexpr std::uint64_t kHashBlockBytes = std::uint64_t{64} << 20U;

[[nodiscard]] std::string to_json(const Manifest& manifest);
/// Throws `InputError` naming `path` when the text is damaged.
[[nodiscard]] Manifest parse_manifest(const std::string& text, const std::filesystem::path& path);
/// Throws `InputError` when `<run>/manifest.json` is damaged, `IoError` when it cannot be read.
[[nodiscard]] Manifest read_manifest(const std::filesystem::path& run);
/// Status of a run directory without an exception: "complete", "refused", or "incomplete" (no or a damaged manifest).
[[nodiscard]] std::string status_of(const std::filesystem::path& run);

/// **Collective.** The regular files below a run directory in order of their names, without `manifest.json`, what ends
/// in
/// ".part", and `exclude`d names (files or directories, relative), with their checksums. Reads every byte once; blocks
/// are shared over ranks and threads.
[[nodiscard]] std::vector<ManifestFile> hash_files(const comm::Communicator& comm, const std::filesystem::path& run,
                                                   std::span<const std::string> exclude);

/// **Collective.** What is wrong with a run directory: files missing, of another size or content than in the manifest,
/// or broken inside
/// (`verify_file`). Empty when all is well; the same on all ranks.
[[nodiscard]] std::vector<std::string> verify_run(const comm::Communicator& comm, const std::filesystem::path& run);

}  // namespace rove::io::publish
