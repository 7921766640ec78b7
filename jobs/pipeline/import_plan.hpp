// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/schema.hpp"
#include "jobs/config/config.hpp"

/// What import will hold, for `rove estimate` and for the stage itself.
namespace rove::jobs {

/// The graph that a job's files will make, as far as they tell before they are read.
struct ExpectedGraph {
  graph::Schema likely;  ///< edges by the length of some rows, or as declared; ten edges a vertex, or as declared
  graph::Schema least;   ///< fewer edges are not believed, and no vertices but the declared ones
  /// Edges of compressed and metis files as one rank reads them alone.
  std::uint64_t likely_alone_bytes = 0;
  std::uint64_t least_alone_bytes = 0;
};

/// **Collective.** Rank 0 reads a few MiB of the files of `graph.edges` (`io::expect_edges`). Throws what the import
/// would for options and headers.
[[nodiscard]] ExpectedGraph expected_graph(const comm::Communicator& comm, const Config& config);

/// What the import of a graph of this schema holds on one rank at its peak. `alone_bytes`: of the expected graph; 0
/// where the files are not known.
[[nodiscard]] MemoryPlan plan_import_stage(const Config& config, const graph::Schema& schema, std::uint64_t alone_bytes,
                                           std::int32_t ranks, std::uint32_t threads);

/// What it holds at the least: edges as they are read, before rules drop some, and the features that files declare.
[[nodiscard]] MemoryPlan plan_least_import(const Config& config, const ExpectedGraph& expected, std::int32_t ranks,
                                           std::uint32_t threads);

}  // namespace rove::jobs
