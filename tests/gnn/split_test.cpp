// SPDX-License-Identifier: Apache-2.0
#include "gnn/split.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "gnn/edge_removal.hpp"
#include "gnn/interactions.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using tests::world;

constexpr EdgeTypeId kRates{0};
constexpr std::uint64_t kUsers = 50;
constexpr std::uint64_t kItems = 40;

/// Users with 0 to 13 items and times that differ, among them users of one and of two items.
graph::GraphBlocks make_whole(bool with_repeats = false) {
  graph::EdgeType type;
  type.source = VertexTypeId{0};
  type.relation = "rates";
  type.destination = VertexTypeId{1};
  type.has_weights = true;
  type.has_times = true;
  std::vector<tests::Edge> edges;
  for (std::uint32_t user = 0; user < kUsers; ++user) {
    for (std::uint32_t j = 0; j < user % 14; ++j) {
      const auto item = static_cast<std::uint32_t>((user * 5 + j * 3) % kItems);
      const std::int64_t time = (user * 37 + j * 101) % 500;
      edges.push_back({user, item, static_cast<float>(j), time, 0});
      if (with_repeats && j % 4 == 1) edges.push_back({user, item, 9.0F, time + 250, 0});
    }
  }
  return tests::make_graph({{"user", kUsers}, {"item", kItems}}, {{type, edges}});
}

using Pairs = std::set<std::pair<std::uint64_t, std::uint32_t>>;

/// A whole split on every rank.
struct Whole {
  Pairs training;
  Pairs validation;
  Pairs test;
  InteractionSplit split;

  friend bool operator==(const Whole& a, const Whole& b) {
    return a.training == b.training && a.validation == b.validation && a.test == b.test &&
           a.split.repeats == b.split.repeats && a.split.training_edges == b.split.training_edges;
  }
};

Pairs pairs_of(const comm::Communicator& comm, std::uint64_t first_row, std::span<const std::uint64_t> offsets,
               std::span<const std::uint32_t> items) {
  std::vector<std::uint64_t> mine;
  for (std::size_t row = 0; row + 1 < offsets.size(); ++row) {
    for (std::uint64_t i = offsets[row]; i < offsets[row + 1]; ++i) mine.push_back((first_row + row) << 32U | items[i]);
  }
  Pairs pairs;
  for (const std::uint64_t pair : tests::gathered<std::uint64_t>(comm, mine))
    pairs.emplace(pair >> 32U, static_cast<std::uint32_t>(pair));
  return pairs;
}

Whole run(const comm::Communicator& comm, const graph::GraphBlocks& whole, const SplitOptions& options) {
  graph::GraphBlocks blocks = tests::cut(whole, comm.rank(), comm.size());
  Whole result;
  result.split = split_interactions(comm, blocks, kRates, options);
  const std::uint64_t first = blocks.distribution(VertexTypeId{0}, comm.size()).block(comm.rank()).begin;
  const graph::AdjacencyBlock& rows = blocks.edges[0].by_source;
  result.training = pairs_of(comm, first, rows.offsets, rows.targets);
  result.validation = pairs_of(comm, first, result.split.validation.offsets, result.split.validation.values);
  result.test = pairs_of(comm, first, result.split.test.offsets, result.split.test.values);
  return result;
}

SplitOptions options_of(SplitMethod method, double test, double validation) {
  SplitOptions options;
  options.method = method;
  options.test = test;
  options.validation = validation;
  return options;
}

Pairs all_pairs(const graph::GraphBlocks& whole) {
  return pairs_of(tests::alone(world()), 0, whole.edges[0].by_source.offsets, whole.edges[0].by_source.targets);
}

/// The parts are disjoint and together everything.
void expect_partition(const Whole& split, const Pairs& all) {
  Pairs together = split.training;
  together.insert(split.validation.begin(), split.validation.end());
  together.insert(split.test.begin(), split.test.end());
  EXPECT_EQ(together, all);
  EXPECT_EQ(split.training.size() + split.validation.size() + split.test.size(), all.size());
  EXPECT_EQ(split.split.validation_pairs, split.validation.size());
  EXPECT_EQ(split.split.test_pairs, split.test.size());
}

std::map<std::uint64_t, std::uint64_t> per_user(const Pairs& pairs) {
  std::map<std::uint64_t, std::uint64_t> counts;
  for (const auto& [user, item] : pairs) ++counts[user];
  return counts;
}

TEST(Split, IsTheSameOnAnyRanks) {
  const graph::GraphBlocks whole = make_whole(true);
  for (const SplitMethod method : {SplitMethod::kRatio, SplitMethod::kLeaveOneOut, SplitMethod::kTime}) {
    const SplitOptions options = options_of(method, 0.2, 0.1);
    const Whole expected = run(tests::alone(world()), whole, options);
    EXPECT_TRUE(run(world(), whole, options) == expected);
    EXPECT_GT(expected.test.size(), 0U);
    EXPECT_GT(expected.validation.size(), 0U);
  }
}

TEST(Split, ByRatioKeepsAShareOfEveryUser) {
  const graph::GraphBlocks whole = make_whole();
  const Whole split = run(world(), whole, options_of(SplitMethod::kRatio, 0.25, 0.1));
  expect_partition(split, all_pairs(whole));
  auto training = per_user(split.training);
  auto test = per_user(split.test);
  auto validation = per_user(split.validation);
  for (const auto& [user, count] : per_user(all_pairs(whole))) {
    EXPECT_GE(training[user], 1U);
    EXPECT_EQ(test[user], count < 2 ? 0 : std::max<std::uint64_t>(1, count / 4)) << count;
    EXPECT_EQ(validation[user], count < 3 ? 0 : 1) << count;
  }
  SplitOptions other = options_of(SplitMethod::kRatio, 0.25, 0.1);
  other.seed = 43;
  EXPECT_NE(run(world(), whole, other).test, split.test);
}

TEST(Split, LeavesTheLastOut) {
  const graph::GraphBlocks whole = make_whole();
  const Whole split = run(world(), whole, options_of(SplitMethod::kLeaveOneOut, 0.1, 0.1));
  expect_partition(split, all_pairs(whole));
  const graph::AdjacencyBlock& rows = whole.edges[0].by_source;
  std::map<std::uint64_t, std::vector<std::pair<std::int64_t, std::uint32_t>>> by_time;
  for (std::uint64_t user = 0; user < kUsers; ++user) {
    for (std::uint64_t slot = rows.offsets[user]; slot < rows.offsets[user + 1]; ++slot)
      by_time[user].emplace_back(rows.times[slot], rows.targets[slot]);
    std::ranges::sort(by_time[user]);
  }
  for (const auto& [user, items] : by_time) {
    if (items.size() >= 2) {
      EXPECT_TRUE(split.test.contains({user, items.back().second}));
    }
    if (items.size() >= 3) {
      EXPECT_TRUE(split.validation.contains({user, items[items.size() - 2].second}));
    }
  }
  for (const auto& [user, count] : per_user(split.test)) EXPECT_EQ(count, 1U) << user;
}

TEST(Split, CutsTheWholeLogByTime) {
  const graph::GraphBlocks whole = make_whole();
  const Whole split = run(world(), whole, options_of(SplitMethod::kTime, 0.2, 0.1));
  expect_partition(split, all_pairs(whole));
  const graph::AdjacencyBlock& rows = whole.edges[0].by_source;
  std::int64_t last_training = -1;
  std::int64_t first_validation = 1000;
  std::int64_t last_validation = -1;
  std::int64_t first_test = 1000;
  for (std::uint64_t user = 0; user < kUsers; ++user) {
    for (std::uint64_t slot = rows.offsets[user]; slot < rows.offsets[user + 1]; ++slot) {
      const std::pair<std::uint64_t, std::uint32_t> pair(user, rows.targets[slot]);
      const std::int64_t time = rows.times[slot];
      if (split.test.contains(pair)) {
        first_test = std::min(first_test, time);
      } else if (split.validation.contains(pair)) {
        first_validation = std::min(first_validation, time);
        last_validation = std::max(last_validation, time);
      } else {
        last_training = std::max(last_training, time);
      }
    }
  }
  EXPECT_LT(last_training, first_validation);
  EXPECT_LT(last_validation, first_test);
  // At most the shares; less by the edges that share the time at the cut, here few.
  const auto edges = static_cast<double>(rows.targets.size());
  EXPECT_LE(static_cast<double>(split.test.size()), 0.2 * edges);
  EXPECT_GT(static_cast<double>(split.test.size()), 0.17 * edges);
  EXPECT_LE(static_cast<double>(split.test.size() + split.validation.size()), 0.3 * edges);

  SplitOptions dated = options_of(SplitMethod::kTime, 0, 0);
  dated.test_from = first_test;
  dated.validation_from = first_validation;
  EXPECT_TRUE(run(world(), whole, dated) == split);
}

TEST(Split, WhatTiesCostOnePartByTimeDoesNotGoToTheOther) {
  graph::GraphBlocks whole = make_whole();
  // The last time has 4 % of the edges, the one before it 8 %: no part of 10 % has both.
  graph::EdgeBlocks& edges = whole.edges[0];
  const std::uint64_t all = edges.by_source.targets.size();
  std::vector<std::int64_t>& times = edges.by_source.times;
  for (std::uint64_t slot = 0; slot < all; ++slot) {
    times[slot] = slot % 50 < 2 ? 3000 : slot % 50 < 6 ? 2000 : static_cast<std::int64_t>(slot % 100);
  }
  for (std::uint64_t slot = 0; slot < all; ++slot) edges.by_destination.times[slot] = times[edges.edge_positions[slot]];
  const Whole split = run(world(), whole, options_of(SplitMethod::kTime, 0.1, 0.1));
  const auto most = static_cast<std::uint64_t>(0.1 * static_cast<double>(all));
  EXPECT_GE(split.test.size(), 1U);
  EXPECT_LE(split.test.size(), most);
  EXPECT_LE(split.validation.size(), most);
}

TEST(Split, RepeatsOfAKnownPairAreNeitherTrainedOnNorAskedFor) {
  const graph::GraphBlocks whole = make_whole(true);
  const Whole split = run(world(), whole, options_of(SplitMethod::kTime, 0.2, 0.1));
  Pairs known = split.training;
  EXPECT_GT(split.split.repeats, 0U);
  for (const auto& pair : split.test) EXPECT_FALSE(known.contains(pair));
  for (const auto& pair : split.validation) EXPECT_FALSE(known.contains(pair));
  // Every edge is accounted for, by its time: training, the held-out pairs' own, their repeats.
  const Whole by_pair = run(world(), whole, options_of(SplitMethod::kRatio, 0.2, 0.1));
  EXPECT_EQ(by_pair.split.repeats, 0U);
  expect_partition(by_pair, all_pairs(whole));
}

TEST(Split, LeavesAWholeGraph) {
  const graph::GraphBlocks whole = make_whole(true);
  graph::GraphBlocks blocks = tests::cut(whole, world().rank(), world().size());
  const InteractionSplit split = split_interactions(world(), blocks, kRates, options_of(SplitMethod::kRatio, 0.3, 0.1));
  EXPECT_EQ(blocks.schema.num_edges(), split.training_edges);
  const graph::EdgeBlocks& edges = blocks.edges[0];
  EXPECT_EQ(edges.by_source.weights.size(), edges.by_source.targets.size());
  EXPECT_EQ(edges.by_destination.times.size(), edges.by_destination.targets.size());
  EXPECT_EQ(edges.by_source.offsets.back(), edges.by_source.targets.size());
  EXPECT_EQ(edges.by_destination.offsets.back(), edges.by_destination.targets.size());
  // An edge's attributes are the same from both sides: find those of my destination slots by their positions.
  const std::vector<float> weights = tests::gathered<float>(world(), edges.by_source.weights);
  const std::vector<std::uint32_t> targets = tests::gathered<std::uint32_t>(world(), edges.by_source.targets);
  const std::uint64_t first = blocks.distribution(VertexTypeId{1}, world().size()).block(world().rank()).begin;
  ASSERT_EQ(edges.edge_positions.size(), edges.by_destination.targets.size());
  for (std::size_t row = 0; row + 1 < edges.by_destination.offsets.size(); ++row) {
    for (std::uint64_t slot = edges.by_destination.offsets[row]; slot < edges.by_destination.offsets[row + 1]; ++slot) {
      const std::uint64_t position = edges.edge_positions[slot];
      ASSERT_LT(position, weights.size());
      EXPECT_EQ(weights[position], edges.by_destination.weights[slot]);
      EXPECT_EQ(targets[position], first + row);
    }
  }
  // And it can be distributed.
  const graph::DistributedGraph graph =
      graph::DistributedGraph::build(world(), blocks, tests::assign(world(), blocks.schema, tests::Spread::kScattered));
  const Interactions training(graph, kRates);
  const HeldOutItems more =
      graph.home(VertexTypeId{0}).to_owners<std::uint32_t>(world(), split.validation.offsets, split.validation.values);
  const Interactions known(graph, kRates, more);
  for (std::uint64_t user = 0; user < training.owned_users().size(); ++user) {
    EXPECT_EQ(known.items_of(user).size(),
              training.items_of(user).size() + more.offsets[user + 1] - more.offsets[user]);
    EXPECT_TRUE(std::ranges::is_sorted(known.items_of(user)));
  }
}

TEST(Split, RefusesWhatCannotBe) {
  const graph::GraphBlocks whole = make_whole();
  const auto refused = [&](const graph::GraphBlocks& graph, const SplitOptions& options) {
    graph::GraphBlocks blocks = tests::cut(graph, world().rank(), world().size());
    EXPECT_THROW((void)split_interactions(world(), blocks, kRates, options), ConfigError);
  };
  refused(whole, options_of(SplitMethod::kRatio, 0.5, 0.5));
  refused(whole, options_of(SplitMethod::kRatio, -0.1, 0.5));
  refused(whole, options_of(SplitMethod::kRatio, 1.0, 0.0));
  SplitOptions dated = options_of(SplitMethod::kTime, 0, 0);
  dated.test_from = 10;
  dated.validation_from = 10;
  refused(whole, dated);
  dated.validation_from = 5000;
  dated.test_from = 6000;
  refused(whole, dated);
  refused(tests::random_bipartite(20, 20, 60, 1), options_of(SplitMethod::kTime, 0.1, 0.1));
}

}  // namespace
}  // namespace rove::gnn
