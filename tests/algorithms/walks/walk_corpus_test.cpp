// SPDX-License-Identifier: Apache-2.0
// Corpora of every kind: the serial twin's walks, whatever the ranks, threads, layout, partition and batches; and no
// batch beyond its memory.
#include "algorithms/walks/walk_corpus.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/walks/pinsage.hpp"
#include "engine/base/error.hpp"
#include "partition/partitioner.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/serial_policy_walker.hpp"

namespace rove::algorithms {
namespace {

using tests::world;

/// The rows of all ranks, batch after batch.
template <class Graph>
std::vector<std::uint32_t> corpus(const Graph& graph, const WalkCorpusOptions& options,
                                  WalkCorpusReport* report = nullptr) {
  std::vector<std::uint32_t> rows;
  const WalkCorpusReport made = make_walks(world(), graph, options, [&](const WalkBatch& batch) {
    const auto all = world().all_gather_v<std::uint32_t>(batch.vertices).data;
    rows.insert(rows.end(), all.begin(), all.end());
  });
  EXPECT_EQ(rows.size(), made.walks * (options.length + 1));
  if (report != nullptr) *report = made;
  return rows;
}

std::vector<std::uint32_t> serial_corpus(const graph::GraphBlocks& whole, const WalkCorpusOptions& options) {
  tests::PolicySpec spec;
  spec.links = options.links;
  spec.edges = options.edges;
  spec.mixture = options.mixture;
  for (std::uint32_t l = 0; l < options.links.size() && options.mixture.empty(); ++l) spec.pattern.push_back(l);
  spec.sampling = options.sampling;
  spec.by_time = options.by_time;
  if (options.second_order) spec.second_order = {options.p, options.q};
  spec.stop = options.restart;
  spec.max_moves = options.length;
  const tests::SerialPolicyWalker walker(whole, spec);
  std::vector<std::uint32_t> rows;
  for (std::uint16_t t = 0; t < whole.schema.vertex_types().size(); ++t) {
    const VertexTypeId type{t};
    if (!options.sources.empty() && options.sources.front() != type) continue;
    const IndexRange range = whole.schema.stable_range(type);
    for (std::uint64_t source = range.begin; source < range.end; ++source) {
      for (std::uint32_t walk = 0; walk < options.walks; ++walk) {
        auto trace = walker.walk(static_cast<std::uint32_t>(source), walk, options.seed).vertices;
        trace.resize(options.length + 1, kNoWalkVertex);
        rows.insert(rows.end(), trace.begin(), trace.end());
      }
    }
  }
  return rows;
}

graph::DistributedGraph metis_distributed(const graph::GraphBlocks& whole) {
  const graph::GraphBlocks mine = tests::cut(whole, world().rank(), world().size());
  partition::PartitionOptions options;
  options.method = "metis";
  options.parts = world().size();
  return graph::DistributedGraph::build(world(), mine, partition::assign(world(), mine, options));
}

struct Kind {
  std::string name;
  WalkCorpusOptions options;
};

std::vector<Kind> kinds() {
  const auto kind = [](const std::string& name, const auto& change) {
    WalkCorpusOptions options;
    options.walks = 4;
    options.length = 9;
    options.seed = 5;
    change(options);
    return Kind{name, options};
  };
  const EdgeTypeId rates{0};
  const EdgeTypeId has{1};
  return {
      kind("uniform", [](WalkCorpusOptions&) {}),
      kind("restart", [](WalkCorpusOptions& options) { options.restart = 0.2; }),
      kind("alias", [](WalkCorpusOptions& options) { options.sampling = exec::SlotSampling::kAlias; }),
      kind("rejection", [](WalkCorpusOptions& options) { options.sampling = exec::SlotSampling::kRejection; }),
      kind("inverse", [](WalkCorpusOptions& options) { options.sampling = exec::SlotSampling::kInverse; }),
      kind("along edges only",
           [](WalkCorpusOptions& options) {
             options.edges.direction = exec::Direction::kOut;
             options.sampling = exec::SlotSampling::kAlias;
           }),
      kind("against some edges only",
           [&](WalkCorpusOptions& options) { options.edges = {exec::Direction::kIn, {rates, EdgeTypeId{2}}}; }),
      kind("node2vec on one relation",
           [&](WalkCorpusOptions& options) {
             options.edges.types = {EdgeTypeId{2}};
             options.second_order = true;
             options.p = 0.25;
             options.q = 0.5;
           }),
      kind("node2vec",
           [](WalkCorpusOptions& options) {
             options.second_order = true;
             options.p = 0.5;
             options.q = 2.0;
           }),
      kind("weighted node2vec",
           [](WalkCorpusOptions& options) {
             options.second_order = true;
             options.q = 4.0;
             options.sampling = exec::SlotSampling::kAlias;
           }),
      kind("meta-path",
           [&](WalkCorpusOptions& options) {
             options.sources = {VertexTypeId{0}};
             options.links = {{rates, true, {}}, {has, true, 1U}, {has, false, {}}, {rates, false, {}}};
           }),
      kind("weighted meta-path",
           [&](WalkCorpusOptions& options) {
             options.sources = {VertexTypeId{0}};
             options.links = {{rates, true, {}}, {rates, false, {}}};
             options.sampling = exec::SlotSampling::kAlias;
           }),
      kind("mixture",
           [&](WalkCorpusOptions& options) {
             options.links = {{rates, true, {}}, {rates, false, {}}, {EdgeTypeId{2}, true, {}}};
             options.mixture = {0.5, 0.25, 1.0};
           }),
  };
}

TEST(WalkCorpus, SameBytesFromBothLayoutsAnyPartitionAndAnyBatches) {
  const graph::GraphBlocks whole = tests::random_typed(60, 21);
  const graph::GraphBlocks blocks = tests::cut(whole, world().rank(), world().size());
  const graph::DistributedGraph by_metis = metis_distributed(whole);
  for (Kind& kind : kinds()) {
    SCOPED_TRACE(kind.name);
    const std::vector<std::uint32_t> expected = serial_corpus(whole, kind.options);
    EXPECT_EQ(corpus(blocks, kind.options), expected);
    for (const tests::Spread spread : tests::kSpreads) {
      EXPECT_EQ(corpus(tests::distribute(world(), whole, spread), kind.options), expected) << tests::name_of(spread);
    }
    EXPECT_EQ(corpus(by_metis, kind.options), expected) << "METIS";
    kind.options.batch_bytes = 5 * kind.options.walks * partitioned_bytes_per_walk(kind.options);
    EXPECT_EQ(corpus(blocks, kind.options), expected) << "small batches";
    EXPECT_EQ(corpus(by_metis, kind.options), expected) << "small batches, METIS";
  }
}

TEST(WalkCorpus, TemporalWalksGoForwardInTime) {
  auto edges = tests::random_edges(40, 25, false, 260, 0, 12);
  graph::EdgeType type;
  type.relation = "rates";
  type.destination = VertexTypeId{1};
  type.has_times = true;
  const graph::GraphBlocks whole = tests::make_graph({{"user", 40}, {"item", 25}}, {{type, edges}});
  WalkCorpusOptions options;
  options.walks = 5;
  options.length = 12;
  options.by_time = true;
  const std::vector<std::uint32_t> expected = serial_corpus(whole, options);
  EXPECT_EQ(corpus(tests::cut(whole, world().rank(), world().size()), options), expected);
  for (const tests::Spread spread : tests::kSpreads) {
    EXPECT_EQ(corpus(tests::distribute(world(), whole, spread), options), expected) << tests::name_of(spread);
  }
}

// On a star every walker is at the centre every other step: all of a batch is on one rank, the worst there is.
TEST(WalkCorpus, NoBatchTakesMoreThanItsMemory) {
  std::vector<tests::Edge> edges;
  for (std::uint32_t leaf = 1; leaf <= 400; ++leaf) edges.push_back({leaf, 0});
  graph::EdgeType links;
  links.relation = "links";
  const graph::GraphBlocks whole = tests::make_graph({{"vertex", 401}}, {{links, edges}});
  const graph::GraphBlocks blocks = tests::cut(whole, world().rank(), world().size());
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kBlock);
  for (const bool second_order : {false, true}) {
    for (const std::uint64_t budget : {std::uint64_t{1} << 16U, std::uint64_t{1} << 20U, std::uint64_t{1} << 24U}) {
      WalkCorpusOptions options;
      options.walks = 3;
      options.length = 20;
      options.second_order = second_order;
      options.q = 3.0;
      options.batch_bytes = budget;
      WalkCorpusReport replicated;
      WalkCorpusReport partitioned;
      EXPECT_EQ(corpus(blocks, options, &replicated), corpus(graph, options, &partitioned));
      EXPECT_LE(replicated.largest_batch_bytes, budget);
      EXPECT_LE(partitioned.largest_batch_bytes, budget);
      if (budget <= (std::uint64_t{1} << 20U)) {
        EXPECT_GT(partitioned.batches, 1U);
      }
    }
  }
  WalkCorpusOptions options;
  options.walks = 100;
  options.batch_bytes = 4096;
  EXPECT_THROW(static_cast<void>(corpus(graph, options)), DoesNotFitError);
}

// Neighbours by PinSAGE against counting the serial twin's visits; the same from both layouts.
TEST(Pinsage, NeighborsAreTheMostVisitedEndsOfTraversals) {
  const graph::GraphBlocks whole = tests::random_typed(40, 33);
  const graph::GraphBlocks blocks = tests::cut(whole, world().rank(), world().size());
  const auto gathered = [&](const graph::NeighborLists& mine) {
    graph::NeighborLists all;
    all.targets = world().all_gather_v<std::uint64_t>(mine.targets).data;
    all.scores = world().all_gather_v<float>(mine.scores).data;
    for (std::size_t i = 1; i < mine.offsets.size(); ++i) all.offsets.push_back(mine.offsets[i] - mine.offsets[i - 1]);
    all.offsets.erase(all.offsets.begin());
    const auto lengths = world().all_gather_v<std::uint64_t>(all.offsets).data;
    all.offsets = {0};
    for (const std::uint64_t length : lengths) all.offsets.push_back(all.offsets.back() + length);
    return all;
  };
  PinsageOptions options;
  options.seeds = VertexTypeId{1};
  options.path = {{EdgeTypeId{0}, false, {}}, {EdgeTypeId{0}, true, {}}};
  options.walks = 60;
  options.neighbors = 5;

  options.batch_bytes = 1U << 16U;
  for (const bool weighted : {false, true}) {
    options.weighted = weighted;
    tests::PolicySpec spec;
    spec.links = options.path;
    if (weighted) spec.sampling = exec::SlotSampling::kAlias;
    spec.pattern = {0, 1};
    spec.stop = options.stop;
    spec.max_moves = 2 * options.traversals;
    spec.first_toss = 2;
    spec.period = 2;
    const tests::SerialPolicyWalker walker(whole, spec);
    const IndexRange items = whole.schema.stable_range(options.seeds);
    graph::NeighborLists expected;
    for (std::uint64_t seed = items.begin; seed < items.end; ++seed) {
      std::map<std::uint32_t, std::uint32_t> visits;
      for (std::uint32_t walk = 0; walk < options.walks; ++walk) {
        const auto trace = walker.walk(static_cast<std::uint32_t>(seed), walk, options.seed).vertices;
        for (std::size_t step = 2; step < trace.size(); step += 2) ++visits[trace[step]];
      }
      std::vector<std::pair<std::uint32_t, std::uint32_t>> ranked(visits.begin(), visits.end());
      std::ranges::stable_sort(ranked, [](const auto& a, const auto& b) { return a.second > b.second; });
      ranked.resize(std::min<std::size_t>(ranked.size(), options.neighbors));
      double total = 0.0;
      for (const auto& [vertex, count] : ranked) total += count;
      for (const auto& [vertex, count] : ranked) {
        expected.targets.push_back(vertex - items.begin);
        expected.scores.push_back(static_cast<float>(count / total));
      }
      expected.offsets.push_back(expected.targets.size());
    }
    EXPECT_GT(expected.targets.size(), items.size());

    EXPECT_EQ(gathered(pinsage_neighbors(world(), blocks, options)), expected);
    for (const tests::Spread spread : tests::kSpreads) {
      EXPECT_EQ(gathered(pinsage_neighbors(world(), tests::distribute(world(), whole, spread), options)), expected)
          << tests::name_of(spread);
    }
  }
  options.path.pop_back();
  EXPECT_THROW(static_cast<void>(pinsage_neighbors(world(), blocks, options)), ConfigError);
}

TEST(WalkCorpus, OptionsThatDoNotGoTogetherAreRefused) {
  const graph::GraphBlocks whole = tests::random_typed(10, 2);
  const auto refuse = [&](const auto& change) {
    WalkCorpusOptions options;
    change(options);
    EXPECT_THROW(check_walk_options(whole.schema, options), ConfigError);
  };
  refuse([](WalkCorpusOptions& options) { options.walks = 0; });
  refuse([](WalkCorpusOptions& options) { options.length = 0; });
  refuse([](WalkCorpusOptions& options) { options.restart = 1.0; });
  refuse([](WalkCorpusOptions& options) { options.p = 0.0; });
  refuse([](WalkCorpusOptions& options) { options.sources = {VertexTypeId{9}}; });
  refuse([](WalkCorpusOptions& options) { options.mixture = {1.0}; });
  refuse([](WalkCorpusOptions& options) {
    options.by_time = true;
    options.second_order = true;
  });
  refuse([](WalkCorpusOptions& options) {
    options.second_order = true;
    options.sampling = exec::SlotSampling::kRejection;
  });
}

}  // namespace
}  // namespace rove::algorithms
