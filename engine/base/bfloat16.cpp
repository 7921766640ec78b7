// SPDX-License-Identifier: Apache-2.0
#include "engine/base/bfloat16.hpp"

#include <bit>
#include <cmath>

namespace rove {

float to_float(BFloat16 x) {
  return std::bit_cast<float>(std::uint32_t{x.bits} << 16U);
}

BFloat16 to_bfloat16(float x) {
  if (std::isnan(x)) return {0x7FC0};
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return {static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16U & 1U)) >> 16U)};
}

}  // namespace rove
