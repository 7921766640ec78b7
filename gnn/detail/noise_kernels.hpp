// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/bfloat16.hpp"
#include "engine/base/random.hpp"

namespace rove::gnn::detail {

/// to[rows[i]] = x_i + strength · scale[rows[i]] · sign(x_i) ⊙ r / ‖r‖, r uniform in (0, 1)^dim by (key, step): one
/// byte of a Philox block per column. sign(0) = 0. `To` is float or BFloat16.
template <class To>
struct NoiseRows {
  const std::uint32_t* rows = nullptr;  ///< owned local ids
  std::uint64_t count = 0;
  std::uint32_t width = 0;              ///< of a row of `results` and `to`
  std::uint32_t dim = 0;                ///< of a whole row, over which r is normalised
  std::uint32_t first_column = 0;       ///< of the row's columns, a multiple of 16
  const float* results = nullptr;       ///< x, one row per entry of `rows`
  const std::uint64_t* keys = nullptr;  ///< per owned row
  const float* scale = nullptr;         ///< per owned row; nullptr: 1
  float strength = 0.0F;
  const RandomStream* random = nullptr;
  std::uint32_t step = 0;
  To* to = nullptr;
  bool scatter = false;  ///< `to` by rows[i]; otherwise in order
};

namespace avx2 {
template <class To>
void add_noise(const NoiseRows<To>& task);
}
namespace avx512 {
template <class To>
void add_noise(const NoiseRows<To>& task);
}

}  // namespace rove::gnn::detail
