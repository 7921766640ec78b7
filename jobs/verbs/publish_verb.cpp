// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/hdf5/describe.hpp"
#include "io/publish/publisher.hpp"
#include "jobs/pipeline/gate.hpp"
#include "jobs/pipeline/session.hpp"
#include "jobs/pipeline/stages.hpp"
#include "jobs/verbs/make_verbs.hpp"
#include "jobs/verbs/run_directory.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;
using io::publish::Run;

/// The run of this number; without one the newest that finished and is not published.
Run choose_run(const fs::path& output, std::optional<std::uint64_t> number) {
  const std::vector<Run> runs = io::publish::list_runs(output);
  if (runs.empty())
    throw ConfigError(fmt::format("'{}' has no runs; expected the output directory of a job", output.string()));
  if (number) {
    const auto found = std::ranges::find(runs, *number, &Run::number);
    if (found != runs.end()) return *found;
    throw ConfigError(fmt::format("'{}' has no run {:04}; it has {:04} to {:04}", output.string(), *number,
                                  runs.front().number, runs.back().number));
  }
  const Run& newest = runs.back();
  if (newest.is_published) {
    throw ConfigError(
        fmt::format("the newest run, {}, is published already; name another one with --run", newest.path.string()));
  }
  if (newest.status == "incomplete") {
    throw ConfigError(
        fmt::format("{} did not finish: start its job again to go on and publish it, or name it with --run {} to "
                    "publish what is there",
                    newest.path.string(), newest.number));
  }
  return newest;
}

class PublishVerb final : public CollectiveVerb {
 public:
  [[nodiscard]] std::string name() const override { return "publish"; }
  [[nodiscard]] std::string summary() const override { return "Gate and publish a run, roll back, retire old runs"; }
  [[nodiscard]] std::string examples() const override {
    return "rove publish runs/gowalla                 the newest run, by the gate of the job that made it\n"
           "  rove publish runs/gowalla --run 12 --set publish.gate.recall@20=0.05\n"
           "                                            a run that is published already stays as it is\n"
           "  rove publish runs/gowalla --rollback      `latest` back to the complete run before\n"
           "  rove publish runs/gowalla --rollback 9\n"
           "  rove publish runs/gowalla --keep 3        the newest is published: only retires older ones\n"
           "  Exit code 7: the gate or the verification refused; `latest` has not moved.";
  }
  void declare(CLI::App& app) override {
    app.add_option("OUTPUT", output_, "The job's output directory, which holds the numbered runs [output]");
    auto* run = app.add_option("--run", number_, "Number of the run to publish")->type_name("N");
    rollback_ = app.add_option("--rollback", rollback_number_, "Point `latest` at an older complete run")
                    ->expected(0, 1)
                    ->type_name("[N]");
    rollback_->excludes(run);
    app.add_flag("--no-gate", no_gate_, "Publish below the floors; the files are verified all the same")
        ->excludes(rollback_);
    keep_ = command_line_.declare_key(app, "--keep", "publish.keep", "Complete runs to keep; 0 keeps all");
    command_line_.declare_common(app);
  }
  void run(const comm::Communicator& world) override {
    if (output_.empty()) {
      const Config config = command_line_.configuration(world);
      world.agree([&] {
        if (command_line_.job_file().empty())
          throw ConfigError("name the output directory, or the job with -c JOB.yaml");
        output_ = config.required_path("output");
      });
    }
    if (rollback_->count() > 0) {
      roll_back(world);
    } else {
      publish(world);
    }
  }

 private:
  void roll_back(const comm::Communicator& world) const {
    world.agree([&] {
      if (!world.is_root()) return;
      const fs::path run = io::publish::roll_back(output_, rollback_number_);
      fmt::print("latest -> {}\n", run.string());
    });
  }

  /// **Collective.** Whether there is nothing to publish, and old runs are to go by `--keep`: they went.
  [[nodiscard]] bool retires_only(const comm::Communicator& world) const {
    std::uint32_t retired = 0;
    world.agree([&] {
      if (!world.is_root() || keep_->count() == 0) return;
      const std::vector<Run> runs = io::publish::list_runs(output_);
      if (std::ranges::none_of(runs, [&](const Run& run) {
            return run.is_published && run.number == number_.value_or(runs.back().number);
          })) {
        return;
      }
      const std::uint64_t keep = command_line_.configuration().count("publish.keep");
      const io::publish::PublishLock lock(output_);
      retired = 1;
      for (const std::uint64_t number :
           keep == 0 ? std::vector<std::uint64_t>{} : io::publish::retire_runs(output_, keep)) {
        fmt::print("retired {:04}\n", number);
      }
    });
    return world.broadcast(retired, Rank{0}) != 0;
  }

  void publish(const comm::Communicator& world) const {
    if (retires_only(world)) return;
    std::string chosen;
    world.agree([&] {
      if (world.is_root()) chosen = choose_run(output_, number_).path.string();
    });
    const fs::path run = world.broadcast_text(chosen, Rank{0});
    std::optional<io::publish::RunLock> lock;  // nobody may be filling it
    bool is_published = false;
    world.agree([&] {
      if (!world.is_root()) return;
      const auto is_latest = [&] { return io::publish::published_run(output_) == run; };
      is_published = is_latest();
      if (is_published) return;
      lock.emplace(run);
      is_published = is_latest();  // whoever held it may have published it
    });
    if (world.broadcast(static_cast<std::uint32_t>(is_published), Rank{0}) != 0) {
      if (world.is_root()) fmt::print("{} is published already; nothing was changed\n", run.string());
      return;
    }
    Session session(world, configuration(world, run), no_progress());

    const io::FileProvenance provenance = session.provenance();
    io::publish::PublishOptions options;
    options.created_utc = provenance.created_utc;
    options.software_version = provenance.software_version;
    options.commit = provenance.commit;
    io::publish::Gate gate;
    world.agree([&] {
      options.keep = session.config().count("publish.keep");
      if (!no_gate_) gate = make_gate(session.config());
    });
    delta_stage(session, output_, run);
    const io::publish::Manifest manifest = io::publish::publish_run(world, output_, run, options, gate);
    if (world.is_root()) {
      fmt::print("published {}: {} files, verified\n", run.string(), manifest.files.size());
      for (const auto& [name, value] : manifest.metrics) fmt::print("  {:<16} {:.6g}\n", name, value);
    }
  }

  /// **Collective.** The job file that was named; without one the configuration that made the run.
  [[nodiscard]] Config configuration(const comm::Communicator& world, const fs::path& run) const {
    if (!command_line_.job_file().empty()) return command_line_.configuration(world);
    std::string yaml;
    world.agree([&] {
      if (!world.is_root()) return;
      const auto files = files_of_run(run);
      if (files.empty()) throw InputError(fmt::format("'{}' has no files to publish", run.string()));
      yaml = io::describe_file(files.front()).header.provenance.config_yaml;
    });
    yaml = world.broadcast_text(yaml, Rank{0});
    Config config;
    world.agree([&] { config = command_line_.configuration_over(run / "config", yaml); });
    return config;
  }

  CommandLine command_line_;
  fs::path output_;
  std::optional<std::uint64_t> number_;
  std::optional<std::uint64_t> rollback_number_;
  CLI::Option* rollback_ = nullptr;
  CLI::Option* keep_ = nullptr;
  bool no_gate_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_publish_verb() {
  return std::make_unique<PublishVerb>();
}

}  // namespace rove::jobs
