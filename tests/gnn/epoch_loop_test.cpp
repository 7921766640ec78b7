// SPDX-License-Identifier: Apache-2.0
#include "gnn/epoch_loop.hpp"

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/stop.hpp"
#include "gnn/batch_training.hpp"
#include "tests/engine/exec/memory_checkpoint.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using tests::world;

/// Counts: every parameter is the number of steps made.
class Counter final : public EpochModel {
 public:
  Counter(const graph::DistributedGraph& graph, std::uint64_t steps, std::uint64_t fails_in = 0)
      : graph_(graph), steps_(steps), fails_in_(fails_in), table_(graph.num_owned(), 4) {}
  void register_state(exec::CheckpointRegistry& state) override {
    register_rows(state, "rows", graph_, table_.values(), table_.width());
  }
  void initialise(const StartRows& /*start*/) override { ++initialised; }
  void refresh() override { ++refreshed; }
  std::uint64_t begin_epoch(std::uint64_t) override { return steps_; }
  void step(std::uint64_t epoch, std::uint64_t step) override {
    made.emplace_back(epoch, step);
    for (float& value : table_.values()) value += 1.0F;
  }
  void require_finite(std::uint64_t epoch) override {
    ++checks;
    if (epoch == fails_in_) throw ConfigError("not finite");
  }
  void end_epoch(std::uint64_t steps, EpochRecord& record) override {
    record.loss = 1.0 / static_cast<double>(record.epoch);
    record.edges_per_second = static_cast<double>(steps);
  }
  EmbeddingTable embeddings() override {
    EmbeddingTable copy(graph_.num_owned(), 4);
    std::ranges::copy(table_.values(), copy.values().data());
    return copy;
  }
  EmbeddingTable take_parameters() override { return std::move(table_); }

  std::vector<std::pair<std::uint64_t, std::uint64_t>> made;
  int initialised = 0;
  int refreshed = 0;
  int checks = 0;

 private:
  const graph::DistributedGraph& graph_;
  std::uint64_t steps_;
  std::uint64_t fails_in_;
  EmbeddingTable table_;
};

/// The n-th evaluation has recall@20 `recalls[n]`.
struct Script {
  std::vector<double> recalls;
  std::size_t next = 0;
  TrainHooks hooks() {
    TrainHooks result;
    result.evaluate = [this](const EmbeddingTable&) {
      return Evaluation{1, {{20, recalls.at(next++), 0, 0, 0, 0, 0}}};
    };
    return result;
  }
};

graph::DistributedGraph small_graph() {
  return tests::distribute(world(), tests::random_bipartite(12, 15, 60, 1), tests::Spread::kScattered);
}

void expect_all(const EmbeddingTable& table, float value) {
  for (const float entry : table.values()) ASSERT_EQ(entry, value);
}

TEST(EpochLoop, RunsAllEpochsAndAsksForFailuresNowAndThen) {
  const graph::DistributedGraph graph = small_graph();
  Counter model(graph, 70);
  LoopOptions options{.dim = 4, .epochs = 2};
  const TrainResult result = run_epochs(world(), graph, model, options, {});
  EXPECT_EQ(model.made.size(), 140U);
  EXPECT_EQ(model.made[70], (std::pair<std::uint64_t, std::uint64_t>{2, 0}));
  EXPECT_EQ(model.checks, 2 * 3);  // after 32, 64 and 70 steps
  EXPECT_EQ(model.initialised, 1);
  EXPECT_EQ(model.refreshed, 1);
  ASSERT_EQ(result.history.size(), 2U);
  EXPECT_EQ(result.history[1].loss, 0.5);
  EXPECT_FALSE(result.history[1].evaluation);
  EXPECT_EQ(result.best_epoch, 0U);
  expect_all(result.embeddings, 140.0F);
}

TEST(EpochLoop, StopsWhenNothingGetsBetterAndKeepsTheBestEpoch) {
  const graph::DistributedGraph graph = small_graph();
  LoopOptions options{.dim = 4, .epochs = 100, .evaluate_every = 2, .patience = 2};
  Script script{{0.1, 0.3, 0.3, 0.2, 0.9}};  // equal is not better
  Counter model(graph, 1);
  const TrainResult result = run_epochs(world(), graph, model, options, script.hooks());
  EXPECT_EQ(result.history.size(), 8U);
  EXPECT_EQ(result.best_epoch, 4U);
  expect_all(result.embeddings, 4.0F);
  expect_all(result.parameters, 8.0F);
}

TEST(EpochLoop, AnImprovementStartsThePatienceAnew) {
  const graph::DistributedGraph graph = small_graph();
  LoopOptions options{.dim = 4, .epochs = 6, .evaluate_every = 1, .patience = 2};
  Script script{{0.1, 0.05, 0.2, 0.1, 0.3, 0.2}};
  Counter model(graph, 1);
  const TrainResult result = run_epochs(world(), graph, model, options, script.hooks());
  EXPECT_EQ(result.history.size(), 6U);
  EXPECT_EQ(result.best_epoch, 5U);
  expect_all(result.embeddings, 5.0F);
}

TEST(EpochLoop, TheBestEpochAndThePatienceSurviveAnInterruption) {
  const graph::DistributedGraph graph = small_graph();
  LoopOptions options{.dim = 4, .epochs = 100, .evaluate_every = 1, .patience = 3};
  tests::MemoryCheckpoint checkpoint(world());
  Script script{{0.1, 0.5, 0.2}};
  TrainHooks hooks = script.hooks();
  hooks.save_checkpoint = [&](const exec::CheckpointRegistry& state, std::uint64_t epochs) {
    EXPECT_EQ(epochs, 3U);
    state.save(world(), checkpoint);
  };
  hooks.evaluate = [&, evaluate = hooks.evaluate](const EmbeddingTable& table) {
    if (script.next == 2 && world().is_root()) stop::request();
    return evaluate(table);
  };
  Counter first(graph, 1);
  EXPECT_THROW((void)run_epochs(world(), graph, first, options, hooks), Interrupted);
  stop::reset();

  Script rest{{0.4, 0.4, 0.6}};
  TrainHooks resumed = rest.hooks();
  resumed.resume = &checkpoint;
  const graph::DistributedGraph other =
      tests::distribute(world(), tests::random_bipartite(12, 15, 60, 1), tests::Spread::kLastOnly);
  Counter second(other, 1);
  const TrainResult result = run_epochs(world(), other, second, options, resumed);
  EXPECT_EQ(second.initialised, 0);
  EXPECT_EQ(result.history.size(), 5U);
  EXPECT_EQ(result.best_epoch, 2U);
  expect_all(result.embeddings, 2.0F);
}

TEST(EpochLoop, FailuresAreOptionsOrNumbers) {
  const graph::DistributedGraph graph = small_graph();
  Counter failing(graph, 5, 2);
  LoopOptions options{.dim = 4, .epochs = 9};
  EXPECT_THROW((void)run_epochs(world(), graph, failing, options, {}), ConfigError);
  EXPECT_EQ(failing.made.size(), 10U);
  options.patience = 1;
  Counter unevaluated(graph, 1);
  EXPECT_THROW((void)run_epochs(world(), graph, unevaluated, options, {}), ConfigError);
  options.evaluate_every = 1;
  options.stop_metric = "recall@10";
  Script script{{0.1}};
  Counter other_metric(graph, 1);
  try {
    (void)run_epochs(world(), graph, other_metric, options, script.hooks());
    FAIL() << "nothing was thrown";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("(20)"), std::string::npos) << error.what();
  }
}

TEST(LearningRate, FollowsItsSchedule) {
  BatchOptions options;
  EXPECT_EQ(rate_factor(options, 1, 100), 1.0);
  EXPECT_EQ(rate_factor(options, 100, 100), 1.0);
  options.warmup_steps = 4;
  EXPECT_EQ(rate_factor(options, 1, 100), 0.25);
  EXPECT_EQ(rate_factor(options, 4, 100), 1.0);
  options.schedule = Schedule::kLinear;
  options.final_rate = 0.5;
  EXPECT_NEAR(rate_factor(options, 52, 100), 0.75, 1e-15);
  EXPECT_NEAR(rate_factor(options, 100, 100), 0.5, 1e-15);
  EXPECT_NEAR(rate_factor(options, 200, 100), 0.5, 1e-15);
  options.schedule = Schedule::kExponential;
  options.final_rate = 0.01;
  EXPECT_NEAR(rate_factor(options, 52, 100), 0.1, 1e-12);
  EXPECT_NEAR(rate_factor(options, 100, 100), 0.01, 1e-12);
}

}  // namespace
}  // namespace rove::gnn
