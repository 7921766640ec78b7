// SPDX-License-Identifier: Apache-2.0
#include "gnn/retrieval.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/math.hpp"
#include "engine/base/random.hpp"
#include "engine/base/top_k.hpp"
#include "gnn/metrics.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using tests::world;

constexpr EdgeTypeId kRates{0};
constexpr std::uint32_t kDim = 21;

/// Few distinct values, so that many scores tie.
float value_at(std::uint64_t stable, std::uint32_t column) {
  static const RandomStream random(3, Purpose::kNoise);
  return static_cast<float>(slot_multiply_shift(random.draw(stable % 23, column, 0), 5)) * 0.5F - 1.0F;
}

EmbeddingTable table_of(const graph::DistributedGraph& graph) {
  EmbeddingTable table(graph.num_owned(), kDim);
  for (std::uint32_t row = 0; row < graph.num_owned(); ++row) {
    const std::uint64_t stable = graph.index_map().stable_of(LocalVertexId{row}).value();
    for (std::uint32_t c = 0; c < kDim; ++c) table.row(row)[c] = value_at(stable, c);
  }
  return table;
}

std::set<std::uint64_t> seen_items(const graph::GraphBlocks& whole, std::uint64_t user) {
  const graph::AdjacencyBlock& block = whole.edges[0].by_source;
  return {block.targets.begin() + static_cast<std::ptrdiff_t>(block.offsets[user]),
          block.targets.begin() + static_cast<std::ptrdiff_t>(block.offsets[user + 1])};
}

/// Scores by one fused chain, sorts everything.
std::vector<Scored> serial_list(const graph::GraphBlocks& whole, std::uint64_t user, const RetrievalOptions& options) {
  const std::uint64_t users = whole.schema.vertex_type(VertexTypeId{0}).count;
  const std::uint64_t items = whole.schema.vertex_type(VertexTypeId{1}).count;
  const auto seen = seen_items(whole, user);
  std::vector<Scored> list;
  for (std::uint64_t item = 0; item < items; ++item) {
    if (options.mask_seen && seen.contains(item)) continue;
    float score = 0;
    for (std::uint32_t c = 0; c < kDim; ++c) score = std::fma(value_at(user, c), value_at(users + item, c), score);
    list.push_back({score, item});
  }
  std::sort(list.begin(), list.end(), ranks_before);
  if (list.size() > options.top_k) list.resize(options.top_k);
  return list;
}

TEST(Retrieval, EqualsFullSortOnAnyRanks) {
  const graph::GraphBlocks whole = tests::random_bipartite(41, 150, 900, 6);
  for (const RetrievalOptions options :
       {RetrievalOptions{10, true}, RetrievalOptions{7, false}, RetrievalOptions{400, true},
        RetrievalOptions{4'000'000'000, true}, RetrievalOptions{0, true}}) {
    for (const tests::Spread spread : tests::kSpreads) {
      const graph::DistributedGraph graph = tests::distribute(world(), whole, spread);
      const Interactions interactions(graph, kRates);
      const graph::NeighborLists lists = recommend(world(), interactions, table_of(graph), options);
      const IndexRange home = whole.distribution(VertexTypeId{0}, world().size()).block(world().rank());
      ASSERT_EQ(lists.num_rows(), home.size());
      for (std::uint64_t i = 0; i < home.size(); ++i) {
        const std::vector<Scored> expected = serial_list(whole, home.begin + i, options);
        ASSERT_EQ(lists.targets_of(i).size(), expected.size());
        for (std::size_t j = 0; j < expected.size(); ++j) {
          EXPECT_EQ(lists.targets_of(i)[j], expected[j].id);
          EXPECT_EQ(lists.scores_of(i)[j], expected[j].score);
        }
      }
    }
  }
}

TEST(Retrieval, RefusesEmbeddingsThatAreNotFinite) {
  const graph::GraphBlocks whole = tests::random_bipartite(10, 10, 40, 6);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  const Interactions interactions(graph, kRates);
  EmbeddingTable table = table_of(graph);
  if (const auto row = graph.index_map().find_owned(StableVertexId{13})) {
    table.row(row->value())[2] = std::numeric_limits<float>::infinity();
  }
  EXPECT_THROW((void)recommend(world(), interactions, table, {}), InputError);
}

TEST(Metrics, OfHandMadeLists) {
  // User 0: hits at ranks 1 and 3 of 3 test items; user 1: no hit; user 2: no test item; user 3: more test items than
  // the cutoff.
  graph::NeighborLists lists;
  lists.offsets = {0, 4, 8, 12, 16};
  lists.targets = {5, 1, 7, 2, 0, 1, 2, 3, 9, 8, 7, 6, 4, 0, 1, 2};
  lists.scores.assign(16, 0.0F);
  TestItems test;
  test.offsets = {0, 3, 4, 4, 9};
  test.values = {5, 7, 20, 11, 0, 1, 2, 4, 30};
  const comm::Communicator self = tests::alone(world());
  const std::uint32_t cutoffs[] = {2, 4};
  const Evaluation result = measure(self, lists, test, cutoffs);
  EXPECT_EQ(result.num_users, 3U);
  const auto gain = [](double rank) { return 1.0 / std::log2(rank + 1.0); };
  const double ideal3 = gain(1) + gain(2) + gain(3);
  const RankingMetrics& at2 = result.at[0];
  EXPECT_NEAR(at2.recall, (1.0 / 3 + 0 + 2.0 / 5) / 3, 1e-15);
  EXPECT_NEAR(at2.ndcg, (gain(1) / (gain(1) + gain(2)) + 0 + 1) / 3, 1e-15);
  EXPECT_NEAR(at2.precision, (0.5 + 0 + 1) / 3, 1e-15);
  const RankingMetrics& at4 = result.at[1];
  EXPECT_NEAR(at4.recall, (2.0 / 3 + 0 + 4.0 / 5) / 3, 1e-15);
  EXPECT_NEAR(at4.ndcg, ((gain(1) + gain(3)) / ideal3 + 0 + 1) / 3, 1e-15);
  EXPECT_NEAR(at4.hit_rate, 2.0 / 3, 1e-15);
  EXPECT_NEAR(at4.mrr, (1.0 + 0 + 1.0) / 3, 1e-15);
  EXPECT_NEAR(at4.map, ((1.0 + 2.0 / 3) / 3 + 0 + 1.0) / 3, 1e-15);
}

TEST(Metrics, CutoffsMayBeFarBeyondTheCatalogue) {
  graph::NeighborLists lists;
  lists.offsets = {0, 3, 3};
  lists.targets = {5, 1, 7};
  lists.scores.assign(3, 0.0F);
  TestItems test;
  test.offsets = {0, 2, 6};
  test.values = {1, 7, 0, 2, 3, 4};
  const comm::Communicator self = tests::alone(world());
  const std::uint32_t cutoffs[] = {6, std::numeric_limits<std::uint32_t>::max()};
  const Evaluation result = measure(self, lists, test, cutoffs);
  EXPECT_EQ(result.at[1].recall, 0.5);
  EXPECT_EQ(result.at[1].recall, result.at[0].recall);
  EXPECT_EQ(result.at[1].ndcg, result.at[0].ndcg);
  EXPECT_EQ(result.at[1].map, result.at[0].map);
}

TEST(Metrics, AreTheSameOnAnyRanks) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 12);
  const auto run = [&](const comm::Communicator& comm, tests::Spread spread) {
    const graph::DistributedGraph graph = tests::distribute(comm, whole, spread);
    const Interactions interactions(graph, kRates);
    const IndexRange home = whole.distribution(VertexTypeId{0}, comm.size()).block(comm.rank());
    std::vector<std::uint64_t> offsets{0};
    std::vector<std::uint32_t> items;
    for (std::uint64_t user = home.begin; user < home.end; ++user) {
      for (std::uint64_t k = 0; k < user % 5; ++k)
        items.push_back(static_cast<std::uint32_t>((user * 7 + 11 * k) % 80));
      offsets.push_back(items.size());
    }
    const TestItems test = test_items_of_owners(comm, interactions, offsets, items);
    const std::uint32_t cutoffs[] = {5, 20};
    return evaluate(comm, interactions, table_of(graph), test, cutoffs);
  };
  const comm::Communicator self = tests::alone(world());
  const Evaluation expected = run(self, tests::Spread::kBlock);
  EXPECT_EQ(expected.num_users, 48U);
  EXPECT_GT(expected.at[1].recall, 0.0);
  for (const tests::Spread spread : tests::kSpreads) EXPECT_TRUE(run(world(), spread) == expected) << name_of(spread);
}

}  // namespace
}  // namespace rove::gnn
