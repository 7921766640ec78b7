// SPDX-License-Identifier: Apache-2.0
#include "gnn/triple_sampler.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "gnn/listed_negatives.hpp"
#include "gnn/popular_negatives.hpp"
#include "gnn/shared_negatives.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using tests::world;

constexpr EdgeTypeId kRates{0};
constexpr SamplerKind kKinds[] = {SamplerKind::kUserStratified, SamplerKind::kUserUniform, SamplerKind::kEdgeUniform};

/// A triple by rows, as it can be compared between distributions.
struct RowTriple {
  std::uint64_t position = 0;
  std::uint64_t user = 0;
  std::uint64_t positive = 0;
  std::uint64_t negative = 0;
  auto operator<=>(const RowTriple&) const = default;
};

struct Sampled {
  std::uint64_t num_triples = 0;
  std::vector<RowTriple> triples;  ///< of all ranks, by position
};

Sampled sample(const comm::Communicator& comm, const graph::DistributedGraph& graph, SamplerKind kind,
               std::uint64_t epoch) {
  const Interactions interactions(graph, kRates);
  const TripleSampler sampler(comm, interactions, kind, 42);
  std::vector<RowTriple> mine;
  for (const Triple& triple : sampler.sample(comm, epoch)) {
    mine.push_back({triple.position, graph.schema().row_of(graph.index_map().stable_of(triple.user)), triple.positive,
                    triple.negative});
  }
  EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
  Sampled all{sampler.num_triples(), comm.all_gather_v(std::span<const RowTriple>(mine)).data};
  std::sort(all.triples.begin(), all.triples.end());
  return all;
}

std::multiset<std::pair<std::uint64_t, std::uint64_t>> edges_of(const graph::GraphBlocks& whole) {
  std::multiset<std::pair<std::uint64_t, std::uint64_t>> edges;
  const graph::AdjacencyBlock& block = whole.edges[0].by_source;
  for (std::uint64_t user = 0; user + 1 < block.offsets.size(); ++user) {
    for (std::uint64_t i = block.offsets[user]; i < block.offsets[user + 1]; ++i) edges.emplace(user, block.targets[i]);
  }
  return edges;
}

TEST(TripleSampler, DrawsTheSameTriplesOnAnyRanks) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 40, 700, 3);
  const comm::Communicator self = tests::alone(world());
  const graph::DistributedGraph serial = tests::distribute(self, whole, tests::Spread::kBlock);
  for (const SamplerKind kind : kKinds) {
    for (const std::uint64_t epoch : {1U, 2U}) {
      const Sampled expected = sample(self, serial, kind, epoch);
      for (const tests::Spread spread : tests::kSpreads) {
        const Sampled drawn = sample(world(), tests::distribute(world(), whole, spread), kind, epoch);
        EXPECT_EQ(drawn.num_triples, expected.num_triples);
        EXPECT_EQ(drawn.triples, expected.triples) << name_of(kind) << ", " << name_of(spread);
      }
    }
  }
}

TEST(TripleSampler, PositivesAreInteractionsAndNegativesAreNot) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 12, 500, 4);
  const auto edges = edges_of(whole);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  for (const SamplerKind kind : kKinds) {
    const Sampled drawn = sample(world(), graph, kind, 1);
    ASSERT_EQ(drawn.triples.size(), drawn.num_triples);
    for (std::uint64_t i = 0; i < drawn.triples.size(); ++i) {
      EXPECT_EQ(drawn.triples[i].position, i);
      EXPECT_TRUE(edges.contains({drawn.triples[i].user, drawn.triples[i].positive}));
      EXPECT_FALSE(edges.contains({drawn.triples[i].user, drawn.triples[i].negative}));
    }
  }
}

TEST(TripleSampler, CountsPerUserFollowTheRule) {
  const graph::GraphBlocks whole = tests::random_bipartite(50, 80, 600, 8);
  const graph::AdjacencyBlock& block = whole.edges[0].by_source;
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  const auto counts = [&](SamplerKind kind) {
    std::map<std::uint64_t, std::uint64_t> count;
    for (const RowTriple& triple : sample(world(), graph, kind, 1).triples) ++count[triple.user];
    return count;
  };
  for (const auto& [user, count] : counts(SamplerKind::kUserStratified)) EXPECT_EQ(count, 600U / 50U) << user;
  for (const auto& [user, count] : counts(SamplerKind::kEdgeUniform)) {
    EXPECT_EQ(count, block.offsets[user + 1] - block.offsets[user]);
  }
  // Uniform draws over the users with an item: chi-square within five standard deviations of its mean.
  const auto uniform = counts(SamplerKind::kUserUniform);
  std::uint64_t trainable = 0;
  for (std::uint64_t user = 0; user < 50; ++user) trainable += block.offsets[user + 1] > block.offsets[user] ? 1U : 0U;
  const double expected = 600.0 / static_cast<double>(trainable);
  double chi = 0;
  for (std::uint64_t user = 0; user < 50; ++user) {
    if (block.offsets[user + 1] == block.offsets[user]) continue;
    const auto found = uniform.find(user);
    const double count = found == uniform.end() ? 0.0 : static_cast<double>(found->second);
    chi += (count - expected) * (count - expected) / expected;
  }
  const auto freedom = static_cast<double>(trainable - 1);
  EXPECT_LT(std::abs(chi - freedom), 5 * std::sqrt(2 * freedom));
}

TEST(TripleSampler, NegativesAreUniformOverTheMissingItems) {
  // One user with 3 of 10 items, one with 8 of 10: rejection and the complement.
  for (const std::uint32_t seen : {3U, 8U}) {
    tests::EdgeList list;
    list.type.source = VertexTypeId{0};
    list.type.relation = "rates";
    list.type.destination = VertexTypeId{1};
    for (std::uint32_t item = 0; item < seen; ++item) list.edges.push_back({0, item});
    const graph::GraphBlocks whole = tests::make_graph({{"user", 1}, {"item", 10}}, {list});
    const comm::Communicator self = tests::alone(world());
    const graph::DistributedGraph graph = tests::distribute(self, whole, tests::Spread::kBlock);
    std::map<std::uint64_t, double> count;
    double total = 0;
    for (std::uint64_t epoch = 1; epoch <= 300; ++epoch) {
      for (const RowTriple& triple : sample(self, graph, SamplerKind::kEdgeUniform, epoch).triples) {
        ++count[triple.negative];
        ++total;
      }
    }
    EXPECT_EQ(count.size(), 10 - seen);
    const double expected = total / (10.0 - seen);
    double chi = 0;
    for (const auto& [item, n] : count) chi += (n - expected) * (n - expected) / expected;
    EXPECT_LT(chi, 9.0 - seen + 5 * std::sqrt(2 * (9.0 - seen)));
  }
}

/// Triples of all ranks with negatives by popularity.
std::vector<RowTriple> popular(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                               std::uint64_t epoch) {
  const Interactions interactions(graph, kRates);
  std::vector<Triple> triples = TripleSampler(comm, interactions, SamplerKind::kEdgeUniform, 42).sample(comm, epoch);
  PopularNegatives(comm, interactions, 42).replace(comm, epoch, triples);
  std::vector<RowTriple> mine;
  for (const Triple& triple : triples) {
    mine.push_back({triple.position, graph.schema().row_of(graph.index_map().stable_of(triple.user)), triple.positive,
                    triple.negative});
  }
  std::vector<RowTriple> all = comm.all_gather_v(std::span<const RowTriple>(mine)).data;
  std::ranges::sort(all);
  return all;
}

TEST(PopularNegatives, AreTheSameOnAnyRanksAndNeverInteractions) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 12, 500, 4);
  const auto edges = edges_of(whole);
  const comm::Communicator self = tests::alone(world());
  const std::vector<RowTriple> expected = popular(self, tests::distribute(self, whole, tests::Spread::kBlock), 1);
  for (const RowTriple& triple : expected) EXPECT_FALSE(edges.contains({triple.user, triple.negative}));
  for (const tests::Spread spread : tests::kSpreads) {
    EXPECT_EQ(popular(world(), tests::distribute(world(), whole, spread), 1), expected) << name_of(spread);
  }
}

TEST(PopularNegatives, FollowThePower) {
  // User 0 has item 0; items 1 ... 4 have 1, 16, 81, 256 interactions of others: weights 1, 8, 27, 64. Item 5 has none.
  tests::EdgeList list;
  list.type.source = VertexTypeId{0};
  list.type.relation = "rates";
  list.type.destination = VertexTypeId{1};
  list.edges.push_back({0, 0});
  const std::uint32_t degrees[] = {1, 16, 81, 256};
  for (std::uint32_t item = 1; item <= 4; ++item) {
    for (std::uint32_t user = 1; user <= degrees[item - 1]; ++user) list.edges.push_back({user, item});
  }
  const graph::GraphBlocks whole = tests::make_graph({{"user", 257}, {"item", 6}}, {list});
  const comm::Communicator self = tests::alone(world());
  const graph::DistributedGraph graph = tests::distribute(self, whole, tests::Spread::kBlock);
  const Interactions interactions(graph, kRates);
  const PopularNegatives negatives(self, interactions, 42);
  std::map<std::uint32_t, double> count;
  constexpr std::uint64_t kDraws = 4000;
  std::vector<Triple> triples(kDraws);
  const auto user0 = static_cast<std::uint32_t>(interactions.owned_users().begin);
  for (std::uint64_t i = 0; i < kDraws; ++i) triples[i] = {i, LocalVertexId{user0}, 0, 0};
  negatives.replace(self, 1, triples);
  for (const Triple& triple : triples) ++count[triple.negative];
  EXPECT_FALSE(count.contains(0));
  EXPECT_FALSE(count.contains(5));
  const double weights[] = {1, 8, 27, 64};
  double chi = 0;
  for (std::uint32_t item = 1; item <= 4; ++item) {
    const double expected = kDraws * weights[item - 1] / 100;
    chi += (count[item] - expected) * (count[item] - expected) / expected;
  }
  EXPECT_LT(chi, 3 + 5 * std::sqrt(6.0));
}

TEST(SharedNegatives, AreDistinctUniformAndOwnedOnce) {
  const graph::GraphBlocks whole = tests::random_bipartite(20, 40, 200, 4);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  const Interactions interactions(graph, kRates);
  const SharedNegatives negatives(interactions, 10, 42);
  std::map<std::uint32_t, double> count;
  constexpr std::uint64_t kBatches = 400;
  for (std::uint64_t batch = 0; batch < kBatches; ++batch) {
    const std::vector<std::uint32_t> items = negatives.draw(1, batch);
    ASSERT_EQ(items.size(), 10U);
    EXPECT_TRUE(std::ranges::is_sorted(items));
    EXPECT_EQ(std::ranges::adjacent_find(items), items.end());
    for (const std::uint32_t item : items) ++count[item];
    if (batch >= 3) continue;
    EXPECT_NE(items, negatives.draw(2, batch));
    std::uint64_t owned = negatives.owned(items).size();
    EXPECT_EQ(world().all_reduce(owned, comm::ReduceOp::kSum), 10U);
  }
  EXPECT_EQ(count.size(), 40U);
  // Without replacement the counts vary less than independent draws would.
  double chi = 0;
  for (const auto& [item, n] : count) chi += (n - 100) * (n - 100) / 100;
  EXPECT_LT(chi, 39 + 5 * std::sqrt(2 * 39.0));
  EXPECT_EQ(SharedNegatives(interactions, 100, 42).draw(1, 0).size(), 40U);
}

/// Triples of all ranks after some negatives came from lists of items 0, 1, 2, ... in the order of (user + i) mod
/// items.
std::vector<RowTriple> listed(const comm::Communicator& comm, const graph::DistributedGraph& graph, double share) {
  const Interactions interactions(graph, kRates);
  graph::NeighborLists lists;
  for (std::uint64_t local = interactions.owned_users().begin; local < interactions.owned_users().end; ++local) {
    const std::uint64_t user =
        graph.schema().row_of(graph.index_map().stable_of(LocalVertexId{static_cast<std::uint32_t>(local)}));
    for (std::uint64_t i = 0; user > 0 && i < 9; ++i) lists.targets.push_back((user + i) % 12);
    lists.offsets.push_back(lists.targets.size());
  }
  std::vector<Triple> triples = TripleSampler(comm, interactions, SamplerKind::kEdgeUniform, 42).sample(comm, 1);
  ListedNegatives(interactions, lists, 2, 20, 42).replace(1, share, triples);
  std::vector<RowTriple> mine;
  for (const Triple& triple : triples) {
    mine.push_back({triple.position, graph.schema().row_of(graph.index_map().stable_of(triple.user)), triple.positive,
                    triple.negative});
  }
  std::vector<RowTriple> all = comm.all_gather_v(std::span<const RowTriple>(mine)).data;
  std::ranges::sort(all);
  return all;
}

TEST(ListedNegatives, ComeFromTheWindowAndAreNeverInteractions) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 12, 300, 4);
  const auto edges = edges_of(whole);
  const comm::Communicator self = tests::alone(world());
  const graph::DistributedGraph serial = tests::distribute(self, whole, tests::Spread::kBlock);
  const std::vector<RowTriple> before = sample(self, serial, SamplerKind::kEdgeUniform, 1).triples;
  EXPECT_EQ(listed(self, serial, 0.0), before);
  const std::vector<RowTriple> all_hard = listed(self, serial, 1.0);
  for (std::size_t i = 0; i < all_hard.size(); ++i) {
    const RowTriple& triple = all_hard[i];
    EXPECT_FALSE(edges.contains({triple.user, triple.negative}));
    if (triple.user == 0) {
      EXPECT_EQ(triple, before[i]);  // has no list
    }
    if (triple.negative == before[i].negative) continue;
    const std::uint64_t rank = (triple.negative + 12 * 60 - triple.user) % 12;
    EXPECT_GE(rank, 2U);
    EXPECT_LT(rank, 9U);
  }
  const std::vector<RowTriple> half = listed(self, serial, 0.5);
  std::uint64_t changed = 0;
  std::uint64_t changeable = 0;
  for (std::size_t i = 0; i < half.size(); ++i) {
    changed += half[i] != before[i] ? 1U : 0U;
    changeable += all_hard[i] != before[i] ? 1U : 0U;
    EXPECT_TRUE(half[i] == before[i] || half[i] == all_hard[i]);
  }
  EXPECT_NEAR(static_cast<double>(changed), 0.5 * static_cast<double>(changeable),
              5 * std::sqrt(0.25 * static_cast<double>(changeable)));
  for (const tests::Spread spread : tests::kSpreads) {
    EXPECT_EQ(listed(world(), tests::distribute(world(), whole, spread), 0.5), half) << name_of(spread);
  }
}

TEST(ListedNegatives, CountTheUsersWithAWindowOnAnyRanks) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 12, 300, 4);
  const auto edges = edges_of(whole);
  // User u's list: items u, u + 1, ..., as many as u modulo 5.
  WindowCounts expected;
  for (std::uint64_t user = 0; user < 60; ++user) {
    std::uint64_t degree = 0;
    for (std::uint64_t item = 0; item < 12; ++item) degree += edges.contains({user, item}) ? 1U : 0U;
    if (degree == 0 || degree == 12) continue;
    ++expected.users;
    bool has_window = false;
    for (std::uint64_t i = 2; i < user % 5; ++i) has_window |= !edges.contains({user, (user + i) % 12});
    expected.with_window += has_window ? 1U : 0U;
  }
  EXPECT_GT(expected.with_window, 0U);
  EXPECT_LT(expected.with_window, expected.users);
  for (const tests::Spread spread : tests::kSpreads) {
    const graph::DistributedGraph graph = tests::distribute(world(), whole, spread);
    const Interactions interactions(graph, kRates);
    graph::NeighborLists lists;
    for (std::uint64_t local = interactions.owned_users().begin; local < interactions.owned_users().end; ++local) {
      const std::uint64_t user =
          graph.schema().row_of(graph.index_map().stable_of(LocalVertexId{static_cast<std::uint32_t>(local)}));
      for (std::uint64_t i = 0; i < user % 5; ++i) lists.targets.push_back((user + i) % 12);
      lists.offsets.push_back(lists.targets.size());
    }
    lists.scores.resize(lists.targets.size());
    const WindowCounts found = count_windows(world(), interactions, lists, 2, 20);
    EXPECT_EQ(found.users, expected.users) << name_of(spread);
    EXPECT_EQ(found.with_window, expected.with_window) << name_of(spread);
    EXPECT_EQ(count_windows(world(), interactions, lists, 4, 20).with_window, 0U);
  }
}

TEST(ListedNegatives, TheirShareGrowsFromNothing) {
  EXPECT_EQ(hard_share(0.5, 1, 11), 0.0);
  EXPECT_DOUBLE_EQ(hard_share(0.5, 6, 11), 0.25);
  EXPECT_EQ(hard_share(0.5, 11, 11), 0.5);
  EXPECT_EQ(hard_share(0.5, 1, 1), 0.5);
}

TEST(TripleSampler, RefusesAGraphWithoutTrainableUsers) {
  tests::EdgeList list;
  list.type.source = VertexTypeId{0};
  list.type.relation = "rates";
  list.type.destination = VertexTypeId{1};
  list.edges = {{0, 0}, {0, 1}};
  const graph::GraphBlocks whole = tests::make_graph({{"user", 2}, {"item", 2}}, {list});
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kBlock);
  const Interactions interactions(graph, kRates);
  EXPECT_THROW(TripleSampler(world(), interactions, SamplerKind::kUserStratified, 1), InputError);
}

TEST(TripleSampler, NamesAreParsed) {
  for (const SamplerKind kind : kKinds) EXPECT_EQ(parse_sampler(name_of(kind)), kind);
  EXPECT_THROW((void)parse_sampler("uniform"), ConfigError);
}

}  // namespace
}  // namespace rove::gnn
