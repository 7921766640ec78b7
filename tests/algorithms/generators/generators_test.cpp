// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/generators/generator.hpp"
#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"

namespace rove::algorithms {
namespace {

EdgeBatch edges_of(const EdgeGenerator& generator, std::size_t list, IndexRange range) {
  EdgeBatch all;
  all.first = range.begin;
  generator.generate(list, range, [&](const EdgeBatch& batch) {
    EXPECT_EQ(batch.first, range.begin + all.size());
    EXPECT_LE(batch.size(), EdgeGenerator::kBatch);
    EXPECT_EQ(batch.weights.size(), generator.lists()[list].has_weights ? batch.size() : 0);
    EXPECT_EQ(batch.times.size(), generator.lists()[list].has_times ? batch.size() : 0);
    all.sources.insert(all.sources.end(), batch.sources.begin(), batch.sources.end());
    all.targets.insert(all.targets.end(), batch.targets.begin(), batch.targets.end());
    all.weights.insert(all.weights.end(), batch.weights.begin(), batch.weights.end());
    all.times.insert(all.times.end(), batch.times.begin(), batch.times.end());
  });
  return all;
}

EdgeBatch edges_of(const EdgeGenerator& generator, std::size_t list) {
  return edges_of(generator, list, {0, generator.lists()[list].num_edges});
}

std::uint64_t digest(const EdgeBatch& edges) {
  std::uint64_t hash = edges.size();
  for (std::size_t i = 0; i < edges.size(); ++i) {
    hash = mix64(mix64(hash, edges.sources[i]), edges.targets[i]);
    if (!edges.weights.empty()) hash = mix64(hash, static_cast<std::uint64_t>(edges.weights[i] * 0x1p24F));
    if (!edges.times.empty()) hash = mix64(hash, static_cast<std::uint64_t>(edges.times[i]));
  }
  return hash;
}

RmatSpec small_rmat() {
  RmatSpec spec;
  spec.scale = 12;
  spec.edge_factor = 20;
  spec.weights = true;
  return spec;
}

TypedSpec small_typed() {
  TypedSpec spec;
  spec.interactions.users = 3000;
  spec.interactions.items = 800;
  spec.interactions.interactions = 70'000;
  spec.interactions.communities = 7;
  spec.interactions.affinity = 0.8;
  spec.interactions.weights = true;
  spec.interactions.times = true;
  spec.attributes = {{"genre", 20, 2}, {"artist", 150, 1}};
  spec.follows = 9000;
  return spec;
}

TEST(Generators, any_cut_gives_the_same_edges) {
  const auto rmat = make_rmat(small_rmat());
  const auto typed = make_typed(small_typed());
  for (const EdgeGenerator* generator : {rmat.get(), typed.get()}) {
    for (std::size_t list = 0; list < generator->lists().size(); ++list) {
      const std::uint64_t count = generator->lists()[list].num_edges;
      const EdgeBatch whole = edges_of(*generator, list);
      ASSERT_EQ(whole.size(), count);
      for (const std::uint64_t cuts : {std::uint64_t{2}, std::uint64_t{3}, std::uint64_t{7}}) {
        std::uint64_t at = 0;
        for (std::uint64_t cut = 0; cut < cuts; ++cut) {
          const IndexRange range{count * cut / cuts, count * (cut + 1) / cuts};
          const EdgeBatch part = edges_of(*generator, list, range);
          ASSERT_EQ(part.size(), range.size());
          for (std::size_t i = 0; i < part.size(); ++i, ++at) {
            ASSERT_EQ(part.sources[i], whole.sources[at]);
            ASSERT_EQ(part.targets[i], whole.targets[at]);
            ASSERT_TRUE(whole.weights.empty() || part.weights[i] == whole.weights[at]);
            ASSERT_TRUE(whole.times.empty() || part.times[i] == whole.times[at]);
          }
        }
      }
      EXPECT_EQ(edges_of(*generator, list, {count, count}).size(), 0U);
    }
  }
}

TEST(Generators, outputs_are_frozen) {
  EXPECT_EQ(digest(edges_of(*make_rmat(small_rmat()), 0)), 6647339479153943317U);
  const auto typed = make_typed(small_typed());
  EXPECT_EQ(digest(edges_of(*typed, 0)), 1998527125586775864U);
  EXPECT_EQ(digest(edges_of(*typed, 1)), 3131209699389934542U);
  EXPECT_EQ(digest(edges_of(*typed, 3)), 471079560032407998U);
}

TEST(Generators, seeds_differ) {
  RmatSpec other = small_rmat();
  other.seed = 43;
  EXPECT_NE(digest(edges_of(*make_rmat(small_rmat()), 0)), digest(edges_of(*make_rmat(other), 0)));
}

TEST(Rmat, quadrants_have_their_shares) {
  RmatSpec spec;
  spec.scale = 1;
  spec.edge_factor = 100'000;
  const EdgeBatch edges = edges_of(*make_rmat(spec), 0);
  double counts[2][2] = {};
  for (std::size_t i = 0; i < edges.size(); ++i) ++counts[edges.sources[i]][edges.targets[i]];
  const bool swapped = counts[0][0] < counts[1][1];
  const double expected[2][2] = {{0.57, 0.19}, {0.19, 0.05}};
  const auto total = static_cast<double>(edges.size());
  for (std::size_t s = 0; s < 2; ++s) {
    for (std::size_t t = 0; t < 2; ++t) {
      const double p = swapped ? expected[1 - s][1 - t] : expected[s][t];
      EXPECT_NEAR(counts[s][t], total * p, 5 * std::sqrt(total * p * (1 - p)));
    }
  }
}

TEST(Rmat, is_skewed_and_within_range) {
  const RmatSpec spec = small_rmat();
  const EdgeBatch edges = edges_of(*make_rmat(spec), 0);
  std::vector<std::uint64_t> degree(std::size_t{1} << spec.scale);
  for (const std::uint64_t source : edges.sources) ++degree.at(source);
  for (const std::uint64_t target : edges.targets) ASSERT_LT(target, degree.size());
  for (const float weight : edges.weights) ASSERT_TRUE(weight > 0 && weight <= 1);
  // The vertex that always falls into the upper half expects 0.76^scale of the edges.
  const double heaviest = static_cast<double>(edges.size()) * std::pow(0.76, spec.scale);
  EXPECT_NEAR(static_cast<double>(*std::ranges::max_element(degree)), heaviest, 6 * std::sqrt(heaviest));
  EXPECT_GT(std::ranges::count(degree, 0U), static_cast<std::ptrdiff_t>(degree.size() / 10));
}

TEST(Bipartite, has_exactly_the_pairs_asked_for_all_distinct) {
  BipartiteSpec spec;
  spec.users = 5000;
  spec.items = 1000;
  spec.interactions = 100'000;
  const EdgeBatch edges = edges_of(*make_bipartite(spec), 0);
  std::set<std::pair<std::uint64_t, std::uint64_t>> pairs;
  std::vector<double> user_degree(spec.users);
  std::vector<double> item_degree(spec.items);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    pairs.emplace(edges.sources[i], edges.targets[i]);
    ++user_degree.at(edges.sources[i]);
    ++item_degree.at(edges.targets[i]);
  }
  EXPECT_EQ(edges.size(), spec.interactions);
  EXPECT_EQ(pairs.size(), spec.interactions);

  // Users: the k-th most active has its share to within one; the most active are saturated nowhere here.
  std::ranges::sort(user_degree, std::greater<>());
  double total = 0;
  for (std::uint64_t r = 1; r <= spec.users; ++r) total += 1 / std::sqrt(static_cast<double>(r));
  for (const std::uint64_t rank : {1U, 10U, 100U, 5000U}) {
    const double share = 100'000 / std::sqrt(static_cast<double>(rank)) / total;
    EXPECT_NEAR(user_degree[rank - 1], share, 1.01);
  }
  // Items: popularity falls, and its head is flatter than the weights because pairs are distinct.
  std::ranges::sort(item_degree, std::greater<>());
  EXPECT_LE(item_degree.front(), 5000);
  EXPECT_GT(item_degree[9], 2 * item_degree[99]);
  EXPECT_GT(item_degree[99], 2 * item_degree[999]);
}

TEST(Typed, lists_are_what_was_asked_for) {
  const TypedSpec spec = small_typed();
  const auto generator = make_typed(spec);
  ASSERT_EQ(generator->types().size(), 3U);
  EXPECT_EQ(generator->types()[2].count, 170U);
  ASSERT_EQ(generator->lists().size(), 4U);
  EXPECT_EQ(generator->lists()[2].relation, "artist");
  EXPECT_EQ(generator->lists()[2].destination_type, 2U);

  for (std::size_t list = 1; list <= 2; ++list) {
    const EdgeBatch edges = edges_of(*generator, list);
    std::set<std::pair<std::uint64_t, std::uint64_t>> pairs;
    std::vector<std::uint64_t> per_item(spec.interactions.items);
    for (std::size_t i = 0; i < edges.size(); ++i) {
      pairs.emplace(edges.sources[i], edges.targets[i]);
      ++per_item.at(edges.sources[i]);
      ASSERT_EQ(edges.targets[i] >= 20, list == 2);
      ASSERT_LT(edges.targets[i], 170U);
    }
    EXPECT_EQ(pairs.size(), edges.size());
    for (const std::uint64_t count : per_item) ASSERT_EQ(count, spec.attributes[list - 1].per_item);
  }
  const EdgeBatch follows = edges_of(*generator, 3);
  for (std::size_t i = 0; i < follows.size(); ++i) ASSERT_NE(follows.sources[i], follows.targets[i]);
}

TEST(Typed, communities_attract) {
  TypedSpec spec = small_typed();
  spec.interactions.interactions = 20'000;  // few enough that distinctness hardly matters
  const auto generator = make_typed(spec);
  const EdgeBatch edges = edges_of(*generator, 0);
  double inside = 0;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const bool alike = generator->community_of(0, edges.sources[i]) == generator->community_of(1, edges.targets[i]);
    inside += alike ? 1 : 0;
    ASSERT_GE(edges.weights[i], alike ? 3.0F : 1.0F);
    ASSERT_LE(edges.weights[i], 5.0F);
    ASSERT_GE(edges.times[i], 1'672'531'200);
    ASSERT_LT(edges.times[i], 1'672'531'200 + 365 * 24 * 3600);
  }
  const double share = inside / static_cast<double>(edges.size());
  EXPECT_GT(share, 0.7);
  EXPECT_LT(share, 0.9);
}

TEST(Generators, refuse_what_cannot_be_made) {
  RmatSpec rmat;
  rmat.scale = 0;
  EXPECT_THROW((void)make_rmat(rmat), ConfigError);
  rmat.scale = 10;
  rmat.a = 0.9;
  EXPECT_THROW((void)make_rmat(rmat), ConfigError);
  BipartiteSpec bipartite;
  EXPECT_THROW((void)make_bipartite(bipartite), ConfigError);
  bipartite = {10, 10, 101};
  EXPECT_THROW((void)make_bipartite(bipartite), ConfigError);
}

}  // namespace
}  // namespace rove::algorithms
