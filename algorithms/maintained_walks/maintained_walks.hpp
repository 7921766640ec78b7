// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "algorithms/maintained_walks/consistent_adjacency.hpp"
#include "algorithms/maintained_walks/graph_change.hpp"
#include "engine/base/huge_buffer.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"

/// Stored random walks with restart that follow a changing graph (Bahmani, Chowdhury, Goel, "Fast incremental and
/// personalized PageRank", PVLDB 2010), exactly: after a refresh they are, byte for byte, the walks that walking again
/// from every source on today's graph gives. Slots are chosen alike, or in proportion to their weights if the
/// `ConsistentAdjacency` is weighted.
///
/// Walk w of a source stops before step t iff word 0 of its block (engine/exec/walk_random.hpp) is below c 2^32, so
/// how many vertices it visits does not depend on the graph, and a changed walk is rewritten in place. Slots are chosen
/// consistently (`ConsistentAdjacency`), and with each visit the walk keeps the length of list at which its choice
/// would move: a refresh passes over all visits once, compares two numbers, and walks only the tails that follow a
/// moved choice. A walk that wants to leave a vertex without slots is lost: the rest of its visits is `kNoVertex`.
namespace rove::algorithms {

/// `next_slots` of the visit that a walk stops at, and of all after a loss.
inline constexpr std::uint32_t kWalkStopped = std::numeric_limits<std::uint32_t>::max();

struct MaintainedWalkOptions {
  std::uint32_t walks = 100;  ///< per source
  double restart = 0.15;
  std::uint64_t seed = 42;
  ProgressSink* progress = &no_progress();
};

/// Consecutive sources of one type.
struct WalkSources {
  IndexRange vertices;              ///< stable ids
  std::span<const VertexKey> keys;  ///< of each
};

/// The walks of consecutive sources, source by source, walk by walk. Four bytes per walk and eight per visit (1 / c
/// visits a walk).
struct MaintainedWalks {
  IndexRange sources;                     ///< stable ids in the graph that was walked on
  std::uint32_t walks = 0;                ///< per source
  std::vector<std::uint64_t> offsets{0};  ///< first visit of each source, and the end
  std::vector<std::uint32_t> ends;        ///< of each walk, counted from its source's first visit
  HugeBuffer<std::uint32_t> vertices;     ///< per visit: stable id, or `kNoVertex`
  HugeBuffer<std::uint32_t> next_slots;   ///< per visit: `ConsistentAdjacency::Step::next`, or `kWalkStopped`

  [[nodiscard]] std::span<const std::uint32_t> visits_of(std::uint64_t source) const {
    return vertices.span().subspan(offsets[source], offsets[source + 1] - offsets[source]);
  }
  friend bool operator==(const MaintainedWalks& a, const MaintainedWalks& b);
};

/// **Collective.** Walks from scratch. Throws `ConfigError` for options out of range, `Interrupted` on a stop request.
[[nodiscard]] MaintainedWalks walk_from(const comm::Communicator& comm, const ConsistentAdjacency& lists,
                                        const WalkSources& sources, const MaintainedWalkOptions& options);

struct RefreshCounts {
  std::uint64_t walks = 0;    ///< of sources that both graphs have
  std::uint64_t redone = 0;   ///< of those, walked again from some step on
  std::uint64_t started = 0;  ///< walks of new sources
  std::uint64_t moves = 0;    ///< steps walked
};

/// **Collective.** The walks of today's `sources`, from those of `before` (which it consumes), which must hold the
/// walks of every source that both graphs have, with the same options. Equal to `walk_from` on `change.now()`. Without
/// new or removed sources it works in place. `before_of`: `VertexMatch::before`. `counts`: of this rank, added to.
[[nodiscard]] MaintainedWalks refresh(const comm::Communicator& comm, MaintainedWalks before, const GraphChange& change,
                                      std::span<const std::uint32_t> before_of, const WalkSources& sources,
                                      const MaintainedWalkOptions& options, RefreshCounts& counts);

/// The walks that one of `num_ranks` ranks keeps, from the vertices of its home blocks of these types.
[[nodiscard]] std::uint64_t maintained_walks_bytes(const graph::Schema& schema, std::int32_t num_ranks,
                                                   std::span<const VertexTypeId> types,
                                                   const MaintainedWalkOptions& options);

/// What one of `num_ranks` ranks holds at its peak for the walks from the vertices of its home blocks of these types,
/// with `refreshing` also for yesterday's graph and walks.
[[nodiscard]] MemoryPlan plan_maintained_walks(const graph::Schema& schema, std::int32_t num_ranks,
                                               std::span<const VertexTypeId> types,
                                               const exec::EdgeSelection& selection,
                                               const MaintainedWalkOptions& options, bool refreshing,
                                               bool weighted = false);

}  // namespace rove::algorithms
