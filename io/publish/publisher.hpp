// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "io/publish/manifest.hpp"

/// An output directory holds numbered runs ("0001", "0002", ...) and the symbolic link `latest`, which names the
/// published one. Everything is written into a run, synced, read again and verified; then `latest` moves by rename. A
/// kill at any moment leaves the old or the new state published, never anything between.
namespace rove::io::publish {

/// A numbered directory and what its manifest says ("complete", "unpublished", "refused", "incomplete").
struct Run {
  std::uint64_t number = 0;
  std::filesystem::path path;
  std::string status;
  bool is_published = false;
};

/// **Collective.** Makes `output` (when missing) and the next run directory in it; another process doing the same gets
/// another number.
[[nodiscard]] std::filesystem::path create_run(const comm::Communicator& comm, const std::filesystem::path& output);

/// The number of a run by its directory's name; nothing for other names.
[[nodiscard]] std::optional<std::uint64_t> run_number(const std::string& directory_name);
/// All runs, oldest first.
[[nodiscard]] std::vector<Run> list_runs(const std::filesystem::path& output);
/// The published run, or nothing.
[[nodiscard]] std::optional<std::filesystem::path> published_run(const std::filesystem::path& output);

/// What the quality gate is shown.
struct GateInput {
  Metrics metrics;                          ///< of the run; empty when it has no metrics.json
  std::optional<Metrics> previous_metrics;  ///< of the published run
  std::filesystem::path run;
  std::optional<std::filesystem::path> previous_run;
};
/// Returns to let pass, throws `GateError` to refuse. Called on rank 0.
using Gate = std::function<void(const GateInput&)>;

struct PublishOptions {
  std::uint64_t keep = 7;            ///< complete runs to keep, the published one included; 0 keeps all
  std::vector<std::string> exclude;  ///< names in the run directory that still change (logs) and are not listed
  std::string created_utc;
  std::string software_version;
  std::string commit;
};

/// **Collective.** Publishes a run of `output`: checksums, sync, verification, gate, manifest, `latest`, retirement of
/// old runs. Throws `GateError` when the gate refuses or verification finds problems (the manifest then says "refused"
/// and `latest` stays), `IoError` when another publisher is at work. Returns the manifest.
Manifest publish_run(const comm::Communicator& comm, const std::filesystem::path& output,
                     const std::filesystem::path& run, const PublishOptions& options, const Gate& gate);

/// **Collective.** Checksums, sync, verification and a manifest that says "unpublished", for a job that leaves
/// publishing to somebody else. Throws `GateError` when verification finds problems.
Manifest seal_run(const comm::Communicator& comm, const std::filesystem::path& run, const PublishOptions& options);

/// Points `latest` at an older complete run: the given number, else the newest before the published one. Returns it.
/// Throws `ConfigError` when there is none. Not collective: one process.
std::filesystem::path roll_back(const std::filesystem::path& output,
                                std::optional<std::uint64_t> number = std::nullopt);

/// Removes all but the newest `keep` complete runs, and what did not complete before the oldest of them; never the
/// published run, nothing newer than it and no run that a job is filling. A run disappears by rename first. Returns the
/// numbers. Not collective. Precondition: keep >= 1.
std::vector<std::uint64_t> retire_runs(const std::filesystem::path& output, std::uint64_t keep);

/// A file that one process holds. Freed by the system when that process ends, however it ends.
class FileLock {
 public:
  /// Throws `IoError` naming the owner when another process holds it: "`what` by process 17 on host h since ...".
  FileLock(const std::filesystem::path& file, const std::string& what);
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  int descriptor_ = -1;
};

/// Held while `latest` and old runs change.
class PublishLock : public FileLock {
 public:
  explicit PublishLock(const std::filesystem::path& output);
};

/// Held while a run directory is being filled.
class RunLock : public FileLock {
 public:
  explicit RunLock(const std::filesystem::path& run);
};

/// Names in a run directory that are of the job, not of its results: no manifest lists them.
[[nodiscard]] std::vector<std::string> working_files();

}  // namespace rove::io::publish
