// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/comm/communicator.hpp"
#include "engine/graph/assignment.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "partition/partitioner.hpp"

namespace rove::partition {

/// **Collective.** Fennel (Tsourakakis et al., WSDM 2014): each vertex joins the part with the most neighbours less a
/// price for its load, argmax_i |N(v) ∩ P_i| - alpha gamma |P_i|^(gamma - 1), gamma = 1.5, alpha = sqrt(k) m / n^1.5,
/// loads per vertex type. Vertices stream in random key order in `kBatches` batches; a vertex sees the parts of earlier
/// batches only, and of all vertices in the second and third pass, so the result does not depend on ranks. A part never
/// exceeds its type's cap: those of a batch that come too late, in row order, go where there is room. Holds 4 bytes per
/// vertex of the home block and a batch's neighbours; moves 12 bytes per edge and pass.
[[nodiscard]] graph::Assignment assign_fennel(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                              const PartitionOptions& options);

}  // namespace rove::partition
