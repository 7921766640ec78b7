// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/estimate.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "algorithms/ppr/ppr.hpp"
#include "algorithms/sampling/partitioned_sampler.hpp"
#include "algorithms/walks/walk_corpus.hpp"
#include "engine/base/error.hpp"
#include "gnn/models.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/publish/file_system.hpp"
#include "jobs/pipeline/forget_lists.hpp"
#include "jobs/pipeline/forget_stage.hpp"
#include "jobs/pipeline/graph_options.hpp"
#include "jobs/pipeline/graph_plan.hpp"
#include "jobs/pipeline/import_plan.hpp"
#include "jobs/pipeline/ppr_sources.hpp"
#include "jobs/pipeline/retrieval_plan.hpp"
#include "jobs/pipeline/sample_options.hpp"
#include "jobs/pipeline/train_layout.hpp"
#include "jobs/pipeline/training_options.hpp"
#include "jobs/pipeline/walk_options.hpp"
#include "partition/partitioner.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

/// Times of a finished run's stages and the edges it had.
struct History {
  nlohmann::json stages;
  std::uint64_t edges = 0;
  std::string run;
};

std::optional<History> read_history(const std::optional<fs::path>& run) {
  if (!run || !fs::exists(*run / "state.json") || !fs::exists(*run / "graph.h5")) return std::nullopt;
  auto stages = nlohmann::json::parse(io::publish::read_text(*run / "state.json"), nullptr, false);
  if (!stages.is_object()) return std::nullopt;
  return History{std::move(stages), io::read_schema(io::hdf5::InputFile(*run / "graph.h5")).num_edges(), run->string()};
}

class Estimator {
 public:
  Estimator(Session& session, const EstimateMachine& machine, const GraphFacts& facts, std::optional<History> history)
      : session_(session),
        config_(session.config()),
        schema_(session.schema()),
        machine_(machine),
        facts_(facts),
        history_(std::move(history)) {}

  std::vector<StageEstimate> run(std::span<const std::string> names) {
    if (names.empty()) {
      enabled();
    } else {
      for (const std::string& name : names) estimate(name);
    }
    return std::move(stages_);
  }

 private:
  void estimate(std::string_view name) {
    if (name == "import") import();
    if (name == "partition") partition();
    if (name == "ppr") ppr();
    if (name == "index") index();
    if (name == "walk") walk();
    if (name == "sample") sample();
    if (name == "train") train();
    if (name == "evaluate") retrieval("evaluate", longest_cutoff(config_), "evaluate.at");
    if (name == "recommend") retrieval("recommend", config_.count("recommend.top_k", 1), "recommend.top_k");
  }

  /// What `rove run` does under this configuration.
  void enabled() {
    const bool trains = config_.boolean("train.enabled");
    if (trains && has_forget_lists(config_) && config_.text("train.warm_start") != "none") forget();
    if (!config_.path("graph.file")) import();
    partition();
    if (config_.boolean("ppr.enabled")) ppr();
    if (config_.boolean("index.enabled")) index();
    if (!trains) return;
    train();
    if (has_test(config_)) estimate("evaluate");
    if (config_.boolean("recommend.enabled")) estimate("recommend");
  }

  [[nodiscard]] std::uint64_t share(std::uint64_t count) const { return rank_share(count, machine_.ranks); }
  [[nodiscard]] std::uint64_t ghosts() const {
    if (facts_.ghosts) return *facts_.ghosts;
    const std::uint64_t elsewhere =
        schema_.num_vertices() - std::min(schema_.num_vertices(), share(schema_.num_vertices()));
    return std::min(elsewhere, 2 * share(schema_.num_edges()));
  }
  [[nodiscard]] MemoryPlan home_blocks() const { return plan_home_blocks(schema_, machine_.ranks); }
  [[nodiscard]] MemoryPlan distributed() const {
    MemoryPlan plan = home_blocks();
    const std::uint64_t owned = share(schema_.num_vertices());
    plan.hold("parts of the home blocks", 4 * owned);
    plan.hold("graph cut for the ranks", adjacency_bytes(schema_, machine_.ranks, 0) + 40 * owned);
    plan.hold("ghosts, at most", 48 * ghosts());
    return plan;
  }

  void add(const std::string& stage, MemoryPlan resident, MemoryPlan plan, const std::string& advice) {
    StageEstimate estimate{stage,  std::move(resident), std::move(plan),
                           advice, std::nullopt,        "no earlier run to go by"};
    if (history_ && history_->stages.contains(stage) && history_->edges > 0) {
      const double seconds = history_->stages[stage].value("seconds", 0.0);
      estimate.seconds = seconds * static_cast<double>(schema_.num_edges()) / static_cast<double>(history_->edges);
      estimate.seconds_from = fmt::format(
          "measured in {} ({:.1f} s), scaled by edges; other ranks or settings change it", history_->run, seconds);
    }
    stages_.push_back(std::move(estimate));
  }

  /// Yesterday's graph is taken to be of tonight's size.
  void forget() {
    add("forget", home_blocks(),
        plan_forget(share(schema_.num_edges()), share(schema_.num_vertices()), model_options(config_).bpr.dim),
        "set forget.warm_start to cold, or use more ranks");
  }

  void import() {
    add("import", MemoryPlan("resident"),
        plan_import_stage(config_, schema_, facts_.alone_bytes, machine_.ranks, machine_.threads), "use more ranks");
  }

  void partition() {
    partition::PartitionOptions options = partition_options(session_);
    if (config_.count("partition.parts") == 0) options.parts = machine_.ranks;
    add("partition", home_blocks(), partition::plan_assign(schema_, machine_.ranks, options),
        options.method == "metis" ? "set partition.method to fennel or hash, which hold a batch only"
                                  : "use more ranks");
  }

  void ppr() {
    algorithms::PprOptions options = ppr_options(session_);
    options.batch_bytes = std::max<std::uint64_t>(machine_.limit.bytes / 4, std::uint64_t{1} << 20U);
    const std::string layout = config_.text("resources.layout");
    std::optional<std::uint64_t> num_sets;
    if (!config_.paths("ppr.seed_sets").empty()) {
      num_sets = share(most_seed_sets(config_));
      if (options.method == algorithms::PprMethod::kAuto) options.method = algorithms::PprMethod::kVerd;
    }
    MemoryPlan replicated =
        algorithms::plan_ppr_replicated(schema_, machine_.ranks, machine_.threads, options, num_sets);
    options.method = algorithms::chosen_ppr_method(schema_, options);
    const bool fits =
        options.method != algorithms::PprMethod::kPower && replicated.total_bytes() <= machine_.limit.bytes / 2;
    if (options.method == algorithms::PprMethod::kMaintained) {
      const auto types = algorithms::ppr_index_types(schema_, options);
      MemoryPlan walks =
          algorithms::plan_maintained_walks(schema_, machine_.ranks, types, options.edges,
                                            {options.maintained_walks, options.restart, options.seed, options.progress},
                                            config_.path("ppr.previous").has_value(), options.weighted);
      // First the walks are made, then lists of them.
      const bool walks_take_more = walks.total_bytes() > replicated.total_bytes();
      add("ppr", home_blocks(), walks_take_more ? std::move(walks) : std::move(replicated),
          "lower ppr.maintained_walks, or use more ranks");
    } else if (num_sets || options.method == algorithms::PprMethod::kPixie) {
      add("ppr", home_blocks(), std::move(replicated), "lower ppr.top_k, or use more ranks");
    } else if (layout == "replicated" || (layout == "auto" && fits)) {
      add("ppr", home_blocks(), std::move(replicated), "set resources.layout to partitioned, or use more ranks");
    } else {
      add("ppr", distributed(), algorithms::plan_ppr_partitioned(schema_, machine_.ranks, machine_.threads, options),
          "lower ppr.top_k, or ppr.item_entries with ppr.method item-index, or use more ranks");
    }
  }

  void index() {
    add("index", home_blocks(),
        algorithms::plan_fingerprint_index(schema_, machine_.ranks, machine_.threads, index_options(session_)),
        "lower index.entries, or name fewer index.types and index.targets");
  }

  /// Whether a verb with this plan chooses the replicated layout (`resources.layout`).
  [[nodiscard]] bool is_replicated(const MemoryPlan& replicated) const {
    const std::string layout = config_.text("resources.layout");
    return layout == "auto" ? replicated.total_bytes() <= machine_.limit.bytes / 2 : layout == "replicated";
  }

  void walk() {
    const algorithms::WalkCorpusOptions options = walk_options(session_);
    algorithms::check_walk_options(schema_, options);
    const exec::WalkGraphOptions lists = algorithms::walk_graph_options(options);
    const MemoryPlan whole = exec::WalkGraph::plan_replicated(schema_, options.edges, lists);
    MemoryPlan replicated = whole;
    replicated.hold("batch of walks", walk_batch_bytes(machine_.limit));
    if (is_replicated(replicated)) {
      add("walk", home_blocks(), std::move(replicated), "set resources.layout to partitioned, or use more ranks");
      return;
    }
    add("walk", distributed(), partitioned_walks("walk, partitioned", whole), "use more ranks");
  }

  /// From the graph of walks as a rank would hold it whole.
  [[nodiscard]] MemoryPlan partitioned_walks(std::string name, const MemoryPlan& whole) const {
    MemoryPlan plan(std::move(name));
    for (const MemoryPlan::Item& item : whole.items()) plan.hold("a rank's " + item.what, share(item.bytes));
    plan.hold("keys and owners of ghosts, at most", 24 * ghosts());
    plan.hold("batch of walks", walk_batch_bytes(machine_.limit));
    return plan;
  }

  void sample() {
    SampleOptions options = sample_options(session_);
    options.pinsage.batch_bytes = walk_batch_bytes(machine_.limit);
    MemoryPlan replicated = plan_sampling_replicated(schema_, machine_.ranks, options);
    const std::uint64_t batches = machine_.limit.bytes / kSampleBatchShare;
    replicated.hold("batches", batches);
    if (options.needs_whole_graph()) {
      add("sample", home_blocks(), std::move(replicated),
          "name fewer sample.links, or use sample.method neighbor without sample.negatives");
      return;
    }
    if (is_replicated(replicated)) {
      add("sample", home_blocks(), std::move(replicated), "set resources.layout to partitioned, or use more ranks");
      return;
    }
    if (options.method == SampleMethod::kPinsage) {
      MemoryPlan walks = partitioned_walks(
          "sample, partitioned",
          exec::WalkGraph::plan_replicated(schema_, {exec::Direction::kBoth, {}},
                                           algorithms::walk_graph_options(algorithms::pinsage_walks(options.pinsage))));
      walks.hold("lists of the most visited", algorithms::pinsage_list_bytes(schema_, machine_.ranks, options.pinsage));
      hold_training_edges(walks, schema_, machine_.ranks, options);
      walks.hold("batches", batches);
      add("sample", distributed(), std::move(walks), "use more ranks");
      return;
    }
    MemoryPlan partitioned =
        algorithms::PartitionedSamplingGraph::plan(schema_, machine_.ranks, options.links, options.attributes());
    hold_training_edges(partitioned, schema_, machine_.ranks, options);
    partitioned.hold("batches", batches);
    add("sample", home_blocks(), std::move(partitioned), "name fewer sample.links, or use more ranks");
  }

  [[nodiscard]] gnn::ModelShare model_share(const graph::EdgeType& type) const {
    return {share(schema_.num_vertices()),
            ghosts(),
            share(type.count),
            machine_.threads,
            schema_.vertex_type(type.destination).count,
            machine_.ranks,
            schema_.num_vertices(),
            type.count};
  }

  void train() {
    const graph::EdgeType& type = schema_.edge_type(training_edge_type(session_));
    const gnn::Model& kind = gnn::find_model(config_.text("train.model"));
    const gnn::ModelShare share = model_share(type);
    gnn::ModelOptions options = model_options(config_);
    const gnn::TrainLayout layout = train_layout(
        config_, {kind, options, share, schema_.vertex_type(type.source).count, ghosts(), machine_.limit.bytes});
    options = with_layout(std::move(options), layout);
    add("train", distributed(), kind.plan(share, options),
        layout == gnn::TrainLayout::kColumns && machine_.ranks > 1
            ? "set resources.train_layout to partitioned, lower train.dim or train.batch_size, or use more ranks"
        : kind.output == gnn::ModelOutput::kVectors
            ? "lower train.dim or train.batch_size, or use more ranks"
            : "lower train.rank or train.neighbors, choose a model other than ease, or use more ranks");
  }

  void retrieval(const std::string& stage, std::uint64_t top_k, const std::string& key) {
    const graph::EdgeType& type = schema_.edge_type(training_edge_type(session_));
    const std::uint64_t dim = model_options(config_).bpr.dim;
    const gnn::Model& kind = gnn::find_model(config_.text("train.model"));
    const bool has_vectors = kind.output == gnn::ModelOutput::kVectors;
    MemoryPlan plan =
        plan_retrieval(stage, {share(schema_.num_vertices()), share(schema_.vertex_type(type.source).count),
                               share(schema_.vertex_type(type.destination).count), has_vectors ? dim : 0,
                               has_vectors ? 0 : kind.plan(model_share(type), model_options(config_)).total_bytes(),
                               std::min(top_k, schema_.vertex_type(type.destination).count),
                               stage == "recommend" ? config_.count("recommend.interests") : 0});
    add(stage, distributed(), std::move(plan), fmt::format("lower {}, or use more ranks", key));
  }

  Session& session_;
  const Config& config_;
  const graph::Schema& schema_;
  EstimateMachine machine_;
  GraphFacts facts_;
  std::optional<History> history_;
  std::vector<StageEstimate> stages_;
};

}  // namespace

std::vector<StageEstimate> estimate_stages(Session& session, const EstimateMachine& machine, const GraphFacts& facts,
                                           std::span<const std::string> names,
                                           const std::optional<fs::path>& previous_run) {
  return Estimator(session, machine, facts, read_history(previous_run)).run(names);
}

void require_no_misfit(const MemoryLimit& limit, std::span<const Misfit> misfits) {
  if (misfits.empty()) return;
  std::vector<std::string> reasons;
  for (const Misfit& misfit : misfits) {
    reasons.push_back(fmt::format("{} needs {} per rank: {}", misfit.stage, format_bytes(misfit.bytes), misfit.advice));
  }
  throw DoesNotFitError(fmt::format("does not fit {} per rank ({}; set resources.memory if that is not so). {}",
                                    format_bytes(limit.bytes), limit.source, fmt::join(reasons, ". ")));
}

}  // namespace rove::jobs
