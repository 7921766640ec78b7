// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "engine/graph/distributed_graph.hpp"
#include "gnn/embedding_table.hpp"
#include "tests/support/gather.hpp"
#include "tests/support/graphs.hpp"

namespace rove::tests {

template <class T>
[[nodiscard]] bool same_bytes(std::span<const T> a, std::span<const T> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}
template <class T>
[[nodiscard]] bool same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
  return same_bytes(std::span<const T>(a), std::span<const T>(b));
}

/// **Collective.** All rows of the table, padding included, in stable order on every rank.
[[nodiscard]] inline std::vector<float> whole_table(const comm::Communicator& comm,
                                                    const graph::DistributedGraph& graph,
                                                    const gnn::EmbeddingTable& table) {
  return in_stable_order<float>(comm, graph, table.values(), table.width());
}

/// A communicator of this rank alone: what it computes is what one rank would compute.
[[nodiscard]] inline comm::Communicator alone(const comm::Communicator& comm) {
  return comm.split(comm.rank().value());
}

}  // namespace rove::tests
