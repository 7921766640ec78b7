// SPDX-License-Identifier: Apache-2.0
// Rows through small dense layers, compiled once per instruction set with the same bits.
#include "gnn/detail/layer_kernels.hpp"

#include "engine/base/math_simd.hpp"
#include "gnn/detail/product_tile.hpp"

namespace rove::gnn::detail::ROVE_ISA {
namespace {

template <std::uint32_t kRows>
void multiply_some(const float* rows, std::uint32_t inner, const float* matrix, std::uint32_t columns, float* out) {
  std::uint32_t column = 0;
  for (; column + kTileVectors * kLanes <= columns; column += kTileVectors * static_cast<std::uint32_t>(kLanes)) {
    multiply_tile<kRows, kTileVectors>(rows, inner, matrix + column, columns, inner, out + column, columns);
  }
  if (column < columns) multiply_tile<kRows, 1>(rows, inner, matrix + column, columns, inner, out + column, columns);
}

}  // namespace

void multiply_rows(const float* rows, std::uint64_t count, std::uint32_t inner, const float* matrix,
                   std::uint32_t columns, float* out) {
  std::uint64_t row = 0;
  for (; row + kTileRows <= count; row += kTileRows) {
    multiply_some<kTileRows>(rows + row * inner, inner, matrix, columns, out + row * columns);
  }
  for (; row < count; ++row) multiply_some<1>(rows + row * inner, inner, matrix, columns, out + row * columns);
}

void softmax_row(float* row, std::uint32_t used, std::uint32_t width) {
  constexpr float kNever = -3.0e38F;
  float largest = row[0];
  for (std::uint32_t i = 1; i < used; ++i) largest = row[i] > largest ? row[i] : largest;
  for (std::uint32_t i = used; i < width; ++i) row[i] = kNever;
  F32x16 sum = F32x16::zero();
  for (std::uint32_t i = 0; i < width; i += kLanes) {
    const F32x16 e = math::exp(F32x16::load(row + i) - F32x16::broadcast(largest));
    sum += e;
    e.store(row + i);
  }
  const F32x16 inverse = F32x16::broadcast(1.0F / sum.sum());
  for (std::uint32_t i = 0; i < width; i += kLanes) (inverse * F32x16::load(row + i)).store(row + i);
}

void softmax_adjoint(const float* shares, std::uint32_t width, float* gradients) {
  F32x16 sum = F32x16::zero();
  for (std::uint32_t i = 0; i < width; i += kLanes) {
    sum = fma(F32x16::load(gradients + i), F32x16::load(shares + i), sum);
  }
  const F32x16 mean = F32x16::broadcast(sum.sum());
  for (std::uint32_t i = 0; i < width; i += kLanes) {
    (F32x16::load(shares + i) * (F32x16::load(gradients + i) - mean)).store(gradients + i);
  }
}

}  // namespace rove::gnn::detail::ROVE_ISA
