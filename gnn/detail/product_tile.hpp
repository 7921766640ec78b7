// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/simd.hpp"

namespace rove::gnn::detail::ROVE_ISA {

using simd::F32x16;
using simd::kLanes;

/// Rows and vectors of sixteen columns that fill the registers.
#ifdef __AVX512F__
inline constexpr std::uint32_t kTileRows = 12;
inline constexpr std::uint32_t kTileVectors = 2;
#else
inline constexpr std::uint32_t kTileRows = 6;
inline constexpr std::uint32_t kTileVectors = 1;
#endif

template <std::uint32_t kRows, std::uint32_t kVectors>
struct ProductTile {
  F32x16 sums[kRows][kVectors];
};

/// sums[r][v] = Σ_k a(r, k) · b[k · b_stride + v], every entry one fused chain in order of k. The sums stay in
/// registers: `a` must be inlined, and the result be used in loops that are unrolled.
template <std::uint32_t kRows, std::uint32_t kVectors, class A>
[[gnu::always_inline]] inline ProductTile<kRows, kVectors> product_tile(const A& a, const float* b,
                                                                        std::size_t b_stride, std::uint64_t inner) {
  ProductTile<kRows, kVectors> tile;
#pragma GCC unroll 16
  for (std::uint32_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (std::uint32_t v = 0; v < kVectors; ++v) tile.sums[r][v] = F32x16::zero();
  }
  for (std::uint64_t k = 0; k < inner; ++k) {
    F32x16 row[kVectors];
#pragma GCC unroll 2
    for (std::uint32_t v = 0; v < kVectors; ++v) row[v] = F32x16::load(b + v * kLanes);
#pragma GCC unroll 16
    for (std::uint32_t r = 0; r < kRows; ++r) {
      const F32x16 x = F32x16::broadcast(a(r, k));
#pragma GCC unroll 2
      for (std::uint32_t v = 0; v < kVectors; ++v) tile.sums[r][v] = fma(x, row[v], tile.sums[r][v]);
    }
    b += b_stride;
  }
  return tile;
}

/// c[r][v] = Σ_k a[r · a_stride + k] · b[k · b_stride + v].
template <std::uint32_t kRows, std::uint32_t kVectors>
[[gnu::always_inline]] inline void multiply_tile(const float* a, std::size_t a_stride, const float* b,
                                                 std::size_t b_stride, std::uint64_t inner, float* c,
                                                 std::size_t c_stride) {
  const auto tile = product_tile<kRows, kVectors>([&](std::uint32_t r, std::uint64_t k) { return a[r * a_stride + k]; },
                                                  b, b_stride, inner);
#pragma GCC unroll 16
  for (std::uint32_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (std::uint32_t v = 0; v < kVectors; ++v) tile.sums[r][v].store(c + r * c_stride + v * kLanes);
  }
}

}  // namespace rove::gnn::detail::ROVE_ISA
