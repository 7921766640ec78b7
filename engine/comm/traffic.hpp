// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rove::comm {

/// What one rank has sent to other ranks.
struct Traffic {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

/// What this process has sent so far in exchanges and gathers, over all communicators. Small collectives (reductions,
/// broadcasts of a value, counts) are not in it. For measurements; for the thread that communicates.
[[nodiscard]] Traffic traffic();

}  // namespace rove::comm
