// SPDX-License-Identifier: Apache-2.0
#include "engine/base/exact_sum.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/error.hpp"

// Limb i weighs 2^(32 i - 1074): bit 0 is the smallest subnormal, bit 2097 the highest bit of the largest double, and
// the 142 bits above hold carries and the sign. Limbs are signed 64-bit, so additions are carried only now and then.
namespace rove {
namespace {

constexpr unsigned kLimbBits = 32;
constexpr std::int64_t kLimbMask = (std::int64_t{1} << kLimbBits) - 1;
constexpr int kLowestExponent = -1074;
constexpr unsigned kMantissaBits = 53;
/// |limb| stays below (pending + 1) * 2^32; two accumulators below this bound add up without overflow.
constexpr std::uint32_t kMaxPending = 1U << 29U;

}  // namespace

void ExactSum::add(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto biased = static_cast<unsigned>((bits >> 52U) & 0x7FFU);
  if (biased == 0x7FFU) {
    throw InternalError(fmt::format("exact sum was given {}, expected a finite number", value));
  }
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52U) - 1);
  const std::uint64_t mantissa = biased == 0 ? fraction : fraction | (std::uint64_t{1} << 52U);
  const unsigned position = biased == 0 ? 0 : biased - 1;
  const std::size_t limb = position / kLimbBits;
  const unsigned shift = position % kLimbBits;

  __extension__ using Wide = unsigned __int128;
  const Wide shifted = static_cast<Wide>(mantissa) << shift;
  const auto low = static_cast<std::int64_t>(static_cast<std::uint64_t>(shifted) & 0xFFFFFFFFU);
  const auto middle = static_cast<std::int64_t>(static_cast<std::uint64_t>(shifted >> kLimbBits) & 0xFFFFFFFFU);
  const auto high = static_cast<std::int64_t>(static_cast<std::uint64_t>(shifted >> (2 * kLimbBits)));
  const std::int64_t sign = (bits >> 63U) != 0 ? -1 : 0;  // x ^ sign - sign negates without a branch
  limbs_[limb] += (low ^ sign) - sign;
  limbs_[limb + 1] += (middle ^ sign) - sign;
  limbs_[limb + 2] += (high ^ sign) - sign;
  if (++pending_ >= kMaxPending) normalise();
}

void ExactSum::merge(const ExactSum& other) {
  for (std::size_t i = 0; i < kLimbs; ++i) limbs_[i] += other.limbs_[i];
  pending_ += other.pending_ + 1;
  if (pending_ >= kMaxPending) normalise();
}

void ExactSum::normalise() {
  std::int64_t carry = 0;
  for (std::size_t i = 0; i + 1 < kLimbs; ++i) {
    const std::int64_t sum = limbs_[i] + carry;
    limbs_[i] = sum & kLimbMask;
    carry = sum >> kLimbBits;
  }
  limbs_[kLimbs - 1] += carry;
  pending_ = 0;
}

std::array<std::int64_t, ExactSum::kLimbs> ExactSum::normalised_limbs() const {
  ExactSum copy = *this;
  copy.normalise();
  return copy.limbs_;
}

ExactSum ExactSum::from_limbs(std::span<const std::int64_t, kLimbs> limbs) {
  ExactSum sum;
  std::copy(limbs.begin(), limbs.end(), sum.limbs_.begin());
  sum.normalise();
  return sum;
}

double ExactSum::value() const {
  ExactSum magnitude = *this;
  magnitude.normalise();
  const bool negative = magnitude.limbs_[kLimbs - 1] < 0;
  if (negative) {
    for (std::int64_t& limb : magnitude.limbs_) limb = -limb;
    magnitude.normalise();
  }
  const auto& limbs = magnitude.limbs_;
  std::size_t top = kLimbs;
  while (top > 0 && limbs[top - 1] == 0) --top;
  if (top == 0) return 0.0;

  const auto bit_at = [&](std::uint64_t position) {
    return (static_cast<std::uint64_t>(limbs[position / kLimbBits]) >> (position % kLimbBits)) & 1U;
  };
  const std::uint64_t top_limb = static_cast<std::uint64_t>(limbs[top - 1]);
  const std::uint64_t highest = (top - 1) * kLimbBits + static_cast<unsigned>(std::bit_width(top_limb)) - 1;
  const std::uint64_t lowest = highest < kMantissaBits ? 0 : highest - (kMantissaBits - 1);
  std::uint64_t mantissa = 0;
  for (std::uint64_t position = highest + 1; position > lowest; --position) {
    mantissa = (mantissa << 1U) | bit_at(position - 1);
  }
  if (lowest > 0 && bit_at(lowest - 1) != 0) {
    bool above_half = (mantissa & 1U) != 0;  // a tie goes to even
    for (std::uint64_t position = 0; !above_half && position + 1 < lowest; ++position) {
      above_half = bit_at(position) != 0;
    }
    if (above_half) ++mantissa;
  }
  const double result = std::ldexp(static_cast<double>(mantissa), static_cast<int>(lowest) + kLowestExponent);
  return negative ? -result : result;
}

}  // namespace rove
