// SPDX-License-Identifier: Apache-2.0
#include "algorithms/pagerank.hpp"

#include <cmath>

#include <fmt/format.h>

#include "algorithms/detail/weights.hpp"
#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

/// Publishes rank / strength: what a vertex hands on per unit of edge weight.
class PageRank : public exec::ProgramDefaults {
 public:
  using Value = double;
  static constexpr bool kAlwaysActive = true;

  PageRank(const graph::DistributedGraph& graph, const PageRankOptions& options)
      : graph_(graph),
        options_(options),
        num_vertices_(static_cast<double>(graph.schema().num_vertices())),
        strengths_(graph.num_owned()),
        ranks_(graph.num_owned(), 1.0 / num_vertices_) {
    const exec::AdjacencyView out_edges(graph, {exec::Direction::kOut, options.edges});
    parallel::for_each({0, strengths_.size()}, kGrain, [&](std::uint64_t v) {
      const LocalVertexId vertex{static_cast<std::uint32_t>(v)};
      strengths_[v] =
          options.weighted ? out_edges.strength_of(vertex) : static_cast<double>(out_edges.degree_of(vertex));
    });
  }

  [[nodiscard]] exec::EdgeSelection edges() const { return {exec::Direction::kIn, options_.edges}; }
  [[nodiscard]] exec::AggregateShape aggregates() const { return {.sums = kNumSums}; }

  double initial(LocalVertexId vertex, exec::Aggregates& aggregates) { return publish(vertex, aggregates); }

  bool begin_superstep(std::uint64_t superstep, const exec::Aggregates& previous) {
    residual_ = previous.sum(kResidual);
    base_ = (1.0 - options_.damping + options_.damping * previous.sum(kDangling)) / num_vertices_;
    return superstep < options_.max_supersteps && (superstep == 0 || residual_ > options_.tolerance);
  }

  double compute(LocalVertexId vertex, const double& /*own*/, const exec::Neighborhood<double>& neighbors,
                 exec::Aggregates& aggregates) {
    const double pulled =
        options_.weighted
            ? neighbors.sum([](double value, float weight) { return value * static_cast<double>(weight); })
            : neighbors.sum([](double value, float) { return value; });
    const double rank = base_ + options_.damping * pulled;
    aggregates.add_to_sum(kResidual, std::abs(rank - ranks_[vertex.index()]));
    ranks_[vertex.index()] = rank;
    return publish(vertex, aggregates);
  }

  void register_state(exec::CheckpointRegistry& registry, const std::string& prefix) {
    registry.add_vertex_rows<double>(prefix + "/ranks", graph_, ranks_);
  }

  [[nodiscard]] std::vector<double> take_ranks() { return std::move(ranks_); }
  [[nodiscard]] double residual() const { return residual_; }

 private:
  enum Sum : std::size_t { kDangling, kResidual, kNumSums };

  double publish(LocalVertexId vertex, exec::Aggregates& aggregates) const {
    const double rank = ranks_[vertex.index()];
    const double strength = strengths_[vertex.index()];
    if (strength > 0.0) return rank / strength;
    aggregates.add_to_sum(kDangling, rank);
    return 0.0;
  }

  static constexpr std::uint64_t kGrain = 1024;

  const graph::DistributedGraph& graph_;
  const PageRankOptions& options_;
  double num_vertices_;
  std::vector<double> strengths_;  ///< out-degree, or the weights of the out-edges
  std::vector<double> ranks_;
  double base_ = 0.0;
  double residual_ = 0.0;
};

}  // namespace

PageRankResult pagerank(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                        const PageRankOptions& options, const exec::RunOptions& run) {
  if (!(options.damping >= 0.0 && options.damping < 1.0)) {
    throw ConfigError(fmt::format("damping is {}, expected at least 0 and below 1", options.damping));
  }
  if (options.weighted) detail::require_nonnegative_weights(comm, graph, options.edges);
  PageRank program(graph, options);
  exec::SuperstepRunner runner(comm, graph, program, run);
  const exec::RunResult result = runner.run();
  return {program.take_ranks(), result.supersteps, program.residual()};
}

}  // namespace rove::algorithms
