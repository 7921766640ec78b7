// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/bfloat16.hpp"

namespace rove::gnn {

/// What propagated states lie in memory and travel as while a model is trained; sums, parameters, moments and published
/// vectors are of floats either way. `kBFloat16` halves what a pull gathers and a halo sends; its results have other
/// bits, the same on any ranks.
enum class StateStorage : std::uint8_t { kFloat32, kBFloat16 };

/// A copy of the parameters times a factor per row, in one of two formats or nowhere, which whoever changes parameters
/// keeps up to date.
struct ScaledCopy {
  float* floats = nullptr;
  BFloat16* halves = nullptr;
  const float* scale = nullptr;
};

}  // namespace rove::gnn
