// SPDX-License-Identifier: Apache-2.0
#include "algorithms/connected_components.hpp"

#include <algorithm>

namespace rove::algorithms {

namespace {

class Components : public exec::ProgramDefaults {
 public:
  using Value = StableVertexId;

  Components(const graph::DistributedGraph& graph, const std::vector<EdgeTypeId>& edges)
      : graph_(graph), edges_(edges) {}

  [[nodiscard]] exec::EdgeSelection edges() const { return {exec::Direction::kBoth, edges_}; }

  StableVertexId initial(LocalVertexId vertex, exec::Aggregates&) { return graph_.index_map().stable_of(vertex); }

  StableVertexId compute(LocalVertexId, const StableVertexId& own, const exec::Neighborhood<StableVertexId>& neighbors,
                         exec::Aggregates&) {
    StableVertexId smallest = own;
    neighbors.for_each([&](StableVertexId label, const exec::NeighborRef&) { smallest = std::min(smallest, label); });
    return smallest;
  }

 private:
  const graph::DistributedGraph& graph_;
  const std::vector<EdgeTypeId>& edges_;
};

}  // namespace

ComponentsResult connected_components(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                      const std::vector<EdgeTypeId>& edges, const exec::RunOptions& run) {
  Components program(graph, edges);
  exec::SuperstepRunner runner(comm, graph, program, run);
  ComponentsResult result;
  result.supersteps = runner.run().supersteps;
  result.labels.assign(runner.values().begin(), runner.values().begin() + graph.num_owned());
  std::uint64_t representatives = 0;
  for (std::uint32_t v = 0; v < graph.num_owned(); ++v) {
    if (result.labels[v] == graph.index_map().stable_of(LocalVertexId{v})) ++representatives;
  }
  result.num_components = comm.all_reduce(representatives, comm::ReduceOp::kSum);
  return result;
}

}  // namespace rove::algorithms
