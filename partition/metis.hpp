// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/assignment.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "partition/partitioner.hpp"

namespace rove::partition {

/// The serial problem METIS is given: a simple symmetric graph in stable order, edge weight = number of parallel edges,
/// and per vertex one weight per constraint.
struct MetisProblem {
  std::vector<std::int32_t> offsets{0};
  std::vector<std::int32_t> neighbors;
  std::vector<std::int32_t> edge_weights;
  std::vector<std::int32_t> vertex_weights;  ///< vertex-major, `tolerances.size()` per vertex
  std::vector<float> tolerances;             ///< per constraint: largest part over average, at least 1

  struct Constraint {
    IndexRange vertices;        ///< stable ids of the type; one type's constraints are neighbours
    bool counts_edges = false;  ///< weights are adjacency entries, parallel edges included; otherwise 1
    std::int64_t cap = 0;       ///< largest weight a part may have: within the tolerance or the ceiling bound
  };
  std::vector<Constraint> constraints;

  [[nodiscard]] std::int32_t num_vertices() const { return static_cast<std::int32_t>(offsets.size()) - 1; }
  [[nodiscard]] std::int32_t num_constraints() const { return static_cast<std::int32_t>(tolerances.size()); }
};

/// **Collective.** Brings the whole graph to rank 0 (empty elsewhere): the one stage that may, planned by
/// `plan_assign`. Without vertex weights and constraints. Throws `DoesNotFitError` when the vertices or the adjacency
/// entries that METIS would get exceed `index_limit` (its 32-bit index; lowered by tests).
[[nodiscard]] MetisProblem collect_metis_graph(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                               std::int64_t index_limit = 0x7FFFFFFF);

/// **Collective.** That with the constraints of a partition: for every non-empty vertex type its vertices, and its
/// edges if it has any. A type too small for the tolerance gets the ceiling bound: what the best integer split needs.
/// `index_limit` also bounds the weights, one for each vertex and constraint, and their sum per constraint.
[[nodiscard]] MetisProblem collect_metis_problem(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                                 const PartitionOptions& options,
                                                 std::int64_t index_limit = 0x7FFFFFFF);

struct MetisResult {
  std::vector<std::int32_t> parts;
  std::int64_t cut = 0;
};

/// One call of METIS_PartGraphKway. Serial; one at a time per process, since METIS draws from the C library's
/// generator. For the main thread: METIS catches SIGTERM, so the signals that ask to stop are held back
/// (`stop::HeldSignals`) until the call is over and the handlers from before it are in place again. Throws
/// `DoesNotFitError` when METIS ran out of memory and `InternalError` when it failed otherwise.
[[nodiscard]] MetisResult run_metis(MetisProblem& problem, const PartitionOptions& options, std::uint64_t seed);

/// What METIS holds of so many vertices and adjacency entries (two for each pair of linked vertices).
[[nodiscard]] std::uint64_t metis_bytes(std::uint64_t vertices, std::uint64_t entries);

/// **Collective.** Each try is rebalanced (partition/rebalance.hpp); the least cut is kept.
[[nodiscard]] graph::Assignment assign_metis(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                             const PartitionOptions& options);

}  // namespace rove::partition
