// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"

namespace rove::tests {

/// **Collective.** The owned rows of all ranks, `width` values each, in stable order on every rank: what a serial
/// oracle computes. `values` is indexed by local id; rows of ghosts are ignored.
template <comm::Message T>
[[nodiscard]] std::vector<T> in_stable_order(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                             std::span<const T> values, std::uint64_t width = 1) {
  const auto stable = comm.all_gather_v(graph.index_map().owned_stable());
  const auto rows = comm.all_gather_v(values.first(std::uint64_t{graph.num_owned()} * width));
  std::vector<T> ordered(graph.schema().num_vertices() * width);
  for (std::uint64_t i = 0; i < stable.data.size(); ++i) {
    std::copy_n(rows.data.begin() + static_cast<std::ptrdiff_t>(i * width), width,
                ordered.begin() + static_cast<std::ptrdiff_t>(stable.data[i].value() * width));
  }
  return ordered;
}

/// **Collective.** Everything that the ranks give, in rank order, on every rank.
template <comm::Message T>
[[nodiscard]] std::vector<T> gathered(const comm::Communicator& comm, std::span<const T> values) {
  return comm.all_gather_v(values).data;
}

}  // namespace rove::tests
