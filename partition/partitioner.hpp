// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/assignment.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::partition {

enum class Objective : std::uint8_t { kCut, kVolume };

struct PartitionOptions {
  std::string method = "metis";  ///< one of `method_names()`
  std::int32_t parts = 1;        ///< need not equal the number of ranks
  double imbalance = 0.03;       ///< allowed excess over perfect balance, per vertex type and for its edges
  Objective objective = Objective::kCut;
  std::uint32_t tries = 1;         ///< METIS runs with seeds seed, seed + 1, ...; the least cut is kept
  std::uint32_t refinements = 10;  ///< METIS refinement passes per level
  std::uint32_t cuts = 1;          ///< METIS: partitionings made within one run, of which it keeps the best
  /// METIS: each part connected (a graph that is not connected cannot have that), and parts with few neighbouring
  /// parts. Asked of METIS only: what balance moves afterwards does not look at them.
  bool contiguous = false;
  bool min_connectivity = false;
  std::uint64_t seed = 42;
  std::uint64_t memory_limit_bytes = ~std::uint64_t{0};  ///< METIS holds the whole graph on one rank: refused beyond
  std::string memory_limit_source = "unlimited";
};

/// "metis", "fennel", "hash", "block", "random".
[[nodiscard]] std::span<const std::string_view> method_names();

/// **Collective.** The part of every vertex. The same for any number of ranks.
/// - metis: multilevel k-way (Karypis and Kumar) on the symmetrised simple graph, parallel edges as weights; balances
/// vertices
///   and edges of every vertex type. Serial: it runs on rank 0 if its memory plan fits, and throws `DoesNotFitError`,
///   naming the partitioner to use instead, when it does not or when a count exceeds METIS's index type.
/// - fennel: streaming in key order (Tsourakakis et al., WSDM 2014), in batches that see the parts of earlier batches
/// only.
/// - hash: by vertex key; block: equal ranges of rows; random: by a seeded draw per key.
/// One part is all vertices in part 0, whatever the method. Throws `ConfigError` for an unknown method or parts < 1.
[[nodiscard]] graph::Assignment assign(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                       const PartitionOptions& options);

/// What `assign` will hold on the busiest rank.
[[nodiscard]] MemoryPlan plan_assign(const graph::Schema& schema, std::int32_t ranks, const PartitionOptions& options);

}  // namespace rove::partition
