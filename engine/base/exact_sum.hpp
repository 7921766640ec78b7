// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace rove {

/// Exact sum of finite doubles: a fixed-point accumulator as wide as the whole range of double, so the result depends
/// on the multiset of addends alone, never on their order, threads or ranks. Not thread-safe: one per thread, then
/// `merge`. Cost: a few integer additions per addend, 560 bytes.
class ExactSum {
 public:
  static constexpr std::size_t kLimbs = 70;

  /// Precondition: `value` is finite (throws `InternalError` otherwise: a NaN must be reported, not summed).
  void add(double value);
  void merge(const ExactSum& other);
  /// The exact sum rounded to nearest-even.
  [[nodiscard]] double value() const;

  /// Carry-normalised limbs: integer sums of normalised limbs over at most 2^31 ranks do not overflow, and
  /// `from_limbs` of such a sum is the sum of the accumulators.
  [[nodiscard]] std::array<std::int64_t, kLimbs> normalised_limbs() const;
  [[nodiscard]] static ExactSum from_limbs(std::span<const std::int64_t, kLimbs> limbs);

 private:
  void normalise();

  std::array<std::int64_t, kLimbs> limbs_{};
  std::uint32_t pending_ = 0;  ///< additions since the last carry pass
};

}  // namespace rove
