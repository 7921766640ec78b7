// SPDX-License-Identifier: Apache-2.0
#include "io/publish/publisher.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <system_error>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.hpp"
#include "engine/base/fault.hpp"
#include "io/hdf5/verify.hpp"
#include "io/publish/file_system.hpp"

namespace rove::io::publish {

namespace fs = std::filesystem;

namespace {

constexpr const char* kLatest = "latest";
constexpr const char* kLock = ".publish.lock";
constexpr const char* kRunLock = ".run.lock";
constexpr const char* kRetired = ".retired-";

std::string reason() {
  return std::generic_category().message(errno);
}

/// The filesystem library's exceptions as ours.
template <class Work>
auto translated(Work&& work) {
  try {
    return work();
  } catch (const fs::filesystem_error& error) {
    throw IoError(error.what());
  }
}

fs::path make_next_run(const fs::path& output) {
  fs::create_directories(output);
  std::uint64_t number = 1;
  for (const Run& run : list_runs(output)) number = std::max(number, run.number + 1);
  for (;; ++number) {
    const fs::path path = output / fmt::format("{:04}", number);
    if (::mkdir(path.c_str(), 0777) == 0) {
      sync_directory(output);
      return path;
    }
    if (errno != EEXIST) throw IoError(fmt::format("cannot make the run directory {}: {}", path.string(), reason()));
  }
}

void remove_leftovers(const fs::path& run) {
  std::vector<fs::path> leftovers;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(run)) {
    // Also what MPI lays beside a file that it writes.
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".part") || name.find(".h5.part") != std::string::npos) leftovers.push_back(entry.path());
  }
  for (const fs::path& path : leftovers) fs::remove_all(path);
}

void sync_run(const comm::Communicator& comm, const fs::path& run, const std::vector<ManifestFile>& files) {
  comm.agree([&] {
    for (std::size_t f = comm.rank().index(); f < files.size(); f += static_cast<std::size_t>(comm.size())) {
      sync_file(run / files[f].name);
    }
  });
  comm.agree([&] {
    if (!comm.is_root()) return;
    translated([&] {
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(run)) {
        if (entry.is_directory()) sync_directory(entry.path());
      }
    });
    sync_directory(run);
  });
}

std::string problems_of(const comm::Communicator& comm, const fs::path& run, const std::vector<ManifestFile>& files) {
  std::string problems;
  for (const ManifestFile& file : files) {
    if (fs::path(file.name).extension() != ".h5") continue;
    for (const std::string& problem : verify_file(comm, run / file.name).problems) {
      problems += fmt::format("\n  {}: {}", file.name, problem);
    }
  }
  return problems;
}

GateInput gate_input(const fs::path& output, const fs::path& run) {
  GateInput input;
  input.run = run;
  if (fs::exists(run / "metrics.json")) input.metrics = read_metrics(run / "metrics.json");
  input.previous_run = published_run(output);
  if (input.previous_run && fs::exists(*input.previous_run / "metrics.json")) {
    input.previous_metrics = read_metrics(*input.previous_run / "metrics.json");
  }
  return input;
}

/// Whether a job is filling the run now, or may be.
bool is_being_filled(const fs::path& run) {
  const int descriptor = ::open((run / kRunLock).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return errno != ENOENT;
  const bool is_free = ::flock(descriptor, LOCK_SH | LOCK_NB) == 0;
  ::close(descriptor);
  return !is_free;
}

void point_latest_at(const fs::path& output, const fs::path& run) {
  replace_symlink_durably(output / kLatest, run.filename());
}

}  // namespace

FileLock::FileLock(const fs::path& file, const std::string& what) {
  fault::point("io.open");
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw IoError(fmt::format("cannot open the lock {}: {}", file.string(), reason()));
  std::array<char, 512> text{};
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const bool is_held = errno == EWOULDBLOCK;
    const std::string why = reason();
    const ssize_t length = ::pread(descriptor_, text.data(), text.size(), 0);
    ::close(descriptor_);
    if (!is_held) throw IoError(fmt::format("cannot lock {}: {}", file.string(), why));
    throw IoError(fmt::format(
        "{} ({}); wait until it ends. The system frees the lock with its process; if that process is gone and its host "
        "does not answer, remove {}",
        what, std::string_view(text.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))), file.string()));
  }
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::string owner = fmt::format("process {} on {} since {:%Y-%m-%dT%H:%M:%SZ}", ::getpid(), host.data(),
                                        fmt::gmtime(std::time(nullptr)));
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::pwrite(descriptor_, owner.data(), owner.size(), 0) != static_cast<ssize_t>(owner.size())) {
    const std::string why = reason();
    ::close(descriptor_);
    throw IoError(fmt::format("cannot write {}: {}", file.string(), why));
  }
}

FileLock::~FileLock() {
  ::close(descriptor_);
}

PublishLock::PublishLock(const fs::path& output)
    : FileLock(output / kLock, fmt::format("{} is held by another publisher", (output / kLock).string())) {}

RunLock::RunLock(const fs::path& run)
    : FileLock(run / kRunLock, fmt::format("{} is being filled by another job", run.string())) {}

std::vector<std::string> working_files() {
  return {"state.json", "checkpoint", kRunLock};
}

fs::path create_run(const comm::Communicator& comm, const fs::path& output) {
  std::string path;
  comm.agree([&] {
    if (comm.is_root()) path = translated([&] { return make_next_run(output); }).string();
  });
  return comm.broadcast_text(path, Rank{0});
}

std::optional<fs::path> published_run(const fs::path& output) {
  std::error_code error;
  const fs::path target = fs::read_symlink(output / kLatest, error);
  if (error || !fs::is_directory(output / target, error)) return std::nullopt;
  return output / target;
}

std::optional<std::uint64_t> run_number(const std::string& directory_name) {
  std::uint64_t number = 0;
  const char* const last = directory_name.data() + directory_name.size();
  const auto [end, error] = std::from_chars(directory_name.data(), last, number);
  if (error != std::errc() || end != last) return std::nullopt;
  return number;
}

std::vector<Run> list_runs(const fs::path& output) {
  std::vector<Run> runs;
  if (!fs::is_directory(output)) return runs;
  const auto published = published_run(output);
  translated([&] {
    for (const fs::directory_entry& entry : fs::directory_iterator(output)) {
      const auto number = run_number(entry.path().filename().string());
      if (!number || !entry.is_directory()) continue;
      runs.push_back({*number, entry.path(), status_of(entry.path()), published == entry.path()});
    }
  });
  std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.number < b.number; });
  return runs;
}

namespace {

/// **Collective.** The run's files as they lie on the disk for good, and what verification says of them.
Manifest make_manifest(const comm::Communicator& comm, const fs::path& run, const PublishOptions& options,
                       std::string& problems) {
  comm.agree([&] {
    if (comm.is_root()) translated([&] { remove_leftovers(run); });
  });
  Manifest manifest;
  manifest.created_utc = options.created_utc;
  manifest.software_version = options.software_version;
  manifest.commit = options.commit;
  std::vector<std::string> excluded = working_files();
  excluded.insert(excluded.end(), options.exclude.begin(), options.exclude.end());
  manifest.files = hash_files(comm, run, excluded);
  sync_run(comm, run, manifest.files);
  problems = problems_of(comm, run, manifest.files);
  return manifest;
}

}  // namespace

Manifest seal_run(const comm::Communicator& comm, const fs::path& run, const PublishOptions& options) {
  std::string problems;
  Manifest manifest = make_manifest(comm, run, options, problems);
  comm.agree([&] {
    if (!problems.empty()) throw GateError("verification found:" + problems);
    manifest.status = "unpublished";
    if (!comm.is_root()) return;
    if (fs::exists(run / "metrics.json")) manifest.metrics = read_metrics(run / "metrics.json");
    write_text_durably(run / "manifest.json", to_json(manifest));
  });
  return manifest;
}

Manifest publish_run(const comm::Communicator& comm, const fs::path& output, const fs::path& run,
                     const PublishOptions& options, const Gate& gate) {
  std::optional<PublishLock> lock;
  comm.agree([&] {
    if (!comm.is_root()) return;
    translated([&] {
      if (!fs::is_directory(run) || !fs::equivalent(run / "..", output) || !run_number(run.filename().string())) {
        throw ConfigError(fmt::format("{} is not a run directory of {}", run.string(), output.string()));
      }
      lock.emplace(output);
    });
  });
  std::string problems;
  Manifest manifest = make_manifest(comm, run, options, problems);

  comm.agree([&] {
    if (!comm.is_root()) return;
    const GateInput input = gate_input(output, run);
    manifest.metrics = input.metrics;
    manifest.status = "complete";
    try {
      if (!problems.empty()) throw GateError("verification found:" + problems);
      if (gate) gate(input);
    } catch (const GateError& error) {
      manifest.status = "refused";
      manifest.reason = error.what();
    }
    write_text_durably(run / "manifest.json", to_json(manifest));
    if (manifest.status == "complete") point_latest_at(output, run);
  });
  manifest = parse_manifest(comm.broadcast_text(to_json(manifest), Rank{0}), run / "manifest.json");
  if (manifest.status != "complete") {
    throw GateError(fmt::format("{} is not published: {}", run.string(), manifest.reason));
  }
  comm.agree([&] {
    if (comm.is_root() && options.keep > 0) retire_runs(output, options.keep);
  });
  return manifest;
}

fs::path roll_back(const fs::path& output, std::optional<std::uint64_t> number) {
  const PublishLock lock(output);
  const std::vector<Run> runs = list_runs(output);
  const auto published = std::find_if(runs.begin(), runs.end(), [](const Run& run) { return run.is_published; });
  if (!number && published == runs.end()) throw ConfigError(fmt::format("{} has no published run", output.string()));
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    if (number ? run->number != *number : run->number >= published->number || run->status != "complete") continue;
    if (run->status != "complete") {
      throw ConfigError(fmt::format("{} cannot be published again: it is {}", run->path.string(), run->status));
    }
    point_latest_at(output, run->path);
    return run->path;
  }
  throw ConfigError(number
                        ? fmt::format("{} has no run {:04}", output.string(), *number)
                        : fmt::format("{} has no complete run before {}", output.string(), published->path.string()));
}

std::vector<std::uint64_t> retire_runs(const fs::path& output, std::uint64_t keep) {
  return translated([&] {
    std::vector<Run> runs = list_runs(output);
    const auto published = std::find_if(runs.begin(), runs.end(), [](const Run& run) { return run.is_published; });
    std::vector<std::uint64_t> retired;
    // Newest first: from the first run after `keep` complete ones on, everything goes.
    std::uint64_t complete = 0;
    for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
      const bool is_newer = published != runs.end() && run->number > published->number;
      const bool may_go = !run->is_published && !is_newer && published != runs.end() && !is_being_filled(run->path);
      if (complete >= keep && may_go) {
        const fs::path grave = output / (kRetired + run->path.filename().string());
        rename_durably(run->path, grave);
        retired.push_back(run->number);
      } else if (run->status == "complete") {
        ++complete;
      }
    }
    // Also what a killed predecessor left behind.
    std::vector<fs::path> graves;
    for (const fs::directory_entry& entry : fs::directory_iterator(output)) {
      if (entry.path().filename().string().starts_with(kRetired)) graves.push_back(entry.path());
    }
    for (const fs::path& grave : graves) fs::remove_all(grave);
    return retired;
  });
}

}  // namespace rove::io::publish
