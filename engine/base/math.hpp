// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include "engine/base/detail/math_kernels.hpp"

/// Elementary functions whose bits depend on the argument alone: fixed polynomials with explicit fused steps, no call
/// into the C library, which chooses among variants by processor. For everything that can reach a result.
/// engine/base/math_simd.hpp has the same functions on sixteen floats, with the same bits per lane.
///
/// NaN gives NaN; logarithms of 0 and of negative numbers are -inf and NaN. Results of exp and sigmoid below the
/// smallest normal number are 0. Bounds on the error in units in the last place, for double and float alike, checked
/// against long double on dense grids by tests/engine/base/math_test.cpp:
///
///   exp 1.1   log 0.9   log1p 1.4   softplus 2.1   sigmoid 2.5   tanh 2.7   log2 2   normal quantile 1e-15 relative
namespace rove::math {
inline namespace ROVE_ISA {

[[nodiscard]] inline double exp(double x) {
  return detail::exp_kernel(x);
}
[[nodiscard]] inline float exp(float x) {
  return detail::exp_kernel(x);
}

[[nodiscard]] inline double log(double x) {
  return detail::log_kernel(x);
}
[[nodiscard]] inline float log(float x) {
  return detail::log_kernel(x);
}

/// log(1 + x) without cancellation near 0.
[[nodiscard]] inline double log1p(double x) {
  return detail::log1p_kernel(x);
}
[[nodiscard]] inline float log1p(float x) {
  return detail::log1p_kernel(x);
}

/// log(1 + e^x) without overflow; -log(sigmoid(x)) is softplus(-x).
[[nodiscard]] inline double softplus(double x) {
  return detail::softplus_kernel(x);
}
[[nodiscard]] inline float softplus(float x) {
  return detail::softplus_kernel(x);
}

/// 1 / (1 + e^-x).
[[nodiscard]] inline double sigmoid(double x) {
  return detail::sigmoid_kernel(x);
}
[[nodiscard]] inline float sigmoid(float x) {
  return detail::sigmoid_kernel(x);
}

[[nodiscard]] inline double tanh(double x) {
  return detail::tanh_kernel(x);
}
[[nodiscard]] inline float tanh(float x) {
  return detail::tanh_kernel(x);
}

/// Logarithm to base 2; exact for powers of two.
[[nodiscard]] inline double log2(double x) {
  constexpr double kLog2E = 0x1.71547652b82fep+0;
  if (!(x >= 0x1p-1022 && x <= 0x1.fffffffffffffp+1023)) return log(x) * kLog2E;
  double exponent = 0;
  double mantissa = 0;
  detail::split_exponent(x, exponent, mantissa);
  return std::fma(detail::log_kernel(mantissa), kLog2E, exponent);
}

/// x^y for x > 0 (0 for x = 0, y > 0) as exp(y log x): relative error below 2^-52 (2 + |y log x|).
[[nodiscard]] inline double pow(double x, double y) {
  return y == 0.0 ? 1.0 : exp(y * log(x));
}

}  // namespace ROVE_ISA

/// The standard normal quantile of `p` (Wichura, AS 241, 1988, PPND16).
/// Precondition: 0 < p < 1.
[[nodiscard]] double normal_from_uniform(double p);

/// A standard normal variate from a 64-bit draw; never infinite.
[[nodiscard]] double normal_from_draw(std::uint64_t draw);

}  // namespace rove::math
