// SPDX-License-Identifier: Apache-2.0
#include "algorithms/walks/pixie.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/ppr/ppr.hpp"
#include "engine/base/error.hpp"
#include "engine/base/math.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/serial_policy_walker.hpp"

namespace rove::algorithms {
namespace {

using tests::world;

exec::WalkGraph walk_graph_of(const graph::GraphBlocks& whole) {
  return exec::WalkGraph::replicated(world(), tests::cut(whole, world().rank(), world().size()),
                                     {exec::Direction::kBoth, {}});
}

struct SerialAnswer {
  std::map<std::uint32_t, double> scores;  ///< by target row
  std::uint64_t moves = 0;
};

/// One walk after the other, one step after the other, as the definition says.
SerialAnswer serial_answer(const graph::GraphBlocks& whole, const exec::WalkGraph& graph, IndexRange targets,
                           const PixieOptions& options, std::vector<WeightedSeed> seeds) {
  tests::PolicySpec spec;
  spec.stop = options.restart;
  spec.features.assign(options.features.begin(), options.features.end());
  spec.factors = options.factors;
  const tests::SerialPolicyWalker walker(whole, spec);
  std::map<std::uint32_t, double> weights;
  for (const WeightedSeed& seed : seeds) {
    if (graph.degree(seed.vertex) > 0) weights[seed.vertex] += seed.weight;
  }
  std::uint64_t largest = 0;
  for (std::uint32_t v = 0; v < graph.num_rows(); ++v) largest = std::max(largest, graph.degree(v));
  const auto share = [&](std::uint32_t vertex, double weight) {
    const auto degree = static_cast<double>(graph.degree(vertex));
    return weight * degree * (1.0 + math::log(static_cast<double>(largest) + 1.0) - math::log(degree + 1.0));
  };
  double total = 0.0;
  for (const auto& [vertex, weight] : weights) total += share(vertex, weight);

  SerialAnswer answer;
  std::map<std::uint32_t, double> sums;
  for (const auto& [vertex, weight] : weights) {
    const auto budget =
        std::max<std::uint64_t>(16, static_cast<std::uint64_t>(share(vertex, weight) / total * options.moves));
    std::map<std::uint32_t, std::uint64_t> visits;
    std::uint64_t used = 0;
    std::uint64_t high = 0;
    const auto is_done = [&] {
      return used == budget || (options.enough_vertices > 0 && high > options.enough_vertices);
    };
    for (std::uint32_t walk = 0; !is_done(); ++walk) {
      const std::vector<std::uint32_t> trace = walker.walk(vertex, walk, options.seed).vertices;
      for (std::size_t step = 1; step < trace.size() && !is_done(); ++step) {
        ++used;
        if (targets.contains(trace[step]) && ++visits[trace[step]] == options.enough_visits) ++high;
      }
    }
    answer.moves += used;
    for (const auto& [target, count] : visits) {
      const auto seen = static_cast<double>(count);
      sums[static_cast<std::uint32_t>(target - targets.begin)] += options.boost ? std::sqrt(seen) : seen;
    }
  }
  for (const auto& [row, sum] : sums) {
    answer.scores[row] = (options.boost ? sum * sum : sum) / static_cast<double>(answer.moves);
  }
  return answer;
}

std::vector<Scored> ranked(const SerialAnswer& answer, const exec::WalkGraph& graph, IndexRange targets,
                           const std::vector<WeightedSeed>& seeds, const PixieQuery& query) {
  std::map<std::uint32_t, double> scores = answer.scores;
  for (const WeightedSeed& seed : seeds) {
    if (targets.contains(seed.vertex)) scores.erase(static_cast<std::uint32_t>(seed.vertex - targets.begin));
    for (const std::uint32_t linked : graph.neighbors(seed.vertex)) {
      if (query.exclude_linked && targets.contains(linked)) {
        scores.erase(static_cast<std::uint32_t>(linked - targets.begin));
      }
    }
  }
  std::vector<Scored> all;
  for (const auto& [row, score] : scores) all.push_back({static_cast<float>(score), row});
  std::ranges::sort(all, ranks_before);
  if (all.size() > query.top_k) all.resize(query.top_k);
  return all;
}

std::vector<VertexKey> keys_of(const graph::GraphBlocks& whole) {
  std::vector<VertexKey> keys;
  for (const auto& of_type : whole.keys) keys.insert(keys.end(), of_type.begin(), of_type.end());
  return keys;
}

struct NamedOptions {
  std::string name;
  PixieOptions options;
};

std::vector<NamedOptions> variants(std::span<const std::uint8_t> features) {
  PixieOptions plain;
  plain.moves = 700;
  plain.enough_vertices = 0;
  std::vector<NamedOptions> all{{"boosted", plain}, {"plain", plain}, {"early stop", plain}, {"biased", plain}};
  all[1].options.boost = false;
  all[2].options.enough_vertices = 3;
  all[2].options.enough_visits = 2;
  all[2].options.restart = 0.4;
  all[3].options.features = features;
  all[3].options.factors = {1.0, 0.1, 2.0};
  return all;
}

TEST(Pixie, AnswersAsTheSerialTwin) {
  for (const tests::NamedGraph& named : tests::awkward_graphs()) {
    const graph::GraphBlocks& whole = named.whole;
    const auto num_vertices = static_cast<std::uint32_t>(whole.schema.num_vertices());
    if (num_vertices < 2) continue;
    const exec::WalkGraph graph = walk_graph_of(whole);
    const std::vector<VertexKey> keys = keys_of(whole);
    std::vector<std::uint8_t> features(num_vertices);
    for (std::uint32_t v = 0; v < num_vertices; ++v) features[v] = static_cast<std::uint8_t>(v % 3);
    const auto last = VertexTypeId{static_cast<std::uint16_t>(std::min<std::size_t>(2, whole.keys.size()) - 1)};
    const IndexRange targets = whole.schema.stable_range(last);
    const std::vector<WeightedSeed> basket = {
        {num_vertices - 1, 0.5}, {0, 2.0}, {num_vertices / 2, 1.0}, {num_vertices - 1, 0.25}};
    for (const NamedOptions& variant : variants(features)) {
      const PixieGraph pixie(graph, keys, targets, variant.options);
      PixieWalker walker(pixie);
      for (const std::size_t size : {std::size_t{1}, basket.size()}) {
        SCOPED_TRACE(named.name + ", " + variant.name + ", seeds: " + std::to_string(size));
        const std::vector<WeightedSeed> seeds(basket.begin(), basket.begin() + static_cast<std::ptrdiff_t>(size));
        const PixieQuery query{seeds, 9, size == 1};
        const SerialAnswer serial = serial_answer(whole, graph, targets, variant.options, seeds);
        const PixieAnswer answer = walker.answer(query);
        EXPECT_EQ(answer.ranked, ranked(serial, graph, targets, seeds, query));
        EXPECT_EQ(answer.moves, serial.moves);
        EXPECT_EQ(answer.cold, std::ranges::all_of(seeds, [&](const auto& s) { return graph.degree(s.vertex) == 0; }));
      }
    }
  }
}

// As a method of `rove ppr`: the sets lie on any rank, and a single source is a set of one.
TEST(Pixie, ListsOfSeedSetsAndSourcesAreTheSameOnAnyRanks) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 40, 420, 5);
  const graph::GraphBlocks mine = tests::cut(whole, world().rank(), world().size());
  const exec::WalkGraph graph = walk_graph_of(whole);
  PprOptions options;
  options.sources = VertexTypeId{0};
  options.targets = VertexTypeId{1};
  options.method = PprMethod::kPixie;
  options.top_k = 8;
  options.pixie_moves = 900;
  options.pixie_enough_vertices = 5;
  PixieOptions serial_options;
  serial_options.moves = 900;
  serial_options.enough_vertices = 5;
  const IndexRange items = whole.schema.stable_range(options.targets);

  const IndexRange home = whole.distribution(options.sources, world().size()).block(world().rank());
  const PprResult result = personalized_pagerank(world(), mine, options);
  ASSERT_EQ(result.lists.num_rows(), home.size());
  EXPECT_TRUE(result.error_bounds.empty());
  SeedSets sets;
  for (std::uint64_t row = home.begin; row < home.end; ++row) {
    const std::vector<WeightedSeed> seeds{{static_cast<std::uint32_t>(row), 1.0}};
    const auto expected = ranked(serial_answer(whole, graph, items, serial_options, seeds), graph, items, seeds,
                                 {seeds, options.top_k, true});
    const auto listed = result.lists.targets_of(row - home.begin);
    ASSERT_EQ(listed.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(listed[i], expected[i].id);

    sets.seeds.push_back({static_cast<std::uint32_t>(row), 2.0});
    sets.seeds.push_back({static_cast<std::uint32_t>(items.begin + row % items.size()), 1.0});
    sets.offsets.push_back(sets.seeds.size());
  }
  const PprResult of_sets = personalized_pagerank(world(), mine, options, sets);
  EXPECT_EQ(of_sets.method, PprMethod::kPixie);
  for (std::size_t set = 0; set < home.size(); ++set) {
    const std::vector<WeightedSeed> seeds(sets.seeds.begin() + static_cast<std::ptrdiff_t>(2 * set),
                                          sets.seeds.begin() + static_cast<std::ptrdiff_t>(2 * set + 2));
    const auto expected = ranked(serial_answer(whole, graph, items, serial_options, seeds), graph, items, seeds,
                                 {seeds, options.top_k, true});
    const auto listed = of_sets.lists.targets_of(set);
    ASSERT_EQ(listed.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(listed[i], expected[i].id);
  }
}

TEST(Pixie, BudgetsGrowWithTheDegreeButMoreSlowly) {
  // Vertex v of a path of stars: degrees 1, 2, 4, ... of the first vertices.
  std::vector<tests::Edge> edges;
  std::uint32_t leaf = 8;
  for (std::uint32_t hub = 0; hub < 8; ++hub) {
    for (std::uint32_t i = 0; i < (1U << hub); ++i) edges.push_back({hub, leaf++});
  }
  graph::EdgeType links;
  links.relation = "links";
  const graph::GraphBlocks whole = tests::make_graph({{"vertex", leaf}}, {{links, edges}});
  const exec::WalkGraph graph = walk_graph_of(whole);
  const std::vector<VertexKey> keys = keys_of(whole);
  PixieOptions options;
  options.moves = 100'000;
  const PixieGraph pixie(graph, keys, whole.schema.stable_range(VertexTypeId{0}), options);
  std::vector<WeightedSeed> seeds;
  for (std::uint32_t hub = 0; hub < 8; ++hub) seeds.push_back({hub, 1.0});
  const std::vector<std::uint64_t> moves = pixie.budgets(seeds);
  for (std::size_t hub = 1; hub < 8; ++hub) {
    EXPECT_GT(moves[hub], moves[hub - 1]);
    EXPECT_LT(moves[hub], 2 * moves[hub - 1]);
  }
  const std::uint64_t all = std::accumulate(moves.begin(), moves.end(), std::uint64_t{0});
  EXPECT_LE(all, options.moves);
  EXPECT_GE(all + seeds.size(), options.moves);
  for (WeightedSeed& seed : seeds) seed.weight = 256.0;
  EXPECT_EQ(pixie.budgets(seeds), moves);
  seeds[7].weight = 1e12;
  EXPECT_EQ(pixie.budgets(seeds).front(), PixieOptions::kLeastMoves);
}

TEST(Pixie, EarlyStoppingEndsAtTheVisitThatIsEnough) {
  const graph::GraphBlocks whole = tests::random_bipartite(50, 30, 300, 8);
  const exec::WalkGraph graph = walk_graph_of(whole);
  const std::vector<VertexKey> keys = keys_of(whole);
  const IndexRange items = whole.schema.stable_range(VertexTypeId{1});
  PixieOptions options;
  options.moves = 50'000;
  options.enough_vertices = 6;
  options.boost = false;
  const std::vector<WeightedSeed> seeds{{1, 1.0}};
  const PixieGraph pixie(graph, keys, items, options);
  const PixieAnswer answer = PixieWalker(pixie).answer({seeds, 30, false});
  EXPECT_EQ(answer.stopped_early, 1U);
  EXPECT_LT(answer.moves, options.moves);
  const auto visits = [&](const Scored& s) {
    return std::lround(static_cast<double>(s.score) * static_cast<double>(answer.moves));
  };
  const auto often = std::ranges::count_if(answer.ranked, [&](const Scored& s) { return visits(s) >= 4; });
  EXPECT_EQ(often, 7);
}

// Of one seed, without booster and early stop: visits per move are pi / (1 - c) away from the seed.
TEST(Pixie, OneSeedWithoutDevicesGivesPersonalizedPageRank) {
  if (world().size() > 1) GTEST_SKIP() << "frequencies are those of one rank";
  const graph::GraphBlocks whole = tests::random_graph(30, 120, 8, true);
  const exec::WalkGraph graph = walk_graph_of(whole);
  const std::vector<VertexKey> keys = keys_of(whole);
  PixieOptions options;
  options.moves = 400'000;
  options.enough_vertices = 0;
  options.boost = false;
  std::uint32_t source = 0;
  while (graph.degree(source) == 0) ++source;
  const std::vector<WeightedSeed> seeds{{source, 1.0}};
  const PixieGraph pixie(graph, keys, whole.schema.stable_range(VertexTypeId{0}), options);
  const PixieAnswer answer = PixieWalker(pixie).answer({seeds, 30, false});
  std::vector<double> exact(graph.num_rows());
  std::vector<double> at(graph.num_rows());
  at[source] = 1.0;
  for (int step = 0; step < 300; ++step) {
    std::vector<double> next(graph.num_rows());
    for (std::uint32_t v = 0; v < graph.num_rows(); ++v) {
      exact[v] += options.restart * at[v];
      for (const std::uint32_t target : graph.neighbors(v)) {
        next[target] += (1.0 - options.restart) * at[v] / static_cast<double>(graph.degree(v));
      }
    }
    at = next;
  }
  ASSERT_GE(answer.ranked.size(), 20U);
  const auto moves = static_cast<double>(answer.moves);
  for (const Scored& scored : answer.ranked) {
    const double expected = exact[scored.id] / (1.0 - options.restart) * moves;
    // A walk's visits to a vertex are a hit times a geometric number: variance at most 2 / c per expected visit.
    EXPECT_LT(std::abs(static_cast<double>(scored.score) * moves - expected),
              5.0 * std::sqrt(expected * 2.0 / options.restart))
        << scored.id;
  }
}

TEST(Pixie, BoosterRewardsAgreementOnly) {
  const graph::GraphBlocks whole = tests::random_bipartite(40, 30, 300, 3);
  const exec::WalkGraph graph = walk_graph_of(whole);
  const std::vector<VertexKey> keys = keys_of(whole);
  const IndexRange items = whole.schema.stable_range(VertexTypeId{1});
  const auto answer = [&](bool boost, const std::vector<WeightedSeed>& seeds) {
    PixieOptions options;
    options.moves = 2'000;
    options.boost = boost;
    const PixieGraph pixie(graph, keys, items, options);
    std::map<std::uint64_t, double> scores;
    for (const Scored& scored : PixieWalker(pixie).answer({seeds, 30, false}).ranked) {
      scores[scored.id] = static_cast<double>(scored.score);
    }
    return scores;
  };
  const std::vector<WeightedSeed> one{{2, 1.0}};
  const std::vector<WeightedSeed> three{{2, 1.0}, {5, 1.0}, {11, 1.0}};
  const auto single = answer(false, one);
  for (const auto& [row, score] : answer(true, one)) EXPECT_NEAR(score, single.at(row), 1e-6);
  const auto plain = answer(false, three);
  std::uint32_t rewarded = 0;
  for (const auto& [row, score] : answer(true, three)) {
    EXPECT_GE(score, plain.at(row) * (1.0 - 1e-6));
    EXPECT_LE(score, 3.0 * plain.at(row) * (1.0 + 1e-6));
    rewarded += score > 1.5 * plain.at(row) ? 1U : 0U;
  }
  EXPECT_GT(rewarded, 0U);
}

TEST(Pixie, RefusesWhatCannotBeMeant) {
  const graph::GraphBlocks whole = tests::random_bipartite(10, 8, 30, 1);
  const exec::WalkGraph graph = walk_graph_of(whole);
  const std::vector<VertexKey> keys = keys_of(whole);
  const IndexRange items = whole.schema.stable_range(VertexTypeId{1});
  for (const auto& change : std::vector<std::function<void(PixieOptions&)>>{
           [](PixieOptions& o) { o.restart = 0.0; }, [](PixieOptions& o) { o.moves = 0; },
           [](PixieOptions& o) { o.enough_visits = 0; }, [](PixieOptions& o) { o.factors = {1.0, 0.0}; },
           [](PixieOptions& o) { o.factors = {1.0, 0.9e-3}; }, [](PixieOptions& o) { o.factors = {1.0, 1e12}; }}) {
    PixieOptions options;
    change(options);
    EXPECT_THROW(check_pixie_options(options), ConfigError);
  }
  PixieOptions widest;
  widest.factors = {1.0, 1000.0};
  EXPECT_NO_THROW(check_pixie_options(widest));
  const PixieGraph pixie(graph, keys, items, {});
  PixieWalker walker(pixie);
  EXPECT_THROW(static_cast<void>(walker.answer({{}, 5, true})), ConfigError);
  const std::vector<WeightedSeed> worthless{{0, -1.0}};
  EXPECT_THROW(static_cast<void>(walker.answer({worthless, 5, true})), ConfigError);
  PprOptions options;
  options.method = PprMethod::kPixie;
  options.targets = VertexTypeId{1};
  const graph::DistributedGraph partitioned = tests::distribute(world(), whole, tests::Spread::kBlock);
  EXPECT_THROW(static_cast<void>(personalized_pagerank(world(), partitioned, options)), ConfigError);
}

}  // namespace
}  // namespace rove::algorithms
