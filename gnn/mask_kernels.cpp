// SPDX-License-Identifier: Apache-2.0
// Sums over neighbours weighed by likeness, compiled once per instruction set with the same bits.
#include "gnn/detail/mask_kernels.hpp"

#include <cstddef>

#include "engine/base/simd.hpp"

namespace rove::gnn::detail::ROVE_ISA {
namespace {

using simd::F32x16;
using simd::kLanes;

/// Neighbours whose weights are computed before their rows are added.
constexpr std::uint64_t kChunk = 32;

[[gnu::always_inline]] inline float dot(const float* a, const float* b, std::uint32_t width) {
  F32x16 sum = F32x16::zero();
  for (std::size_t c = 0; c < width; c += kLanes) sum = fma(F32x16::load(a + c), F32x16::load(b + c), sum);
  return sum.sum();
}

/// to += Σ_k weights_k rows[targets_k], one fused chain per column.
[[gnu::always_inline]] inline void add_weighed(const float* rows, std::uint32_t width, const std::uint32_t* targets,
                                               std::uint64_t count, const float* weights, float* to) {
  for (std::size_t c = 0; c < width; c += kLanes) {
    F32x16 sum = F32x16::load(to + c);
    for (std::uint64_t k = 0; k < count; ++k) {
      sum = fma(F32x16::broadcast(weights[k]), F32x16::load(rows + std::size_t{targets[k]} * width + c), sum);
    }
    sum.store(to + c);
  }
}

}  // namespace

void mask_forward(const MaskRows& task, std::uint32_t row, const std::uint32_t* targets, std::uint64_t degree) {
  constexpr float kNothing = 1e-12F;
  const std::size_t width = task.width;
  float* out = task.out + row * width;
  for (std::size_t c = 0; c < width; c += kLanes) F32x16::zero().store(out + c);
  float weights[kChunk];
  float sum = 0.0F;
  for (std::uint64_t begin = 0; begin < degree; begin += kChunk) {
    const std::uint64_t count = degree - begin < kChunk ? degree - begin : kChunk;
    for (std::uint64_t k = 0; k < count; ++k) {
      const float likeness = dot(task.units + row * width, task.units + targets[begin + k] * width, task.width);
      weights[k] = __builtin_fmaf(0.5F, likeness, 0.5F);
      sum += weights[k];
    }
    add_weighed(task.x, task.width, targets + begin, count, weights, out);
  }
  const float inverse = sum > kNothing ? 1.0F / sum : 0.0F;
  task.inverse_sums[row] = inverse;
  for (std::size_t c = 0; c < width; c += kLanes) {
    (F32x16::broadcast(inverse) * F32x16::load(out + c)).store(out + c);
  }
}

void mask_backward(const MaskGradients& task, std::uint32_t row, const std::uint32_t* targets, std::uint64_t degree) {
  const std::size_t width = task.width;
  const float* x = task.x + row * width;
  const float* unit = task.units + row * width;
  const float* g = task.gradients + row * width;
  float* to_units = task.to_units + row * width;
  for (std::size_t c = 0; c < width; c += kLanes) F32x16::zero().store(to_units + c);
  float of_gradients[kChunk];
  float of_units[kChunk];
  for (std::uint64_t begin = 0; begin < degree; begin += kChunk) {
    const std::uint64_t count = degree - begin < kChunk ? degree - begin : kChunk;
    for (std::uint64_t k = 0; k < count; ++k) {
      const std::size_t other = targets[begin + k];
      const float weight = __builtin_fmaf(0.5F, dot(unit, task.units + other * width, task.width), 0.5F);
      of_gradients[k] = weight * task.inverse_sums[other];
      const float here = (dot(g, task.x + other * width, task.width) - task.along[row]) * task.inverse_sums[row];
      const float there =
          (dot(task.gradients + other * width, x, task.width) - task.along[other]) * task.inverse_sums[other];
      of_units[k] = 0.5F * (here + there);
    }
    add_weighed(task.gradients, task.width, targets + begin, count, of_gradients, task.to_x + row * width);
    add_weighed(task.units, task.width, targets + begin, count, of_units, to_units);
  }
}

}  // namespace rove::gnn::detail::ROVE_ISA
