// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/random.hpp"
#include "tests/engine/base/simd_kernels.hpp"

namespace rove {
namespace {

/// Random bit patterns, so all magnitudes and NaNs, then ordinary numbers, then every edge.
std::vector<float> arguments() {
  const RandomStream random(4, Purpose::kNoise);
  std::vector<float> values;
  for (std::uint32_t i = 0; i < 50000; ++i) {
    const RandomBlock block = random.block(0, i, 0);
    values.push_back(std::bit_cast<float>(block[0]));
    values.push_back(static_cast<float>(block[1]) * 0x1p-32F * 40.0F - 20.0F);
  }
  using Limits = std::numeric_limits<float>;
  for (const float edge : {0.0F, 1.0F, 88.7228F, 88.7229F, 87.33F, 87.34F, Limits::min(), Limits::denorm_min(),
                           Limits::max(), Limits::infinity(), Limits::quiet_NaN(), 2.0F * Limits::min()}) {
    values.push_back(edge);
    values.push_back(-edge);
  }
  return values;
}

/// Bits, with every NaN the same: its payload carries no meaning.
std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values)
    bits.push_back(std::isnan(value) ? 0x7FC00000U : std::bit_cast<std::uint32_t>(value));
  return bits;
}

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
}

TEST(Simd, LanesHaveTheBitsOfTheScalars) {
  const std::vector<float> in = arguments();
  for (int function = 0; function + 1 < test::kFunctions; ++function) {
    std::vector<float> lanes(in.size());
    std::vector<float> scalars(in.size());
    test::avx2::transform(function, in.data(), lanes.data(), in.size());
    test::avx2::transform_scalar(function, in.data(), scalars.data(), in.size());
    EXPECT_TRUE(bits_of(lanes) == bits_of(scalars)) << "function " << function;
  }
}

TEST(Simd, BothInstructionSetsGiveTheSameBits) {
  if (!has_avx512()) GTEST_SKIP() << "this processor has no AVX-512";
  const std::vector<float> in = arguments();
  for (int function = 0; function < test::kFunctions; ++function) {
    std::vector<float> narrow(in.size());
    std::vector<float> wide(in.size());
    test::avx2::transform(function, in.data(), narrow.data(), in.size());
    test::avx512::transform(function, in.data(), wide.data(), in.size());
    EXPECT_TRUE(bits_of(narrow) == bits_of(wide)) << "function " << function;
    test::avx512::transform_scalar(function, in.data(), wide.data(), in.size());
    test::avx2::transform_scalar(function, in.data(), narrow.data(), in.size());
    EXPECT_TRUE(bits_of(narrow) == bits_of(wide)) << "scalar function " << function;
  }
}

TEST(Simd, HalvesAreRoundedToTheNearestEven) {
  std::vector<float> in = arguments();
  for (const std::uint32_t bits : {0x3F808000U, 0x3F818000U, 0x3F808001U, 0x7F7FFFFFU, 0x7F800001U, 0xFFFFFFFFU}) {
    in.push_back(std::bit_cast<float>(bits));
  }
  in.resize((in.size() + 15) / 16 * 16);
  const auto check = [&](auto narrow, auto widen) {
    std::vector<BFloat16> halves(in.size());
    std::vector<float> back(in.size());
    std::vector<float> shuffled(in.size());
    narrow(in.data(), halves.data(), in.size());
    widen(halves.data(), back.data(), in.size(), false);
    widen(halves.data(), shuffled.data(), in.size(), true);
    for (std::size_t i = 0; i < in.size(); ++i) {
      ASSERT_EQ(halves[i].bits, to_bfloat16(in[i]).bits) << in[i];
      ASSERT_EQ(std::bit_cast<std::uint32_t>(back[i]), std::uint32_t{halves[i].bits} << 16U);
      ASSERT_EQ(std::bit_cast<std::uint32_t>(shuffled[i]), std::bit_cast<std::uint32_t>(back[i]));
      if (std::isnan(in[i])) {
        ASSERT_TRUE(std::isnan(to_float(halves[i])));
      } else if (std::fabs(in[i]) < 0x1p127F && std::fabs(in[i]) >= std::numeric_limits<float>::min()) {
        ASSERT_LE(std::fabs(to_float(halves[i]) - in[i]), std::fabs(in[i]) * 0x1p-8F);
      }
    }
  };
  check(test::avx2::narrow, test::avx2::widen);
  if (has_avx512()) check(test::avx512::narrow, test::avx512::widen);
  EXPECT_EQ(to_bfloat16(1.00390625F).bits, 0x3F80);  // halfway: to the even one below
  EXPECT_EQ(to_bfloat16(1.01171875F).bits, 0x3F82);  // halfway: to the even one above
}

TEST(Simd, DotFollowsTheStatedTreeAtEveryLength) {
  const RandomStream random(5, Purpose::kNoise);
  for (std::size_t n = 0; n <= 70; ++n) {
    std::vector<float> a(n);
    std::vector<float> b(n);
    for (std::size_t i = 0; i < n; ++i) {
      a[i] = static_cast<float>(to_unit(random.draw(0, static_cast<std::uint32_t>(i), 0)));
      b[i] = static_cast<float>(to_unit(random.draw(1, static_cast<std::uint32_t>(i), 0)) - 0.5);
    }
    float lanes[16] = {};
    for (std::size_t i = 0; i < n; ++i) lanes[i % 16] = std::fma(a[i], b[i], lanes[i % 16]);
    for (std::size_t width = 8; width > 0; width /= 2) {
      for (std::size_t i = 0; i < width; ++i) lanes[i] += lanes[i + width];
    }
    EXPECT_EQ(test::avx2::dot(a.data(), b.data(), n), lanes[0]) << n;
    if (has_avx512()) {
      EXPECT_EQ(test::avx512::dot(a.data(), b.data(), n), lanes[0]) << n;
    }
  }
}

}  // namespace
}  // namespace rove
