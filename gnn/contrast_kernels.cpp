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

/// What a key that does not count scores.
constexpr float kNever = -3.0e38F;

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

/// Logits of a row become weights by the running maximum; returns what earlier sums are to be multiplied by.
F32x16 weigh_by_maximum(const LogitTask& task, std::uint32_t anchor, float* weights) {
  const std::uint64_t padded = padded_keys(task.num_keys);
  for (std::uint64_t j = task.num_keys; j < padded; ++j) weights[j] = kNever;
  const F32x16 sharpness = F32x16::broadcast(task.sharpness);
  F32x16 largest = F32x16::broadcast(kNever);
  for (std::uint64_t j = 0; j < padded; j += kLanes) largest = max(sharpness * F32x16::load(weights + j), largest);
  alignas(64) float lanes[kLanes];
  largest.store(lanes);
  const float before = task.maxima[anchor];
  float maximum = before;
  for (const float lane : lanes) maximum = lane > maximum ? lane : maximum;
  task.maxima[anchor] = maximum;
  const F32x16 rescale = math::exp(F32x16::broadcast(before - maximum));
  const F32x16 minus = F32x16::broadcast(-maximum);
  F32x16 sum = F32x16::zero();
  for (std::uint64_t j = 0; j < padded; j += kLanes) {
    const F32x16 e = math::exp(fma(sharpness, F32x16::load(weights + j), minus));
    sum += e;
    e.store(weights + j);
  }
  rescale.store(lanes);
  task.sums[anchor] = task.sums[anchor] * lanes[0] + sum.sum();
  return rescale;
}

void weigh_by_offsets(const LogitTask& task, float* weights) {
  const F32x16 sharpness = F32x16::broadcast(task.sharpness);
  for (std::uint64_t j = 0; j < padded_keys(task.num_keys); j += kLanes) {
    const F32x16 logits = sharpness * F32x16::load(weights + j);
    math::exp(logits - F32x16::load(task.offsets + j)).store(weights + j);
  }
}

/// weights[i][j] = <a_i, b_j> for whole panels.
void multiply_keys(const float* anchors, std::uint32_t num_anchors, std::uint32_t width, const float* panels,
                   std::uint64_t padded, float* weights) {
  for (std::uint64_t panel = 0; panel < padded / kKeyPanel; ++panel) {
    const float* keys = panels + panel * kKeyPanel * width;
    for (std::uint32_t row = 0; row < num_anchors; row += kTileRows) {
      for (std::uint32_t v = 0; v < kKeyPanel; v += kTileVectors * static_cast<std::uint32_t>(kLanes)) {
        multiply_tile<kTileRows, kTileVectors>(anchors + std::size_t{row} * width, width, keys + v, kKeyPanel, width,
                                               weights + row * padded + panel * kKeyPanel + v, padded);
      }
    }
  }
}

/// out_i = Σ_j weights[i][j] b_j.
void multiply_weights(const float* all_weights, std::uint32_t num_anchors, std::uint32_t width, const float* keys,
                      std::uint64_t num_keys, float* all_out) {
  const std::uint64_t padded = padded_keys(num_keys);
  for (std::uint32_t row = 0; row < num_anchors; row += kTileRows) {
    const float* weights = all_weights + row * padded;
    float* out = all_out + std::size_t{row} * width;
    std::uint32_t column = 0;
    for (; column + kTileVectors * kLanes <= width; column += kTileVectors * static_cast<std::uint32_t>(kLanes)) {
      multiply_tile<kTileRows, kTileVectors>(weights, padded, keys + column, width, num_keys, out + column, width);
    }
    if (column < width)
      multiply_tile<kTileRows, 1>(weights, padded, keys + column, width, num_keys, out + column, width);
  }
}

}  // namespace

void attract(const AttractTask& task) {
  const std::uint64_t padded = padded_keys(task.num_keys);
  multiply_keys(task.anchors, task.num_anchors, task.width, task.panels, padded, task.weights);
  for (std::uint32_t i = 0; i < task.num_anchors; ++i) {
    task.sums[i] = weigh(task, i, task.weights + i * padded);
  }
  multiply_weights(task.weights, task.num_anchors, task.width, task.keys, task.num_keys, task.out);
}

void attract_logits(const LogitTask& task) {
  const std::uint64_t padded = padded_keys(task.num_keys);
  multiply_keys(task.anchors, task.num_anchors, task.width, task.panels, padded, task.weights);
  F32x16 rescale[kAnchorBlock];
  for (std::uint32_t i = 0; i < task.num_anchors; ++i) {
    rescale[i] = F32x16::broadcast(1.0F);
    if (task.offsets != nullptr) {
      weigh_by_offsets(task, task.weights + i * padded);
    } else {
      rescale[i] = weigh_by_maximum(task, i, task.weights + i * padded);
    }
  }
  multiply_weights(task.weights, task.num_anchors, task.width, task.keys, task.num_keys, task.part);
  for (std::uint32_t i = 0; i < task.num_anchors; ++i) {
    const float* part = task.part + std::size_t{i} * task.width;
    float* out = task.out + std::size_t{i} * task.width;
    for (std::size_t c = 0; c < task.width; c += kLanes) {
      fma(rescale[i], F32x16::load(out + c), F32x16::load(part + c)).store(out + c);
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
