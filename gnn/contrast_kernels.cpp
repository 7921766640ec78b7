// SPDX-License-Identifier: Apache-2.0
// Softmax-like sums over the rows of a batch, compiled once per instruction set with the same bits: two products with
// register tiles (12 × 32 of 512 bits, 6 × 16 of 256) around a pass of exponentials over a block that stays in cache.
#include "gnn/detail/contrast_kernels.hpp"

#include "engine/base/math_simd.hpp"
#include "engine/base/simd.hpp"

namespace rove::gnn::detail::ROVE_ISA {
namespace {

using simd::F32x16;
using simd::kLanes;

#ifdef __AVX512F__
constexpr std::uint32_t kTileRows = 12;
constexpr std::uint32_t kTileVectors = 2;
#else
constexpr std::uint32_t kTileRows = 6;
constexpr std::uint32_t kTileVectors = 1;
#endif
static_assert(kAnchorBlock % kTileRows == 0 && kKeyPanel % (kTileVectors * kLanes) == 0);

/// c[r][v] = Σ_k a[r · a_stride + k] · b[k · b_stride + v], every entry one fused chain in order of k.
template <std::uint32_t kVectors>
[[gnu::always_inline]] inline void multiply_tile(const float* a, std::size_t a_stride, const float* b,
                                                 std::size_t b_stride, std::uint64_t inner, float* c,
                                                 std::size_t c_stride) {
  F32x16 sum[kTileRows][kVectors];
#pragma GCC unroll 16
  for (std::uint32_t r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 2
    for (std::uint32_t v = 0; v < kVectors; ++v) sum[r][v] = F32x16::zero();
  }
  for (std::uint64_t k = 0; k < inner; ++k) {
    F32x16 row[kVectors];
#pragma GCC unroll 2
    for (std::uint32_t v = 0; v < kVectors; ++v) row[v] = F32x16::load(b + v * kLanes);
#pragma GCC unroll 16
    for (std::uint32_t r = 0; r < kTileRows; ++r) {
      const F32x16 x = F32x16::broadcast(a[r * a_stride + k]);
#pragma GCC unroll 2
      for (std::uint32_t v = 0; v < kVectors; ++v) sum[r][v] = fma(x, row[v], sum[r][v]);
    }
    b += b_stride;
  }
#pragma GCC unroll 16
  for (std::uint32_t r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 2
    for (std::uint32_t v = 0; v < kVectors; ++v) sum[r][v].store(c + r * c_stride + v * kLanes);
  }
}

/// Dot products of a row become weights; returns their sum.
float exponentiate(const AttractTask& task, std::uint32_t anchor, float* weights) {
  constexpr float kNever = -3.0e38F;
  const std::uint64_t padded = padded_keys(task.num_keys);
  if (task.selves != nullptr) {
    task.self_dots[anchor] = weights[task.selves[anchor]];
    if (task.skip_self) weights[task.selves[anchor]] = kNever;
  }
  for (std::uint64_t j = task.num_keys; j < padded; ++j) weights[j] = kNever;
  const F32x16 sharpness = F32x16::broadcast(task.sharpness);
  const F32x16 one = F32x16::broadcast(1.0F);
  F32x16 sum = F32x16::zero();
  for (std::uint64_t j = 0; j < padded; j += kLanes) {
    F32x16 e = math::exp(sharpness * (F32x16::load(weights + j) - one));
    if (task.factors != nullptr) e *= F32x16::load(task.factors + j);
    sum += e;
    e.store(weights + j);
  }
  return sum.sum();
}

}  // namespace

void attract(const AttractTask& task) {
  const std::uint64_t padded = padded_keys(task.num_keys);
  for (std::uint64_t panel = 0; panel < padded / kKeyPanel; ++panel) {
    const float* keys = task.panels + panel * kKeyPanel * task.width;
    for (std::uint32_t row = 0; row < task.num_anchors; row += kTileRows) {
      for (std::uint32_t v = 0; v < kKeyPanel; v += kTileVectors * static_cast<std::uint32_t>(kLanes)) {
        multiply_tile<kTileVectors>(task.anchors + std::size_t{row} * task.width, task.width, keys + v, kKeyPanel,
                                    task.width, task.weights + row * padded + panel * kKeyPanel + v, padded);
      }
    }
  }
  for (std::uint32_t i = 0; i < task.num_anchors; ++i) {
    task.sums[i] = exponentiate(task, i, task.weights + i * padded);
  }
  for (std::uint32_t row = 0; row < task.num_anchors; row += kTileRows) {
    const float* weights = task.weights + row * padded;
    float* out = task.out + std::size_t{row} * task.width;
    std::uint32_t column = 0;
    for (; column + kTileVectors * kLanes <= task.width; column += kTileVectors * static_cast<std::uint32_t>(kLanes)) {
      multiply_tile<kTileVectors>(weights, padded, task.keys + column, task.width, task.num_keys, out + column,
                                  task.width);
    }
    if (column < task.width) {
      multiply_tile<1>(weights, padded, task.keys + column, task.width, task.num_keys, out + column, task.width);
    }
  }
}

float normalise_row(const float* row, std::uint32_t width, float* unit) {
  F32x16 squares = F32x16::zero();
  for (std::size_t c = 0; c < width; c += kLanes) {
    const F32x16 x = F32x16::load(row + c);
    squares = fma(x, x, squares);
  }
  const float norm = __builtin_sqrtf(squares.sum());
  const float inverse = 1.0F / (norm > 1e-12F ? norm : 1e-12F);
  for (std::size_t c = 0; c < width; c += kLanes) (F32x16::broadcast(inverse) * F32x16::load(row + c)).store(unit + c);
  return inverse;
}

void add_normalised_gradient(const float* g, const float* unit, std::uint32_t width, float inverse_norm, float factor,
                             float* to) {
  F32x16 along = F32x16::zero();
  for (std::size_t c = 0; c < width; c += kLanes) along = fma(F32x16::load(g + c), F32x16::load(unit + c), along);
  const F32x16 minus = F32x16::broadcast(-along.sum());
  const F32x16 scale = F32x16::broadcast(factor * inverse_norm);
  for (std::size_t c = 0; c < width; c += kLanes) {
    const F32x16 tangent = fma(minus, F32x16::load(unit + c), F32x16::load(g + c));
    fma(scale, tangent, F32x16::load(to + c)).store(to + c);
  }
}

void sum_rows(const float* rows, std::uint32_t width, const std::uint32_t* list, std::uint64_t count, float* to) {
  for (std::size_t c = 0; c < width; c += kLanes) {
    F32x16 sum = F32x16::zero();
    for (std::uint64_t k = 0; k < count; ++k) sum += F32x16::load(rows + std::size_t{list[k]} * width + c);
    sum.store(to + c);
  }
}

float dot_rows(const float* a, const float* b, std::uint32_t width) {
  F32x16 sum = F32x16::zero();
  for (std::size_t c = 0; c < width; c += kLanes) sum = fma(F32x16::load(a + c), F32x16::load(b + c), sum);
  return sum.sum();
}

void combine_rows(const float* x, float a, const float* y, float b, std::uint32_t width, float* to) {
  for (std::size_t c = 0; c < width; c += kLanes) {
    fma(F32x16::broadcast(a), F32x16::load(x + c), F32x16::broadcast(b) * F32x16::load(y + c)).store(to + c);
  }
}

}  // namespace rove::gnn::detail::ROVE_ISA
