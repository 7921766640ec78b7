// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/ppr.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/ppr/detail/travelling_counts.hpp"
#include "engine/base/error.hpp"
#include "engine/base/stop.hpp"
#include "engine/comm/detail/failure.hpp"
#include "engine/exec/pair_counter.hpp"
#include "tests/algorithms/ppr/expect_exact.hpp"
#include "tests/algorithms/ppr/serial_ppr.hpp"
#include "tests/algorithms/ppr/whole_lists.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/serial_walker.hpp"

namespace rove::algorithms {
namespace {

using tests::my_cut;
using tests::whole_lists;
using tests::world;

/// Source and target types worth trying on a graph: every pair of its first three types.
std::vector<PprOptions> options_for(const graph::GraphBlocks& whole) {
  std::vector<PprOptions> all;
  const std::size_t num_types = std::min<std::size_t>(2, whole.schema.vertex_types().size());
  for (std::size_t source = 0; source < num_types; ++source) {
    for (std::size_t target = 0; target < num_types; ++target) {
      PprOptions options;
      options.sources = VertexTypeId{static_cast<std::uint16_t>(source)};
      options.targets = VertexTypeId{static_cast<std::uint16_t>(target)};
      options.walks = 60;
      options.item_walks = 40;
      options.item_entries = 6;
      options.top_k = 7;
      options.exclude_linked = (source + target) % 2 == 1;
      all.push_back(options);
    }
  }
  return all;
}

void expect_everywhere(const graph::GraphBlocks& whole, const PprOptions& options,
                       const graph::NeighborLists& expected) {
  const PprResult replicated = personalized_pagerank(world(), my_cut(whole), options);
  EXPECT_EQ(replicated.method, options.method);
  EXPECT_EQ(whole_lists(replicated), expected) << "replicated";
  for (const tests::Spread spread : tests::kSpreads) {
    const graph::DistributedGraph graph = tests::distribute(world(), whole, spread);
    const PprResult partitioned = personalized_pagerank(world(), graph, options);
    EXPECT_EQ(whole_lists(partitioned), expected) << tests::name_of(spread);
    EXPECT_EQ(partitioned.error_bounds, replicated.error_bounds) << tests::name_of(spread);
    EXPECT_EQ(partitioned.num_cold, replicated.num_cold) << tests::name_of(spread);
    if (options.method == PprMethod::kWalks) {
      EXPECT_EQ(partitioned.moves, replicated.moves);
    }
  }
}

TEST(Ppr, WalksEqualTheSerialTwinInBothLayouts) {
  for (const tests::NamedGraph& graph : tests::awkward_graphs()) {
    SCOPED_TRACE(graph.name);
    for (PprOptions options : options_for(graph.whole)) {
      options.method = PprMethod::kWalks;
      expect_everywhere(graph.whole, options, tests::serial_ppr_walks(graph.whole, options));
    }
  }
}

TEST(Ppr, ItemIndexEqualsTheSerialTwinInBothLayouts) {
  for (const tests::NamedGraph& graph : tests::awkward_graphs()) {
    SCOPED_TRACE(graph.name);
    for (PprOptions options : options_for(graph.whole)) {
      options.method = PprMethod::kItemIndex;
      expect_everywhere(graph.whole, options, tests::serial_ppr_index(graph.whole, options));
    }
  }
}

TEST(Ppr, VerdEqualsTheSerialTwinInBothLayouts) {
  for (const tests::NamedGraph& graph : tests::awkward_graphs()) {
    SCOPED_TRACE(graph.name);
    for (PprOptions options : options_for(graph.whole)) {
      options.method = PprMethod::kVerd;
      options.verd_walks = 30;
      for (const auto& [hops, threshold] : {std::pair(0U, 0.0), std::pair(1U, 0.0), std::pair(3U, 0.02)}) {
        options.verd_hops = hops;
        options.verd_threshold = threshold;
        options.batch_bytes = hops == 1 ? 1 : 1U << 20U;
        expect_everywhere(graph.whole, options, tests::serial_ppr_verd(graph.whole, options));
      }
    }
  }
  const graph::GraphBlocks directed = tests::random_graph(50, 160, 9);
  PprOptions options = options_for(directed).front();
  options.edges.direction = exec::Direction::kOut;
  options.method = PprMethod::kVerd;
  expect_everywhere(directed, options, tests::serial_ppr_verd(directed, options));
}

TEST(Ppr, VerdEndsWhenNoFlowMoves) {
  const graph::GraphBlocks whole = tests::random_graph(50, 160, 9);
  PprOptions options = options_for(whole).front();
  options.method = PprMethod::kVerd;
  options.verd_walks = 30;
  options.verd_threshold = 0.02;
  options.verd_hops = 4'000'000'000U;
  expect_everywhere(whole, options, tests::serial_ppr_verd(whole, options));
}

TEST(Ppr, DirectedWalksLoseMassAtDanglingVertices) {
  const graph::GraphBlocks whole = tests::random_graph(50, 160, 9);
  PprOptions options = options_for(whole).front();
  options.edges.direction = exec::Direction::kOut;
  for (const PprMethod method : {PprMethod::kWalks, PprMethod::kItemIndex}) {
    options.method = method;
    expect_everywhere(whole, options,
                      method == PprMethod::kWalks ? tests::serial_ppr_walks(whole, options)
                                                  : tests::serial_ppr_index(whole, options));
  }
}

TEST(Ppr, BatchSizeAndSourceListChangeNothingElse) {
  const graph::GraphBlocks whole = tests::random_bipartite(40, 30, 300, 3);
  PprOptions options;
  options.sources = VertexTypeId{0};
  options.targets = VertexTypeId{1};
  options.method = PprMethod::kWalks;
  options.walks = 100;
  options.batch_bytes = 1;  // one source at a time
  expect_everywhere(whole, options, tests::serial_ppr_walks(whole, options));
  options.batch_bytes = 100'000;
  options.source_rows = std::vector<std::uint64_t>{0, 3, 17, 39};
  expect_everywhere(whole, options, tests::serial_ppr_walks(whole, options));
  options.method = PprMethod::kItemIndex;
  expect_everywhere(whole, options, tests::serial_ppr_index(whole, options));
  options.source_rows->clear();
  expect_everywhere(whole, options, tests::serial_ppr_index(whole, options));
}

void expect_near_exact(const graph::GraphBlocks& whole, const PprOptions& options) {
  for (const tests::Spread spread : tests::kSpreads) {
    const graph::DistributedGraph graph = tests::distribute(world(), whole, spread);
    const graph::NeighborLists lists = whole_lists(personalized_pagerank(world(), graph, options));
    const IndexRange sources = whole.schema.stable_range(options.sources);
    for (std::uint64_t row = 0; row < sources.size(); ++row) {
      const auto exact = tests::exact_list(whole, options, static_cast<std::uint32_t>(sources.begin + row));
      ASSERT_EQ(lists.targets_of(row).size(), exact.targets.size()) << "row " << row;
      for (std::size_t i = 0; i < exact.scores.size(); ++i) {
        EXPECT_NEAR(lists.scores_of(row)[i], exact.scores[i], 1e-7) << "row " << row << " entry " << i;
      }
    }
  }
}

TEST(Ppr, PowerIterationSolvesTheEquations) {
  PprOptions options;
  options.method = PprMethod::kPower;
  options.tolerance = 1e-11;
  for (const exec::Direction direction : {exec::Direction::kBoth, exec::Direction::kOut, exec::Direction::kIn}) {
    options.edges.direction = direction;
    options.exclude_linked = direction == exec::Direction::kBoth;
    options.top_k = 1000;
    expect_near_exact(tests::random_graph(40, 150, 9), options);
  }
  options.edges.direction = exec::Direction::kBoth;
  options.targets = VertexTypeId{1};
  options.top_k = 5;
  expect_near_exact(tests::random_bipartite(21, 15, 90, 4), options);
  expect_near_exact(tests::random_typed(20, 4), options);
}

// The bytes of power iteration too are the same for any spread of the vertices.
TEST(Ppr, PowerIterationGivesTheSameBytes) {
  const graph::GraphBlocks whole = tests::random_bipartite(33, 25, 200, 8);
  PprOptions options;
  options.targets = VertexTypeId{1};
  options.method = PprMethod::kPower;
  options.tolerance = 1e-6;
  const comm::Communicator alone = world().split(world().rank().value());
  const graph::DistributedGraph graph =
      graph::DistributedGraph::build(alone, whole, tests::assign(alone, whole.schema, tests::Spread::kBlock));
  const graph::NeighborLists expected = personalized_pagerank(alone, graph, options).lists;
  for (const tests::Spread spread : tests::kSpreads) {
    const PprResult result = personalized_pagerank(world(), tests::distribute(world(), whole, spread), options);
    EXPECT_EQ(whole_lists(result), expected) << tests::name_of(spread);
  }
}

graph::GraphBlocks plain_graph(std::uint64_t vertices, const std::vector<tests::Edge>& edges, bool undirected) {
  tests::EdgeList list;
  list.type.source = VertexTypeId{0};
  list.type.relation = "links";
  list.type.destination = VertexTypeId{0};
  list.type.undirected = undirected;
  list.edges = edges;
  return tests::make_graph({{"vertex", vertices}}, {list});
}

/// Score of each target in the list of a row; all targets are listed.
std::map<std::uint64_t, double> scores_of(const graph::GraphBlocks& whole, PprOptions options, std::uint64_t row) {
  options.exclude_linked = false;
  options.top_k = 100;
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  const graph::NeighborLists lists = whole_lists(personalized_pagerank(world(), graph, options));
  std::map<std::uint64_t, double> scores;
  for (std::size_t i = 0; i < lists.targets_of(row).size(); ++i) {
    scores[lists.targets_of(row)[i]] = static_cast<double>(lists.scores_of(row)[i]);
  }
  return scores;
}

// A set of one seed is that source; the rows of a set depend on its seeds, not on the rank that answers it.
TEST(Ppr, SeedSetsAreSources) {
  const graph::GraphBlocks whole = tests::random_bipartite(40, 30, 300, 3);
  PprOptions options;
  options.targets = VertexTypeId{1};
  options.method = PprMethod::kVerd;
  options.verd_walks = 50;
  const PprResult single = personalized_pagerank(world(), my_cut(whole), options);
  const IndexRange block = graph::BlockDistribution(40, world().size()).block(world().rank());
  SeedSets ones;
  SeedSets baskets;
  for (auto row = static_cast<std::uint32_t>(block.begin); row < block.end; ++row) {
    ones.seeds.push_back({row, 0.25});
    ones.offsets.push_back(ones.seeds.size());
    for (std::uint32_t i = 0; i < row % 4; ++i) baskets.seeds.push_back({(row * 7 + i * 11) % 70, 1.0 + i});
    baskets.offsets.push_back(baskets.seeds.size());
  }
  const PprResult by_sets = personalized_pagerank(world(), my_cut(whole), options, ones);
  EXPECT_EQ(by_sets.lists, single.lists);
  EXPECT_EQ(by_sets.error_bounds, single.error_bounds);
  EXPECT_EQ(by_sets.num_cold, single.num_cold);

  const graph::NeighborLists lists = whole_lists(personalized_pagerank(world(), my_cut(whole), options, baskets));
  SeedSets all;
  for (std::uint32_t row = 0; row < 40; ++row) {
    for (std::uint32_t i = 0; i < row % 4; ++i) all.seeds.push_back({(row * 7 + i * 11) % 70, 1.0 + i});
    all.offsets.push_back(all.seeds.size());
  }
  const comm::Communicator alone = world().split(world().rank().value());
  EXPECT_EQ(personalized_pagerank(alone, whole, options, all).lists, lists);
  EXPECT_TRUE(lists.targets_of(0).empty());  // no seeds: cold
  EXPECT_FALSE(lists.targets_of(3).empty());
}

TEST(Ppr, ClosedForms) {
  PprOptions power;
  power.method = PprMethod::kPower;
  power.tolerance = 1e-12;
  const double c = power.restart;
  // Two vertices joined by an edge: the other has (1 - c) / (2 - c).
  EXPECT_NEAR(scores_of(plain_graph(2, {{.source = 0, .destination = 1}}, true), power, 0)[1], (1 - c) / (2 - c), 1e-7);
  // Star with four leaves, from its centre: every leaf has (1 - c) / (4 (2 - c)).
  const graph::GraphBlocks star = plain_graph(5,
                                              {{.source = 0, .destination = 1},
                                               {.source = 0, .destination = 2},
                                               {.source = 0, .destination = 3},
                                               {.source = 0, .destination = 4}},
                                              true);
  for (std::uint64_t leaf = 1; leaf < 5; ++leaf) {
    EXPECT_NEAR(scores_of(star, power, 0)[leaf], (1 - c) / (4 * (2 - c)), 1e-7);
  }
  // Directed path 0 -> 1 -> 2, lost at the end (D3), divided by the mass that stayed: the jump back to the source (D1).
  const graph::GraphBlocks path =
      plain_graph(3, {{.source = 0, .destination = 1}, {.source = 1, .destination = 2}}, false);
  power.edges.direction = exec::Direction::kOut;
  const double mass = 1 - (1 - c) * (1 - c) * (1 - c);
  EXPECT_NEAR(scores_of(path, power, 0)[1], c * (1 - c) / mass, 1e-7);
  EXPECT_NEAR(scores_of(path, power, 0)[2], c * (1 - c) * (1 - c) / mass, 1e-7);

  // The same by walks, within five standard deviations.
  PprOptions walks = power;
  walks.method = PprMethod::kWalks;
  walks.walks = 400'000;
  const double sigma = std::sqrt(c * (1 - c) / mass / walks.walks);
  EXPECT_NEAR(scores_of(path, walks, 0)[1], c * (1 - c) / mass, 5 * sigma);
}

TEST(Ppr, WalksAgreeWithTheExactScores) {
  const graph::GraphBlocks whole = tests::random_bipartite(20, 16, 120, 6);
  PprOptions options;
  options.targets = VertexTypeId{1};
  options.exclude_linked = false;
  options.top_k = 1000;
  options.walks = 200'000;
  options.item_walks = 200'000;
  options.item_entries = 1000;
  options.source_rows = std::vector<std::uint64_t>{1, 4, 9};
  options.verd_walks = 200'000;
  for (const PprMethod method : {PprMethod::kWalks, PprMethod::kItemIndex, PprMethod::kVerd}) {
    options.method = method;
    tests::expect_exact_lists(whole, options, 5);
  }
}

// Walks double for the sources that need it: each list is that of plain walks with as many, and its bound holds.
TEST(Ppr, WalksDoubleUntilTheTargetErrorHolds) {
  const graph::GraphBlocks whole = tests::random_bipartite(40, 30, 300, 3);
  PprOptions options;
  options.targets = VertexTypeId{1};
  options.exclude_linked = false;
  options.target_error = 0.05;
  options.walks = 1'000;
  const PprResult result = personalized_pagerank(world(), my_cut(whole), options);
  EXPECT_EQ(result.method, PprMethod::kWalks);
  EXPECT_EQ(result.num_above_target, 0U);
  const graph::NeighborLists lists = whole_lists(result);
  const std::vector<float> bounds = world().all_gather_v<float>(result.error_bounds).data;
  for (const tests::Spread spread : tests::kSpreads) {
    const PprResult partitioned = personalized_pagerank(world(), tests::distribute(world(), whole, spread), options);
    EXPECT_EQ(whole_lists(partitioned), lists) << tests::name_of(spread);
    EXPECT_EQ(partitioned.error_bounds, result.error_bounds) << tests::name_of(spread);
    EXPECT_EQ(partitioned.moves, result.moves);
  }
  std::map<std::uint32_t, graph::NeighborLists> plain;
  PprOptions budget = options;
  budget.method = PprMethod::kWalks;
  budget.target_error = 0.0;
  for (budget.walks = 1'000; budget.walks <= 16'000; budget.walks *= 2) {
    plain[budget.walks] = tests::serial_ppr_walks(whole, budget);
  }
  std::map<std::uint32_t, int> times;
  const std::uint64_t first_target = whole.schema.stable_range(options.targets).begin;
  for (std::uint64_t row = 0; row < lists.num_rows(); ++row) {
    EXPECT_LE(bounds[row], 0.05F);
    const auto found = std::find_if(plain.begin(), plain.end(), [&](const auto& entry) {
      return std::ranges::equal(entry.second.targets_of(row), lists.targets_of(row)) &&
             std::ranges::equal(entry.second.scores_of(row), lists.scores_of(row));
    });
    ASSERT_NE(found, plain.end()) << "row " << row;
    ++times[found->first];
    const std::vector<double> exact = tests::dense_ppr(whole, options, static_cast<std::uint32_t>(row));
    for (std::size_t i = 0; i < lists.targets_of(row).size(); ++i) {
      const double truth = exact[first_target + lists.targets_of(row)[i]];
      EXPECT_LT(std::abs(static_cast<double>(lists.scores_of(row)[i]) - truth), static_cast<double>(bounds[row]));
    }
  }
  EXPECT_GT(times.size(), 1U) << "no source needed other walks than the rest";

  options.walks = 1U << 27U;
  options.target_error = 1e-9;
  options.source_rows.emplace();
  EXPECT_EQ(personalized_pagerank(world(), my_cut(whole), options).num_above_target, 0U);
  options.method = PprMethod::kItemIndex;
  EXPECT_THROW((void)personalized_pagerank(world(), my_cut(whole), options), ConfigError);
}

// Where walks are lost, the mass that is left divides the error too.
TEST(Ppr, PowerIterationKeepsTheTargetError) {
  const graph::GraphBlocks whole = tests::random_bipartite(40, 30, 120, 3);
  for (const exec::Direction direction : {exec::Direction::kBoth, exec::Direction::kOut}) {
    PprOptions options;
    options.targets = VertexTypeId{1};
    options.exclude_linked = false;
    options.method = PprMethod::kPower;
    options.edges.direction = direction;
    options.source_rows = std::vector<std::uint64_t>{0, 7, 12, 21, 39};
    for (const double target : {0.3, 1e-3}) {
      options.target_error = target;
      const PprResult result =
          personalized_pagerank(world(), tests::distribute(world(), whole, tests::Spread::kScattered), options);
      const graph::NeighborLists lists = whole_lists(result);
      const std::vector<float> bounds = world().all_gather_v<float>(result.error_bounds).data;
      const std::uint64_t first_target = whole.schema.stable_range(options.targets).begin;
      for (std::uint64_t row = 0; row < lists.num_rows(); ++row) {
        EXPECT_LE(static_cast<double>(bounds[row]), target * 1.000001);
        const std::vector<double> exact = tests::dense_ppr(whole, options, static_cast<std::uint32_t>(row));
        for (std::size_t i = 0; i < lists.targets_of(row).size(); ++i) {
          const double truth = exact[first_target + lists.targets_of(row)[i]];
          EXPECT_LE(std::abs(static_cast<double>(lists.scores_of(row)[i]) - truth), static_cast<double>(bounds[row]));
        }
      }
    }
  }
}

TEST(Ppr, ColdSourcesAreCountedAndHaveEmptyLists) {
  const graph::GraphBlocks whole = plain_graph(4, {{.source = 0, .destination = 1}}, true);
  PprOptions options;
  options.exclude_linked = false;
  options.walks = 50;
  for (const PprMethod method : {PprMethod::kWalks, PprMethod::kPower, PprMethod::kItemIndex}) {
    options.method = method;
    const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kBlock);
    const PprResult result = personalized_pagerank(world(), graph, options);
    EXPECT_EQ(result.num_cold, 2U);
    EXPECT_EQ(whole_lists(result).offsets, (std::vector<std::uint64_t>{0, 1, 2, 2, 2}));
  }
}

TEST(Ppr, RefusesOptionsOutOfRange) {
  const graph::GraphBlocks blocks = my_cut(plain_graph(4, {{.source = 0, .destination = 1}}, true));
  const auto refuses = [&](const auto& spoil) {
    PprOptions options;
    spoil(options);
    EXPECT_THROW((void)personalized_pagerank(world(), blocks, options), ConfigError);
  };
  refuses([](PprOptions& options) { options.restart = 0.0; });
  refuses([](PprOptions& options) { options.restart = 1.0; });
  refuses([](PprOptions& options) { options.restart = std::nan(""); });
  refuses([](PprOptions& options) { options.top_k = 0; });
  refuses([](PprOptions& options) { options.walks = 0; });
  refuses([](PprOptions& options) { options.targets = VertexTypeId{7}; });
  refuses([](PprOptions& options) { options.source_rows = std::vector<std::uint64_t>{2, 1}; });
  refuses([](PprOptions& options) { options.source_rows = std::vector<std::uint64_t>{4}; });
  refuses([](PprOptions& options) { options.method = PprMethod::kPower; });
  EXPECT_THROW((void)parse_ppr_method("walk"), ConfigError);
  EXPECT_EQ(parse_ppr_method("item-index"), PprMethod::kItemIndex);
  EXPECT_EQ(ppr_method_name(PprMethod::kPower), "power");
  EXPECT_EQ(parse_ppr_method("verd"), PprMethod::kVerd);
}

// `auto` looks at the shape of the graph and at numbers of vertices, at nothing else.
TEST(Ppr, AutoChoosesByShapeAndNumbers) {
  const graph::GraphBlocks bipartite = tests::random_bipartite(60, 12, 200, 3);
  const graph::GraphBlocks general = plain_graph(40, {{.source = 0, .destination = 1}}, true);
  const auto chosen = [](const graph::GraphBlocks& whole, PprOptions options) {
    options.walks = 100;
    options.item_walks = 40;
    options.verd_walks = 10;
    return personalized_pagerank(world(), my_cut(whole), options).method;
  };
  PprOptions options;
  EXPECT_EQ(chosen(general, options), PprMethod::kVerd);
  options.source_rows = std::vector<std::uint64_t>{0, 1};
  EXPECT_EQ(chosen(general, options), PprMethod::kWalks);
  options.targets = VertexTypeId{1};
  EXPECT_EQ(chosen(bipartite, options), PprMethod::kWalks);
  options.source_rows.reset();
  EXPECT_EQ(chosen(bipartite, options), PprMethod::kItemIndex);
}

TEST(Ppr, StopsTogetherWhenOneRankIsAsked) {
  const graph::GraphBlocks whole = tests::random_bipartite(40, 30, 300, 3);
  PprOptions options;
  options.targets = VertexTypeId{1};
  options.walks = 50;
  options.method = PprMethod::kWalks;
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kBlock);
  const auto expect_stop = [](const auto& run) {
    try {
      (void)run();
      ADD_FAILURE() << "went on";
    } catch (const Interrupted&) {
      EXPECT_TRUE(comm::detail::describe(std::current_exception()).agreed);
    }
  };
  if (world().rank().value() == world().size() - 1) stop::request();
  expect_stop([&] { return personalized_pagerank(world(), my_cut(whole), options); });
  expect_stop([&] { return personalized_pagerank(world(), graph, options); });
  stop::reset();
}

TEST(Ppr, ABatchHoldsWalkersAndTheCountsOfEveryThread) {
  const std::uint64_t one = detail::bytes_per_source(10'000, 0.15, 100, 1);
  EXPECT_GE(one, exec::kTravellingBytesPerWalk<exec::RestartPolicy> * 10'000);
  EXPECT_GE(detail::bytes_per_source(10'000, 0.15, 100, 8), one + 7 * 100 * sizeof(exec::PairCounter::Entry));
}

std::uint64_t bytes_of(const MemoryPlan& plan, const std::string& what) {
  std::uint64_t bytes = 0;
  for (const MemoryPlan::Item& item : plan.items()) bytes += item.what == what ? item.bytes : 0;
  return bytes;
}

TEST(Ppr, PlansHoldScratchIndexAndGhosts) {
  constexpr std::uint64_t kUsers = 1'000;
  constexpr std::uint64_t kItems = 7'999'000;  // too many to be counted in a dense array
  constexpr std::uint64_t kEdges = 400'000;
  graph::Schema schema;
  schema.add_vertex_type("user", kUsers);
  schema.add_vertex_type("item", kItems);
  graph::EdgeType rates;
  rates.source = VertexTypeId{0};
  rates.relation = "rates";
  rates.destination = VertexTypeId{1};
  rates.count = kEdges;
  rates.has_weights = true;
  schema.add_edge_type(rates);
  PprOptions options;
  options.targets = VertexTypeId{1};

  // Flow is added up in two numbers of 64 bits per target and thread.
  for (const PprMethod method : {PprMethod::kVerd, PprMethod::kItemIndex, PprMethod::kMaintained}) {
    options.method = method;
    options.weighted = method != PprMethod::kVerd;
    EXPECT_GE(bytes_of(plan_ppr_replicated(schema, 4, 3, options), "counts per thread"), 3 * 16 * kItems)
        << ppr_method_name(method);
  }
  // One rank makes the whole index, in vectors that grow, and holds what is gathered of it.
  options.method = PprMethod::kVerd;
  options.weighted = false;
  const std::uint64_t whole_index = (kUsers + kItems) * (16 + 8 * std::uint64_t{options.item_entries});
  EXPECT_GE(bytes_of(plan_ppr_replicated(schema, 1, 3, options), "fingerprints"), 3 * whole_index);
  EXPECT_EQ(bytes_of(plan_ppr_replicated(schema, 4, 3, options), "fingerprints"), 2 * whole_index);
  // Ranks read two values of a ghost for each end of their edges.
  options.method = PprMethod::kPower;
  constexpr std::uint64_t kOwned = (kUsers + kItems) / 4;
  EXPECT_GE(bytes_of(plan_ppr_partitioned(schema, 4, 3, options), "eight columns of doubles"),
            64 * (3 * kOwned + 2 * (2 * kEdges / 4)));
}

TEST(Ppr, PlansHoldListsFlowAndStoredWalks) {
  graph::Schema schema;
  schema.add_vertex_type("user", 1'000);
  schema.add_vertex_type("item", 50);
  graph::EdgeType rates;
  rates.source = VertexTypeId{0};
  rates.relation = "rates";
  rates.destination = VertexTypeId{1};
  rates.count = 1'000'000;
  schema.add_edge_type(rates);
  PprOptions options;
  options.targets = VertexTypeId{1};
  options.method = PprMethod::kVerd;
  options.top_k = 4'000'000'000U;  // no list holds more than all 50 items
  EXPECT_EQ(bytes_of(plan_ppr_replicated(schema, 1, 1, options), "lists"), 1'000U * (24 * 50 + 24));
  EXPECT_EQ(bytes_of(plan_ppr_partitioned(schema, 1, 1, options), "lists"), 1'000U * (24 * 50 + 24));
  options.top_k = 10;
  EXPECT_EQ(bytes_of(plan_ppr_replicated(schema, 4, 1, options, 3'000), "lists"), 3'000U * (24 * 10 + 24));
  // Each slot that flow is handed on to gets the threshold at least.
  options.verd_threshold = 1e-5;
  EXPECT_GE(bytes_of(plan_ppr_replicated(schema, 4, 3, options), "flow per thread"), 3U * 32 * 99'999);
  options.verd_threshold = 0.0;
  EXPECT_EQ(bytes_of(plan_ppr_replicated(schema, 4, 3, options), "flow per thread"), 3U * 32 * 2'000'000);
  // 20/3 visits of eight bytes per walk.
  options.method = PprMethod::kMaintained;
  EXPECT_GE(bytes_of(plan_ppr_replicated(schema, 1, 1, options), "stored walks"),
            50U * 8 * options.maintained_walks * 20 / 3);
}

}  // namespace
}  // namespace rove::algorithms
