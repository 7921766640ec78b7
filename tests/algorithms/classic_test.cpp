// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "algorithms/connected_components.hpp"
#include "algorithms/k_core.hpp"
#include "algorithms/label_propagation.hpp"
#include "algorithms/pagerank.hpp"
#include "algorithms/shortest_paths.hpp"
#include "engine/base/error.hpp"
#include "engine/base/stop.hpp"
#include "tests/algorithms/serial_reference.hpp"
#include "tests/engine/exec/memory_checkpoint.hpp"
#include "tests/support/gather.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::algorithms {
namespace {

using tests::world;

/// Calls `check(distributed graph, expect(whole graph))` for every awkward graph and spread.
template <class Expect, class Check>
void on_all_graphs(const Expect& expect, const Check& check) {
  std::vector<tests::NamedGraph> graphs = tests::awkward_graphs();
  graphs.push_back({"undirected, weighted", tests::random_graph(90, 500, 21, true, true)});
  graphs.push_back({"sparse", tests::random_graph(200, 220, 22)});
  graphs.push_back({"typed", tests::random_typed(60, 23)});
  for (const tests::NamedGraph& named : graphs) {
    const auto expected = expect(named.whole);
    for (const tests::Spread spread : tests::kSpreads) {
      SCOPED_TRACE(named.name + " " + tests::name_of(spread));
      check(tests::distribute(world(), named.whole, spread), expected);
    }
  }
}

template <class T>
std::vector<T> ordered(const graph::DistributedGraph& graph, const std::vector<T>& owned) {
  return tests::in_stable_order(world(), graph, std::span<const T>(owned));
}

/// Raises the stop flag of rank 0 when it is told of a superstep.
class StopAfter : public ProgressSink {
 public:
  explicit StopAfter(std::uint64_t superstep) : superstep_(superstep) {}
  void begin(std::string_view, std::uint64_t, std::string_view) override {}
  void update(std::uint64_t done, std::string_view) override {
    if (done == superstep_) stop::request();
  }
  void end(std::string_view) override {}

 private:
  std::uint64_t superstep_;
};

double mass_of(const std::vector<double>& ranks) {
  ExactSum mass;
  for (const double rank : ranks) mass.add(rank);
  return mass.value();
}

TEST(PageRank, HasTheBitsOfTheSerialTwin) {
  for (const bool weighted : {false, true}) {
    on_all_graphs([&](const auto& whole) { return tests::serial_pagerank(whole, 0.85, 1e-6, 20, weighted); },
                  [&](const graph::DistributedGraph& graph, const std::vector<double>& expected) {
                    const PageRankResult result =
                        pagerank(world(), graph, {.tolerance = 1e-6, .max_supersteps = 20, .weighted = weighted});

                    EXPECT_EQ(ordered(graph, result.ranks), expected);
                  });
  }
}

TEST(PageRank, MassIsOneWithDanglingAndIsolatedVertices) {
  on_all_graphs([](const auto& whole) { return whole.schema.num_vertices() == 0 ? 0.0 : 1.0; },
                [](const graph::DistributedGraph& graph, double expected) {
                  const PageRankResult result = pagerank(world(), graph, {.max_supersteps = 20});

                  EXPECT_NEAR(mass_of(ordered(graph, result.ranks)), expected, 1e-12);
                });
}

TEST(PageRank, OfTwoVerticesHasItsClosedForm) {
  graph::EdgeType type;
  type.relation = "links";
  const auto whole = tests::make_graph({{"vertex", 2}}, {{type, {{0, 1, 1.0F, 0, 0}}}});
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kBlock);

  const PageRankResult result = pagerank(world(), graph, {.tolerance = 1e-15, .max_supersteps = 500});

  // r0 = 0.15 / 2 + 0.85 r1 / 2 and r1 = r0 + 0.85 r0, since vertex 1 dangles.
  const std::vector<double> ranks = ordered(graph, result.ranks);
  EXPECT_NEAR(ranks[0], 1.0 / 2.85, 1e-14);
  EXPECT_NEAR(ranks[1], 1.85 / 2.85, 1e-14);
}

TEST(PageRank, EndsWhenTheResidualIsBelowTheTolerance) {
  const graph::DistributedGraph graph =
      tests::distribute(world(), tests::random_graph(100, 400, 5), tests::Spread::kScattered);

  const PageRankResult result = pagerank(world(), graph, {.tolerance = 1e-6});

  EXPECT_LE(result.residual, 1e-6);
  EXPECT_LT(result.supersteps, 200U);
}

TEST(PageRank, RefusesABadDampingAndANegativeWeight) {
  graph::EdgeType type;
  type.relation = "links";
  type.has_weights = true;
  const auto whole = tests::make_graph({{"vertex", 9}}, {{type, {{0, 1, 1.0F, 0, 0}, {5, 2, -0.5F, 0, 0}}}});
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kBlock);

  EXPECT_THROW((void)pagerank(world(), graph, {.damping = 1.0}), ConfigError);
  EXPECT_THROW((void)pagerank(world(), graph, {.weighted = true}), InputError);
}

TEST(ConnectedComponents, AreThoseOfTheSerialTwin) {
  on_all_graphs(tests::serial_components,
                [](const graph::DistributedGraph& graph, const std::vector<StableVertexId>& expected) {
                  const ComponentsResult result = connected_components(world(), graph);

                  EXPECT_EQ(ordered(graph, result.labels), expected);
                  std::uint64_t components = 0;
                  for (std::size_t v = 0; v < expected.size(); ++v) components += expected[v].index() == v ? 1U : 0U;
                  EXPECT_EQ(result.num_components, components);
                });
}

TEST(ConnectedComponents, ConnectAlongTheNamedEdgeTypesOnly) {
  const auto whole = tests::random_typed(40, 6);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  const auto unused = graph.schema().find_edge_type("entity", "unused", "item");
  ASSERT_TRUE(unused.has_value());

  const ComponentsResult result = connected_components(world(), graph, {*unused});

  EXPECT_EQ(result.num_components, whole.schema.num_vertices());
}

TEST(KCore, HasTheCoreNumbersOfTheSerialTwin) {
  on_all_graphs(
      tests::serial_core_numbers, [](const graph::DistributedGraph& graph, const std::vector<std::uint32_t>& expected) {
        const KCoreResult result = k_core(world(), graph);

        EXPECT_EQ(ordered(graph, result.core_numbers), expected);
        EXPECT_EQ(result.degeneracy, expected.empty() ? 0U : *std::max_element(expected.begin(), expected.end()));
      });
}

TEST(LabelPropagation, HasTheLabelsOfTheSerialTwin) {
  on_all_graphs([](const auto& whole) { return tests::serial_label_propagation(whole, 20); },
                [](const graph::DistributedGraph& graph, const std::vector<StableVertexId>& expected) {
                  const LabelPropagationResult result = label_propagation(world(), graph, {.max_supersteps = 20});

                  EXPECT_EQ(ordered(graph, result.labels), expected);
                });
}

TEST(LabelPropagation, SaysWhenLabelsAlternate) {
  // On a single edge both ends take each other's label for ever.
  graph::EdgeType type;
  type.relation = "links";
  const auto whole = tests::make_graph({{"vertex", 2}}, {{type, {{0, 1, 1.0F, 0, 0}}}});
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kBlock);

  const LabelPropagationResult result = label_propagation(world(), graph);

  EXPECT_EQ(result.end, LabelPropagationEnd::kCycle);
  EXPECT_EQ(result.supersteps, 2U);
  EXPECT_THAT(ordered(graph, result.labels), testing::ElementsAre(StableVertexId{0}, StableVertexId{1}));
}

TEST(ShortestPaths, HaveTheBitsOfDijkstra) {
  on_all_graphs(
      [](const auto& whole) {
        std::vector<std::vector<double>> of_sources;
        for (const std::uint64_t source : {std::uint64_t{0}, whole.schema.num_vertices() / 2}) {
          if (source < whole.schema.num_vertices()) {
            of_sources.push_back(tests::serial_shortest_paths(whole, StableVertexId{source}));
          }
        }
        return of_sources;
      },
      [](const graph::DistributedGraph& graph, const std::vector<std::vector<double>>& expected) {
        for (std::size_t i = 0; i < expected.size(); ++i) {
          const StableVertexId source{i * (graph.schema().num_vertices() / 2)};

          EXPECT_EQ(ordered(graph, shortest_paths(world(), graph, source).distances), expected[i]);
        }
      });
}

TEST(ShortestPaths, RefuseNegativeWeightsAndUnknownSources) {
  graph::EdgeType type;
  type.relation = "links";
  type.has_weights = true;
  for (const float bad : {-1.0F, std::numeric_limits<float>::quiet_NaN()}) {
    const auto whole = tests::make_graph({{"vertex", 9}}, {{type, {{7, 1, bad, 0, 0}}}});
    const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kBlock);

    EXPECT_THROW((void)shortest_paths(world(), graph, StableVertexId{0}), InputError);
    EXPECT_THROW((void)shortest_paths(world(), graph, StableVertexId{9}), ConfigError);
  }
}

/// Stops `run` after two supersteps, then goes on from the checkpoint on one rank.
template <class Run, class Values>
void expect_exact_restart(const Run& run, const Values& values_of) {
  const auto whole = tests::random_graph(120, 500, 31);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  const auto uninterrupted = run(world(), graph, exec::RunOptions{});
  tests::MemoryCheckpoint checkpoint(world());
  StopAfter two_supersteps(2);
  exec::RunOptions options;
  options.progress = &two_supersteps;
  options.checkpoint = [&](const exec::CheckpointRegistry& state) { state.save(world(), checkpoint); };
  EXPECT_THROW((void)run(world(), graph, options), Interrupted);
  stop::reset();

  const comm::Communicator self = world().split(world().rank().value());
  const graph::DistributedGraph alone = tests::distribute(self, whole, tests::Spread::kBlock);
  tests::MemoryCheckpoint source(self);
  source.blocks = checkpoint.blocks;
  exec::RunOptions resumed;
  resumed.resume = &source;
  const auto restarted = run(self, alone, resumed);

  EXPECT_EQ(restarted.supersteps, uninterrupted.supersteps);
  EXPECT_EQ(values_of(restarted), ordered(graph, values_of(uninterrupted)));
}

TEST(Restart, PageRankGoesOnWithTheSameBits) {
  expect_exact_restart([](const comm::Communicator& comm, const graph::DistributedGraph& graph,
                          const exec::RunOptions& run) { return pagerank(comm, graph, {}, run); },
                       [](const PageRankResult& result) { return result.ranks; });
}

TEST(Restart, LabelPropagationGoesOnWithTheSameBits) {
  expect_exact_restart([](const comm::Communicator& comm, const graph::DistributedGraph& graph,
                          const exec::RunOptions& run) { return label_propagation(comm, graph, {}, run); },
                       [](const LabelPropagationResult& result) { return result.labels; });
}

}  // namespace
}  // namespace rove::algorithms
