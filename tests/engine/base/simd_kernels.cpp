// SPDX-License-Identifier: Apache-2.0
// Compiled once per instruction set: every operation of simd.hpp and every function of math_simd.hpp.
#include "tests/engine/base/simd_kernels.hpp"

#include <cmath>

#include "engine/base/math_simd.hpp"
#include "engine/base/simd.hpp"

namespace rove::test::ROVE_ISA {
namespace {

using simd::F32x16;

F32x16 apply(int function, F32x16 x) {
  const F32x16 c = F32x16::broadcast(1.7F);
  switch (function) {
    case 0:
      return math::exp(x);
    case 1:
      return math::log(x);
    case 2:
      return math::log1p(x);
    case 3:
      return math::softplus(x);
    case 4:
      return math::sigmoid(x);
    case 5:
      return math::tanh(x);
    case 6:
      return x + c;
    case 7:
      return x - c;
    case 8:
      return x * c;
    case 9:
      return x / c;
    case 10:
      return fma(x, c, x);
    case 11:
      return sqrt(x);
    case 12:
      return max(x, c);
    case 13:
      return min(x, c);
    case 14:
      return abs(x);
    case 15:
      return copy_sign(c, x);
    case 16:
      return select_less(x, c, c, x);
    case 17:
      return select_nan(x, c, x);
    case 18:
      return x * c + x;  // must not be contracted into a fused step
    default:
      return F32x16::broadcast(x.sum());
  }
}

float apply(int function, float x) {
  const float c = 1.7F;
  switch (function) {
    case 0:
      return math::exp(x);
    case 1:
      return math::log(x);
    case 2:
      return math::log1p(x);
    case 3:
      return math::softplus(x);
    case 4:
      return math::sigmoid(x);
    case 5:
      return math::tanh(x);
    case 6:
      return x + c;
    case 7:
      return x - c;
    case 8:
      return x * c;
    case 9:
      return x / c;
    case 10:
      return std::fma(x, c, x);
    case 11:
      return std::sqrt(x);
    case 12:
      return x > c ? x : c;
    case 13:
      return x < c ? x : c;
    case 14:
      return std::fabs(x);
    case 15:
      return std::copysign(c, x);
    case 16:
      return x < c ? c : x;
    case 17:
      return x != x ? c : x;
    default:
      return x * c + x;
  }
}

}  // namespace

float dot(const float* a, const float* b, std::size_t n) {
  F32x16 sum = F32x16::zero();
  std::size_t i = 0;
  for (; i + simd::kLanes <= n; i += simd::kLanes) sum = fma(F32x16::load(a + i), F32x16::load(b + i), sum);
  sum = fma(F32x16::load_first(a + i, n - i), F32x16::load_first(b + i, n - i), sum);
  return sum.sum();
}

void transform(int function, const float* in, float* out, std::size_t n) {
  std::size_t i = 0;
  for (; i + simd::kLanes <= n; i += simd::kLanes) apply(function, F32x16::load(in + i)).store(out + i);
  apply(function, F32x16::load_first(in + i, n - i)).store_first(out + i, n - i);
}

void transform_scalar(int function, const float* in, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = apply(function, in[i]);
}

void narrow(const float* in, BFloat16* out, std::size_t n) {
  for (std::size_t i = 0; i < n; i += simd::kLanes) F32x16::load(in + i).store(out + i);
}

void widen(const BFloat16* in, float* out, std::size_t n, bool shuffled) {
  for (std::size_t i = 0; i < n; i += simd::kLanes) {
    (shuffled ? F32x16::load_shuffled(in + i).unshuffled(in) : F32x16::load(in + i)).store(out + i);
  }
}

}  // namespace rove::test::ROVE_ISA
