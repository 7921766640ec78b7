// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/graph/distributed_graph.hpp"

namespace rove::gnn {

/// The part of a graph's halo that belongs to one vertex type, for models that change one side at a time. Refers to the
/// graph's halo. Memory: 4 bytes per ghost and per row sent.
class TypeHalo {
 public:
  TypeHalo(const graph::DistributedGraph& graph, VertexTypeId type);

  /// **Collective.** Copies the owners' rows of the type to its ghosts. `values`: `num_local` rows of `width` floats.
  void update(std::span<float> values, std::uint32_t width) const;

 private:
  const graph::HaloExchange* halo_;
  std::vector<std::uint64_t> send_offsets_{0};  ///< P + 1
  std::vector<std::uint32_t> send_rows_;
  std::vector<std::uint64_t> receive_offsets_{0};  ///< P + 1
  std::vector<std::uint32_t> ghosts_;
};

}  // namespace rove::gnn
