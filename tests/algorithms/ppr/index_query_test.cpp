// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/index_query.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/ppr/fingerprint_index.hpp"
#include "algorithms/ppr/ppr.hpp"
#include "engine/base/error.hpp"
#include "tests/algorithms/ppr/serial_ppr.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/serial_walker.hpp"

namespace rove::algorithms {
namespace {

using tests::world;

/// The serial graph as queries see it.
class SerialSlots final : public SlotLists {
 public:
  explicit SerialSlots(const graph::GraphBlocks& whole)
      : graph_(tests::serial_graph(whole, {exec::Direction::kBoth, {}})) {}
  [[nodiscard]] std::uint64_t degree(std::uint32_t vertex) const override { return graph_.slots[vertex].size(); }
  void append_slots(std::uint32_t vertex, std::vector<std::uint32_t>& slots) const override {
    slots.insert(slots.end(), graph_.slots[vertex].begin(), graph_.slots[vertex].end());
  }

 private:
  tests::SerialGraph graph_;
};

/// An index of all types, whole on every rank, with what queries of one target type need of it.
struct WholeIndex {
  WholeIndex(const graph::GraphBlocks& whole, const FingerprintIndexOptions& options, VertexTypeId target,
             std::vector<bool> indexed = {}) {
    const FingerprintIndex mine =
        build_fingerprint_index(world(), tests::cut(whole, world().rank(), world().size()), options);
    for (const auto& of_type : mine.tables) tables.push_back(gather_fingerprints(world(), of_type[target.index()]));
    set.targets = whole.schema.stable_range(target);
    set.restart = options.restart;
    set.walks = options.walks;
    for (std::size_t t = 0; t < tables.size(); ++t) {
      const bool has = indexed.empty() || indexed[t];
      set.types.push_back({whole.schema.stable_range(VertexTypeId{static_cast<std::uint16_t>(t)}),
                           has ? FingerprintView(tables[t]) : FingerprintView(), indexed.empty()});
    }
  }
  std::vector<FingerprintTable> tables;
  FingerprintSet set;
};

TEST(FingerprintIndex, HoldsTheVisitsOfTheWalksPerTargetType) {
  const graph::GraphBlocks whole = tests::random_typed(18, 5);
  FingerprintIndexOptions options;
  options.walks = 50;
  options.entries = 5;
  const FingerprintIndex mine =
      build_fingerprint_index(world(), tests::cut(whole, world().rank(), world().size()), options);
  ASSERT_EQ(mine.types.size(), 3U);
  ASSERT_EQ(mine.targets.size(), 3U);
  const tests::SerialGraph graph = tests::serial_graph(whole, options.edges);
  for (std::size_t t = 0; t < 3; ++t) {
    for (std::size_t target = 0; target < 3; ++target) {
      const FingerprintTable table = gather_fingerprints(world(), mine.tables[t][target]);
      const IndexRange rows = whole.schema.stable_range(mine.types[t]);
      const IndexRange targets = whole.schema.stable_range(mine.targets[target]);
      ASSERT_EQ(table.lost.size(), rows.size());
      for (std::uint64_t row = 0; row < rows.size(); ++row) {
        const auto vertex = static_cast<std::uint32_t>(rows.begin + row);
        const tests::SerialVisits visits = tests::serial_visits(graph, vertex, 50, options.restart, options.seed);
        const auto entries = FingerprintView(table).of(row);
        std::uint64_t visited = 0;
        for (const auto& [v, count] : visits.counts) visited += static_cast<std::uint64_t>(targets.contains(v));
        EXPECT_EQ(entries.size(), std::min<std::uint64_t>(visited, options.entries));
        std::uint32_t least = 0xFFFFFFFFU;
        for (const auto& entry : entries) {
          EXPECT_EQ(visits.counts.at(static_cast<std::uint32_t>(targets.begin) + entry.vertex), entry.count);
          least = std::min(least, entry.count);
        }
        EXPECT_LE(table.cut[row], least);
        EXPECT_EQ(table.cut[row] > 0, visited > options.entries);
        EXPECT_EQ(table.lost[row], visits.lost);
      }
    }
  }
}

TEST(FingerprintIndex, RefusesOptionsOutOfRange) {
  const graph::GraphBlocks blocks = tests::cut(tests::random_bipartite(9, 8, 30, 1), world().rank(), world().size());
  const auto refuses = [&](const auto& spoil) {
    FingerprintIndexOptions options;
    spoil(options);
    EXPECT_THROW((void)build_fingerprint_index(world(), blocks, options), ConfigError);
  };
  refuses([](auto& options) { options.restart = 0.0; });
  refuses([](auto& options) { options.walks = 0; });
  refuses([](auto& options) { options.entries = 0; });
  refuses([](auto& options) { options.types = {VertexTypeId{0}, VertexTypeId{0}}; });
  refuses([](auto& options) { options.targets = {VertexTypeId{2}}; });
}

TEST(IndexQuery, ConservesAllFlow) {
  const graph::GraphBlocks whole = tests::random_typed(24, 8);
  FingerprintIndexOptions options;
  options.walks = 20;
  const WholeIndex index(whole, options, VertexTypeId{1});
  const WholeIndex partial(whole, options, VertexTypeId{1}, {false, true, false});
  const SerialSlots slots(whole);
  IndexQuery query(index.set.targets.size());
  for (const FingerprintSet* set : {&index.set, &partial.set}) {
    for (std::uint32_t v = 0; v < whole.schema.num_vertices(); ++v) {
      for (const std::uint32_t hops : {0U, 1U, 2U, 3U}) {
        for (const double threshold : {0.0, 1e-3, 0.05}) {
          const std::vector<WeightedSeed> seeds = {{v, 1.0}, {0, 0.37}, {5, 1e-7}};
          PprQuery asked;
          asked.seeds = seeds;
          asked.hops = hops;
          asked.threshold = threshold;
          const IndexQuery::Flow& flow = query.decompose(*set, slots, asked);
          std::uint64_t total = flow.lost + flow.unanswered;
          for (const auto& at : flow.stopped) total += at.units;
          for (const auto& at : flow.kept) total += at.units;
          ASSERT_EQ(total, std::uint64_t{1} << 32U);
        }
      }
    }
  }
}

// The error bound beside each answer holds, for baskets as for single seeds, with and without users in the index.
TEST(IndexQuery, BasketsAgreeWithTheExactScores) {
  const graph::GraphBlocks whole = tests::random_bipartite(20, 16, 120, 6);
  PprOptions exact;
  exact.targets = VertexTypeId{1};
  FingerprintIndexOptions options;
  options.walks = 100'000;
  const auto first_target = static_cast<std::uint32_t>(whole.schema.stable_range(exact.targets).begin);
  const WholeIndex index(whole, options, exact.targets);
  const WholeIndex items(whole, options, exact.targets, {false, true});
  const SerialSlots slots(whole);
  const std::vector<WeightedSeed> basket = {{first_target + 2, 1.0}, {first_target + 5, 2.5}, {3, 0.5}};
  std::vector<double> truth(whole.schema.num_vertices());
  for (const WeightedSeed& seed : basket) {
    const std::vector<double> one = tests::dense_ppr(whole, exact, seed.vertex);
    for (std::size_t v = 0; v < truth.size(); ++v) truth[v] += seed.weight / 4.0 * one[v];
  }
  for (const FingerprintSet* set : {&index.set, &items.set}) {
    IndexQuery query(set->targets.size());
    for (const std::uint32_t hops : {1U, 2U, 3U}) {
      PprQuery asked;
      asked.seeds = basket;
      asked.exclude_linked = false;
      asked.hops = hops;
      const PprAnswer answer = query.answer(*set, slots, asked);
      ASSERT_GT(answer.ranked.size(), 8U);
      EXPECT_FALSE(answer.cold);
      for (const Scored& scored : answer.ranked) {
        const double error = std::abs(static_cast<double>(scored.score) - truth[first_target + scored.id]);
        EXPECT_LT(error, answer.error_bound);
        EXPECT_LT(answer.error_bound, 0.05);
      }
    }
  }
}

TEST(IndexQuery, ListsOnlyWhatMayBeListed) {
  const graph::GraphBlocks whole = tests::random_bipartite(20, 16, 120, 6);
  FingerprintIndexOptions options;
  options.walks = 500;
  const WholeIndex index(whole, options, VertexTypeId{1});
  const SerialSlots slots(whole);
  IndexQuery query(index.set.targets.size());
  const std::vector<WeightedSeed> seeds = {{1, 1.0}};
  PprQuery asked;
  asked.seeds = seeds;
  asked.exclude_linked = false;
  const PprAnswer all = query.answer(index.set, slots, asked);
  ASSERT_GT(all.ranked.size(), 6U);
  // Excluded targets leave the list, and only they do.
  const std::vector<std::uint32_t> excluded = {static_cast<std::uint32_t>(all.ranked[0].id),
                                               static_cast<std::uint32_t>(all.ranked[3].id)};
  asked.excluded = excluded;
  std::vector<Scored> expected = all.ranked;
  expected.erase(expected.begin() + 3);
  expected.erase(expected.begin());
  EXPECT_EQ(query.answer(index.set, slots, asked).ranked, expected);
  // Allowed ones alone stay, in any order, however often they are named.
  const std::vector<std::uint32_t> allowed = {
      static_cast<std::uint32_t>(all.ranked[5].id), static_cast<std::uint32_t>(all.ranked[1].id),
      static_cast<std::uint32_t>(all.ranked[0].id), static_cast<std::uint32_t>(all.ranked[5].id)};
  asked.allowed = allowed;
  EXPECT_EQ(query.answer(index.set, slots, asked).ranked, (std::vector<Scored>{all.ranked[1], all.ranked[5]}));
  asked.allowed.reset();
  asked.excluded = {};
  asked.top_k = 2;
  EXPECT_EQ(query.answer(index.set, slots, asked).ranked, (std::vector<Scored>{all.ranked[0], all.ranked[1]}));
  // What the seed is linked to is not listed unless asked for.
  asked.top_k = 100;
  asked.exclude_linked = true;
  std::vector<std::uint32_t> linked;
  slots.append_slots(1, linked);
  for (const Scored& scored : query.answer(index.set, slots, asked).ranked) {
    EXPECT_EQ(std::count(linked.begin(), linked.end(), scored.id + index.set.targets.begin), 0);
  }
}

// The booster by its definition, from the lists of the seeds alone.
TEST(IndexQuery, BoostsWhatSeveralSeedsLeadTo) {
  const graph::GraphBlocks whole = tests::random_bipartite(30, 24, 260, 6);
  FingerprintIndexOptions options;
  options.walks = 500;
  const WholeIndex index(whole, options, VertexTypeId{1});
  const SerialSlots slots(whole);
  IndexQuery query(index.set.targets.size());
  const std::vector<WeightedSeed> basket = {{31, 2.0}, {4, 1.0}, {31, 1.0}, {29, 9.0}};  // 29 is isolated
  const std::vector<WeightedSeed> shares = {{31, 3.0 / 13.0}, {4, 1.0 / 13.0}};
  PprQuery asked;
  asked.exclude_linked = false;
  std::vector<double> roots(index.set.targets.size());
  for (const WeightedSeed& seed : shares) {
    const WeightedSeed alone{seed.vertex, 1.0};
    asked.seeds = std::span(&alone, 1);
    const PprAnswer plain = query.answer(index.set, slots, asked);
    asked.boost = true;
    EXPECT_EQ(query.answer(index.set, slots, asked).ranked.size(), plain.ranked.size());
    asked.boost = false;
    for (const Scored& scored : plain.ranked) {
      roots[scored.id] += std::sqrt(seed.weight * static_cast<double>(scored.score));
    }
  }
  roots[31 - index.set.targets.begin] = 0.0;  // a seed
  asked.seeds = basket;
  asked.boost = true;
  const std::vector<std::uint32_t> excluded = {3};
  asked.excluded = excluded;
  roots[3] = 0.0;
  const PprAnswer boosted = query.answer(index.set, slots, asked);
  EXPECT_EQ(boosted.ranked.size(),
            static_cast<std::size_t>(std::ranges::count_if(roots, [](double r) { return r > 0; })));
  EXPECT_EQ(boosted.error_bound, 0.0);
  for (const Scored& scored : boosted.ranked) {
    EXPECT_NEAR(static_cast<double>(scored.score), roots[scored.id] * roots[scored.id], 1e-6);
  }
  EXPECT_EQ(query.answer(index.set, slots, asked).ranked, boosted.ranked);  // the scratch is clean
  asked.boost = false;
  EXPECT_NE(query.answer(index.set, slots, asked).ranked, boosted.ranked);
  const std::vector<WeightedSeed> cold = {{29, 1.0}};
  asked.boost = true;
  asked.seeds = cold;
  EXPECT_TRUE(query.answer(index.set, slots, asked).cold);
}

// A seed below a unit of flow adds nothing and lists nothing twice, and no order of the seeds changes a bit.
TEST(IndexQuery, LightSeedsAndTheOrderOfSeeds) {
  const graph::GraphBlocks whole = tests::random_bipartite(30, 24, 260, 6);
  FingerprintIndexOptions options;
  options.walks = 500;
  const WholeIndex index(whole, options, VertexTypeId{1});
  const SerialSlots slots(whole);
  IndexQuery query(index.set.targets.size());
  // 0.1, 0.2 and 0.3 add up to different doubles in different orders.
  std::vector<WeightedSeed> basket = {{4, 0.1}, {1, 1e-12}, {5, 0.2}, {6, 0.3},       {2, 1e-12}, {33, 1e-12},
                                      {4, 0.7}, {3, 1e-12}, {4, 0.2}, {9, 1.0 / 3.0}, {11, 0.1}};
  for (const std::uint32_t hops : {0U, 1U, 2U}) {
    for (const bool boost : {false, true}) {
      PprQuery asked;
      asked.seeds = basket;
      asked.exclude_linked = false;
      asked.hops = hops;
      asked.boost = boost;
      const PprAnswer first = query.answer(index.set, slots, asked);
      ASSERT_GT(first.ranked.size(), 8U);
      std::vector<std::uint64_t> listed;
      for (const Scored& scored : first.ranked) listed.push_back(scored.id);
      std::ranges::sort(listed);
      EXPECT_EQ(std::ranges::adjacent_find(listed), listed.end()) << hops << " hops, boost " << boost;
      const IndexQuery::Flow flow = query.decompose(index.set, slots, asked);
      for (int turn = 1; turn < 10; ++turn) {
        std::ranges::rotate(basket, basket.begin() + 1);
        if (turn == 5) std::ranges::reverse(basket);
        asked.seeds = basket;
        const PprAnswer again = query.answer(index.set, slots, asked);
        EXPECT_EQ(again.ranked, first.ranked);
        EXPECT_EQ(again.error_bound, first.error_bound);
        EXPECT_EQ(query.decompose(index.set, slots, asked).kept, flow.kept);
      }
    }
  }
}

TEST(IndexQuery, ColdSeedsAndBadQueries) {
  const graph::GraphBlocks whole = tests::random_bipartite(20, 16, 60, 6);
  FingerprintIndexOptions options;
  options.walks = 10;
  const WholeIndex index(whole, options, VertexTypeId{1});
  const SerialSlots slots(whole);
  IndexQuery query(index.set.targets.size());
  std::vector<WeightedSeed> seeds = {{19, 1.0}};  // the last tenth is isolated
  PprQuery asked;
  asked.seeds = seeds;
  const PprAnswer cold = query.answer(index.set, slots, asked);
  EXPECT_TRUE(cold.cold);
  EXPECT_TRUE(cold.ranked.empty());
  for (const double weight : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    seeds.front().weight = weight;
    EXPECT_THROW((void)query.answer(index.set, slots, asked), ConfigError);
  }
  asked.seeds = {};
  EXPECT_THROW((void)query.answer(index.set, slots, asked), ConfigError);
}

// A fingerprint that points outside the targets is found, not followed.
TEST(IndexQuery, DamagedFingerprintsAreFound) {
  const graph::GraphBlocks whole = tests::random_bipartite(20, 16, 120, 6);
  FingerprintIndexOptions options;
  options.walks = 100;
  WholeIndex index(whole, options, VertexTypeId{1});
  for (auto& entry : index.tables[1].entries) entry.vertex += 100;
  const SerialSlots slots(whole);
  IndexQuery query(index.set.targets.size());
  const std::vector<WeightedSeed> seeds = {{1, 1.0}};
  PprQuery asked;
  asked.seeds = seeds;
  EXPECT_THROW((void)query.answer(index.set, slots, asked), InputError);
}

}  // namespace
}  // namespace rove::algorithms
