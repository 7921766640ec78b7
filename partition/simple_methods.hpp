// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/comm/communicator.hpp"
#include "engine/graph/assignment.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "partition/partitioner.hpp"

namespace rove::partition {

/// Equal ranges of rows of every type. No communication.
[[nodiscard]] graph::Assignment assign_block(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                             const PartitionOptions& options);
/// Multiply-shift of the vertex key. No communication.
[[nodiscard]] graph::Assignment assign_hash(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                            const PartitionOptions& options);
/// A seeded draw per vertex key. No communication.
[[nodiscard]] graph::Assignment assign_random(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                              const PartitionOptions& options);

}  // namespace rove::partition
