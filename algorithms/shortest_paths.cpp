// SPDX-License-Identifier: Apache-2.0
#include "algorithms/shortest_paths.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "algorithms/detail/weights.hpp"
#include "engine/base/error.hpp"

namespace rove::algorithms {

namespace {

class ShortestPaths : public exec::ProgramDefaults {
 public:
  using Value = double;

  ShortestPaths(const graph::DistributedGraph& graph, StableVertexId source, const std::vector<EdgeTypeId>& edges)
      : graph_(graph), source_(source), edges_(edges) {}

  [[nodiscard]] exec::EdgeSelection edges() const { return {exec::Direction::kIn, edges_}; }

  double initial(LocalVertexId vertex, exec::Aggregates&) {
    return graph_.index_map().stable_of(vertex) == source_ ? 0.0 : std::numeric_limits<double>::infinity();
  }

  double compute(LocalVertexId, const double& own, const exec::Neighborhood<double>& neighbors, exec::Aggregates&) {
    double shortest = own;
    neighbors.for_each([&](double distance, const exec::NeighborRef& neighbor) {
      shortest = std::min(shortest, distance + static_cast<double>(neighbor.weight));
    });
    return shortest;
  }

 private:
  const graph::DistributedGraph& graph_;
  StableVertexId source_;
  const std::vector<EdgeTypeId>& edges_;
};

}  // namespace

ShortestPathsResult shortest_paths(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                   StableVertexId source, const std::vector<EdgeTypeId>& edges,
                                   const exec::RunOptions& run) {
  if (source.value() >= graph.schema().num_vertices()) {
    throw ConfigError(
        fmt::format("the source is vertex {}, expected one below {}", source.value(), graph.schema().num_vertices()));
  }
  detail::require_nonnegative_weights(comm, graph, edges);
  ShortestPaths program(graph, source, edges);
  exec::SuperstepRunner runner(comm, graph, program, run);
  ShortestPathsResult result;
  result.supersteps = runner.run().supersteps;
  result.distances.assign(runner.values().begin(), runner.values().begin() + graph.num_owned());
  return result;
}

}  // namespace rove::algorithms
