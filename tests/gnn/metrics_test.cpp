// SPDX-License-Identifier: Apache-2.0
#include "gnn/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/random.hpp"
#include "gnn/metrics/count_histogram.hpp"
#include "gnn/metrics/home_values.hpp"
#include "gnn/metrics/item_exposure.hpp"
#include "gnn/metrics/paired_bootstrap.hpp"
#include "gnn/metrics/segments.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using tests::world;

constexpr EdgeTypeId kRates{0};
constexpr std::uint64_t kUsers = 60;
constexpr std::uint64_t kItems = 80;
constexpr std::uint32_t kCutoffs[] = {5, 12};

using Lists = std::vector<std::vector<std::uint64_t>>;

const graph::GraphBlocks& whole_graph() {
  static const graph::GraphBlocks whole = tests::random_bipartite(kUsers, kItems, 700, 12);
  return whole;
}

/// Seeded lists of different items, popular ones more often, some short.
Lists make_lists(std::uint64_t seed) {
  const RandomStream random(seed, Purpose::kNoise);
  Lists lists(kUsers);
  for (std::uint64_t user = 0; user < kUsers; ++user) {
    const std::size_t length = user % 13 == 4 ? 7 : 12;
    for (std::uint32_t draw = 0; lists[user].size() < length; ++draw) {
      const double x = to_unit(random.draw(user, draw, 0));
      const auto item = static_cast<std::uint64_t>(x * x * kItems);
      if (std::ranges::find(lists[user], item) == lists[user].end()) lists[user].push_back(item);
    }
  }
  return lists;
}

/// Every fifth user has no test items.
Lists make_test() {
  Lists test(kUsers);
  for (std::uint64_t user = 0; user < kUsers; ++user) {
    for (std::uint64_t k = 0; k < user % 5; ++k) test[user].push_back((user * 7 + 11 * k) % kItems);
    std::ranges::sort(test[user]);
  }
  return test;
}

std::vector<std::uint64_t> degrees_of(const graph::AdjacencyBlock& block) {
  std::vector<std::uint64_t> degrees;
  for (std::size_t row = 0; row + 1 < block.offsets.size(); ++row)
    degrees.push_back(block.offsets[row + 1] - block.offsets[row]);
  return degrees;
}

/// The distributed side: lists and test items of the owned users.
struct Share {
  graph::DistributedGraph graph;
  Interactions interactions;
  std::vector<std::uint64_t> popularity;

  Share(const comm::Communicator& comm, tests::Spread spread)
      : graph(tests::distribute(comm, whole_graph(), spread)),
        interactions(graph, kRates),
        popularity(popularity_at_home(comm, interactions)) {}

  [[nodiscard]] std::uint64_t user_row(std::uint64_t user) const {
    return graph.index_map()
        .stable_of(LocalVertexId{static_cast<std::uint32_t>(interactions.owned_users().begin + user)})
        .value();
  }
  [[nodiscard]] graph::NeighborLists lists(const Lists& all) const {
    graph::NeighborLists mine;
    for (std::uint64_t user = 0; user < interactions.owned_users().size(); ++user) {
      const auto& list = all[user_row(user)];
      mine.targets.insert(mine.targets.end(), list.begin(), list.end());
      mine.offsets.push_back(mine.targets.size());
    }
    mine.scores.assign(mine.targets.size(), 0.0F);
    return mine;
  }
  [[nodiscard]] TestItems test(const Lists& all) const {
    TestItems mine;
    for (std::uint64_t user = 0; user < interactions.owned_users().size(); ++user) {
      for (const std::uint64_t item : all[user_row(user)]) mine.values.push_back(static_cast<std::uint32_t>(item));
      mine.offsets.push_back(mine.values.size());
    }
    return mine;
  }
};

/// Entropy of counts, base 2.
double entropy(const std::vector<double>& counts, double total) {
  double sum = 0;
  for (const double c : counts) {
    if (c > 0) sum -= c / total * std::log2(c / total);
  }
  return sum;
}

/// From the definitions, on dense vectors. Bounds of the corrected measures are found by evaluating the measure on the
/// least and the most even allocation.
ItemExposure serial_exposure(const Lists& lists, std::uint32_t k) {
  const auto popularity = degrees_of(whole_graph().edges[0].by_destination);
  const auto n = static_cast<double>(kItems);
  std::vector<double> count(kItems);
  std::vector<std::vector<double>> exposure;
  double slots = 0;
  ItemExposure result;
  for (const auto& list : lists) {
    if (list.empty()) continue;
    auto& row = exposure.emplace_back(kItems);
    for (std::size_t j = 0; j < std::min<std::size_t>(k, list.size()); ++j) {
      count[list[j]] += 1;
      slots += 1;
      row[list[j]] = std::pow(0.8, static_cast<double>(j));
      const auto degree = static_cast<double>(std::max<std::uint64_t>(popularity[list[j]], 1));
      result.novelty += std::log2(static_cast<double>(kUsers) / degree);
      result.popularity += static_cast<double>(popularity[list[j]]);
    }
  }
  result.novelty /= slots;
  result.popularity /= slots;
  const auto gini = [&](std::vector<double> c) {
    std::ranges::sort(c);
    double sum = 0;
    for (std::size_t i = 0; i < c.size(); ++i) sum += (2.0 * static_cast<double>(i + 1) - n - 1) * c[i];
    return sum / (n * slots);
  };
  const auto jain = [&](const std::vector<double>& c) {
    double squares = 0;
    for (const double x : c) squares += x * x;
    return slots * slots / (n * squares);
  };
  const auto named = [](const std::vector<double>& c) {
    return static_cast<double>(std::ranges::count_if(c, [](double x) { return x > 0; }));
  };
  std::vector<double> even(kItems, std::floor(slots / n));
  const auto remainder = static_cast<std::size_t>(slots - n * even[0]);
  for (std::size_t i = 0; i < remainder; ++i) even[i] += 1;
  std::vector<double> worst(kItems);  // all lists name the same first items
  for (const auto& list : lists) {
    for (std::size_t j = 0; j < std::min<std::size_t>(k, list.size()); ++j) worst[j] += 1;
  }
  const auto scale = [](double value, double from, double to) { return (value - from) / (to - from); };
  result.coverage = named(count) / n;
  result.gini = gini(count);
  result.fair_jain = scale(jain(count), jain(worst), jain(even));
  result.fair_coverage = scale(named(count), named(worst), named(even));
  result.fair_entropy = scale(entropy(count, slots), entropy(worst, slots), entropy(even, slots));
  result.unfair_gini = scale(gini(count), gini(even), gini(worst));
  const double floor_share = std::floor(slots / n);
  const auto satisfied = [&](const std::vector<double>& c) {
    return static_cast<double>(std::ranges::count_if(c, [&](double x) { return x >= floor_share; }));
  };
  result.fair_share = satisfied(worst) == n ? 1.0 : scale(satisfied(count), satisfied(worst), n);
  double pairs = 0;
  for (std::size_t i = 0; i < kItems; ++i) {
    for (std::size_t j = i + 1; j < kItems; ++j) {
      if (count[i] == 0 || count[j] == 0) continue;
      result.vocd += std::abs(count[i] - count[j]) / std::max(count[i], count[j]);
      pairs += 1;
    }
  }
  result.vocd /= pairs;
  const double ideal = (1 - std::pow(0.8, k)) / (0.2 * n);
  const auto users = static_cast<double>(exposure.size());
  for (std::size_t i = 0; i < kItems; ++i) {
    double mean = 0;
    for (const auto& row : exposure) {
      result.ii_d += (row[i] - ideal) * (row[i] - ideal) / (users * n);
      mean += (row[i] - ideal) / users;
    }
    result.ai_d += mean * mean / n;
  }
  return result;
}

void expect_near(const ItemExposure& a, const ItemExposure& b) {
  EXPECT_NEAR(a.coverage, b.coverage, 1e-12);
  EXPECT_NEAR(a.gini, b.gini, 1e-12);
  EXPECT_NEAR(a.novelty, b.novelty, 1e-12);
  EXPECT_NEAR(a.popularity, b.popularity, 1e-9);
  EXPECT_NEAR(a.fair_jain, b.fair_jain, 1e-12);
  EXPECT_NEAR(a.fair_coverage, b.fair_coverage, 1e-12);
  EXPECT_NEAR(a.fair_entropy, b.fair_entropy, 1e-12);
  EXPECT_NEAR(a.unfair_gini, b.unfair_gini, 1e-12);
  EXPECT_NEAR(a.fair_share, b.fair_share, 1e-12);
  EXPECT_NEAR(a.vocd, b.vocd, 1e-12);
  EXPECT_NEAR(a.ii_d, b.ii_d, 1e-12);
  EXPECT_NEAR(a.ai_d, b.ai_d, 1e-10);
}

std::vector<double> values_of(const ItemExposure& e) {
  return {e.coverage,     e.gini,        e.novelty,    e.popularity, e.fair_jain, e.fair_coverage,
          e.fair_entropy, e.unfair_gini, e.fair_share, e.vocd,       e.ii_d,      e.ai_d};
}

TEST(ItemExposure, EqualsDefinitionsOnAnyRanks) {
  Lists lists = make_lists(3);
  lists[8].clear();
  const comm::Communicator self = tests::alone(world());
  const Share serial(self, tests::Spread::kBlock);
  const auto expected = measure_exposure(self, serial.interactions, serial.popularity, serial.lists(lists), kCutoffs);
  ASSERT_EQ(expected.size(), 2U);
  for (const ItemExposure& at : expected) expect_near(at, serial_exposure(lists, at.cutoff));
  const std::uint32_t one[] = {1};  // fewer entries than items
  expect_near(measure_exposure(self, serial.interactions, serial.popularity, serial.lists(lists), one)[0],
              serial_exposure(lists, 1));
  for (const tests::Spread spread : tests::kSpreads) {
    const Share share(world(), spread);
    const auto found = measure_exposure(world(), share.interactions, share.popularity, share.lists(lists), kCutoffs);
    for (std::size_t c = 0; c < found.size(); ++c) {
      EXPECT_EQ(values_of(found[c]), values_of(expected[c])) << name_of(spread);
    }
  }
}

TEST(ItemExposure, ReachesItsEnds) {
  const comm::Communicator self = tests::alone(world());
  const Share share(self, tests::Spread::kBlock);
  const std::uint32_t four[] = {4};
  // Everybody gets the same four items; and sixty users times four items, three to each of eighty.
  Lists same(kUsers, {1, 2, 3, 4});
  Lists even(kUsers);
  for (std::uint64_t user = 0; user < kUsers; ++user) {
    for (std::uint64_t j = 0; j < 4; ++j) even[user].push_back((user * 4 + j) % kItems);
  }
  const ItemExposure worst = measure_exposure(self, share.interactions, share.popularity, share.lists(same), four)[0];
  EXPECT_NEAR(worst.fair_jain, 0, 1e-12);
  EXPECT_NEAR(worst.fair_coverage, 0, 1e-12);
  EXPECT_NEAR(worst.fair_entropy, 0, 1e-12);
  EXPECT_NEAR(worst.unfair_gini, 1, 1e-12);
  EXPECT_NEAR(worst.fair_share, 0, 1e-12);
  EXPECT_NEAR(worst.coverage, 0.05, 1e-12);
  const ItemExposure best = measure_exposure(self, share.interactions, share.popularity, share.lists(even), four)[0];
  EXPECT_NEAR(best.fair_jain, 1, 1e-12);
  EXPECT_NEAR(best.fair_coverage, 1, 1e-12);
  EXPECT_NEAR(best.fair_entropy, 1, 1e-12);
  EXPECT_NEAR(best.unfair_gini, 0, 1e-12);
  EXPECT_NEAR(best.fair_share, 1, 1e-12);
  EXPECT_NEAR(best.gini, 0, 1e-12);
  EXPECT_NEAR(best.vocd, 0, 1e-12);
}

TEST(ItemExposure, OfAnyLengthsStaysWithinItsEnds) {
  const comm::Communicator self = tests::alone(world());
  const Share share(self, tests::Spread::kBlock);
  const RandomStream random(5, Purpose::kNoise);
  Lists ragged(kUsers);
  Lists whole(kUsers);
  for (std::uint64_t user = 0; user < kUsers; ++user) {
    const std::uint64_t length = random.draw(user, 0, 0) % (kItems + 1);
    for (std::uint64_t j = 0; j < kItems; ++j) whole[user].push_back((user * 3 + j) % kItems);
    ragged[user].assign(whole[user].begin(), whole[user].begin() + static_cast<std::ptrdiff_t>(length));
  }
  const std::uint32_t cutoffs[] = {3, kItems - 1, kItems, 4'000'000'000};
  for (const Lists& lists : {ragged, whole}) {
    for (const ItemExposure& at :
         measure_exposure(self, share.interactions, share.popularity, share.lists(lists), cutoffs)) {
      for (const double value :
           {at.fair_jain, at.fair_coverage, at.fair_entropy, at.fair_share, at.unfair_gini, at.gini, at.coverage}) {
        EXPECT_GE(value, 0.0) << at.cutoff;
        EXPECT_LE(value, 1.0) << at.cutoff;
      }
    }
  }
  const ItemExposure all = measure_exposure(self, share.interactions, share.popularity, share.lists(whole), cutoffs)[3];
  EXPECT_EQ(all.fair_entropy, 1.0) << "no other lists are possible";
  EXPECT_EQ(all.unfair_gini, 0.0);
  const ItemExposure some =
      measure_exposure(self, share.interactions, share.popularity, share.lists(ragged), cutoffs)[3];
  expect_near(some, serial_exposure(ragged, kItems));
}

TEST(ItemExposure, OfNoListsIsNothing) {
  const Share share(world(), tests::Spread::kScattered);
  const auto found =
      measure_exposure(world(), share.interactions, share.popularity, share.lists(Lists(kUsers)), kCutoffs);
  EXPECT_EQ(found[0].coverage, 0.0);
  EXPECT_EQ(found[1].ii_d, 0.0);
}

TEST(CountHistogram, CountsOverRanks) {
  std::vector<std::uint64_t> mine;
  for (std::uint64_t i = 0; i < 40; ++i) {
    if (i % static_cast<std::uint64_t>(world().size()) == world().rank().index()) mine.push_back(i % 3 * 100);
  }
  const std::vector<ValueCount> expected{{0, 14}, {100, 13}, {200, 13}};
  EXPECT_EQ(count_histogram(world(), mine), expected);
}

TEST(Segments, AreMeasurementsOfTheirParts) {
  const Lists lists = make_lists(5);
  const Lists test = make_test();
  const SegmentOptions options{6, 3};
  const comm::Communicator self = tests::alone(world());
  const Share serial(self, tests::Spread::kBlock);
  const auto run = [&](const comm::Communicator& comm, const Share& share) {
    return measure_segments(comm, share.interactions, share.popularity, share.lists(lists), share.test(test), kCutoffs,
                            options);
  };
  const Segments expected = run(self, serial);

  const auto activity = degrees_of(whole_graph().edges[0].by_source);
  const auto popularity = degrees_of(whole_graph().edges[0].by_destination);
  std::uint64_t users = 0;
  std::uint64_t interactions = 0;
  for (const Segment& segment : expected.users_by_activity) {
    Lists part(kUsers);
    for (std::uint64_t user = 0; user < kUsers; ++user) {
      if (activity[user] >= segment.least && activity[user] <= segment.most) part[user] = test[user];
    }
    EXPECT_TRUE(segment.evaluation == measure(self, serial.lists(lists), serial.test(part), kCutoffs));
    EXPECT_EQ(segment.is_cold, segment.most < 6);
    users += segment.evaluation.num_users;
  }
  EXPECT_EQ(users, 48U);
  EXPECT_GE(expected.users_by_activity.size(), 3U);
  for (const Segment& segment : expected.items_by_popularity) {
    Lists part(kUsers);
    for (std::uint64_t user = 0; user < kUsers; ++user) {
      for (const std::uint64_t item : test[user]) {
        if (popularity[item] >= segment.least && popularity[item] <= segment.most) part[user].push_back(item);
      }
      interactions += part[user].size();
    }
    EXPECT_TRUE(segment.evaluation == measure(self, serial.lists(lists), serial.test(part), kCutoffs));
  }
  EXPECT_EQ(interactions, 120U);

  const auto same = [](const std::vector<Segment>& a, const std::vector<Segment>& b) {
    return std::ranges::equal(a, b, [](const Segment& x, const Segment& y) {
      return x.least == y.least && x.most == y.most && x.is_cold == y.is_cold &&
             x.test_interactions == y.test_interactions && x.evaluation == y.evaluation;
    });
  };
  // Items that are known beside the training interactions, such as those of validation, make nobody more active.
  const Interactions known(serial.graph, kRates, serial.test(test));
  EXPECT_TRUE(
      same(measure_segments(self, known, serial.popularity, serial.lists(lists), serial.test(test), kCutoffs, options)
               .users_by_activity,
           expected.users_by_activity));
  for (const tests::Spread spread : tests::kSpreads) {
    const Segments found = run(world(), Share(world(), spread));
    EXPECT_TRUE(same(found.users_by_activity, expected.users_by_activity)) << name_of(spread);
    EXPECT_TRUE(same(found.items_by_popularity, expected.items_by_popularity)) << name_of(spread);
  }
}

TEST(PairedBootstrap, IsTheSameOnAnyRanks) {
  const Lists test = make_test();
  const auto run = [&](const comm::Communicator& comm, tests::Spread spread) {
    const Share share(comm, spread);
    return paired_bootstrap(comm, share.interactions, share.lists(make_lists(5)), share.lists(make_lists(6)),
                            share.test(test), kCutoffs, {});
  };
  const auto expected = run(tests::alone(world()), tests::Spread::kBlock);
  ASSERT_EQ(expected.size(), 12U);
  for (const tests::Spread spread : tests::kSpreads) {
    const auto found = run(world(), spread);
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].difference, expected[i].difference);
      EXPECT_EQ(found[i].low, expected[i].low);
      EXPECT_EQ(found[i].high, expected[i].high);
      EXPECT_EQ(found[i].p_value, expected[i].p_value);
    }
  }
}

TEST(PairedBootstrap, CoversAndDecides) {
  const comm::Communicator self = tests::alone(world());
  const Share share(self, tests::Spread::kBlock);
  const Lists test = make_test();
  // Lists that begin with the test items against lists without any.
  Lists good = make_lists(5);
  for (std::uint64_t user = 0; user < kUsers; ++user) {
    auto list = test[user];
    for (const std::uint64_t item : good[user]) {
      if (std::ranges::find(list, item) == list.end()) list.push_back(item);
    }
    good[user] = list;
  }
  const auto better = paired_bootstrap(self, share.interactions, share.lists(good), share.lists(make_lists(6)),
                                       share.test(test), kCutoffs, {});
  for (const MetricDifference& at : better) {
    EXPECT_GT(at.low, 0.0) << at.metric;
    EXPECT_LE(at.low, at.difference);
    EXPECT_GE(at.high, at.difference);
    EXPECT_NEAR(at.p_value, 2.0 / 1001, 1e-12);
  }
  const auto equal =
      paired_bootstrap(self, share.interactions, share.lists(good), share.lists(good), share.test(test), kCutoffs, {});
  for (const MetricDifference& at : equal) {
    EXPECT_EQ(at.low, 0.0);
    EXPECT_EQ(at.high, 0.0);
    EXPECT_EQ(at.p_value, 1.0);
  }
}

/// The half-width of the interval is that of the normal approximation: 1.96 standard errors of the mean difference.
TEST(PairedBootstrap, IntervalHasTheWidthOfTheStandardError) {
  const comm::Communicator self = tests::alone(world());
  const Share share(self, tests::Spread::kBlock);
  const Lists test = make_test();
  const std::uint32_t cutoff[] = {12};
  const auto first = share.lists(make_lists(5));
  const auto second = share.lists(make_lists(6));
  BootstrapOptions options;
  options.samples = 4000;
  const MetricDifference recall =
      paired_bootstrap(self, share.interactions, first, second, share.test(test), cutoff, options)[0];
  std::vector<double> differences;
  for (std::uint64_t user = 0; user < kUsers; ++user) {
    if (test[user].empty()) continue;
    Lists only(kUsers);
    only[user] = test[user];
    differences.push_back(measure(self, first, share.test(only), cutoff).at[0].recall -
                          measure(self, second, share.test(only), cutoff).at[0].recall);
  }
  double mean = 0;
  for (const double d : differences) mean += d / static_cast<double>(differences.size());
  double variance = 0;
  for (const double d : differences) variance += (d - mean) * (d - mean);
  const double error = std::sqrt(variance) / static_cast<double>(differences.size());
  EXPECT_NEAR(recall.difference, mean, 1e-12);
  // 48 users: the ratio estimator and 4000 resamples leave some 5% and 3% of noise.
  EXPECT_NEAR((recall.high - recall.low) / 2, 1.96 * error, 0.15 * 1.96 * error);
}

TEST(PairedBootstrap, RefusesWhatCannotBe) {
  const Share share(world(), tests::Spread::kBlock);
  const auto lists = share.lists(make_lists(5));
  const TestItems test = share.test(make_test());
  EXPECT_THROW((void)paired_bootstrap(world(), share.interactions, lists, lists, test, kCutoffs, {0, 0.95, 1}),
               ConfigError);
  EXPECT_THROW((void)paired_bootstrap(world(), share.interactions, lists, lists, test, kCutoffs, {10, 1.0, 1}),
               ConfigError);
}

}  // namespace
}  // namespace rove::gnn
