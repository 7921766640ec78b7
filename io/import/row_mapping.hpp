// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/block_distribution.hpp"
#include "io/import/edge_list.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// **Collective.** The values that the homes hold for the wanted rows, in the same order. `values`: of my home block.
[[nodiscard]] std::vector<std::uint64_t> look_up_rows(const comm::Communicator& comm,
                                                      const graph::BlockDistribution& homes,
                                                      std::span<const std::uint64_t> values,
                                                      std::span<const std::uint32_t> wanted);

/// **Collective.** Removes the vertices of a type whose row of my home block is not kept: keys, ids, features and
/// overrides move to the blocks of what remains. Schema and edges are left to the caller. Returns the new row of every
/// old one of my home block, `kUnknownRow` for those removed, and the new number of vertices.
struct ShrunkType {
  std::vector<std::uint64_t> new_rows;
  std::uint64_t count = 0;
};
[[nodiscard]] ShrunkType shrink_type(const comm::Communicator& comm, ImportedGraph& graph, VertexTypeId type,
                                     std::span<const std::uint8_t> keep);

/// **Collective.** The original id of a row, from its home. `ids`: of my home block.
[[nodiscard]] std::string id_of_row(const comm::Communicator& comm, const IdBlock& ids,
                                    const graph::BlockDistribution& homes, std::uint64_t row);

/// What the edges of a type carry.
[[nodiscard]] EdgeColumns columns_of(const graph::EdgeType& type);

}  // namespace rove::io
