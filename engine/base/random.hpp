// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <Random123/philox.h>

#include "engine/base/ids.hpp"

namespace rove {

/// What a stream of random numbers is for. Values are part of every result: never renumber, only append.
enum class Purpose : std::uint32_t {
  kWalk = 1,
  kWalkSecond = 2,
  kCountSplit = 3,
  kTrainSample = 4,
  kNegative = 5,
  kBatchOrder = 6,
  kInitialisation = 7,
  kNeighbor = 8,
  kEdgeSample = 9,
  kGenerate = 10,
  kPartition = 11,
  kSplit = 12,
  kNoise = 13,
  kBootstrap = 14,
  kCluster = 15,
};

/// One Philox4x32-10 block: 128 random bits.
using RandomBlock = std::array<std::uint32_t, 4>;

/// Counter-based randomness (Salmon et al., SC 2011, through Random123): a block is a pure function of
/// (seed, purpose, stream, entity, index, step), so results do not depend on ranks, threads or schedule.
/// Seed, purpose and stream are mixed into the 64-bit Philox key, `mix64(mix64(seed, purpose), stream)`; the counter is
/// (step, index, low and high word of entity), where the entity is a vertex or edge key and `index` a walk or sample
/// number. Frozen. Immutable; thread-safe. About 4 ns per block.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, Purpose purpose, std::uint64_t stream = 0);

  // Always inlined: kernels compiled for several instruction sets use it, and no copy may leak from one to another.
  [[nodiscard, gnu::always_inline]] RandomBlock block(std::uint64_t entity, std::uint32_t index,
                                                      std::uint32_t step) const {
    const philox4x32_ctr_t counter = {
        {step, index, static_cast<std::uint32_t>(entity), static_cast<std::uint32_t>(entity >> 32U)}};
    const philox4x32_key_t key = {{key_[0], key_[1]}};
    const philox4x32_ctr_t bits = philox4x32_R(10, counter, key);
    return {bits.v[0], bits.v[1], bits.v[2], bits.v[3]};
  }
  /// Words 0 and 1 of the block as one 64-bit draw.
  [[nodiscard, gnu::always_inline]] std::uint64_t draw(std::uint64_t entity, std::uint32_t index,
                                                       std::uint32_t step) const {
    const RandomBlock bits = block(entity, index, step);
    return bits[0] | (std::uint64_t{bits[1]} << 32U);
  }

  /// The mixed Philox key, for vectorised kernels that compute blocks themselves.
  [[nodiscard]] std::array<std::uint32_t, 2> philox_key() const { return key_; }

 private:
  std::array<std::uint32_t, 2> key_;
};

/// Uniform slot in [0, degree) from a 64-bit draw by multiply-shift; bias at most degree / 2^64.
[[nodiscard, gnu::always_inline]] constexpr std::uint64_t slot_multiply_shift(std::uint64_t draw,
                                                                              std::uint64_t degree) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(draw) * degree) >> 64U);
}

/// Uniform in [0, 1) with 53 bits.
[[nodiscard, gnu::always_inline]] constexpr double to_unit(std::uint64_t draw) {
  return static_cast<double>(draw >> 11U) * 0x1.0p-53;
}

/// Seeded bijection of [0, size): visits every position once in random order without storing a permutation, and the
/// same at any rank count. An alternating Feistel network over the bits of the position, with round keys from Philox,
/// walks its cycle until it falls below `size` (Black and Rogaway, CT-RSA 2002): fewer than two steps on average above
/// 128 positions. Frozen. Immutable; thread-safe.
class KeyedPermutation {
 public:
  /// Precondition: size >= 1.
  KeyedPermutation(std::uint64_t seed, Purpose purpose, std::uint64_t stream, std::uint64_t size);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::uint64_t apply(std::uint64_t position) const;
  [[nodiscard]] std::uint64_t invert(std::uint64_t image) const;

 private:
  static constexpr std::size_t kRounds = 6;

  std::uint64_t size_;
  std::uint32_t low_bits_;
  std::uint64_t low_mask_;
  std::uint64_t high_mask_;  ///< of the high half, shifted down
  std::array<std::uint64_t, kRounds> round_keys_;
};

}  // namespace rove
