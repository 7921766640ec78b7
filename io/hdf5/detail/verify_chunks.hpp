// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rove::io::detail {

/// Rows of a file that a check holds at a time.
inline constexpr std::uint64_t kChunkRows = std::uint64_t{1} << 18U;

}  // namespace rove::io::detail
