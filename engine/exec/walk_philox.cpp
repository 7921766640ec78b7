// SPDX-License-Identifier: Apache-2.0
// Philox4x32-10 (Salmon et al., SC 2011) over many counters at once. Compiled for AVX2 and AVX-512; integer arithmetic,
// so both give the same bits. Each 32-bit word lies in the low half of a 64-bit element. The multiplier reads low
// halves only, so the high halves may hold rubbish until the end: a product serves as its own low word, and its high
// word is one shift away.
#include <cstddef>
#include <cstdint>

#include <immintrin.h>

namespace rove::exec::ROVE_ISA {

namespace {

constexpr std::uint32_t kMultiplier0 = 0xD2511F53U;
constexpr std::uint32_t kMultiplier1 = 0xCD9E8D57U;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9U;
constexpr std::uint32_t kWeyl1 = 0xBB67AE85U;
constexpr int kRounds = 10;

#ifdef __AVX512F__
using Vector = __m512i;
constexpr std::size_t kWidth = 16;  ///< 32-bit words of a vector; blocks of a pair of vectors
inline Vector load(const std::uint32_t* p) {
  return _mm512_loadu_si512(p);
}
inline void store(std::uint32_t* p, Vector v) {
  _mm512_storeu_si512(p, v);
}
inline Vector broadcast(std::uint32_t x) {
  return _mm512_set1_epi32(static_cast<int>(x));
}
inline Vector xor3(Vector a, Vector b, Vector c) {
  return _mm512_ternarylogic_epi32(a, b, c, 0x96);
}
inline Vector multiply(Vector a, Vector b) {
  return _mm512_mul_epu32(a, b);
}
inline Vector high_half(Vector v) {
  return _mm512_srli_epi64(v, 32);
}
inline Vector merge(Vector even, Vector odd) {
  return _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
}
#else
using Vector = __m256i;
constexpr std::size_t kWidth = 8;
inline Vector load(const std::uint32_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline void store(std::uint32_t* p, Vector v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
}
inline Vector broadcast(std::uint32_t x) {
  return _mm256_set1_epi32(static_cast<int>(x));
}
inline Vector xor3(Vector a, Vector b, Vector c) {
  return _mm256_xor_si256(a, _mm256_xor_si256(b, c));
}
inline Vector multiply(Vector a, Vector b) {
  return _mm256_mul_epu32(a, b);
}
inline Vector high_half(Vector v) {
  return _mm256_srli_epi64(v, 32);
}
inline Vector merge(Vector even, Vector odd) {
  return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
}
#endif

struct Block {
  Vector word0, word1, word2, word3;
};

inline void round(Block& block, Vector multiplier0, Vector multiplier1, Vector key0, Vector key1) {
  const Vector product0 = multiply(block.word0, multiplier0);
  const Vector product1 = multiply(block.word2, multiplier1);
  block.word0 = xor3(high_half(product1), block.word1, key0);
  block.word1 = product1;
  block.word2 = xor3(high_half(product0), block.word3, key1);
  block.word3 = product0;
}

}  // namespace

// Counters of one vector's width fill two blocks of vectors, those of the even and those of the odd lanes; two such
// pairs at a time, because each alone waits for its multiplications.
void philox_blocks(const std::uint32_t* step, const std::uint32_t* walk, const std::uint32_t* key_low,
                   const std::uint32_t* key_high, std::uint32_t* words, std::size_t word_stride, std::size_t count,
                   std::uint32_t philox_key0, std::uint32_t philox_key1) {
  const Vector multiplier0 = broadcast(kMultiplier0);
  const Vector multiplier1 = broadcast(kMultiplier1);
  for (std::size_t i = 0; i < count; i += 2 * kWidth) {
    Block even0{load(step + i), load(walk + i), load(key_low + i), load(key_high + i)};
    Block even1{load(step + i + kWidth), load(walk + i + kWidth), load(key_low + i + kWidth),
                load(key_high + i + kWidth)};
    Block odd0{high_half(even0.word0), high_half(even0.word1), high_half(even0.word2), high_half(even0.word3)};
    Block odd1{high_half(even1.word0), high_half(even1.word1), high_half(even1.word2), high_half(even1.word3)};
    std::uint32_t key0 = philox_key0;
    std::uint32_t key1 = philox_key1;
    for (int r = 0; r < kRounds; ++r) {
      const Vector k0 = broadcast(key0);
      const Vector k1 = broadcast(key1);
      round(even0, multiplier0, multiplier1, k0, k1);
      round(odd0, multiplier0, multiplier1, k0, k1);
      round(even1, multiplier0, multiplier1, k0, k1);
      round(odd1, multiplier0, multiplier1, k0, k1);
      key0 += kWeyl0;
      key1 += kWeyl1;
    }
    store(words + i, merge(even0.word0, odd0.word0));
    store(words + i + kWidth, merge(even1.word0, odd1.word0));
    store(words + word_stride + i, merge(even0.word1, odd0.word1));
    store(words + word_stride + i + kWidth, merge(even1.word1, odd1.word1));
    store(words + 2 * word_stride + i, merge(even0.word2, odd0.word2));
    store(words + 2 * word_stride + i + kWidth, merge(even1.word2, odd1.word2));
    store(words + 3 * word_stride + i, merge(even0.word3, odd0.word3));
    store(words + 3 * word_stride + i + kWidth, merge(even1.word3, odd1.word3));
  }
}

}  // namespace rove::exec::ROVE_ISA
