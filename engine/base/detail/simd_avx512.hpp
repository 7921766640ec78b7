// SPDX-License-Identifier: Apache-2.0
#pragma once

// The AVX-512 half of engine/base/simd.hpp, which documents the operations.
namespace rove::simd {
inline namespace ROVE_ISA {

struct F32x16 {
  __m512 v;

  ROVE_SIMD static F32x16 zero() { return {_mm512_setzero_ps()}; }
  ROVE_SIMD static F32x16 broadcast(float x) { return {_mm512_set1_ps(x)}; }
  ROVE_SIMD static F32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
  ROVE_SIMD static F32x16 load(const BFloat16* p) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16))};
  }
  template <class Stored>
  ROVE_SIMD static F32x16 load_shuffled(const Stored* p) {
    return load(p);
  }
  template <class Stored>
  ROVE_SIMD F32x16 unshuffled(const Stored*) const {
    return *this;
  }
  ROVE_SIMD static F32x16 load_first(const float* p, std::size_t n) { return {_mm512_maskz_loadu_ps(first(n), p)}; }
  [[gnu::always_inline]] inline void store(float* p) const { _mm512_storeu_ps(p, v); }
  [[gnu::always_inline]] inline void store(BFloat16* p) const {
    const __m512i bits = _mm512_castps_si512(v);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded =
        _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF))), 16);
    const __mmask16 is_nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    const __m512i halves = _mm512_mask_mov_epi32(rounded, is_nan, _mm512_set1_epi32(0x7FC0));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(halves));
  }
  [[gnu::always_inline]] inline void store_first(float* p, std::size_t n) const {
    _mm512_mask_storeu_ps(p, first(n), v);
  }
  [[gnu::always_inline]] inline void stream(float* p) const { _mm512_stream_ps(p, v); }
  ROVE_SIMD float sum() const {
    return detail::sum8(_mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1)));
  }

 private:
  ROVE_SIMD static __mmask16 first(std::size_t n) { return static_cast<__mmask16>((1U << n) - 1U); }
};

ROVE_SIMD F32x16 operator+(F32x16 a, F32x16 b) {
  return {_mm512_add_ps(a.v, b.v)};
}
ROVE_SIMD F32x16 operator-(F32x16 a, F32x16 b) {
  return {_mm512_sub_ps(a.v, b.v)};
}
ROVE_SIMD F32x16 operator*(F32x16 a, F32x16 b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
ROVE_SIMD F32x16 operator/(F32x16 a, F32x16 b) {
  return {_mm512_div_ps(a.v, b.v)};
}
ROVE_SIMD F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
ROVE_SIMD F32x16 sqrt(F32x16 a) {
  return {_mm512_sqrt_ps(a.v)};
}
ROVE_SIMD F32x16 max(F32x16 a, F32x16 b) {
  return {_mm512_max_ps(a.v, b.v)};
}
ROVE_SIMD F32x16 min(F32x16 a, F32x16 b) {
  return {_mm512_min_ps(a.v, b.v)};
}
ROVE_SIMD F32x16 abs(F32x16 a) {
  return {_mm512_abs_ps(a.v)};
}

ROVE_SIMD F32x16 select_less(F32x16 a, F32x16 b, F32x16 yes, F32x16 no) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), no.v, yes.v)};
}
ROVE_SIMD std::uint32_t mask_not_less(F32x16 a, F32x16 b) {
  return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ);
}
ROVE_SIMD F32x16 select_nan(F32x16 a, F32x16 yes, F32x16 no) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q), no.v, yes.v)};
}
ROVE_SIMD F32x16 copy_sign(F32x16 magnitude, F32x16 sign) {
  const __m512 mask = _mm512_set1_ps(-0.0F);
  return {_mm512_or_ps(_mm512_andnot_ps(mask, magnitude.v), _mm512_and_ps(mask, sign.v))};
}
ROVE_SIMD F32x16 add_exponent(F32x16 a, F32x16 shifted) {
  return {_mm512_castsi512_ps(
      _mm512_add_epi32(_mm512_castps_si512(a.v), _mm512_slli_epi32(_mm512_castps_si512(shifted.v), 23)))};
}
[[gnu::always_inline]] inline void split_exponent(F32x16 a, F32x16& exponent, F32x16& mantissa) {
  const __m512i offset = _mm512_set1_epi32(detail::kSqrtHalfBits);
  const __m512i bits = _mm512_sub_epi32(_mm512_castps_si512(a.v), offset);
  exponent.v = _mm512_cvtepi32_ps(_mm512_srai_epi32(bits, 23));
  mantissa.v =
      _mm512_castsi512_ps(_mm512_add_epi32(_mm512_and_si512(bits, _mm512_set1_epi32(detail::kMantissaMask)), offset));
}

}  // namespace ROVE_ISA
}  // namespace rove::simd
