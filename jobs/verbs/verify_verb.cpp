// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/base/timer.hpp"
#include "io/hdf5/verify.hpp"
#include "io/publish/manifest.hpp"
#include "jobs/verbs/make_verbs.hpp"
#include "jobs/verbs/run_directory.hpp"
#include "jobs/verbs/verify_partition.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

struct Verdict {
  fs::path path;
  std::string what;  ///< "5 files, 1.2 GiB"
  std::vector<std::string> problems;
};

Verdict verify_path(const comm::Communicator& comm, const fs::path& path) {
  PathKind kind{};
  comm.agree([&] { kind = kind_of(path); });
  if (kind == PathKind::kFile) {
    io::VerifyReport report = io::verify_file(comm, path);
    if (report.ok() && report.format == io::FileFormat::kPartition) report.problems = partition_problems(comm, path);
    return {path, fmt::format("{} datasets, {}", report.datasets, format_bytes(report.bytes)), report.problems};
  }
  fs::path run;
  io::publish::Manifest manifest;
  comm.agree([&] {
    run = run_of(path);
    if (!fs::exists(run / "manifest.json")) {
      throw InputError(
          fmt::format("'{}' has no manifest.json: the run did not finish (or is still going on); its files can "
                      "be verified one by one",
                      run.string()));
    }
    manifest = io::publish::read_manifest(run);
  });
  std::uint64_t bytes = 0;
  for (const io::publish::ManifestFile& file : manifest.files) bytes += file.bytes;
  std::vector<std::string> problems = io::publish::verify_run(comm, run);
  if (problems.empty()) problems = partition_problems(comm, run / "partition.h5");
  return {run, fmt::format("{} files, {}", manifest.files.size(), format_bytes(bytes)), std::move(problems)};
}

class VerifyVerb final : public CollectiveVerb {
 public:
  [[nodiscard]] std::string name() const override { return "verify"; }
  [[nodiscard]] std::string summary() const override {
    return "Check every byte of files and runs against digests and rules";
  }
  [[nodiscard]] std::string examples() const override {
    return "rove verify runs/gowalla/latest          the manifest's checksums, then every file inside\n"
           "  rove verify embeddings.h5 graph.h5\n"
           "  mpirun -n 4 rove verify runs/gowalla     the published run, rows shared over the ranks\n"
           "  Exit code 0: all is well. 3: problems, all of them listed.";
  }
  void declare(CLI::App& app) override {
    app.add_option("PATH", paths_, "Files Rove wrote, run directories, output directories (their published run)")
        ->required();
    app.add_flag("--json", json_, "The verdicts for programs");
  }
  void run(const comm::Communicator& world) override {
    nlohmann::json all = nlohmann::json::array();
    std::size_t bad = 0;
    for (const fs::path& path : paths_) {
      PhaseTimes times;
      const PhaseTimer timer(times, "verify");
      const Verdict verdict = verify_path(world, path);
      if (!verdict.problems.empty()) ++bad;
      if (!world.is_root()) continue;
      if (json_) {
        all.push_back(
            {{"path", verdict.path.string()}, {"ok", verdict.problems.empty()}, {"problems", verdict.problems}});
        continue;
      }
      fmt::print("{}: {} ({}, {:.1f} s)\n", verdict.path.string(), verdict.problems.empty() ? "good" : "BAD",
                 verdict.what, timer.seconds());
      for (const std::string& problem : verdict.problems) fmt::print("  {}\n", problem);
    }
    if (json_ && world.is_root()) fmt::print("{}\n", all.dump(2));
    if (bad > 0) {
      std::fflush(stdout);
      throw InputError(fmt::format("{} of {} did not verify; restore a good run with `rove publish OUTPUT --rollback`",
                                   bad, paths_.size()));
    }
  }

 private:
  std::vector<fs::path> paths_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_verify_verb() {
  return std::make_unique<VerifyVerb>();
}

}  // namespace rove::jobs
