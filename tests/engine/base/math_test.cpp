// SPDX-License-Identifier: Apache-2.0
#include "engine/base/math.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

#include "engine/base/random.hpp"

namespace rove {
namespace {

/// Largest error of `own` against `reference` in units in the last place, on a grid of [low, high] with jitter.
template <class F, class Own, class Reference>
double worst_ulp(F low, F high, const Own& own, const Reference& reference) {
  constexpr std::uint32_t kPoints = 150000;
  const RandomStream random(1, Purpose::kNoise);
  double worst = 0;
  for (std::uint32_t i = 0; i < kPoints; ++i) {
    const double position = (i + to_unit(random.draw(0, i, 0))) / kPoints;
    const F x =
        static_cast<F>(static_cast<double>(low) + position * (static_cast<double>(high) - static_cast<double>(low)));
    const long double exact = reference(static_cast<long double>(x));
    const F nearest = std::fabs(static_cast<F>(exact));
    if (!std::isfinite(nearest) || nearest < std::numeric_limits<F>::min()) continue;
    const F next = std::nextafter(nearest, std::numeric_limits<F>::infinity());
    const long double ulp = static_cast<long double>(next) - static_cast<long double>(nearest);
    worst = std::max(worst, static_cast<double>(std::fabs(static_cast<long double>(own(x)) - exact) / ulp));
  }
  return worst;
}

long double softplus_reference(long double x) {
  return std::fmax(x, 0.0L) + std::log1p(std::exp(-std::fabs(x)));
}
long double sigmoid_reference(long double x) {
  return 1.0L / (1.0L + std::exp(-x));
}

template <class F>
class Math : public ::testing::Test {};
using Types = ::testing::Types<double, float>;
TYPED_TEST_SUITE(Math, Types);

TYPED_TEST(Math, IsAsAccurateAsStated) {
  using F = TypeParam;
  const auto check = [](const char* name, double bound, auto own, auto reference, std::initializer_list<F> ends) {
    for (auto end = ends.begin(); end + 1 < ends.end(); ++end) {
      EXPECT_LE(worst_ulp<F>(end[0], end[1], own, reference), bound) << name << " in " << end[0] << " to " << end[1];
    }
  };
  using Long = long double;
  const F wide = sizeof(F) == 4 ? F{87} : F{708};
  check(
      "exp", 1.1, [](F x) { return math::exp(x); }, [](Long x) { return std::exp(x); },
      {-wide, F{-1}, F{0}, F{1}, wide});
  check(
      "log", 0.9, [](F x) { return math::log(x); }, [](Long x) { return std::log(x); },
      {F{0}, F(0.7), F(0.99), F(1.01), F{2}, F(1e30)});
  check(
      "log1p", 1.4, [](F x) { return math::log1p(x); }, [](Long x) { return std::log1p(x); },
      {F{-1}, F(-0.01), F(0.01), F{1}, F{1000}});
  check("softplus", 2.1, [](F x) { return math::softplus(x); }, softplus_reference, {-wide, F{-3}, F{3}, wide});
  check("sigmoid", 2.5, [](F x) { return math::sigmoid(x); }, sigmoid_reference, {-wide, F{-3}, F{3}, wide});
  check(
      "tanh", 2.7, [](F x) { return math::tanh(x); }, [](Long x) { return std::tanh(x); },
      {-wide, F{-3}, F(-0.01), F(0.01), F{3}, wide});
}

TYPED_TEST(Math, HandlesTheEdges) {
  using F = TypeParam;
  const F infinity = std::numeric_limits<F>::infinity();
  const F nan = std::numeric_limits<F>::quiet_NaN();
  EXPECT_EQ(math::exp(F{0}), F{1});
  EXPECT_EQ(math::exp(infinity), infinity);
  EXPECT_EQ(math::exp(-infinity), F{0});
  EXPECT_EQ(math::exp(F{2000}), infinity);
  EXPECT_EQ(math::exp(F{-2000}), F{0});
  const F largest = std::log(std::numeric_limits<F>::max());
  EXPECT_TRUE(std::isfinite(math::exp(std::nextafter(largest, F{0}))));
  EXPECT_EQ(math::log(F{1}), F{0});
  EXPECT_EQ(math::log(F{0}), -infinity);
  EXPECT_EQ(math::log(-F{0}), -infinity);
  EXPECT_EQ(math::log(infinity), infinity);
  EXPECT_TRUE(std::isnan(math::log(F{-1})));
  const F tiny = std::numeric_limits<F>::denorm_min();
  EXPECT_NEAR(math::log(tiny), std::log(tiny), F(1e-5));
  EXPECT_EQ(math::log1p(F{-1}), -infinity);
  EXPECT_EQ(math::log1p(infinity), infinity);
  EXPECT_EQ(math::log1p(tiny), tiny);
  EXPECT_TRUE(std::isnan(math::log1p(F{-2})));
  EXPECT_EQ(math::sigmoid(F{0}), F(0.5));
  EXPECT_EQ(math::sigmoid(infinity), F{1});
  EXPECT_EQ(math::sigmoid(-infinity), F{0});
  EXPECT_EQ(math::softplus(infinity), infinity);
  EXPECT_EQ(math::softplus(-infinity), F{0});
  EXPECT_EQ(math::tanh(infinity), F{1});
  EXPECT_EQ(math::tanh(-infinity), F{-1});
  EXPECT_TRUE(std::signbit(math::tanh(-F{0})));
  for (const F result :
       {math::exp(nan), math::log(nan), math::log1p(nan), math::softplus(nan), math::sigmoid(nan), math::tanh(nan)}) {
    EXPECT_TRUE(std::isnan(result));
  }
}

TEST(MathLog2, IsExactForPowersOfTwo) {
  for (int power = -1074; power < 1024; ++power) {
    const double result = math::log2(std::ldexp(1.0, power));
    if (power >= -1022) {
      EXPECT_EQ(result, power);
    } else {
      EXPECT_NEAR(result, power, 1e-12);
    }
  }
  EXPECT_LE(worst_ulp<double>(
                0.01, 300.0, [](double x) { return math::log2(x); }, [](long double x) { return std::log2(x); }),
            2.0);
}

TEST(MathPow, KeepsItsBound) {
  const RandomStream random(2, Purpose::kNoise);
  for (std::uint32_t i = 0; i < 100000; ++i) {
    const double x = 1e6 * to_unit(random.draw(1, i, 0));
    const double y = 20 * to_unit(random.draw(2, i, 0)) - 10;
    const long double exact = std::pow(static_cast<long double>(x), static_cast<long double>(y));
    const double bound = 0x1p-52 * (2 + std::fabs(y * std::log(x)));
    EXPECT_LE(static_cast<double>(std::fabs(math::pow(x, y) / exact - 1)), bound);
  }
  EXPECT_EQ(math::pow(0.0, 0.75), 0.0);
  EXPECT_EQ(math::pow(0.0, 0.0), 1.0);
}

TEST(NormalQuantile, InvertsTheDistributionFunction) {
  // The distribution function amplifies an error of x by about x^2 in its tail.
  for (double x = -37.0; x < 37.5; x += 0.0078125) {
    const double p = 0.5 * std::erfc(-std::min(x, 5.0) / std::sqrt(2.0));
    const double back = math::normal_from_uniform(p);
    EXPECT_NEAR(back, std::min(x, 5.0), x > 0 ? 1e-9 : 4e-15 * (1 + std::fabs(x))) << x;
  }
  EXPECT_EQ(math::normal_from_uniform(0.5), 0.0);
}

TEST(NormalQuantile, GivesNormalVariates) {
  const RandomStream random(3, Purpose::kNoise);
  constexpr std::uint32_t kDraws = 200000;
  double sum = 0;
  double squares = 0;
  for (std::uint32_t i = 0; i < kDraws; ++i) {
    const double x = math::normal_from_draw(random.draw(0, i, 0));
    sum += x;
    squares += x * x;
  }
  EXPECT_LT(std::fabs(sum / kDraws), 5 / std::sqrt(kDraws));
  EXPECT_LT(std::fabs(squares / kDraws - 1), 5 * std::sqrt(2.0 / kDraws));
  EXPECT_TRUE(std::isfinite(math::normal_from_draw(0)));
  EXPECT_EQ(math::normal_from_draw(~std::uint64_t{0}), -math::normal_from_draw(0));
}

}  // namespace
}  // namespace rove
