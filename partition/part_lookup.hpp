// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::partition {

/// **Collective.** Parts of any vertices, asked of their homes. `parts` are those of my home blocks, [type][row - block
/// begin].
[[nodiscard]] std::vector<std::int32_t> look_up_parts(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                                      const std::vector<std::vector<std::int32_t>>& parts,
                                                      std::span<const StableVertexId> vertices);

}  // namespace rove::partition
