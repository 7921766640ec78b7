// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"

namespace rove::gnn {

/// **Collective.** One small value per vertex of a type, from its owner (in local order), to every rank, by row of the
/// type. For numbers that a draw over all vertices must know; never for rows of vectors.
template <comm::Message T>
[[nodiscard]] std::vector<T> everywhere(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                        VertexTypeId type, std::span<const T> owned) {
  const std::vector<T> home = graph.home(type).to_home<T>(comm, owned);
  return comm.all_gather_v(std::span<const T>(home)).data;
}

}  // namespace rove::gnn
