// SPDX-License-Identifier: Apache-2.0
#include "partition/locality_order.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "partition/metis.hpp"
#include "partition/partitioner.hpp"

namespace rove::partition {
namespace {

constexpr float kLargestOverAverage = 1.1F;

bool is_clustered(const graph::Schema& schema, std::uint64_t num_clusters) {
  constexpr std::uint64_t kLimit = std::numeric_limits<std::int32_t>::max();
  return num_clusters > 1 && num_clusters <= schema.num_vertices() / 2 && schema.num_vertices() < kLimit &&
         schema.num_edges() > 0 && schema.num_edges() <= kLimit / 2;
}

}  // namespace

graph::RowOrder locality_order(const comm::Communicator& alone, const graph::GraphBlocks& whole,
                               std::uint64_t num_clusters, ProgressSink& progress) {
  graph::RowOrder order;
  for (const graph::VertexType& type : whole.schema.vertex_types()) {
    std::vector<std::uint32_t>& rows = order.emplace_back(type.count);
    std::iota(rows.begin(), rows.end(), 0U);
  }
  if (!is_clustered(whole.schema, num_clusters)) return order;
  MetisProblem problem = collect_metis_graph(alone, whole);
  if (problem.neighbors.empty()) return order;
  problem.vertex_weights.assign(static_cast<std::size_t>(problem.num_vertices()), 1);
  problem.tolerances.assign(1, kLargestOverAverage);
  PartitionOptions options;
  options.parts = static_cast<std::int32_t>(num_clusters);
  progress.begin("clusters", whole.schema.num_vertices(), "vertices");
  const std::vector<std::int32_t> clusters = run_metis(problem, options, options.seed).parts;
  progress.update(whole.schema.num_vertices(), "");
  progress.end(fmt::format("in {} clusters", num_clusters));
  for (std::uint16_t t = 0; t < whole.schema.vertex_types().size(); ++t) {
    const std::int32_t* const of_type = clusters.data() + whole.schema.stable_range(VertexTypeId{t}).begin;
    std::ranges::stable_sort(order[t], {}, [&](std::uint32_t row) { return of_type[row]; });
  }
  return order;
}

std::uint64_t locality_order_bytes(std::uint64_t vertices, std::uint64_t edges) {
  return metis_bytes(vertices, 2 * edges);
}

}  // namespace rove::partition
