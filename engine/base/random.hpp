// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

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
/// Seed, purpose and stream are mixed into the 64-bit Philox key; the entity (a vertex or edge key) fills 64 bits of the
/// counter, `index` (walk, sample number) and `step` 32 bits each. Immutable; thread-safe.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, Purpose purpose, std::uint64_t stream = 0);

  [[nodiscard]] RandomBlock block(std::uint64_t entity, std::uint32_t index, std::uint32_t step) const;
  /// Words 0 and 1 of the block as one 64-bit draw.
  [[nodiscard]] std::uint64_t draw(std::uint64_t entity, std::uint32_t index, std::uint32_t step) const;

  /// The mixed Philox key, for vectorised kernels that compute blocks themselves.
  [[nodiscard]] std::array<std::uint32_t, 2> philox_key() const { return key_; }

 private:
  std::array<std::uint32_t, 2> key_;
};

/// Uniform slot in [0, degree) from a 64-bit draw by multiply-shift; bias at most degree / 2^64.
[[nodiscard]] constexpr std::uint64_t slot_multiply_shift(std::uint64_t draw, std::uint64_t degree) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(draw) * degree) >> 64U);
}

/// Uniform in [0, 1) with 53 bits.
[[nodiscard]] constexpr double to_unit(std::uint64_t draw) {
  return static_cast<double>(draw >> 11U) * 0x1.0p-53;
}

/// Seeded bijection of [0, size) (a cycle-walking Feistel network over Philox): visits every position once in random
/// order without storing a permutation, and the same at any rank count. Immutable; thread-safe.
class KeyedPermutation {
 public:
  /// Precondition: size >= 1.
  KeyedPermutation(std::uint64_t seed, Purpose purpose, std::uint64_t stream, std::uint64_t size);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::uint64_t apply(std::uint64_t position) const;
  [[nodiscard]] std::uint64_t invert(std::uint64_t image) const;

 private:
  static constexpr int kRounds = 4;
  std::uint64_t size_;
  std::uint32_t half_bits_;
  std::array<std::uint64_t, kRounds> round_keys_;
};

}  // namespace rove
