// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "engine/base/bfloat16.hpp"
#include "engine/base/detail/isa_namespace.hpp"

/// Sixteen float lanes with the same bits on every instruction set: one 512-bit register, or two of 256 bits. For
/// kernels compiled twice by `rove_add_isa_sources`. Everything is forced inline and lives in the namespace of its
/// instruction set, so that the linker can never take the AVX-512 copy for a processor without it.
///
/// `F32x16` has zero, broadcast(x), load(p), load_first(p, n) (n <= 16 lanes, the others 0; touches nothing beyond),
/// store(p), store_first(p, n), stream(p) (p aligned to 64 bytes; follow with `stream_fence`) and sum(). Pointers of
/// the other loads and stores need no alignment. load and store also take a `BFloat16*`: widened, and rounded as
/// `to_bfloat16` does. load_shuffled(p) gives the lanes in an order of the type's own, for sums lane by lane that
/// `unshuffled(p)` puts right once: cheaper than load for `BFloat16`. `sum` adds lanes i and i + 8, then those 4, 2 and
/// 1 apart.
///
/// Operators + - * /, fma(a, b, c) = a b + c rounded once, sqrt, abs, copy_sign(magnitude, sign); max(a, b) is
/// a > b ? a : b and min(a, b) is a < b ? a : b (so b when one is NaN); select_less(a, b, yes, no) is a < b ? yes : no;
/// select_nan(a, yes, no) is a != a ? yes : no; bit i of mask_not_less(a, b) is a_i >= b_i (0 when one is NaN).
/// add_exponent and split_exponent are parts of exp and log (engine/base/math.hpp).
#define ROVE_SIMD [[nodiscard, gnu::always_inline]] inline

namespace rove::simd {
inline namespace ROVE_ISA {

inline constexpr std::size_t kLanes = 16;

namespace detail {

inline constexpr int kSqrtHalfBits = 0x3F3504F3;
inline constexpr int kMantissaMask = 0x007FFFFF;

ROVE_SIMD float sum8(__m256 v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

}  // namespace detail

/// Hints that the cache line at `p` will be read soon.
[[gnu::always_inline]] inline void prefetch(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
}

/// Makes streamed stores visible to other threads that synchronise afterwards.
[[gnu::always_inline]] inline void stream_fence() {
  _mm_sfence();
}

}  // namespace ROVE_ISA
}  // namespace rove::simd

#ifdef __AVX512F__
#include "engine/base/detail/simd_avx512.hpp"
#else
#include "engine/base/detail/simd_avx2.hpp"
#endif

namespace rove::simd {
inline namespace ROVE_ISA {

[[gnu::always_inline]] inline F32x16& operator+=(F32x16& a, F32x16 b) {
  return a = a + b;
}
[[gnu::always_inline]] inline F32x16& operator-=(F32x16& a, F32x16 b) {
  return a = a - b;
}
[[gnu::always_inline]] inline F32x16& operator*=(F32x16& a, F32x16 b) {
  return a = a * b;
}

}  // namespace ROVE_ISA
}  // namespace rove::simd

#undef ROVE_SIMD
