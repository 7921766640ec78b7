// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/exec/visit_counter.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/exec/walk_transport.hpp"
#include "engine/graph/distributed_graph.hpp"

namespace rove::algorithms::detail {

/// A source as all ranks know it while its batch is worked on.
struct BatchSource {
  std::uint64_t row = 0;
  VertexKey key;
  std::int32_t owner = 0;
  std::uint32_t vertex = 0;  ///< local id on the owner
};

/// **Collective.** The sources of one batch in row order, the same on all ranks. `mine`: those owned here.
[[nodiscard]] std::vector<BatchSource> share_batch(const comm::Communicator& comm, std::vector<BatchSource> mine);

/// Whether to walk from an owned vertex, given its row and its row in the walk graph.
using IsSource = std::function<bool(std::uint64_t row, std::uint32_t vertex)>;

/// Those of this rank, in row order.
[[nodiscard]] std::vector<BatchSource> owned_sources(const comm::Communicator& comm,
                                                     const graph::DistributedGraph& graph, VertexTypeId type,
                                                     const IsSource& is_source);

struct TravellingCountsOptions {
  VertexTypeId sources;
  VertexTypeId targets;
  double restart = 0.15;
  std::uint32_t walks = 0;
  bool weighted = false;
  std::uint64_t seed = 0;
  std::uint64_t batch_bytes = 0;
  std::string stage;
  ProgressSink* progress = &no_progress();
};

/// Receives the visits from one owned source: counts by target row, and the walks that were lost. Called once per
/// source, from several threads, a thread's calls one after another; the counter is cleared afterwards.
using ConsumeCounts =
    std::function<void(const BatchSource& source, exec::VisitCounter& counts, std::uint64_t lost_walks)>;

/// **Collective.** Full-path visit counts in the partitioned layout, in batches of sources as large as `batch_bytes`
/// allows (one source at least): walkers travel, visits are counted where the vertex lives, and go to the source's
/// owner at the end of the batch.
exec::WalkTraffic count_travelling_visits(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                          const exec::WalkGraph& walk_graph, const TravellingCountsOptions& options,
                                          const IsSource& is_source, const ConsumeCounts& consume);

/// Bytes one source of a batch may take on one rank in the worst case, where all its walks are in one place and every
/// thread there meets all targets.
[[nodiscard]] std::uint64_t bytes_per_source(std::uint32_t walks, double restart, std::uint64_t num_targets,
                                             std::uint32_t threads);

}  // namespace rove::algorithms::detail
