// SPDX-License-Identifier: Apache-2.0
// training_bench train.txt test.txt [epochs [evaluate_every [model [key=value ...]]]]: a model (LightGCN with
// the authors' settings) on adjacency files; per epoch the loss and the time, every so often recall and ndcg; the time
// of an evaluation of all users as a share of the multiply-add peak.
#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "bench/bipartite_graphs.hpp"
#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/isa.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/comm/environment.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/interactions.hpp"
#include "gnn/models.hpp"
#include "gnn/retrieval.hpp"

namespace {

using namespace rove;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class PrintedProgress : public ProgressSink {
 public:
  void begin(std::string_view, std::uint64_t, std::string_view) override {}
  void update(std::uint64_t done, std::string_view detail) override {
    if (!detail.empty()) fmt::print("epoch {}: {}\n", done, detail);
    std::fflush(stdout);
  }
  void end(std::string_view) override {}
};

/// Epochs, cadence, and what follows the model as `key=value`.
gnn::ModelOptions options_of(std::span<char*> arguments) {
  gnn::ModelOptions options;
  gnn::LoopOptions loop;
  loop.epochs = arguments.size() > 3 ? std::stoull(arguments[3]) : 3;
  loop.evaluate_every = arguments.size() > 4 ? std::stoull(arguments[4]) : 1;
  std::map<std::string, double> values;
  for (std::size_t a = 6; a < arguments.size(); ++a) {
    const std::string_view argument = arguments[a];
    const std::size_t equals = argument.find('=');
    if (equals == std::string_view::npos) throw ConfigError(fmt::format("'{}' is not key=value", argument));
    values[std::string(argument.substr(0, equals))] = std::stod(std::string(argument.substr(equals + 1)));
  }
  std::set<std::string> used;
  const auto set = [&](const char* key, auto& value) {
    const auto found = values.find(key);
    if (found != values.end()) value = static_cast<std::remove_reference_t<decltype(value)>>(found->second);
    if (found != values.end()) used.insert(key);
  };
  set("dim", loop.dim);
  set("seed", loop.seed);
  options.set_loop(loop);
  options.set_batches([&](gnn::BatchOptions& batches) {
    set("batch_size", batches.batch_size);
    set("learning_rate", batches.learning_rate);
    set("decay", batches.decay);
    set("weight_decay", batches.weight_decay);
    set("storage", batches.storage);  // 0: float32, 1: bfloat16
    set("layout", batches.layout);    // 0: partitioned, 1: columns
    set("cluster_bytes", batches.cluster_bytes);
    set("initial_deviation", batches.initial_deviation);
    set("loss", batches.loss.kind);
    set("loss_temperature", batches.loss.temperature);
    set("loss_positive_temperature", batches.loss.positive_temperature);
    set("loss_correction", batches.loss.correction);
    set("uniformity", batches.loss.uniformity);
    set("margin", batches.loss.margin);
    set("negative_weight", batches.loss.negative_weight);
    set("shared_negatives", batches.shared_negatives);
    set("sampler", batches.sampler);  // 0: users equally often, 1: users at random, 2: every interaction once
    set("warmup_steps", batches.warmup_steps);
    set("final_rate", batches.final_rate);
    if (values.contains("final_rate")) batches.schedule = gnn::Schedule::kExponential;
  });
  set("layers", options.bpr.layers);
  set("layers", options.ssm.layers);
  set("layers", options.directau.layers);
  for (gnn::ContrastOptions* contrast : {&options.xsimgcl, static_cast<gnn::ContrastOptions*>(&options.simgcl),
                                         static_cast<gnn::ContrastOptions*>(&options.sgl)}) {
    set("layers", contrast->layers);
    set("contrast", contrast->contrast);
    set("temperature", contrast->temperature);
    set("noise", contrast->noise);
    set("contrast_layer", contrast->contrast_layer);
  }
  set("drop", options.sgl.drop);
  set("own_share", options.simplex.own_share);
  set("alpha", options.ials.alpha);
  set("regularisation", options.ials.regularisation);
  for (const auto& [key, value] : values) {
    if (!used.contains(key)) throw ConfigError(fmt::format("there is no option '{}'", key));
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const comm::Environment environment(&argc, &argv);
  const comm::Communicator& world = environment.world();
  return comm::run_to_exit_code(world, [&] {
    if (argc < 3)
      throw ConfigError("usage: training_bench train.txt test.txt [epochs [evaluate_every [model [key=value ...]]]]");
    const bench::BipartiteGraph input = bench::read_adjacency(world, argv[1], argv[2]);
    const graph::DistributedGraph graph = bench::scatter(world, input.blocks);
    const EdgeTypeId type{0};
    const gnn::Interactions interactions(graph, type);
    const gnn::TestItems test = gnn::test_items_of_owners(world, interactions, input.test_offsets, input.test_items);
    const std::uint32_t cutoffs[] = {20};

    const gnn::Model& model = gnn::find_model(argc > 5 ? argv[5] : "lightgcn");
    const gnn::ModelOptions options = options_of(std::span(argv, static_cast<std::size_t>(argc)));
    PrintedProgress progress;
    gnn::TrainHooks hooks;
    hooks.progress = &progress;
    hooks.evaluate = [&](const gnn::EmbeddingTable& embeddings) {
      gnn::Evaluation evaluation = gnn::evaluate(world, interactions, embeddings, test, cutoffs);
      if (world.is_root())
        fmt::print("recall@20 {:.4f} ndcg@20 {:.4f}, ", evaluation.at[0].recall, evaluation.at[0].ndcg);
      return evaluation;
    };
    gnn::TrainResult result{{0, 1}, {0, 1}, {}};
    const double training = seconds_of([&] { result = model.train(world, graph, type, options, hooks); });
    gnn::Evaluation evaluation;
    double best = 1e9;
    for (int k = 0; k < 5; ++k) {
      best = std::min(
          best, seconds_of([&] { evaluation = gnn::evaluate(world, interactions, result.embeddings, test, cutoffs); }));
    }
    if (!world.is_root()) return 0;
    double fastest = 1e9;
    for (const gnn::EpochRecord& record : result.history) {
      fastest = std::min(fastest, record.seconds);
      if (record.evaluation) {
        const gnn::RankingMetrics& at = record.evaluation->at[0];
        fmt::print("epoch {}: bpr {:.4f} loss {:.4f} recall@20 {:.4f} ndcg@20 {:.4f} precision@20 {:.4f}, {:.3f} s\n",
                   record.epoch, record.bpr_loss.value_or(0.0), record.loss, at.recall, at.ndcg, at.precision,
                   record.seconds);
      }
    }
    const double peak = gnn::peak_flops_per_second();
    const double flops = 2.0 * static_cast<double>(evaluation.num_users) *
                         static_cast<double>(interactions.num_items()) * result.embeddings.dim();
    fmt::print(
        "{} ranks x {} threads, {}: {} in {:.2f} s, fastest epoch {:.3f} s; evaluation of {} users {:.3f} s, {:.0f} "
        "GFLOP/s = "
        "{:.0f}% of the measured peak {:.0f}; peak memory {}\n",
        world.size(), parallel::concurrency(), isa_name(active_isa()), model.name, training, fastest,
        evaluation.num_users, best, flops / best * 1e-9, 100.0 * flops / best / peak, peak * 1e-9,
        format_bytes(peak_resident_bytes()));
    return 0;
  });
}
