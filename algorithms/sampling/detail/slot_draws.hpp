// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/base/random.hpp"

/// Draws of slots in [0, degree) for one vertex. Part of every sampled result: never change what is drawn.
namespace rove::algorithms::detail {

/// Degrees from here on take 64 random bits per draw.
inline constexpr std::uint64_t kWideDegree = 1U << 16U;

class SlotDraws {
 public:
  /// Writes `count` independent slots, plus `first`. Precondition: degree > 0.
  void with_replacement(const RandomStream& stream, std::uint64_t entity, std::uint64_t degree, std::uint64_t count,
                        std::uint64_t first, std::uint64_t* out) {
    fill(stream, entity, degree, count);
    if (degree < kWideDegree) {
      for (std::uint64_t j = 0; j < count; ++j) out[j] = first + narrow(j, degree);
    } else {
      for (std::uint64_t j = 0; j < count; ++j) out[j] = first + wide(j, degree);
    }
  }

  /// Writes `count` distinct slots, plus `first`, by Floyd's algorithm. Precondition: count < degree.
  void without_replacement(const RandomStream& stream, std::uint64_t entity, std::uint64_t degree, std::uint64_t count,
                           std::uint64_t first, std::uint64_t* out) {
    fill(stream, entity, degree, count);
    const std::uint64_t lowest = degree - count;
    if (degree <= 64) {
      std::uint64_t taken = 0;
      for (std::uint64_t j = 0; j < count; ++j) {
        const std::uint64_t r = narrow(j, lowest + j + 1);
        const std::uint64_t slot = ((taken >> r) & 1U) != 0 ? lowest + j : r;
        taken |= std::uint64_t{1} << slot;
        out[j] = first + slot;
      }
    } else if (count <= kScanned) {
      // A bit per slot modulo 64 says quickly that a slot is new; only when it may not be are the drawn ones read.
      std::uint64_t taken = 0;
      for (std::uint64_t j = 0; j < count; ++j) {
        std::uint64_t slot = draw(j, degree, lowest + j + 1);
        if (((taken >> (slot & 63U)) & 1U) != 0) {
          bool found = false;
          for (std::uint64_t k = 0; k < j; ++k) found |= out[k] == first + slot;
          if (found) slot = lowest + j;
        }
        taken |= std::uint64_t{1} << (slot & 63U);
        out[j] = first + slot;
      }
    } else {
      const std::uint64_t mask = std::bit_ceil(2 * count) - 1;
      if (seen_.size() <= mask) seen_.resize(mask + 1);
      for (std::uint64_t j = 0; j <= mask; ++j) seen_[j] = kFree;
      for (std::uint64_t j = 0; j < count; ++j) {
        std::uint64_t slot = draw(j, degree, lowest + j + 1);
        if (!insert(slot, mask)) {
          slot = lowest + j;
          insert(slot, mask);
        }
        out[j] = first + slot;
      }
    }
  }

 private:
  static constexpr std::uint64_t kScanned = 32;
  static constexpr std::uint64_t kFree = std::numeric_limits<std::uint64_t>::max();

  void fill(const RandomStream& stream, std::uint64_t entity, std::uint64_t degree, std::uint64_t count) {
    const std::uint64_t needed = degree < kWideDegree ? count : 2 * count;
    if (words_.size() < needed + 3) words_.resize(needed + 3);  // blocks of four
    std::uint32_t* words = words_.data();
    for (std::uint64_t w = 0; w < needed; w += 4) {
      const RandomBlock block = stream.block(entity, static_cast<std::uint32_t>(w / 4), 0);
      for (std::uint64_t i = 0; i < 4; ++i) words[w + i] = block[i];
    }
  }
  [[nodiscard]] std::uint64_t narrow(std::uint64_t j, std::uint64_t range) const { return (words_[j] * range) >> 32U; }
  [[nodiscard]] std::uint64_t wide(std::uint64_t j, std::uint64_t range) const {
    return slot_multiply_shift(words_[2 * j] | (std::uint64_t{words_[2 * j + 1]} << 32U), range);
  }
  [[nodiscard]] std::uint64_t draw(std::uint64_t j, std::uint64_t degree, std::uint64_t range) const {
    return degree < kWideDegree ? narrow(j, range) : wide(j, range);
  }
  /// Whether the slot was new.
  bool insert(std::uint64_t slot, std::uint64_t mask) {
    std::uint64_t place = (slot * 0x9E3779B97F4A7C15U >> 20U) & mask;
    while (seen_[place] != kFree) {
      if (seen_[place] == slot) return false;
      place = (place + 1) & mask;
    }
    seen_[place] = slot;
    return true;
  }

  std::vector<std::uint32_t> words_;
  std::vector<std::uint64_t> seen_;
};

}  // namespace rove::algorithms::detail
