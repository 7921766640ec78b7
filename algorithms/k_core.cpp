// SPDX-License-Identifier: Apache-2.0
#include "algorithms/k_core.hpp"

#include <algorithm>

#include "engine/base/checked_cast.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

class KCore : public exec::ProgramDefaults {
 public:
  using Value = std::uint32_t;

  KCore(const graph::DistributedGraph& graph, const std::vector<EdgeTypeId>& edges)
      : edges_(edges), view_(graph, this->edges()) {}

  [[nodiscard]] exec::EdgeSelection edges() const { return {exec::Direction::kBoth, edges_}; }

  std::uint32_t initial(LocalVertexId vertex, exec::Aggregates&) {
    const exec::VertexRow place = view_.row_of(vertex);
    std::uint64_t degree = 0;
    for (const exec::Lane& lane : view_.lanes_of(place.type)) {
      const auto neighbors = lane.csr->neighbors(place.row);
      degree += neighbors.size() - static_cast<std::uint64_t>(std::count(neighbors.begin(), neighbors.end(), vertex));
    }
    return checked_cast<std::uint32_t>(degree, "degree");
  }

  /// `at_least[e]` counts the neighbours whose estimate is e (larger ones count as `own`); summed from above it meets
  /// the h-index.
  std::uint32_t compute(LocalVertexId vertex, const std::uint32_t& own,
                        const exec::Neighborhood<std::uint32_t>& neighbors, exec::Aggregates&) {
    if (own == 0) return 0;
    std::vector<std::uint32_t>& at_least = scratch_.local();
    at_least.assign(std::size_t{own} + 1, 0);
    neighbors.for_each([&](std::uint32_t estimate, const exec::NeighborRef& neighbor) {
      if (neighbor.vertex != vertex) ++at_least[std::min(estimate, own)];
    });
    std::uint32_t h = own;
    for (std::uint64_t count = at_least[h]; count < h; count += at_least[h]) --h;
    return h;
  }

 private:
  const std::vector<EdgeTypeId>& edges_;
  exec::AdjacencyView view_;
  parallel::PerThread<std::vector<std::uint32_t>> scratch_;
};

}  // namespace

KCoreResult k_core(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                   const std::vector<EdgeTypeId>& edges, const exec::RunOptions& run) {
  KCore program(graph, edges);
  exec::SuperstepRunner runner(comm, graph, program, run);
  KCoreResult result;
  result.supersteps = runner.run().supersteps;
  result.core_numbers.assign(runner.values().begin(), runner.values().begin() + graph.num_owned());
  for (const std::uint32_t core : result.core_numbers) result.degeneracy = std::max(result.degeneracy, core);
  result.degeneracy = comm.all_reduce(result.degeneracy, comm::ReduceOp::kMax);
  return result;
}

}  // namespace rove::algorithms
