// SPDX-License-Identifier: Apache-2.0
#include "algorithms/generators/power_law.hpp"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/generators/distinct_pairs.hpp"
#include "engine/base/error.hpp"
#include "engine/base/random.hpp"

namespace rove::algorithms {
namespace {

TEST(PowerLaw, sums_agree_with_adding_up) {
  for (const double exponent : {0.0, 0.5, 0.9, 1.0, 1.5, 3.0}) {
    const PowerLaw law(100'000, exponent);
    long double sum = 0;
    for (std::uint64_t rank = 1; rank <= law.size(); ++rank) {
      sum += std::pow(static_cast<long double>(rank), static_cast<long double>(-exponent));
      const auto expected = static_cast<double>(sum);
      ASSERT_NEAR(law.sum(rank), expected, 1e-11 * expected) << "exponent " << exponent << " rank " << rank;
    }
  }
}

/// Statistic of a chi-square test with `cells` - 1 degrees of freedom, and a bound that a correct sampler exceeds with
/// probability below 1e-6 (Wilson and Hilferty).
double chi_square_bound(std::size_t cells) {
  const double freedom = static_cast<double>(cells - 1);
  const double cube_root = 1 - 2 / (9 * freedom) + 4.753 * std::sqrt(2 / (9 * freedom));
  return freedom * cube_root * cube_root * cube_root;
}

TEST(PowerLaw, draws_follow_the_weights) {
  constexpr std::uint64_t kDraws = 200'000;
  const RandomStream random(7, Purpose::kGenerate);
  for (const double exponent : {0.0, 0.5, 0.9, 1.0, 2.0}) {
    for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{50}}) {
      const PowerLaw law(n, exponent);
      std::vector<std::uint64_t> counts(n);
      std::uint64_t accepted = 0;
      for (std::uint64_t i = 0; i < kDraws; ++i) {
        if (const auto rank = law.select(random.draw(i, 0, 0))) {
          ASSERT_GE(*rank, 1U);
          ASSERT_LE(*rank, n);
          ++counts[*rank - 1];
          ++accepted;
        }
      }
      EXPECT_GT(accepted, kDraws * 2 / 3);
      if (n == 1) continue;
      double statistic = 0;
      for (std::uint64_t rank = 1; rank <= n; ++rank) {
        const double expected = static_cast<double>(accepted) * law.weight(rank) / law.total();
        const double difference = static_cast<double>(counts[rank - 1]) - expected;
        statistic += difference * difference / expected;
      }
      EXPECT_LT(statistic, chi_square_bound(n)) << "exponent " << exponent << " n " << n;
    }
  }
}

/// Probability that each target is among `degree` drawn one after another by weight without replacement: by recursion
/// over all orders.
void add_orders(const std::vector<double>& weights, std::uint64_t degree, std::vector<bool>& taken, double chance,
                std::vector<double>& inclusion) {
  if (degree == 0) {
    for (std::size_t i = 0; i < taken.size(); ++i) inclusion[i] += taken[i] ? chance : 0;
    return;
  }
  double rest = 0;
  for (std::size_t i = 0; i < taken.size(); ++i) rest += taken[i] ? 0 : weights[i];
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (taken[i]) continue;
    taken[i] = true;
    add_orders(weights, degree - 1, taken, chance * weights[i] / rest, inclusion);
    taken[i] = false;
  }
}

TEST(DistinctPairs, both_ways_of_drawing_follow_successive_sampling) {
  constexpr std::uint64_t kSources = 40'000;
  constexpr std::uint64_t kTargets = 7;
  for (const std::uint64_t degree : {std::uint64_t{2}, std::uint64_t{3}, std::uint64_t{5}}) {  // 5: by keys alone
    for (const double affinity : {0.0, 0.6}) {
      DistinctPairsSpec spec{kSources, kTargets, kSources * degree, 0, 1.2, affinity > 0 ? 3U : 1U, affinity, false};
      const DistinctPairs pairs(spec, 11, 0, "test");
      for (std::uint64_t community = 0; community < spec.communities; ++community) {
        const PowerLaw all(kTargets, spec.target_exponent);
        const std::uint64_t members = (kTargets - community + spec.communities - 1) / spec.communities;
        const PowerLaw own(members, spec.target_exponent);
        std::vector<double> weights(kTargets);
        for (std::uint64_t t = 0; t < kTargets; ++t) {
          weights[t] = (1 - affinity) * all.weight(t + 1) / all.total();
          if (t % spec.communities == community) {
            weights[t] += affinity * own.weight(t / spec.communities + 1) / own.total();
          }
        }
        std::vector<double> inclusion(kTargets);
        std::vector<bool> taken(kTargets);
        add_orders(weights, degree, taken, 1.0, inclusion);

        DistinctPairs::Scratch scratch;
        std::vector<std::uint64_t> counts(kTargets);
        double sources = 0;
        for (std::uint64_t source = community; source < kSources; source += spec.communities, ++sources) {
          for (const std::uint32_t target : pairs.targets_of(source, scratch)) ++counts[target];
        }
        for (std::uint64_t t = 0; t < kTargets; ++t) {
          const double deviation = std::sqrt(sources * inclusion[t] * (1 - inclusion[t]));
          EXPECT_NEAR(static_cast<double>(counts[t]), sources * inclusion[t], 5.5 * deviation + 1)
              << "target " << t << " degree " << degree << " affinity " << affinity << " community " << community;
        }
      }
    }
  }
}

TEST(DistinctPairs, positions_tile_the_sources_and_stay_below_the_cap) {
  struct Case {
    std::uint64_t sources, targets, pairs;
    double exponent;
    bool exclude;
  };
  for (const Case& c : {Case{1, 1, 1, 0, false}, Case{1, 1, 0, 0, false}, Case{5, 3, 15, 0.5, false},
                        Case{5, 3, 14, 2.0, false}, Case{100, 7, 300, 1.5, false}, Case{1000, 50, 20'000, 0.5, false},
                        Case{30, 30, 870, 0.7, true}, Case{30, 30, 400, 0.7, true}, Case{1, 1, 0, 0.5, true}}) {
    const DistinctPairs pairs({c.sources, c.targets, c.pairs, c.exponent, 0.9, 1, 0, c.exclude}, 3, 0, "test");
    EXPECT_EQ(pairs.first(0), 0U);
    EXPECT_EQ(pairs.first(c.sources), c.pairs);
    DistinctPairs::Scratch scratch;
    for (std::uint64_t s = 0; s < c.sources; ++s) {
      ASSERT_LE(pairs.first(s), pairs.first(s + 1));
      const std::uint64_t degree = pairs.first(s + 1) - pairs.first(s);
      ASSERT_LE(degree, c.targets - (c.exclude ? 1 : 0)) << "source " << s;
      std::vector<bool> seen(c.targets);
      const auto targets = pairs.targets_of(s, scratch);
      ASSERT_EQ(targets.size(), degree);
      for (const std::uint32_t target : targets) {
        ASSERT_LT(target, c.targets);
        ASSERT_FALSE(seen[target]);
        ASSERT_FALSE(c.exclude && target == s);
        seen[target] = true;
      }
      if (degree > 0) {
        EXPECT_EQ(pairs.source_at(pairs.first(s)), s);
        EXPECT_EQ(pairs.source_at(pairs.first(s + 1) - 1), s);
      }
    }
  }
}

TEST(DistinctPairs, refuses_what_cannot_be_drawn) {
  const auto make = [](DistinctPairsSpec spec) { return DistinctPairs(spec, 1, 0, "rates"); };
  EXPECT_THROW(make({3, 2, 7, 0.5, 0.9, 1, 0, false}), ConfigError);
  EXPECT_THROW(make({3, 3, 7, 0.5, 0.9, 1, 0, true}), ConfigError);
  EXPECT_THROW(make({0, 2, 0, 0.5, 0.9, 1, 0, false}), ConfigError);
  EXPECT_THROW(make({3, 2, 3, -1, 0.9, 1, 0, false}), ConfigError);
  EXPECT_THROW(make({3, 2, 3, 0.5, 0.9, 3, 0, false}), ConfigError);
  EXPECT_THROW(make({3, 2, 3, 0.5, 0.9, 1, 1.0, false}), ConfigError);
  EXPECT_THROW(make({3, 2, 3, 0.5, 0.9, 1, 0, true}), ConfigError);
}

}  // namespace
}  // namespace rove::algorithms
