// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "algorithms/ppr/fingerprint_table.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/exec/edge_selection.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/graph/graph_blocks.hpp"

/// The offline half of PowerWalk (Liu et al., CIKM 2016): full-path fingerprints of all vertices of some types. Walks
/// are those of `rove ppr` (docs/decisions/0060), so a fingerprint is the visit counts that `method: walks` would see,
/// truncated to the most visited targets of a type.
namespace rove::algorithms {

struct FingerprintIndexOptions {
  std::vector<VertexTypeId> types;    ///< whose vertices get fingerprints; none named: all
  std::vector<VertexTypeId> targets;  ///< what is counted, each type in a list of its own; none named: all
  double restart = 0.15;
  std::uint32_t walks = 4'000;                    ///< per vertex
  std::uint32_t entries = 300;                    ///< kept per vertex and target type, the most visited
  std::span<const std::uint8_t> candidates = {};  ///< with one target type: as in `PprOptions`
  exec::EdgeSelection edges{exec::Direction::kBoth, {}};
  bool weighted = false;  ///< walks move in proportion to the weights of edges
  std::uint64_t seed = 42;
  ProgressSink* progress = &no_progress();
};

struct FingerprintIndex {
  std::vector<VertexTypeId> types;
  std::vector<VertexTypeId> targets;
  std::vector<std::vector<FingerprintTable>> tables;  ///< [type][target]: the rows of my home block of the type
  std::uint64_t moves = 0;                            ///< steps walked, on all ranks
};

/// **Collective.** Every rank holds the whole adjacency and walks for its home blocks. The bytes depend on graph,
/// options and seed alone. Throws `ConfigError` for options out of range, `Interrupted` when a stop was asked for.
[[nodiscard]] FingerprintIndex build_fingerprint_index(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                                       const FingerprintIndexOptions& options);

/// The same over an adjacency that is there already, replicated with the same selection of edges and use of weights.
[[nodiscard]] FingerprintIndex build_fingerprint_index(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                                       const exec::WalkGraph& walk_graph,
                                                       const FingerprintIndexOptions& options,
                                                       const std::string& stage);

/// **Collective.** The tables of all ranks, one after another: rows of the whole type.
[[nodiscard]] FingerprintTable gather_fingerprints(const comm::Communicator& comm, const FingerprintTable& mine);

/// What one of `num_ranks` ranks with `threads` threads holds at its peak.
[[nodiscard]] MemoryPlan plan_fingerprint_index(const graph::Schema& schema, std::int32_t num_ranks,
                                                std::uint32_t threads, const FingerprintIndexOptions& options);

}  // namespace rove::algorithms
