// SPDX-License-Identifier: Apache-2.0
// Products of dense rows, compiled once per instruction set with the same bits.
#include "gnn/detail/dense_kernels.hpp"

#include <cstddef>

#include "engine/base/simd.hpp"
#include "gnn/detail/product_tile.hpp"

namespace rove::gnn::detail::ROVE_ISA {
namespace {

#ifdef __AVX512F__
constexpr std::uint32_t kRows = 14;
constexpr std::uint32_t kVectors = 2;
#else
constexpr std::uint32_t kRows = 6;
constexpr std::uint32_t kVectors = 1;
#endif
static_assert(kPanelItems % (kVectors * kLanes) == 0);

/// `rows`: kRows of them, of which the first `used` are wanted.
[[gnu::always_inline]] inline void add_tile(const RowProducts& task, const float* const* rows, const float* items,
                                            float* out, std::uint32_t used) {
  const auto tile = product_tile<kRows, kVectors>([&](std::uint32_t r, std::uint64_t c) { return rows[r][c]; }, items,
                                                  kPanelItems, task.columns);
  const F32x16 factor = F32x16::broadcast(task.factor);
#pragma GCC unroll 16
  for (std::uint32_t r = 0; r < kRows; ++r) {
    if (r >= used) break;
#pragma GCC unroll 2
    for (std::uint32_t v = 0; v < kVectors; ++v) {
      float* to = out + r * task.out_width + v * kLanes;
      fma(factor, tile.sums[r][v], F32x16::load(to)).store(to);
    }
  }
}

}  // namespace

void add_row_products(const RowProducts& task) {
  for (std::uint64_t first = 0; first < task.count; first += kRows) {
    const auto used = static_cast<std::uint32_t>(task.count - first < kRows ? task.count - first : kRows);
    const float* rows[kRows];
    for (std::uint32_t r = 0; r < kRows; ++r) {
      const std::uint64_t at = first + (r < used ? r : 0);
      rows[r] = task.rows + (task.row_ids == nullptr ? at : task.row_ids[at]) * task.width;
    }
    for (std::uint64_t p = 0; p < task.num_panels; ++p) {
      for (std::uint32_t v = 0; v < kPanelItems; v += kVectors * kLanes) {
        add_tile(task, rows, task.panels + p * kPanelItems * task.columns + v,
                 task.out + first * task.out_width + p * kPanelItems + v, used);
      }
    }
  }
}

std::uint32_t find_not_less(const float* scores, std::uint32_t count, float threshold, std::uint32_t* places) {
  const F32x16 bound = F32x16::broadcast(threshold);
  std::uint32_t found = 0;
  for (std::uint32_t i = 0; i < count; i += kLanes) {
    for (std::uint32_t mask = mask_not_less(F32x16::load(scores + i), bound); mask != 0; mask &= mask - 1) {
      places[found++] = i + static_cast<std::uint32_t>(__builtin_ctz(mask));
    }
  }
  return found;
}

void scale_rows(float* rows, const float* factors, std::uint64_t count, std::uint32_t width) {
  for (std::uint64_t r = 0; r < count; ++r) {
    const F32x16 factor = F32x16::broadcast(factors[r]);
    float* row = rows + r * width;
    for (std::size_t c = 0; c < width; c += kLanes) (factor * F32x16::load(row + c)).store(row + c);
  }
}

}  // namespace rove::gnn::detail::ROVE_ISA
