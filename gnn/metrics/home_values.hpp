// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/block_distribution.hpp"

namespace rove::gnn {

/// How many of the ascending rows have their home on each rank.
[[nodiscard]] inline std::vector<std::uint64_t> rows_per_home(const graph::BlockDistribution& homes, std::int32_t ranks,
                                                              std::span<const std::uint32_t> rows) {
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(ranks));
  for (const std::uint32_t row : rows) ++counts[homes.home_of(row).index()];
  return counts;
}

/// **Collective.** Values of any rows (ascending), which their homes hold: `home_values` has one per row of my home
/// block. Two exchanges.
template <comm::Message T>
[[nodiscard]] std::vector<T> fetch_from_home(const comm::Communicator& comm, const graph::BlockDistribution& homes,
                                             std::span<const std::uint32_t> rows, std::span<const T> home_values) {
  const auto asked = comm.exchange<std::uint32_t>(rows, rows_per_home(homes, comm.size(), rows));
  const std::uint64_t first = homes.block(comm.rank()).begin;
  std::vector<T> answers(asked.data.size());
  for (std::size_t i = 0; i < answers.size(); ++i) answers[i] = home_values[asked.data[i] - first];
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  for (std::size_t r = 0; r < counts.size(); ++r) counts[r] = asked.offsets[r + 1] - asked.offsets[r];
  return comm.exchange<T>(std::span<const T>(answers), counts).data;
}

}  // namespace rove::gnn
