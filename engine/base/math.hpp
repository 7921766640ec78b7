// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/detail/math_kernels.hpp"

/// Elementary functions whose bits depend on the argument alone: fixed polynomials with explicit fused steps, no call
/// into the C library, which chooses among variants by processor. For everything that can reach a result.
/// engine/base/math_simd.hpp has the same functions on sixteen floats, with the same bits per lane.
///
/// NaN gives NaN; logarithms of 0 and of negative numbers are -inf and NaN. Results of exp and sigmoid below the
/// smallest normal number are 0. Largest errors, measured against long double (float: every argument tested; see
/// tests/engine/base/math_test.cpp), in units in the last place:
///
///   function  exp   log   log1p  softplus  sigmoid  tanh
///   double    1.0   1.0   2.0    2.0       2.5      2.5
///   float     1.0   1.0   2.0    2.0       2.5      2.5
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

/// Logarithm to base 2, within 2 ulp.
[[nodiscard]] inline double log2(double x) {
  return log(x) * 0x1.71547652b82fep+0;
}

/// x^y for x > 0 (0 for x = 0, y > 0) as exp(y log x): relative error below 2^-52 (2 + |y log x|).
[[nodiscard]] inline double pow(double x, double y) {
  return y == 0.0 ? 1.0 : exp(y * log(x));
}

}  // namespace ROVE_ISA

/// The standard normal quantile of `p` (Wichura, AS 241, 1988, PPND16): relative error about 1e-15.
/// Precondition: 0 < p < 1.
[[nodiscard]] double normal_from_uniform(double p);

/// A standard normal variate from a 64-bit draw; never infinite.
[[nodiscard]] double normal_from_draw(std::uint64_t draw);

}  // namespace rove::math
