// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/pipeline.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "engine/base/fault.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/ids/resolve_interactions.hpp"
#include "io/publish/publisher.hpp"
#include "jobs/pipeline/estimate.hpp"
#include "jobs/pipeline/forget_lists.hpp"
#include "jobs/pipeline/gate.hpp"
#include "jobs/pipeline/graph_options.hpp"
#include "jobs/pipeline/life_cycle_options.hpp"
#include "jobs/pipeline/maintained_walks.hpp"
#include "jobs/pipeline/ppr_exclusions.hpp"
#include "jobs/pipeline/report.hpp"
#include "jobs/pipeline/run_state.hpp"
#include "jobs/pipeline/stages.hpp"
#include "jobs/pipeline/training_options.hpp"
#include "jobs/pipeline/unlearnt_start.hpp"
#include "jobs/pipeline/walk_options.hpp"
#include "jobs/pipeline/warm_start.hpp"
#include "jobs/report/import_file.hpp"
#include "jobs/version.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

/// Yesterday's vectors without what is to be forgotten: there until training is done.
constexpr const char* kUnlearntFile = "unlearnt.h5";

/// One run directory being filled. Rank 0 keeps the state; decisions are told to all.
class Pipeline {
 public:
  explicit Pipeline(Session& session) : session_(session), comm_(session.comm()), config_(session.config()) {}

  PipelineResult run() {
    comm_.agree([&] {
      check_options();
      if (!comm_.is_root()) return;
      check_forget();
      check_files();
    });
    open_run();
    find_start();
    graph_stages();
    model_stages();
    delta_stage(session_, config_.required_path("output"), result_.run);
    write_report(session_, result_.run, config_.required_path("output"));
    if (config_.boolean("publish.enabled")) {
      publish();
    } else {
      io::publish::seal_run(comm_, result_.run, publish_options());
    }
    return std::move(result_);
  }

 private:
  /// What would be refused hours later, and needs no graph to be seen.
  void check_options() const {
    static_cast<void>(config_.required_path("output"));
    static_cast<void>(publish_options());
    static_cast<void>(split_options(config_));
    if (!config_.path("graph.file")) static_cast<void>(import_options(config_));
    if (config_.boolean("train.enabled")) {
      static_cast<void>(model_options(config_));
      static_cast<void>(cutoffs(config_));
      static_cast<void>(config_.count_as<std::uint32_t>("recommend.top_k", 1));
      static_cast<void>(interest_options(config_));
    }
    const bool is_evaluated = config_.boolean("train.enabled") && has_test(config_);
    if (is_evaluated) static_cast<void>(longest_cutoff(config_));
    if (config_.boolean("publish.enabled")) check_gate(config_, is_evaluated);
    session_.warn_of_unread("partition");
    if (config_.boolean("index.enabled")) warn_of_split_index(session_);
    if (config_.boolean("ppr.enabled")) session_.warn_of_unread("ppr");
    if (config_.boolean("train.enabled")) session_.warn_of_unread("train");
  }

  /// The same once the graph is there, before the first long stage.
  void check_graph_options() {
    comm_.agree([&] {
      static_cast<void>(partition_options(session_));
      if (config_.boolean("ppr.enabled")) {
        static_cast<void>(algorithms::chosen_ppr_method(session_.schema(), ppr_options(session_)));
      }
      if (config_.boolean("index.enabled")) static_cast<void>(index_options(session_));
      if (config_.boolean("train.enabled")) static_cast<void>(training_edge_type(session_));
    });
  }

  /// **Collective.** Refuses at once what a later stage would refuse after hours: the mean rank's share, with `ghosts`
  /// foreign vertices, is less than the busiest rank's.
  void check_memory(std::uint64_t ghosts) {
    std::vector<std::string> pending;
    const auto expect = [&](const char* stage, bool is_enabled) {
      if (is_enabled && !is_done(stage)) pending.emplace_back(stage);
    };
    const bool trains = config_.boolean("train.enabled");
    // A list of sources, not read yet, may need less than all of a type.
    const bool all_sources = !config_.path("ppr.source_list") && config_.paths("ppr.seed_sets").empty();
    expect("ppr", config_.boolean("ppr.enabled") && all_sources);
    expect("index", config_.boolean("index.enabled"));
    expect("train", trains);
    expect("evaluate", trains && has_test(config_));
    expect("recommend", trains && config_.boolean("recommend.enabled"));
    if (pending.empty()) return;
    comm_.agree([&] {
      const MemoryLimit& limit = session_.memory();
      std::vector<Misfit> misfits;
      for (const StageEstimate& estimate :
           estimate_stages(session_, {comm_.size(), parallel::concurrency(), limit}, {.ghosts = ghosts}, pending, {})) {
        const std::uint64_t bytes = estimate.plan.total_bytes();
        if (bytes > limit.bytes) misfits.push_back({estimate.stage, bytes, estimate.advice});
      }
      require_no_misfit(limit, misfits);
    });
  }

  /// Files that a late stage reads.
  void check_files() const {
    if (config_.boolean("train.enabled") && has_test(config_)) io::check_headers(test_layout(config_));
    if (config_.boolean("ppr.enabled")) io::check_headers(excluded_pairs_layout(config_));
  }

  /// Ignored lists would leave in the results what somebody asked to have removed.
  void check_forget() const {
    if (!has_forget_lists(config_)) return;
    if (config_.has("graph.file")) {
      throw ConfigError(
          "forget names what import leaves out, but graph.file is a finished graph; import it anew, from graph.edges");
    }
    if (!config_.boolean("train.enabled")) return;
    if (const auto vectors = warm_start_file(config_)) static_cast<void>(graph_beside(*vectors));
  }

  [[nodiscard]] fs::path file(const std::string& name) const { return result_.run / name; }

  /// **Collective.** Finds an unfinished run that this configuration can continue, or makes a new one.
  void open_run() {
    const fs::path output = config_.required_path("output");
    std::string hashes;
    std::string resumable;
    comm_.agree([&] {
      if (!comm_.is_root()) return;
      const auto stages = stage_hashes(config_);
      hashes = nlohmann::json(stages).dump();
      const fs::path latest = output / "latest";
      if (fs::exists(fs::symlink_status(latest)) && !fs::is_symlink(fs::symlink_status(latest))) {
        throw IoError(fmt::format("{} is no symbolic link, which the published run is to be named by; move it away",
                                  latest.string()));
      }
      for (const io::publish::Run& run : io::publish::list_runs(output)) {
        if (can_be_resumed(run, stages)) resumable = run.path.string();
      }
      if (resumable.empty()) return;
      lock_.emplace(resumable);
      // Whoever held it may have finished meanwhile.
      const auto runs = io::publish::list_runs(output);
      const auto found = std::ranges::find(runs, fs::path(resumable), &io::publish::Run::path);
      if (found == runs.end() || !can_be_resumed(*found, stages)) {
        lock_.reset();
        resumable.clear();
      }
    });
    hashes_ = nlohmann::json::parse(comm_.broadcast_text(hashes, Rank{0})).get<std::map<std::string, std::string>>();
    resumable = comm_.broadcast_text(resumable, Rank{0});
    result_.resumed = !resumable.empty();
    result_.run = result_.resumed ? fs::path(resumable) : io::publish::create_run(comm_, output);
    comm_.agree([&] {
      if (!comm_.is_root()) return;
      if (!lock_) lock_.emplace(result_.run);
      state_.emplace(result_.run);
    });
  }

  [[nodiscard]] static bool can_be_resumed(const io::publish::Run& run,
                                           const std::map<std::string, std::string>& hashes) {
    return (run.status == "incomplete" || run.status == "unpublished") && RunState(run.path).agrees_with(hashes);
  }

  /// **Collective.** Whether the stage was finished before, in this run directory.
  [[nodiscard]] bool is_done(const std::string& stage) const {
    return comm_.broadcast(static_cast<std::uint32_t>(comm_.is_root() && state_->is_done(stage, hashes_.at(stage))),
                           Rank{0}) != 0;
  }

  /// **Collective.** Runs a stage that is not done yet and records it.
  template <class Work>
  void stage(const std::string& name, const std::vector<std::string>& files, const Work& work) {
    comm_.stop_if_asked(
        fmt::format("asked to stop before the stage {}; the finished stages are kept in '{}', start the same job again "
                    "to go on",
                    name, result_.run.string()));
    comm_.agree([&] { fault::point("stage." + name); });
    const auto start = std::chrono::steady_clock::now();
    work();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    comm_.agree([&] {
      if (comm_.is_root()) state_->set_done(name, hashes_.at(name), seconds, files);
    });
  }

  /// **Collective.** What training starts from. First of all, so that yesterday's graph and tonight's are never held
  /// together.
  void find_start() {
    if (!config_.boolean("train.enabled") || is_done("train")) return;
    start_ = agreed_warm_start_file(session_);
    if (!start_ || !has_forget_lists(config_)) return;
    if (!is_done("forget")) {
      std::vector<std::string> files{"forget.json"};
      stage("forget", files, [&] {
        const UnlearntStart made = unlearn_start(session_, *start_, file(kUnlearntFile), file("forget.json"));
        if (made == UnlearntStart::kUnlearnt) files.emplace_back(kUnlearntFile);
      });
    }
    UnlearntStart made{};
    comm_.agree([&] { made = read_unlearnt_start(file("forget.json")); });
    if (made == UnlearntStart::kCold) start_.reset();
    if (made == UnlearntStart::kUnlearnt) start_ = file(kUnlearntFile);
  }

  void graph_stages() {
    if (const auto given = config_.path("graph.file")) {
      session_.load_graph(*given);
    } else if (is_done("import")) {
      session_.load_graph(file("graph.h5"));
    } else {
      stage("import", {"graph.h5", "import.json"}, [&] {
        const io::ImportReport report = import_stage(session_, file("graph.h5"));
        comm_.agree([&] {
          if (comm_.is_root()) write_import_file(file("import.json"), report);
        });
      });
    }
    check_graph_options();
    check_memory(0);
    if (is_done("partition")) {
      session_.load_partition(file("partition.h5"));
    } else {
      std::uint64_t ghosts = 0;
      stage("partition", {"partition.h5"}, [&] {
        const partition::PartitionQuality quality = partition_stage(session_, file("partition.h5"));
        ghosts = std::accumulate(quality.ghosts.begin(), quality.ghosts.end(), std::uint64_t{0});
      });
      if (session_.assignment().num_parts == comm_.size()) {
        check_memory(ghosts / static_cast<std::uint64_t>(comm_.size()));
      }
    }
    if (config_.boolean("ppr.enabled") && !is_done("ppr")) {
      std::vector<std::string> files{"ppr.h5"};
      if (config_.text("ppr.method") == "maintained") files.emplace_back(kMaintainedWalksFile);
      stage("ppr", files, [&] { ppr_stage(session_, file("ppr.h5")); });
    }
    if (config_.boolean("index.enabled") && !is_done("index")) {
      stage("index", {"index.h5"}, [&] { index_stage(session_, file("index.h5")); });
    }
  }

  void model_stages() {
    if (!config_.boolean("train.enabled")) {
      if (has_test(config_)) session_.warn("train.enabled is false: nothing is evaluated and nothing recommended");
      return;
    }
    std::optional<TrainedModel> model;
    const std::string model_file = model_file_name(config_);
    if (!is_done("train")) {
      stage("train", {model_file},
            [&] { model = train_stage(session_, file(model_file), file("checkpoint"), hashes_.at("train"), start_); });
    }
    comm_.agree([&] {
      if (comm_.is_root()) fs::remove(file(kUnlearntFile));
    });
    const auto trained = [&]() -> const TrainedModel& {
      if (!model) model = load_model(session_, file(model_file));
      return *model;
    };
    if (has_test(config_)) {
      if (!is_done("evaluate")) {
        stage("evaluate", {"metrics.json"}, [&] {
          result_.metrics = evaluate_stage(session_, trained(), {.metrics = file("metrics.json")}).metrics;
        });
      } else {
        comm_.agree([&] { result_.metrics = io::publish::read_metrics(file("metrics.json")); });
      }
    }
    if (config_.boolean("recommend.enabled") && !is_done("recommend")) {
      stage("recommend", {"recommendations.h5"},
            [&] { recommend_stage(session_, trained(), file("recommendations.h5")); });
    }
  }

  [[nodiscard]] io::publish::PublishOptions publish_options() const {
    io::publish::PublishOptions options;
    options.keep = config_.count("publish.keep");
    const io::FileProvenance provenance = session_.provenance();
    options.created_utc = provenance.created_utc;
    options.software_version = provenance.software_version;
    options.commit = provenance.commit;
    return options;
  }

  void publish() {
    const PhaseTimer timer(session_.times(), "publish");
    session_.progress().begin("publish", 0, "files");
    const io::publish::Manifest manifest = io::publish::publish_run(comm_, config_.required_path("output"), result_.run,
                                                                    publish_options(), make_gate(config_));
    result_.published = true;
    session_.progress().update(manifest.files.size(), "");
    session_.progress().end("verified, `latest` moved");
  }

  Session& session_;
  const comm::Communicator& comm_;
  const Config& config_;
  std::map<std::string, std::string> hashes_;
  std::optional<RunState> state_;
  std::optional<io::publish::RunLock> lock_;  ///< on rank 0, until the run is published
  std::optional<fs::path> start_;             ///< vectors that training goes on from
  PipelineResult result_;
};

}  // namespace

PipelineResult run_pipeline(Session& session) {
  return Pipeline(session).run();
}

}  // namespace rove::jobs
