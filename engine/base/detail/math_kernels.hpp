// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/base/detail/isa_namespace.hpp"

// The algorithms of engine/base/math.hpp, written once over V = double, float or simd::F32x16. A vector lane has the
// bits of the scalar because both run the same operations. Logarithm: argument reduction and coefficients of Sun's
// fdlibm.
namespace rove::math {
inline namespace ROVE_ISA {
namespace detail {

template <class V>
struct Real;

template <>
struct Real<double> {
  static constexpr double of(double x) { return x; }
  static constexpr double kRound = 0x1.8p52;  ///< adding it leaves the nearest integer in the low bits
  static constexpr double kLn2High = 0x1.62e42fefa39efp-1;
  static constexpr double kLn2Low = 0x1.abc9e3b39803fp-56;
  static constexpr double kExpLowest = -708.39;
  static constexpr double kExpHighest = 0x1.62e42fefa39efp+9;
  static constexpr double kMinNormal = 0x1p-1022;
  static constexpr double kMaxFinite = std::numeric_limits<double>::max();
};

template <>
struct Real<float> {
  static constexpr float of(double x) { return static_cast<float>(x); }
  static constexpr double kRound = 0x1.8p23;
  static constexpr double kLn2High = 0x1.62e43p-1;
  static constexpr double kLn2Low = -0x1.05c61p-29;
  static constexpr double kExpLowest = -87.33;
  static constexpr double kExpHighest = 0x1.62e42ep+6;
  static constexpr double kMinNormal = 0x1p-126;
  static constexpr double kMaxFinite = 0x1.fffffep+127;
};

template <class F>
[[gnu::always_inline]] inline F fma(F a, F b, F c) {
  return std::fma(a, b, c);
}
template <class F>
[[gnu::always_inline]] inline F max(F a, F b) {
  return a > b ? a : b;
}
template <class F>
[[gnu::always_inline]] inline F min(F a, F b) {
  return a < b ? a : b;
}
template <class F>
[[gnu::always_inline]] inline F abs(F a) {
  return std::fabs(a);
}
template <class F>
[[gnu::always_inline]] inline F copy_sign(F magnitude, F sign) {
  return std::copysign(magnitude, sign);
}
template <class F>
[[gnu::always_inline]] inline F select_less(F a, F b, F yes, F no) {
  return a < b ? yes : no;
}
template <class F>
[[gnu::always_inline]] inline F select_nan(F a, F yes, F no) {
  return a != a ? yes : no;
}

/// a * 2^n, where `shifted` is kRound + n: n is added to the exponent bits.
[[gnu::always_inline]] inline double add_exponent(double a, double shifted) {
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(a) + (std::bit_cast<std::uint64_t>(shifted) << 52U));
}
[[gnu::always_inline]] inline float add_exponent(float a, float shifted) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(a) + (std::bit_cast<std::uint32_t>(shifted) << 23U));
}

/// a = mantissa * 2^exponent with the mantissa in [sqrt(1/2), sqrt(2)). Precondition: positive and normal.
[[gnu::always_inline]] inline void split_exponent(double a, double& exponent, double& mantissa) {
  constexpr std::uint64_t kSqrtHalfBits = 0x3FE6A09E667F3BCD;
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(a) - kSqrtHalfBits;
  exponent = static_cast<double>(static_cast<std::int64_t>(bits) >> 52U);
  mantissa = std::bit_cast<double>((bits & 0x000FFFFFFFFFFFFF) + kSqrtHalfBits);
}
[[gnu::always_inline]] inline void split_exponent(float a, float& exponent, float& mantissa) {
  constexpr std::uint32_t kSqrtHalfBits = 0x3F3504F3;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(a) - kSqrtHalfBits;
  exponent = static_cast<float>(static_cast<std::int32_t>(bits) >> 23U);
  mantissa = std::bit_cast<float>((bits & 0x007FFFFF) + kSqrtHalfBits);
}

/// c0 + c1 x + c2 x^2 + ... by Horner's rule with fused steps.
template <class V>
[[gnu::always_inline]] inline V polynomial(V, double c0) {
  return Real<V>::of(c0);
}
template <class V, class... Rest>
[[gnu::always_inline]] inline V polynomial(V x, double c0, Rest... rest) {
  return fma(polynomial(x, rest...), x, Real<V>::of(c0));
}

/// (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2: Taylor, cut where the next term is below a quarter of an ulp of e^r.
[[gnu::always_inline]] inline double exp_tail(double r) {
  return polynomial(r, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
                    1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800);
}
template <class V>
[[gnu::always_inline]] inline V exp_tail(V r) {
  return polynomial(r, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040);
}

/// x = n ln(2) + r: `shifted` is kRound + n, `grown` is e^r - 1.
template <class V>
[[gnu::always_inline]] inline void reduce_exp(V x, V& shifted, V& grown) {
  using R = Real<V>;
  const V round = R::of(R::kRound);
  shifted = fma(x, R::of(0x1.71547652b82fep+0), round);
  const V n = shifted - round;
  const V r = fma(n, R::of(-R::kLn2Low), fma(n, R::of(-R::kLn2High), x));
  grown = fma(r * r, exp_tail(r), r);
}

template <class V>
[[gnu::always_inline]] inline V exp_kernel(V x) {
  using R = Real<V>;
  const V lowest = R::of(R::kExpLowest);
  const V highest = R::of(R::kExpHighest);
  V shifted;
  V grown;
  reduce_exp(min(max(x, lowest), highest), shifted, grown);
  V result = add_exponent(R::of(1.0) + grown, shifted);
  result = select_less(x, lowest, R::of(0.0), result);
  result = select_less(highest, x, R::of(std::numeric_limits<double>::infinity()), result);
  return select_nan(x, x, result);
}

/// e^x - 1 for x <= 0 without cancellation.
template <class V>
[[gnu::always_inline]] inline V expm1_of_negative(V x) {
  using R = Real<V>;
  V shifted;
  V grown;
  reduce_exp(max(x, R::of(R::kExpLowest)), shifted, grown);
  const V power = add_exponent(R::of(1.0), shifted);
  return select_nan(x, x, fma(power, grown, power - R::of(1.0)));
}

[[gnu::always_inline]] inline double log_tail(double z) {
  return z * polynomial(z, 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
                        2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
                        1.479819860511658591e-01);
}
template <class V>
[[gnu::always_inline]] inline V log_tail(V z) {
  return z * polynomial(z, 0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841);
}

template <class V>
[[gnu::always_inline]] inline V log_kernel(V x) {
  using R = Real<V>;
  const V zero = R::of(0.0);
  const V smallest = R::of(R::kMinNormal);
  V exponent;
  V mantissa;
  split_exponent(select_less(x, smallest, x * R::of(0x1p54), x), exponent, mantissa);
  exponent = exponent - select_less(x, smallest, R::of(54.0), zero);
  const V f = mantissa - R::of(1.0);
  const V s = f / (R::of(2.0) + f);
  const V half_square = R::of(0.5) * f * f;
  const V tail = fma(s, half_square + log_tail(s * s), exponent * R::of(R::kLn2Low));
  V result = fma(exponent, R::of(R::kLn2High), f - (half_square - tail));
  result = select_less(zero, x, result, R::of(-std::numeric_limits<double>::infinity()));
  result = select_less(x, zero, R::of(std::numeric_limits<double>::quiet_NaN()), result);
  result = select_less(R::of(R::kMaxFinite), x, x, result);
  return select_nan(x, x, result);
}

template <class V>
[[gnu::always_inline]] inline V log1p_kernel(V x) {
  using R = Real<V>;
  const V one = R::of(1.0);
  const V u = one + x;
  const V lost = select_less(x, one, x - (u - one), one - (u - x));
  const V log_u = log_kernel(u);
  V result = select_less(R::of(-1.0), x, log_u + lost / u, log_u);
  return select_less(R::of(R::kMaxFinite), x, x, result);
}

template <class V>
[[gnu::always_inline]] inline V sigmoid_kernel(V x) {
  using R = Real<V>;
  const V decay = exp_kernel(R::of(0.0) - abs(x));
  return select_less(x, R::of(0.0), decay, R::of(1.0)) / (R::of(1.0) + decay);
}

template <class V>
[[gnu::always_inline]] inline V softplus_kernel(V x) {
  const V zero = Real<V>::of(0.0);
  return max(x, zero) + log1p_kernel(exp_kernel(zero - abs(x)));
}

template <class V>
[[gnu::always_inline]] inline V tanh_kernel(V x) {
  using R = Real<V>;
  const V t = expm1_of_negative(R::of(-2.0) * abs(x));
  return copy_sign(abs(t) / (t + R::of(2.0)), x);
}

}  // namespace detail
}  // namespace ROVE_ISA
}  // namespace rove::math
