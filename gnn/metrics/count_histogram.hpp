// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/comm/communicator.hpp"

namespace rove::gnn {

/// How many times a value occurs.
struct ValueCount {
  std::uint64_t value = 0;
  std::uint64_t count = 0;
  friend bool operator==(const ValueCount&, const ValueCount&) = default;
};

/// **Collective.** The distinct values over all ranks, ascending, with their counts; the same on all ranks. For degrees
/// and counts, whose distinct values are few: their number grows at most as the square root of their sum.
[[nodiscard]] std::vector<ValueCount> count_histogram(const comm::Communicator& comm,
                                                      std::span<const std::uint64_t> values);

}  // namespace rove::gnn
