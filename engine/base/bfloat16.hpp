// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rove {

/// The upper half of a float: its exponent and seven bits of its mantissa. A format to store in, not to compute in;
/// kernels load and store sixteen at a time (engine/base/simd.hpp) with the bits of the two functions below.
struct BFloat16 {
  std::uint16_t bits = 0;
};

[[nodiscard]] float to_float(BFloat16 x);
/// The nearest, the even one of two; beyond the largest finite one infinity; every NaN becomes 0x7FC0.
[[nodiscard]] BFloat16 to_bfloat16(float x);

}  // namespace rove
