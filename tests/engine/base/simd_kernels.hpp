// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "engine/base/bfloat16.hpp"

#define ROVE_DECLARE_TEST_KERNELS(isa)                                             \
  namespace rove::test::isa {                                                      \
  float dot(const float* a, const float* b, std::size_t n);                        \
  void transform(int function, const float* in, float* out, std::size_t n);        \
  void transform_scalar(int function, const float* in, float* out, std::size_t n); \
  void narrow(const float* in, BFloat16* out, std::size_t n);                      \
  void widen(const BFloat16* in, float* out, std::size_t n, bool shuffled);        \
  }

ROVE_DECLARE_TEST_KERNELS(avx2)
ROVE_DECLARE_TEST_KERNELS(avx512)

namespace rove::test {
inline constexpr int kFunctions = 20;
}
