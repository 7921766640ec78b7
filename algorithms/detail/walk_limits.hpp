// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::algorithms::detail {

/// Visits of one source must fit 32-bit counts with a wide margin.
inline constexpr double kMaxVisits = 0x1.0p30;

/// Throws `ConfigError` when so many walks with restart from one vertex are out of range; `section` is what messages
/// call them.
inline void require_restart_walks(const std::string& section, double restart, std::uint32_t walks) {
  require_config(
      restart >= 0.001 && restart < 1.0,
      fmt::format("the restart probability of {} is {}, expected at least 0.001 and below 1", section, restart));
  require_config(
      walks >= 1 && walks / restart <= kMaxVisits,
      fmt::format("the walks of {} are {}, expected at least 1 and at most 2^30 times the restart probability", section,
                  walks));
}

}  // namespace rove::algorithms::detail
