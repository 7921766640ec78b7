// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rove::comm::detail {

/// The largest number of bytes one MPI call may carry: MPI counts are `int`.
inline constexpr std::uint64_t kDefaultChunkBytes = std::uint64_t{1} << 30U;

[[nodiscard]] std::uint64_t chunk_bytes();
/// For tests: exercises chunking with small data. The same on all ranks. Precondition: 1 <= bytes <= the default.
void set_chunk_bytes(std::uint64_t bytes);

}  // namespace rove::comm::detail
