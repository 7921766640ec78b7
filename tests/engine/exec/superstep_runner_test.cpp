// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/superstep_runner.hpp"

#include <exception>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/stop.hpp"
#include "engine/comm/detail/failure.hpp"
#include "tests/engine/exec/memory_checkpoint.hpp"
#include "tests/support/gather.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::exec {
namespace {

using tests::world;

/// Hop distance from vertex 0 along the edges, ignoring directions; fails on request at one vertex.
struct Hops : ProgramDefaults {
  using Value = std::uint64_t;

  explicit Hops(const graph::DistributedGraph& distributed) : graph(&distributed) {}
  [[nodiscard]] EdgeSelection edges() const { return {Direction::kBoth, {}}; }
  [[nodiscard]] AggregateShape aggregates() const { return {.sums = 1, .counts = 1, .minima = 1, .maxima = 1}; }
  bool begin_superstep(std::uint64_t superstep, const Aggregates& previous) {
    computed = previous.count(0);
    if (stop_before == superstep && graph->num_owned() > 0) stop::request();
    return true;
  }
  Value initial(LocalVertexId v, Aggregates&) {
    return graph->index_map().stable_of(v) == StableVertexId{0} ? 0 : 1000;
  }
  Value compute(LocalVertexId v, const Value& own, const Neighborhood<Value>& neighbors, Aggregates& aggregates) {
    const StableVertexId id = graph->index_map().stable_of(v);
    if (id == fail_at) throw InputError("vertex is poisoned");
    aggregates.add_to_count(0, 1);
    aggregates.add_to_sum(0, 0.1);
    aggregates.lower_minimum(0, static_cast<double>(id.value()));
    aggregates.raise_maximum(0, static_cast<double>(id.value()));
    Value best = own;
    neighbors.for_each([&](Value hops, const NeighborRef&) { best = std::min(best, hops + 1); });
    return best;
  }

  const graph::DistributedGraph* graph;
  std::optional<StableVertexId> fail_at;
  std::optional<std::uint64_t> stop_before;
  std::uint64_t computed = 0;
};
static_assert(VertexProgram<Hops>);

/// Every vertex is the sum over its in-neighbours of a third of their values, plus its number; ends after `limit`.
struct Mixing : ProgramDefaults {
  using Value = double;
  static constexpr bool kAlwaysActive = true;

  Mixing(const graph::DistributedGraph& distributed, std::uint64_t supersteps)
      : graph(&distributed), limit(supersteps) {}
  [[nodiscard]] EdgeSelection edges() const { return {}; }
  [[nodiscard]] AggregateShape aggregates() const { return {.sums = 1}; }
  bool begin_superstep(std::uint64_t superstep, const Aggregates& previous) {
    sums.push_back(previous.sum(0));
    if (superstep == stop_at) stop::request();
    return superstep < limit;
  }
  double initial(LocalVertexId v, Aggregates& aggregates) {
    const double value = 1.0 / static_cast<double>(1 + graph->index_map().stable_of(v).value());
    aggregates.add_to_sum(0, value);
    return value;
  }
  double compute(LocalVertexId, const double& own, const Neighborhood<double>& neighbors, Aggregates& aggregates) {
    const double value = own / 7.0 + neighbors.sum([](double x, float weight) { return x * double{weight} / 3.0; });
    aggregates.add_to_sum(0, value);
    return value;
  }

  const graph::DistributedGraph* graph;
  std::uint64_t limit;
  std::uint64_t stop_at = ~std::uint64_t{0};
  std::vector<double> sums;
};

template <class Value>
std::vector<Value> ordered(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                           std::span<const Value> values) {
  return tests::in_stable_order(comm, graph, values);
}

TEST(SuperstepRunner, FrontierReachesEveryVertexAtItsDistance) {
  for (const tests::Spread spread : tests::kSpreads) {
    const graph::DistributedGraph graph = tests::distribute(world(), tests::random_graph(200, 260, 3), spread);
    const comm::Communicator self = world().split(world().rank().value());
    const graph::DistributedGraph alone =
        tests::distribute(self, tests::random_graph(200, 260, 3), tests::Spread::kBlock);
    Hops program(graph);
    Hops serial(alone);

    SuperstepRunner runner(world(), graph, program);
    const RunResult result = runner.run();
    SuperstepRunner serial_runner(self, alone, serial);
    const RunResult serial_result = serial_runner.run();

    EXPECT_EQ(result.end, RunEnd::kNothingChanged);
    EXPECT_EQ(result.supersteps, serial_result.supersteps);
    EXPECT_EQ(program.computed, serial.computed) << "the frontier must be the same set at any rank count";
    EXPECT_EQ(ordered(world(), graph, runner.values()), ordered(self, alone, serial_runner.values()));
  }
}

TEST(SuperstepRunner, PublishedGhostsAreFreshAtTheEnd) {
  const graph::DistributedGraph graph =
      tests::distribute(world(), tests::random_graph(80, 200, 3), tests::Spread::kScattered);
  Hops program(graph);
  SuperstepRunner runner(world(), graph, program);
  (void)runner.run();

  std::vector<std::uint64_t> expected(runner.values().begin(), runner.values().end());
  graph.halo().update<std::uint64_t>(expected);

  EXPECT_THAT(runner.values(), testing::ElementsAreArray(expected));
}

TEST(SuperstepRunner, RealSumsAreTheSameBitsForAnySpread) {
  const auto whole = tests::random_graph(150, 900, 12, false, true);
  const comm::Communicator self = world().split(world().rank().value());
  const graph::DistributedGraph alone = tests::distribute(self, whole, tests::Spread::kBlock);
  Mixing serial(alone, 9);
  SuperstepRunner serial_runner(self, alone, serial);
  (void)serial_runner.run();

  for (const tests::Spread spread : tests::kSpreads) {
    const graph::DistributedGraph graph = tests::distribute(world(), whole, spread);
    Mixing program(graph, 9);
    SuperstepRunner runner(world(), graph, program);

    const RunResult result = runner.run();

    EXPECT_EQ(result.supersteps, 9U);
    EXPECT_EQ(result.end, RunEnd::kProgramEnded);
    EXPECT_EQ(program.sums, serial.sums);
    EXPECT_EQ(ordered(world(), graph, runner.values()), ordered(self, alone, serial_runner.values()));
  }
}

TEST(SuperstepRunner, StopsAtTheSuperstepLimit) {
  const graph::DistributedGraph graph =
      tests::distribute(world(), tests::random_graph(40, 100, 3), tests::Spread::kBlock);
  Mixing program(graph, 100);
  SuperstepRunner runner(world(), graph, program, {.max_supersteps = 4});

  const RunResult result = runner.run();

  EXPECT_EQ(result.supersteps, 4U);
  EXPECT_EQ(result.end, RunEnd::kSuperstepLimit);
}

TEST(SuperstepRunner, AnErrorAtOneVertexIsThrownOnAllRanks) {
  const graph::DistributedGraph graph =
      tests::distribute(world(), tests::random_graph(40, 100, 3), tests::Spread::kScattered);
  Hops program(graph);
  program.fail_at = StableVertexId{17};
  SuperstepRunner runner(world(), graph, program);

  EXPECT_THROW((void)runner.run(), InputError);
}

TEST(SuperstepRunner, AStopRequestOnOneRankInterruptsAllAfterACheckpoint) {
  const graph::DistributedGraph graph =
      tests::distribute(world(), tests::random_graph(200, 260, 3), tests::Spread::kLastOnly);
  Hops program(graph);
  program.stop_before = 2;
  std::uint64_t checkpoints = 0;
  SuperstepRunner runner(world(), graph, program, {.checkpoint = [&](const CheckpointRegistry&) { ++checkpoints; }});

  try {
    (void)runner.run();
    ADD_FAILURE() << "went on";
  } catch (const Interrupted&) {
    EXPECT_TRUE(comm::detail::describe(std::current_exception()).agreed);
  }

  stop::reset();
  EXPECT_EQ(checkpoints, 1U);
}

/// Interrupts on all ranks, then goes on from the checkpoint on all and on one rank: the same bits as uninterrupted.
template <class Make>
void expect_exact_restart(const graph::GraphBlocks& whole, const Make& make) {
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  auto uninterrupted = make(graph, false);
  SuperstepRunner reference(world(), graph, uninterrupted);
  const RunResult expected = reference.run();
  const auto expected_values = ordered(world(), graph, reference.values());

  tests::MemoryCheckpoint checkpoint(world());
  auto interrupted = make(graph, true);
  SuperstepRunner first(world(), graph, interrupted,
                        {.checkpoint = [&](const CheckpointRegistry& state) { state.save(world(), checkpoint); }});
  EXPECT_THROW((void)first.run(), Interrupted);
  stop::reset();

  const comm::Communicator self = world().split(world().rank().value());
  for (const comm::Communicator* comm : {&world(), &self}) {
    const graph::DistributedGraph again = tests::distribute(*comm, whole, tests::Spread::kBlock);
    auto program = make(again, false);
    tests::MemoryCheckpoint source(*comm);
    source.blocks = checkpoint.blocks;
    SuperstepRunner second(*comm, again, program, {.resume = &source});

    EXPECT_EQ(second.run().supersteps, expected.supersteps);
    EXPECT_EQ(ordered(*comm, again, second.values()), expected_values);
  }
}

TEST(SuperstepRunner, AFrontierRunRestartsExactlyAtAnotherRankCount) {
  expect_exact_restart(tests::random_graph(200, 260, 3), [](const graph::DistributedGraph& graph, bool stops) {
    Hops program(graph);
    if (stops) program.stop_before = 2;
    return program;
  });
}

TEST(SuperstepRunner, AnAlwaysActiveRunRestartsExactlyAtAnotherRankCount) {
  expect_exact_restart(tests::random_typed(40, 3), [](const graph::DistributedGraph& graph, bool stops) {
    Mixing program(graph, 8);
    if (stops) program.stop_at = 3;
    return program;
  });
}

TEST(CheckpointRegistry, RefusesABlockOfAnotherSize) {
  std::uint32_t narrow = 5;
  std::uint64_t wide = 6;
  CheckpointRegistry saved;
  saved.add_value("value", narrow);
  CheckpointRegistry loaded;
  loaded.add_value("value", wide);
  tests::MemoryCheckpoint checkpoint(world());
  saved.save(world(), checkpoint);

  EXPECT_THROW(loaded.restore(world(), checkpoint), InputError);
}

TEST(Aggregates, CombineExactlyOverRanks) {
  Aggregates mine({.sums = 1, .counts = 1, .minima = 1, .maxima = 1});
  const double rank = world().rank().value();
  mine.add_to_sum(0, 1e16);
  mine.add_to_sum(0, 1.0 + rank);
  mine.add_to_sum(0, -1e16);
  mine.add_to_count(0, 3);
  mine.lower_minimum(0, rank);
  mine.raise_maximum(0, rank);

  const Aggregates all = mine.over_all_ranks(world());
  Aggregates copy({.sums = 1, .counts = 1, .minima = 1, .maxima = 1});
  copy.from_words(all.to_words());

  const double size = world().size();
  for (const Aggregates& aggregates : {all, copy}) {
    EXPECT_EQ(aggregates.sum(0), size * (size + 1.0) / 2.0);
    EXPECT_EQ(aggregates.count(0), 3U * static_cast<std::uint64_t>(world().size()));
    EXPECT_EQ(aggregates.minimum(0), 0.0);
    EXPECT_EQ(aggregates.maximum(0), size - 1.0);
  }
}

TEST(Neighborhood, AHubsSumDoesNotDependOnWhereItsNeighboursLive) {
  std::vector<tests::Edge> edges;
  for (std::uint32_t i = 1; i < 70000; ++i) edges.push_back({i, 0, 1.0F / static_cast<float>(i), 0, 0});
  graph::EdgeType type;
  type.relation = "links";
  type.has_weights = true;
  const graph::GraphBlocks star = tests::make_graph({{"vertex", 70000}}, {{type, edges}});
  const comm::Communicator self = world().split(world().rank().value());
  const graph::DistributedGraph alone = tests::distribute(self, star, tests::Spread::kBlock);
  const graph::DistributedGraph graph = tests::distribute(world(), star, tests::Spread::kScattered);
  Mixing serial(alone, 2);
  Mixing program(graph, 2);

  SuperstepRunner serial_runner(self, alone, serial);
  SuperstepRunner runner(world(), graph, program);
  (void)serial_runner.run();
  (void)runner.run();

  EXPECT_EQ(program.sums, serial.sums);
  EXPECT_EQ(ordered(world(), graph, runner.values()), ordered(self, alone, serial_runner.values()));
}

}  // namespace
}  // namespace rove::exec
