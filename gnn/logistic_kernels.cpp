// SPDX-License-Identifier: Apache-2.0
// Logistic losses of one row against many, and sums of weighted rows, compiled once per instruction set with the same
// bits.
#include "gnn/detail/logistic_kernels.hpp"

#include <cstddef>

#include "engine/base/math_simd.hpp"
#include "engine/base/simd.hpp"

namespace rove::gnn::detail::ROVE_ISA {
namespace {

using simd::F32x16;
using simd::kLanes;

static_assert(kItemLanes == kLanes);

/// Vectors of a row whose sums stay in registers.
constexpr std::uint32_t kGroup = 4;

/// sums[v] += Σ weight(k) · row(k)[v]
template <std::uint32_t kVectors, class Row, class Weight>
[[gnu::always_inline]] inline void add_rows(std::uint64_t count, const Row& row, const Weight& weight, F32x16* sums) {
  F32x16 sum[kVectors];
#pragma GCC unroll 4
  for (std::uint32_t v = 0; v < kVectors; ++v) sum[v] = sums[v];
  for (std::uint64_t k = 0; k < count; ++k) {
    const float* from = row(k);
    const F32x16 factor = F32x16::broadcast(weight(k));
#pragma GCC unroll 4
    for (std::uint32_t v = 0; v < kVectors; ++v) sum[v] = fma(factor, F32x16::load(from + v * kLanes), sum[v]);
  }
#pragma GCC unroll 4
  for (std::uint32_t v = 0; v < kVectors; ++v) sums[v] = sum[v];
}

template <class Row, class Weight>
[[gnu::always_inline]] inline void add_rows(std::uint32_t vectors, std::uint64_t count, const Row& row,
                                            const Weight& weight, F32x16* sums) {
  switch (vectors) {
    case 1:
      return add_rows<1>(count, row, weight, sums);
    case 2:
      return add_rows<2>(count, row, weight, sums);
    case 3:
      return add_rows<3>(count, row, weight, sums);
    default:
      return add_rows<kGroup>(count, row, weight, sums);
  }
}

[[gnu::always_inline]] inline float dot(const float* a, const float* b, std::uint32_t width) {
  F32x16 sum = F32x16::zero();
  for (std::size_t c = 0; c < width; c += kLanes) sum = fma(F32x16::load(a + c), F32x16::load(b + c), sum);
  return sum.sum();
}

}  // namespace

float sum_logistic_terms(const LogisticTerms& task) {
  const std::uint32_t width = task.width;
  const F32x16 zero = F32x16::zero();
  for (std::size_t c = 0; c < width; c += kLanes) zero.store(task.gradient + c);
  F32x16 loss = zero;
  for (std::uint64_t k = 0; k < task.count; k += kLanes) {
    const float* rows[kLanes];
    for (std::size_t t = 0; t < kLanes; ++t) rows[t] = task.rows + std::size_t{task.items[k + t]} * width;
    if (k + kLanes < task.count) {
      for (std::size_t t = 0; t < kLanes; ++t) {
        const float* next = task.rows + std::size_t{task.items[k + kLanes + t]} * width;
        for (std::size_t c = 0; c < width; c += kLanes) simd::prefetch(next + c);
      }
    }
    alignas(64) float x[kLanes];
    for (std::size_t t = 0; t < kLanes; ++t) x[t] = dot(task.user, rows[t], width);
    const F32x16 a = F32x16::load(task.weights + k);
    const F32x16 score = F32x16::load(x);
    const F32x16 y = select_less(a, zero, zero - score, score);
    float* derivatives = task.derivatives + k;
    (a * math::sigmoid(y)).store(derivatives);
    loss = fma(abs(a), math::softplus(y), loss);
    for (std::uint32_t c = 0; c < width; c += kGroup * kLanes) {
      const auto vectors = (width - c) / static_cast<std::uint32_t>(kLanes);
      F32x16 sums[kGroup] = {zero, zero, zero, zero};
      for (std::uint32_t v = 0; v < kGroup && v < vectors; ++v) sums[v] = F32x16::load(task.gradient + c + v * kLanes);
      add_rows(
          vectors, kLanes, [&](std::uint64_t t) { return rows[t] + c; },
          [&](std::uint64_t t) { return derivatives[t]; }, sums);
      for (std::uint32_t v = 0; v < kGroup && v < vectors; ++v) sums[v].store(task.gradient + c + v * kLanes);
    }
  }
  return loss.sum();
}

float sum_decayed_terms(const DecayedTerms& task) {
  const F32x16 decay = F32x16::broadcast(task.decay);
  F32x16 squares = F32x16::zero();
  for (std::uint32_t c = 0; c < task.width; c += kGroup * kLanes) {
    const auto vectors = (task.width - c) / static_cast<std::uint32_t>(kLanes);
    F32x16 sums[kGroup] = {decay, decay, decay, decay};
    for (std::uint32_t v = 0; v < kGroup && v < vectors; ++v) {
      const F32x16 p = F32x16::load(task.parameters + c + v * kLanes);
      squares = fma(p, p, squares);
      sums[v] = decay * p;
    }
    add_rows(
        vectors, task.count,
        [&](std::uint64_t k) { return task.rows + std::size_t{task.terms[k].row} * task.width + c; },
        [&](std::uint64_t k) { return task.terms[k].weight; }, sums);
    for (std::uint32_t v = 0; v < kGroup && v < vectors; ++v) sums[v].store(task.out + c + v * kLanes);
  }
  return squares.sum();
}

}  // namespace rove::gnn::detail::ROVE_ISA
