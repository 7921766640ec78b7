// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "engine/base/math.hpp"
#include "engine/base/random.hpp"

/// Draws with unequal probabilities. Part of every sampled result: never change what is drawn.
namespace rove::algorithms::detail {

/// An exponential variate from a 64-bit draw: what keys of Efraimidis and Spirakis are made of.
inline double exponential_from(std::uint64_t draw) {
  return -math::log(to_unit(draw) + 0x1p-54);
}

/// The `k` smallest of the keys offered, ties by number.
class SmallestKeys {
 public:
  void clear(std::uint64_t k) {
    k_ = k;
    kept_.clear();
  }
  void offer(double key, std::uint64_t number) {
    if (kept_.size() < k_) {
      kept_.emplace_back(key, number);
      if (kept_.size() == k_) std::make_heap(kept_.begin(), kept_.end());
    } else if (k_ > 0 && std::pair(key, number) < kept_.front()) {
      std::pop_heap(kept_.begin(), kept_.end());
      kept_.back() = {key, number};
      std::push_heap(kept_.begin(), kept_.end());
    }
  }
  /// In ascending order of keys. Nothing may be offered afterwards.
  [[nodiscard]] std::span<const std::pair<double, std::uint64_t>> sorted() {
    std::sort(kept_.begin(), kept_.end());
    return kept_;
  }

 private:
  std::uint64_t k_ = 0;
  std::vector<std::pair<double, std::uint64_t>> kept_;
};

/// Draws of slots of one row in proportion to their weights; a slot of weight 0 is never drawn.
class WeightedDraws {
 public:
  /// Appends `count` independent slots plus `first` (inversion of the cumulative weights), or nothing when all weights
  /// are 0.
  static void with_replacement(const RandomStream& stream, std::uint64_t entity, std::span<const double> cumulative,
                               std::uint64_t count, std::uint64_t first, std::vector<std::uint64_t>& out) {
    const double total = cumulative.empty() ? 0 : cumulative.back();
    if (!(total > 0)) return;
    // The last slot with weight: what rounding must not pass.
    const auto last = std::lower_bound(cumulative.begin(), cumulative.end(), total);
    for (std::uint64_t j = 0; j < count; ++j) {
      const double x = to_unit(stream.draw(entity, static_cast<std::uint32_t>(j), 0)) * total;
      const auto found = std::upper_bound(cumulative.begin(), last, x);
      out.push_back(first + static_cast<std::uint64_t>(found - cumulative.begin()));
    }
  }

  /// Appends min(`count`, slots with weight) distinct slots plus `first`, as if drawn one after another without putting
  /// back: the smallest of -ln(u)/w (Efraimidis and Spirakis, 2006), in the order drawn; all of them, in slot order,
  /// where there are no more. The key of a slot depends on (entity, slot) alone: another slot appended to the row
  /// displaces at most one of those drawn.
  void without_replacement(const RandomStream& stream, std::uint64_t entity, std::span<const float> weights,
                           std::uint64_t count, std::uint64_t first, std::vector<std::uint64_t>& out) {
    if (weights.size() <= count) {
      for (std::uint64_t slot = 0; slot < weights.size(); ++slot) {
        if (weights[slot] > 0) out.push_back(first + slot);
      }
      return;
    }
    smallest_.clear(count);
    for (std::uint64_t slot = 0; slot < weights.size(); slot += 2) {
      const RandomBlock block = stream.block(entity, static_cast<std::uint32_t>(slot / 2), 1);
      for (std::uint64_t i = 0; i < 2 && slot + i < weights.size(); ++i) {
        if (!(weights[slot + i] > 0)) continue;
        const std::uint64_t draw = block[2 * i] | (std::uint64_t{block[2 * i + 1]} << 32U);
        smallest_.offer(exponential_from(draw) / static_cast<double>(weights[slot + i]), slot + i);
      }
    }
    for (const auto& [key, slot] : smallest_.sorted()) out.push_back(first + slot);
  }

 private:
  SmallestKeys smallest_;
};

}  // namespace rove::algorithms::detail
