// SPDX-License-Identifier: Apache-2.0
// Row kernels of implicit alternating least squares, compiled once per instruction set with the same bits.
#include "gnn/detail/ials_kernels.hpp"

#include <cstddef>

#include "engine/base/simd.hpp"

namespace rove::gnn::detail::ROVE_ISA {
namespace {

using simd::F32x16;
using simd::kLanes;

/// Eight doubles. Only for sums that are exact, whatever the compiler makes of them.
using F64x8 = double __attribute__((vector_size(64), aligned(8), may_alias));

constexpr std::uint32_t kTogether = 4;
constexpr std::uint64_t kPrefetchAhead = 8;

float dot(const float* a, const float* b, std::uint32_t width) {
  F32x16 sum = F32x16::zero();
  for (std::size_t c = 0; c < width; c += kLanes) sum = fma(F32x16::load(a + c), F32x16::load(b + c), sum);
  return sum.sum();
}

/// to += factor · from.
void add_scaled(float* to, float factor, const float* from, std::uint32_t width) {
  const F32x16 f = F32x16::broadcast(factor);
  for (std::size_t c = 0; c < width; c += kLanes) fma(f, F32x16::load(from + c), F32x16::load(to + c)).store(to + c);
}

/// to += Σ factors[k] · rows[k], in the order of k.
void add_scaled4(float* to, const float* factors, const float* const* rows, std::uint32_t width) {
  const F32x16 f0 = F32x16::broadcast(factors[0]);
  const F32x16 f1 = F32x16::broadcast(factors[1]);
  const F32x16 f2 = F32x16::broadcast(factors[2]);
  const F32x16 f3 = F32x16::broadcast(factors[3]);
  for (std::size_t c = 0; c < width; c += kLanes) {
    F32x16 sum = fma(f0, F32x16::load(rows[0] + c), F32x16::load(to + c));
    sum = fma(f1, F32x16::load(rows[1] + c), sum);
    sum = fma(f2, F32x16::load(rows[2] + c), sum);
    fma(f3, F32x16::load(rows[3] + c), sum).store(to + c);
  }
}

/// One row's equations.
struct Equations {
  const IalsRows& task;
  const std::uint32_t* targets;
  std::uint64_t count;

  [[nodiscard]] const float* other(std::uint64_t slot) const {
    return task.others + std::size_t{targets[slot]} * task.width;
  }

  /// to += Σ factor(slot, y) · y.
  template <class Factor>
  void add_slots(float* to, const Factor& factor) const {
    std::uint64_t slot = 0;
    for (; slot + kTogether <= count; slot += kTogether) {
      const float* rows[kTogether];
      float factors[kTogether];
      for (std::uint32_t k = 0; k < kTogether; ++k) {
        rows[k] = other(slot + k);
        factors[k] = factor(slot + k, rows[k]);
      }
      add_scaled4(to, factors, rows, task.width);
    }
    for (; slot < count; ++slot) add_scaled(to, factor(slot, other(slot)), other(slot), task.width);
  }

  /// Σ (alpha + [first]) y, and the sum of the factors.
  double right_hand_side(float* to) const {
    for (std::size_t c = 0; c < task.width; ++c) to[c] = 0.0F;
    double sum = 0;
    add_slots(to, [&](std::uint64_t slot, const float*) {
      if (slot + kPrefetchAhead < count) {
        const float* ahead = other(slot + kPrefetchAhead);
        for (std::size_t c = 0; c < task.width; c += kLanes) simd::prefetch(ahead + c);
      }
      const bool first = slot == 0 || targets[slot] != targets[slot - 1];
      const float factor = first ? task.alpha + 1.0F : task.alpha;
      sum += static_cast<double>(factor);
      return factor;
    });
    return sum;
  }

  /// to = (gram + Σ alpha y yᵀ) v.
  void apply(const float* v, float* to) const {
    const std::uint32_t width = task.width;
    for (std::size_t c = 0; c < width; ++c) to[c] = 0.0F;
    for (std::uint32_t j = 0; j < width; j += kTogether) {
      const float* row = task.gram + std::size_t{j} * width;
      const float* const rows[kTogether] = {row, row + width, row + 2 * std::size_t{width},
                                            row + 3 * std::size_t{width}};
      add_scaled4(to, v + j, rows, width);
    }
    add_slots(to, [&](std::uint64_t, const float* y) { return task.alpha * dot(v, y, width); });
  }
};

/// Returns the loss's part: the sum of the confidences - <x, b> - <x, r>, which is xᵀAx - 2<x, b> + the constant.
double solve_row(const IalsRows& task, const Equations& equations, float* x) {
  const std::uint32_t width = task.width;
  float* b = task.work;
  float* r = b + width;
  float* p = r + width;
  float* q = p + width;
  const double confidences = equations.right_hand_side(b);
  equations.apply(x, q);
  for (std::size_t c = 0; c < width; ++c) p[c] = r[c] = b[c] - q[c];
  constexpr float kNegligible = 1e-20F;
  float square = dot(r, r, width);
  for (std::uint32_t step = 0; step < task.steps && !(square < kNegligible); ++step) {
    equations.apply(p, q);
    const float curvature = dot(p, q, width);
    if (curvature <= 0) break;
    const float length = square / curvature;
    add_scaled(x, length, p, width);
    add_scaled(r, -length, q, width);
    const float next = dot(r, r, width);
    const float turn = next / square;
    for (std::size_t c = 0; c < width; ++c) p[c] = r[c] + turn * p[c];
    square = next;
  }
  return confidences - static_cast<double>(dot(x, b, width)) - static_cast<double>(dot(x, r, width));
}

}  // namespace

void add_gram(const float* rows, std::uint64_t count, std::uint32_t width, float scale, double* work, double* sums) {
  constexpr std::size_t kTileRows = 4;
  constexpr std::size_t kTileColumns = 8;
  // Adding and taking away 1.5 · 2^23 rounds to the nearest whole number.
  constexpr float kRounder = 12582912.0F;
  for (std::uint64_t first = 0; first < count; first += kGramBlock) {
    const std::uint64_t block = count - first < kGramBlock ? count - first : kGramBlock;
    const float* from = rows + first * width;
    for (std::size_t i = 0; i < block * width; ++i) {
      work[i] = static_cast<double>((from[i] * scale + kRounder) - kRounder);
    }
    for (std::size_t i = 0; i < width; i += kTileRows) {
      for (std::size_t j = i / kTileColumns * kTileColumns; j < width; j += kTileColumns) {
        F64x8 tile[kTileRows];
        for (std::size_t k = 0; k < kTileRows; ++k) {
          tile[k] = *reinterpret_cast<const F64x8*>(sums + (i + k) * width + j);
        }
        for (std::uint64_t row = 0; row < block; ++row) {
          const F64x8 right = *reinterpret_cast<const F64x8*>(work + row * width + j);
          const double* left = work + row * width + i;
          for (std::size_t k = 0; k < kTileRows; ++k) tile[k] += left[k] * right;
        }
        for (std::size_t k = 0; k < kTileRows; ++k) *reinterpret_cast<F64x8*>(sums + (i + k) * width + j) = tile[k];
      }
    }
  }
}

void solve_ials_rows(const IalsRows& task) {
  for (std::uint64_t row = task.begin; row < task.end; ++row) {
    float* x = task.rows + row * task.width;
    const std::uint64_t slots = task.offsets[row + 1] - task.offsets[row];
    if (slots == 0) {
      for (std::size_t c = 0; c < task.width; ++c) x[c] = 0.0F;
      task.objective[row - task.begin] = 0.0;
      continue;
    }
    task.objective[row - task.begin] = solve_row(task, {task, task.targets + task.offsets[row], slots}, x);
  }
}

}  // namespace rove::gnn::detail::ROVE_ISA
