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

/// c[r][v] = Σ_k a[r · a_stride + k] · b[k · b_stride + v], every entry one fused chain in order of k.
template <std::uint32_t kRows, std::uint32_t kVectors>
[[gnu::always_inline]] inline void multiply_tile(const float* a, std::size_t a_stride, const float* b,
                                                 std::size_t b_stride, std::uint64_t inner, float* c,
                                                 std::size_t c_stride) {
  F32x16 sum[kRows][kVectors];
#pragma GCC unroll 16
  for (std::uint32_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (std::uint32_t v = 0; v < kVectors; ++v) sum[r][v] = F32x16::zero();
  }
  for (std::uint64_t k = 0; k < inner; ++k) {
    F32x16 row[kVectors];
#pragma GCC unroll 2
    for (std::uint32_t v = 0; v < kVectors; ++v) row[v] = F32x16::load(b + v * kLanes);
#pragma GCC unroll 16
    for (std::uint32_t r = 0; r < kRows; ++r) {
      const F32x16 x = F32x16::broadcast(a[r * a_stride + k]);
#pragma GCC unroll 2
      for (std::uint32_t v = 0; v < kVectors; ++v) sum[r][v] = fma(x, row[v], sum[r][v]);
    }
    b += b_stride;
  }
#pragma GCC unroll 16
  for (std::uint32_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (std::uint32_t v = 0; v < kVectors; ++v) sum[r][v].store(c + r * c_stride + v * kLanes);
  }
}

}  // namespace rove::gnn::detail::ROVE_ISA
