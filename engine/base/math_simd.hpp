// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/base/math.hpp"
#include "engine/base/simd.hpp"

/// The functions of engine/base/math.hpp on sixteen floats. Every lane has the bits of the scalar float function.
namespace rove::math {
inline namespace ROVE_ISA {

using simd::F32x16;

namespace detail {

template <>
struct Real<F32x16> : Real<float> {
  [[gnu::always_inline]] static F32x16 of(double x) { return F32x16::broadcast(static_cast<float>(x)); }
};

}  // namespace detail

[[nodiscard, gnu::always_inline]] inline F32x16 exp(F32x16 x) {
  return detail::exp_kernel(x);
}
[[nodiscard, gnu::always_inline]] inline F32x16 log(F32x16 x) {
  return detail::log_kernel(x);
}
[[nodiscard, gnu::always_inline]] inline F32x16 log1p(F32x16 x) {
  return detail::log1p_kernel(x);
}
[[nodiscard, gnu::always_inline]] inline F32x16 softplus(F32x16 x) {
  return detail::softplus_kernel(x);
}
[[nodiscard, gnu::always_inline]] inline F32x16 sigmoid(F32x16 x) {
  return detail::sigmoid_kernel(x);
}
[[nodiscard, gnu::always_inline]] inline F32x16 tanh(F32x16 x) {
  return detail::tanh_kernel(x);
}

}  // namespace ROVE_ISA
}  // namespace rove::math
