// SPDX-License-Identifier: Apache-2.0
#include "engine/base/random.hpp"

#include <algorithm>
#include <bit>

#include "engine/base/assert.hpp"
#include "engine/base/hash.hpp"

namespace rove {
namespace {

/// Below 2^7 positions the network would have too few bits to mix.
constexpr std::uint32_t kMinBits = 7;

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, Purpose purpose, std::uint64_t stream) {
  const std::uint64_t key = mix64(mix64(seed, static_cast<std::uint64_t>(purpose)), stream);
  key_ = {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32U)};
}

KeyedPermutation::KeyedPermutation(std::uint64_t seed, Purpose purpose, std::uint64_t stream, std::uint64_t size)
    : size_(size) {
  ROVE_ASSERT_LIGHT(size >= 1);
  const auto bits = std::max(kMinBits, static_cast<std::uint32_t>(std::bit_width(size - 1)));
  low_bits_ = bits / 2;
  low_mask_ = (std::uint64_t{1} << low_bits_) - 1;
  high_mask_ = (std::uint64_t{1} << (bits - low_bits_)) - 1;
  const RandomStream random(seed, purpose, stream);
  for (std::uint32_t round = 0; round < kRounds; ++round) round_keys_[round] = random.draw(size, 0, round);
}

std::uint64_t KeyedPermutation::apply(std::uint64_t position) const {
  ROVE_ASSERT(position < size_);
  std::uint64_t low = position & low_mask_;
  std::uint64_t high = position >> low_bits_;
  do {
    for (std::size_t round = 0; round < kRounds; round += 2) {
      low ^= mix64(round_keys_[round], high) & low_mask_;
      high ^= mix64(round_keys_[round + 1], low) & high_mask_;
    }
  } while (((high << low_bits_) | low) >= size_);
  return (high << low_bits_) | low;
}

std::uint64_t KeyedPermutation::invert(std::uint64_t image) const {
  ROVE_ASSERT(image < size_);
  std::uint64_t low = image & low_mask_;
  std::uint64_t high = image >> low_bits_;
  do {
    for (std::size_t round = kRounds; round > 0; round -= 2) {
      high ^= mix64(round_keys_[round - 1], low) & high_mask_;
      low ^= mix64(round_keys_[round - 2], high) & low_mask_;
    }
  } while (((high << low_bits_) | low) >= size_);
  return (high << low_bits_) | low;
}

}  // namespace rove
