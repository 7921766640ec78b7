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

/// Columns whose sums stay in registers.
constexpr std::uint32_t kColumnBlock = 4 * kLanes;

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

/// to += Σ factors[k] · row(k) for one block of columns, in the order of k.
template <std::uint32_t kVectors, class Row>
[[gnu::always_inline]] inline void add_block(float* to, const float* factors, std::uint64_t count, const Row& row) {
  F32x16 sum[kVectors];
#pragma GCC unroll 4
  for (std::uint32_t v = 0; v < kVectors; ++v) sum[v] = F32x16::load(to + v * kLanes);
  for (std::uint64_t k = 0; k < count; ++k) {
    const F32x16 factor = F32x16::broadcast(factors[k]);
    const float* from = row(k);
#pragma GCC unroll 4
    for (std::uint32_t v = 0; v < kVectors; ++v) sum[v] = fma(factor, F32x16::load(from + v * kLanes), sum[v]);
  }
#pragma GCC unroll 4
  for (std::uint32_t v = 0; v < kVectors; ++v) sum[v].store(to + v * kLanes);
}

/// to += Σ factors[k] · row(k), in the order of k.
template <class Row>
[[gnu::always_inline]] inline void add_rows(float* to, const float* factors, std::uint64_t count, std::uint32_t width,
                                            const Row& row) {
  std::uint32_t c = 0;
  for (; c + kColumnBlock <= width; c += kColumnBlock) {
    add_block<4>(to + c, factors, count, [&](std::uint64_t k) { return row(k) + c; });
  }
  for (; c < width; c += kLanes) {
    add_block<1>(to + c, factors, count, [&](std::uint64_t k) { return row(k) + c; });
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
  [[nodiscard]] float weight(std::uint64_t slot) const {
    return slot == 0 || targets[slot] != targets[slot - 1] ? task.alpha + 1.0F : task.alpha;
  }

  /// products[k] = <row of slot first + k, v>, four at a time.
  void multiply(std::uint64_t first, std::uint32_t length, const float* v, float* products) const {
    std::uint32_t k = 0;
    for (; k + 4 <= length; k += 4) {
      const float* const rows[4] = {other(first + k), other(first + k + 1), other(first + k + 2), other(first + k + 3)};
      F32x16 sum[4] = {F32x16::zero(), F32x16::zero(), F32x16::zero(), F32x16::zero()};
      for (std::size_t c = 0; c < task.width; c += kLanes) {
        const F32x16 column = F32x16::load(v + c);
#pragma GCC unroll 4
        for (std::uint32_t r = 0; r < 4; ++r) sum[r] = fma(F32x16::load(rows[r] + c), column, sum[r]);
      }
#pragma GCC unroll 4
      for (std::uint32_t r = 0; r < 4; ++r) products[k + r] = sum[r].sum();
    }
    for (; k < length; ++k) products[k] = dot(other(first + k), v, task.width);
  }

  /// to += Σ factor(slot, <y, v>) · y over the slots, a block of them at a time.
  template <class Factor>
  void add_slots(const float* v, float* to, const Factor& factor) const {
    float factors[kSlotBlock];
    for (std::uint64_t first = 0; first < count; first += kSlotBlock) {
      const auto length = static_cast<std::uint32_t>(count - first < kSlotBlock ? count - first : kSlotBlock);
      multiply(first, length, v, factors);
      for (std::uint32_t k = 0; k < length; ++k) factors[k] = factor(first + k, factors[k]);
      add_rows(to, factors, length, task.width, [&](std::uint64_t k) { return other(first + k); });
    }
  }

  /// to = gram · v.
  void apply_gram(const float* v, float* to) const {
    for (std::size_t c = 0; c < task.width; ++c) to[c] = 0.0F;
    add_rows(to, v, task.width, task.width, [&](std::uint64_t j) { return task.gram + j * task.width; });
  }

  /// to = (gram + Σ alpha y yᵀ) v.
  void apply(const float* v, float* to) const {
    apply_gram(v, to);
    add_slots(v, to, [&](std::uint64_t, float product) { return task.alpha * product; });
  }

  void prefetch() const {
    for (std::uint64_t slot = 0; slot < count && slot < kSlotBlock; ++slot) {
      for (std::size_t c = 0; c < task.width; c += kLanes) simd::prefetch(other(slot) + c);
    }
  }

  static constexpr std::uint32_t kSlotBlock = 64;
};

/// Returns the loss's part that depends on the row: the sum of the confidences + xᵀAx - 2<x, b>. A step of length
/// s / pᵀAp along p, with s = |r|², lowers it by that length times s.
double solve_row(const IalsRows& task, const Equations& equations, float* x) {
  const std::uint32_t width = task.width;
  float* r = task.work;
  float* p = r + width;
  float* q = p + width;
  double confidences = 0;
  double right_hand_side = 0;  // <x, b>
  equations.apply_gram(x, r);
  for (std::size_t c = 0; c < width; ++c) r[c] = -r[c];
  equations.add_slots(x, r, [&](std::uint64_t slot, float product) {
    const float weight = equations.weight(slot);
    confidences += static_cast<double>(weight);
    right_hand_side += static_cast<double>(weight) * static_cast<double>(product);
    return weight - task.alpha * product;
  });
  double objective = confidences - right_hand_side - static_cast<double>(dot(x, r, width));
  for (std::size_t c = 0; c < width; ++c) p[c] = r[c];
  constexpr float kNegligible = 1e-20F;
  float square = dot(r, r, width);
  for (std::uint32_t step = 0; step < task.steps && !(square < kNegligible); ++step) {
    equations.apply(p, q);
    const float curvature = dot(p, q, width);
    if (curvature <= 0) break;
    const float length = square / curvature;
    add_scaled(x, length, p, width);
    objective -= static_cast<double>(length) * static_cast<double>(square);
    if (step + 1 == task.steps) break;
    add_scaled(r, -length, q, width);
    const float next = dot(r, r, width);
    const float turn = next / square;
    for (std::size_t c = 0; c < width; ++c) p[c] = r[c] + turn * p[c];
    square = next;
  }
  return objective;
}

constexpr std::size_t kTileRows = 4;
constexpr std::size_t kTileColumns = 8;

void quantise(const float* from, std::uint64_t count, float scale, double* to) {
  // Adding and taking away 1.5 · 2^23 rounds to the nearest whole number.
  constexpr float kRounder = 12582912.0F;
  for (std::uint64_t i = 0; i < count; ++i) to[i] = static_cast<double>((from[i] * scale + kRounder) - kRounder);
}

/// sums += leftᵀ right for `kTileRows` columns of the left rows and those of the right from `first_column` on.
[[gnu::always_inline]] inline void add_row_of_tiles(const double* left, std::size_t left_width, const double* right,
                                                    std::size_t right_width, std::uint64_t rows, std::size_t column,
                                                    std::size_t first_column, double* sums) {
  for (std::size_t j = first_column; j < right_width; j += kTileColumns) {
    F64x8 tile[kTileRows];
    for (std::size_t k = 0; k < kTileRows; ++k) {
      tile[k] = *reinterpret_cast<const F64x8*>(sums + (column + k) * right_width + j);
    }
    for (std::uint64_t row = 0; row < rows; ++row) {
      const F64x8 of_right = *reinterpret_cast<const F64x8*>(right + row * right_width + j);
      const double* of_left = left + row * left_width + column;
      for (std::size_t k = 0; k < kTileRows; ++k) tile[k] += of_left[k] * of_right;
    }
    for (std::size_t k = 0; k < kTileRows; ++k) {
      *reinterpret_cast<F64x8*>(sums + (column + k) * right_width + j) = tile[k];
    }
  }
}

}  // namespace

void add_gram(const float* rows, std::uint64_t count, std::uint32_t width, float scale, double* work, double* sums) {
  for (std::uint64_t first = 0; first < count; first += kGramBlock) {
    const std::uint64_t block = count - first < kGramBlock ? count - first : kGramBlock;
    quantise(rows + first * width, block * width, scale, work);
    for (std::size_t i = 0; i < width; i += kTileRows) {
      add_row_of_tiles(work, width, work, width, block, i, i / kTileColumns * kTileColumns, sums);
    }
  }
}

void add_cross_gram(const CrossGram& task) {
  double* const right = task.work + kGramBlock * task.left_width;
  for (std::uint64_t first = 0; first < task.count; first += kGramBlock) {
    const std::uint64_t block = task.count - first < kGramBlock ? task.count - first : kGramBlock;
    quantise(task.left + first * task.left_width, block * task.left_width, task.left_scale, task.work);
    quantise(task.right + first * task.right_width, block * task.right_width, task.right_scale, right);
    for (std::size_t i = 0; i < task.left_width; i += kTileRows) {
      add_row_of_tiles(task.work, task.left_width, right, task.right_width, block, i, 0, task.sums);
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
    if (row + 1 < task.end) {
      Equations{task, task.targets + task.offsets[row + 1], task.offsets[row + 2] - task.offsets[row + 1]}.prefetch();
    }
    task.objective[row - task.begin] = solve_row(task, {task, task.targets + task.offsets[row], slots}, x);
  }
}

}  // namespace rove::gnn::detail::ROVE_ISA
