// SPDX-License-Identifier: Apache-2.0
#pragma once

// The AVX2 half of engine/base/simd.hpp, which documents the operations.
namespace rove::simd {
inline namespace ROVE_ISA {

struct F32x16 {
  __m256 low;
  __m256 high;

  ROVE_SIMD static F32x16 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  ROVE_SIMD static F32x16 broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  ROVE_SIMD static F32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  ROVE_SIMD static F32x16 load(const BFloat16* p) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {widen(_mm256_castsi256_si128(halves)), widen(_mm256_extracti128_si256(halves, 1))};
  }
  ROVE_SIMD static F32x16 load_shuffled(const float* p) { return load(p); }
  ROVE_SIMD static F32x16 load_shuffled(const BFloat16* p) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(halves, 16)),
            _mm256_castsi256_ps(_mm256_and_si256(halves, _mm256_set1_epi32(-0x10000)))};
  }
  /// Of lanes 0 2 4 ... 14 and 1 3 5 ... 15.
  ROVE_SIMD F32x16 unshuffled(const BFloat16*) const {
    const __m256 first = _mm256_unpacklo_ps(low, high);
    const __m256 second = _mm256_unpackhi_ps(low, high);
    return {_mm256_permute2f128_ps(first, second, 0x20), _mm256_permute2f128_ps(first, second, 0x31)};
  }
  ROVE_SIMD F32x16 unshuffled(const float*) const { return *this; }
  ROVE_SIMD static F32x16 load_first(const float* p, std::size_t n) {
    return {_mm256_maskload_ps(p, first(n, 0)), _mm256_maskload_ps(p + 8, first(n, 8))};
  }
  [[gnu::always_inline]] inline void store(float* p) const {
    _mm256_storeu_ps(p, low);
    _mm256_storeu_ps(p + 8, high);
  }
  [[gnu::always_inline]] inline void store(BFloat16* p) const {
    const __m256i packed = _mm256_packus_epi32(narrow(low), narrow(high));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, _MM_SHUFFLE(3, 1, 2, 0)));
  }
  [[gnu::always_inline]] inline void store_first(float* p, std::size_t n) const {
    _mm256_maskstore_ps(p, first(n, 0), low);
    _mm256_maskstore_ps(p + 8, first(n, 8), high);
  }
  [[gnu::always_inline]] inline void stream(float* p) const {
    _mm256_stream_ps(p, low);
    _mm256_stream_ps(p + 8, high);
  }
  ROVE_SIMD float sum() const { return detail::sum8(_mm256_add_ps(low, high)); }

 private:
  ROVE_SIMD static __m256 widen(__m128i halves) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }
  ROVE_SIMD static __m256i narrow(__m256 v) {
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded =
        _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF))), 16);
    const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    return _mm256_blendv_epi8(rounded, _mm256_set1_epi32(0x7FC0), is_nan);
  }
  ROVE_SIMD static __m256i first(std::size_t n, int lane) {
    const __m256i lanes = _mm256_add_epi32(_mm256_set1_epi32(lane), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lanes);
  }
};

ROVE_SIMD F32x16 operator+(F32x16 a, F32x16 b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
ROVE_SIMD F32x16 operator-(F32x16 a, F32x16 b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
ROVE_SIMD F32x16 operator*(F32x16 a, F32x16 b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
ROVE_SIMD F32x16 operator/(F32x16 a, F32x16 b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
ROVE_SIMD F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
ROVE_SIMD F32x16 sqrt(F32x16 a) {
  return {_mm256_sqrt_ps(a.low), _mm256_sqrt_ps(a.high)};
}
ROVE_SIMD F32x16 max(F32x16 a, F32x16 b) {
  return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
ROVE_SIMD F32x16 min(F32x16 a, F32x16 b) {
  return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
ROVE_SIMD F32x16 abs(F32x16 a) {
  const __m256 sign = _mm256_set1_ps(-0.0F);
  return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}

ROVE_SIMD F32x16 select_less(F32x16 a, F32x16 b, F32x16 yes, F32x16 no) {
  return {_mm256_blendv_ps(no.low, yes.low, _mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ)),
          _mm256_blendv_ps(no.high, yes.high, _mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ))};
}
ROVE_SIMD std::uint32_t mask_not_less(F32x16 a, F32x16 b) {
  const int low = _mm256_movemask_ps(_mm256_cmp_ps(a.low, b.low, _CMP_GE_OQ));
  const int high = _mm256_movemask_ps(_mm256_cmp_ps(a.high, b.high, _CMP_GE_OQ));
  return static_cast<std::uint32_t>(low) | static_cast<std::uint32_t>(high) << 8U;
}
ROVE_SIMD F32x16 select_nan(F32x16 a, F32x16 yes, F32x16 no) {
  return {_mm256_blendv_ps(no.low, yes.low, _mm256_cmp_ps(a.low, a.low, _CMP_UNORD_Q)),
          _mm256_blendv_ps(no.high, yes.high, _mm256_cmp_ps(a.high, a.high, _CMP_UNORD_Q))};
}
ROVE_SIMD F32x16 copy_sign(F32x16 magnitude, F32x16 sign) {
  const __m256 mask = _mm256_set1_ps(-0.0F);
  return {_mm256_or_ps(_mm256_andnot_ps(mask, magnitude.low), _mm256_and_ps(mask, sign.low)),
          _mm256_or_ps(_mm256_andnot_ps(mask, magnitude.high), _mm256_and_ps(mask, sign.high))};
}

namespace detail {

ROVE_SIMD __m256 add_exponent8(__m256 a, __m256 shifted) {
  return _mm256_castsi256_ps(
      _mm256_add_epi32(_mm256_castps_si256(a), _mm256_slli_epi32(_mm256_castps_si256(shifted), 23)));
}
[[gnu::always_inline]] inline void split_exponent8(__m256 a, __m256& exponent, __m256& mantissa) {
  const __m256i offset = _mm256_set1_epi32(kSqrtHalfBits);
  const __m256i bits = _mm256_sub_epi32(_mm256_castps_si256(a), offset);
  exponent = _mm256_cvtepi32_ps(_mm256_srai_epi32(bits, 23));
  mantissa = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(kMantissaMask)), offset));
}

}  // namespace detail

ROVE_SIMD F32x16 add_exponent(F32x16 a, F32x16 shifted) {
  return {detail::add_exponent8(a.low, shifted.low), detail::add_exponent8(a.high, shifted.high)};
}
[[gnu::always_inline]] inline void split_exponent(F32x16 a, F32x16& exponent, F32x16& mantissa) {
  detail::split_exponent8(a.low, exponent.low, mantissa.low);
  detail::split_exponent8(a.high, exponent.high, mantissa.high);
}

}  // namespace ROVE_ISA
}  // namespace rove::simd
