// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/graph_plan.hpp"

#include "io/import/import_graph.hpp"

namespace rove::jobs {

std::uint64_t rank_share(std::uint64_t count, std::int32_t ranks) {
  const auto parts = static_cast<std::uint64_t>(ranks);
  return (count + parts - 1) / parts;
}

std::uint64_t adjacency_bytes(const graph::Schema& schema, std::int32_t ranks, std::uint64_t extra_per_slot) {
  std::uint64_t bytes = 0;
  for (const graph::EdgeType& type : schema.edge_types()) {
    const std::uint64_t edges = rank_share(type.count, ranks);
    bytes += 8 * (rank_share(schema.vertex_type(type.source).count, ranks) +
                  rank_share(schema.vertex_type(type.destination).count, ranks));
    bytes += 2 * edges * (4 + io::attribute_bytes(type)) + edges * extra_per_slot;
  }
  return bytes;
}

MemoryPlan plan_home_blocks(const graph::Schema& schema, std::int32_t ranks) {
  MemoryPlan plan("resident");
  const std::uint64_t rows = rank_share(schema.num_vertices(), ranks);
  plan.hold("graph in home blocks", adjacency_bytes(schema, ranks, 8) + 8 * rows);
  plan.hold("original ids", rows * (kTypicalIdBytes + 16));
  return plan;
}

}  // namespace rove::jobs
