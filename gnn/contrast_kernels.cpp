// SPDX-License-Identifier: Apache-2.0
// Softmax-like sums over the rows of a batch, compiled once per instruction set with the same bits: two products with
// register tiles (12 × 32 of 512 bits, 6 × 16 of 256) around a pass of exponentials over a block that stays in cache.
#include "gnn/detail/contrast_kernels.hpp"

#include "engine/base/math_simd.hpp"
#include "engine/base/simd.hpp"
#include "gnn/detail/product_tile.hpp"

namespace rove::gnn::detail::ROVE_ISA {
namespace {

static_assert(kAnchorBlock % kTileRows == 0 && kKeyPanel % (kTileVectors * kLanes) == 0);

float exponentiate(const AttractTask& task, std::uint64_t padded, float* weights) {
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

float exceed(const AttractTask& task, std::uint64_t padded, float* weights) {
  const F32x16 margin = F32x16::broadcast(task.margin);
  F32x16 sum = F32x16::zero();
  for (std::uint64_t j = 0; j < padded; j += kLanes) {
    const F32x16 dots = F32x16::load(weights + j);
    const F32x16 factor = task.factors == nullptr ? F32x16::broadcast(1.0F) : F32x16::load(task.factors + j);
    const F32x16 weight = select_less(margin, dots, factor, F32x16::zero());
    sum = fma(weight, dots - margin, sum);
    weight.store(weights + j);
  }
  return sum.sum();
}

/// Dot products of a row become weights; returns the sum.
float weigh(const AttractTask& task, std::uint32_t anchor, float* weights) {
  constexpr float kNever = -3.0e38F;
  const std::uint64_t padded = padded_keys(task.num_keys);
  if (task.selves != nullptr) {
    task.self_dots[anchor] = weights[task.selves[anchor]];
    if (task.skip_self) weights[task.selves[anchor]] = kNever;
  }
  if (task.skip_offsets != nullptr) {
    for (std::uint64_t k = task.skip_offsets[anchor]; k < task.skip_offsets[anchor + 1]; ++k) {
      weights[task.skips[k]] = kNever;
    }
  }
  for (std::uint64_t j = task.num_keys; j < padded; ++j) weights[j] = kNever;
  return task.kind == Attraction::kHinge ? exceed(task, padded, weights) : exponentiate(task, padded, weights);
}

}  // namespace

void attract(const AttractTask& task) {
  const std::uint64_t padded = padded_keys(task.num_keys);
  for (std::uint64_t panel = 0; panel < padded / kKeyPanel; ++panel) {
    const float* keys = task.panels + panel * kKeyPanel * task.width;
    for (std::uint32_t row = 0; row < task.num_anchors; row += kTileRows) {
      for (std::uint32_t v = 0; v < kKeyPanel; v += kTileVectors * static_cast<std::uint32_t>(kLanes)) {
        multiply_tile<kTileRows, kTileVectors>(task.anchors + std::size_t{row} * task.width, task.width, keys + v,
                                               kKeyPanel, task.width,
                                               task.weights + row * padded + panel * kKeyPanel + v, padded);
      }
    }
  }
  for (std::uint32_t i = 0; i < task.num_anchors; ++i) {
    task.sums[i] = weigh(task, i, task.weights + i * padded);
  }
  for (std::uint32_t row = 0; row < task.num_anchors; row += kTileRows) {
    const float* weights = task.weights + row * padded;
    float* out = task.out + std::size_t{row} * task.width;
    std::uint32_t column = 0;
    for (; column + kTileVectors * kLanes <= task.width; column += kTileVectors * static_cast<std::uint32_t>(kLanes)) {
      multiply_tile<kTileRows, kTileVectors>(weights, padded, task.keys + column, task.width, task.num_keys,
                                             out + column, task.width);
    }
    if (column < task.width) {
      multiply_tile<kTileRows, 1>(weights, padded, task.keys + column, task.width, task.num_keys, out + column,
                                  task.width);
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
