// SPDX-License-Identifier: Apache-2.0
#include "engine/base/exact_sum.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"

namespace rove {
namespace {

double sum_of(const std::vector<double>& values) {
  ExactSum sum;
  for (const double value : values) sum.add(value);
  return sum.value();
}

TEST(ExactSum, SurvivesCancellation) {
  EXPECT_EQ(sum_of({1e308, 1.0, -1e308}), 1.0);
  EXPECT_EQ(sum_of({1e308, 1e308, -1e308, -1e308, 5e-324}), 5e-324);
  EXPECT_EQ(sum_of({1.0, 1e100, 1.0, -1e100}), 2.0);
  EXPECT_EQ(sum_of({}), 0.0);
  EXPECT_EQ(sum_of({-3.5}), -3.5);
}

TEST(ExactSum, HandlesSubnormalsAndOverflow) {
  constexpr double kTiny = std::numeric_limits<double>::denorm_min();
  constexpr double kMax = std::numeric_limits<double>::max();
  EXPECT_EQ(sum_of({kTiny, kTiny, kTiny}), 3 * kTiny);
  EXPECT_EQ(sum_of({0x1p-1022, -kTiny}), 0x1p-1022 - kTiny);
  EXPECT_EQ(sum_of({kMax, kMax, -kMax}), kMax);
  EXPECT_EQ(sum_of({kMax, kMax}), std::numeric_limits<double>::infinity());
  EXPECT_EQ(sum_of({-kMax, -kMax}), -std::numeric_limits<double>::infinity());
}

TEST(ExactSum, RoundsToNearestEven) {
  EXPECT_EQ(sum_of({1.0, 0x1p-53}), 1.0);                       // tie, down to even
  EXPECT_EQ(sum_of({1.0 + 0x1p-52, 0x1p-53}), 1.0 + 0x1p-51);   // tie, up to even
  EXPECT_EQ(sum_of({1.0, 0x1p-53, 0x1p-1074}), 1.0 + 0x1p-52);  // just above the tie
  EXPECT_EQ(sum_of({1.0, 0x1p-53, -0x1p-1074}), 1.0);           // just below
  EXPECT_EQ(sum_of({-1.0, -0x1p-53, -0x1p-1074}), -(1.0 + 0x1p-52));
  EXPECT_EQ(sum_of({0x1.fffffffffffffp0, 0x1p-53}), 2.0);  // carries into the exponent
}

TEST(ExactSum, RefusesWhatIsNotFinite) {
  ExactSum sum;
  EXPECT_THROW(sum.add(std::numeric_limits<double>::quiet_NaN()), InternalError);
  EXPECT_THROW(sum.add(std::numeric_limits<double>::infinity()), InternalError);
}

TEST(ExactSum, EqualsIntegerReference) {
  // Multiples of 2^-30 below 2^33: a 128-bit integer holds the sum of their numerators exactly.
  std::mt19937_64 generator(7);
  ExactSum sum;
  __extension__ __int128 numerators = 0;
  for (int i = 0; i < 100000; ++i) {
    const auto numerator = static_cast<std::int64_t>(generator()) >> 11U;
    numerators += numerator;
    sum.add(std::ldexp(static_cast<double>(numerator), -30));
  }
  EXPECT_EQ(sum.value(), std::ldexp(static_cast<double>(numerators), -30));
}

std::vector<double> any_finite_doubles(std::size_t count) {
  std::mt19937_64 generator(11);
  std::vector<double> values;
  while (values.size() < count) {
    const auto value = std::bit_cast<double>(generator());
    if (std::isfinite(value)) values.push_back(value);
  }
  return values;
}

TEST(ExactSum, IsTheSameInAnyOrderAndGrouping) {
  std::vector<double> values = any_finite_doubles(20000);
  const double expected = sum_of(values);
  std::mt19937_64 generator(13);
  for (int trial = 0; trial < 5; ++trial) {
    std::shuffle(values.begin(), values.end(), generator);
    std::vector<ExactSum> parts(7);
    for (std::size_t i = 0; i < values.size(); ++i) parts[generator() % parts.size()].add(values[i]);
    ExactSum total;
    for (const ExactSum& part : parts) total.merge(part);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(total.value()), std::bit_cast<std::uint64_t>(expected));
  }
}

TEST(ExactSum, TakesEverythingAwayAgain) {
  const std::vector<double> values = any_finite_doubles(5000);
  ExactSum sum;
  for (const double value : values) sum.add(value);
  for (const double value : values) sum.add(-value);
  EXPECT_EQ(sum.value(), 0.0);
  for (const std::int64_t limb : sum.normalised_limbs()) EXPECT_EQ(limb, 0);
}

TEST(ExactSum, LimbsAddUpAcrossRanks) {
  const std::vector<double> values = any_finite_doubles(9000);
  std::array<std::int64_t, ExactSum::kLimbs> limbs{};
  for (std::size_t rank = 0; rank < 3; ++rank) {
    ExactSum part;
    for (std::size_t i = rank; i < values.size(); i += 3) part.add(values[i]);
    const auto own = part.normalised_limbs();
    for (std::size_t i = 0; i < limbs.size(); ++i) limbs[i] += own[i];
  }
  EXPECT_EQ(ExactSum::from_limbs(limbs).value(), sum_of(values));
}

}  // namespace
}  // namespace rove
