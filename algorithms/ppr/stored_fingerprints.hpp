// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "algorithms/maintained_walks/maintained_walks.hpp"
#include "algorithms/ppr/fingerprint_index.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::algorithms {

/// **Collective.** The fingerprints that stored walks give, counted instead of walked: `walks` holds, for each of
/// `options.types` in turn, those from the vertices of my home block, and `options.targets` one type. Seed and restart
/// of the options are not used. Cost: one pass over the visits.
[[nodiscard]] FingerprintIndex count_stored_walks(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                                  std::span<const MaintainedWalks> walks,
                                                  const FingerprintIndexOptions& options);

}  // namespace rove::algorithms
