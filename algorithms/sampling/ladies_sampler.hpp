// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "algorithms/sampling/neighbor_sampler.hpp"
#include "algorithms/sampling/sampling_graph.hpp"

namespace rove::algorithms {

struct LadiesOptions {
  /// By layer, from the seeds outwards: vertices sampled of each type that neighbours the layer.
  std::vector<std::uint64_t> layer_sizes;
  std::uint64_t seed = 42;
  /// Rows are normalised by the edges' weights, where they have them, instead of by degree.
  bool weighted = false;

  /// What the `SamplingGraph` has to hold.
  [[nodiscard]] SamplingAttributes attributes() const { return {weighted, false, false, true}; }
};

/// Layer-dependent importance sampling (LADIES; Zou et al., NeurIPS 2019), on typed graphs link by link.
///
/// With A the row-normalised adjacency of a link and S the vertices of a layer, a vertex v of a neighbouring type is a
/// candidate of the next layer with probability p(v) proportional to the sum over links and over u in S of A(u, v)^2;
/// `layer_sizes` of them are drawn one after another without putting back (fewer where there are fewer). The next layer
/// is the drawn vertices and the seeds. Its edges are all those from S to it, with the weight A(u, v) / p(v),
/// normalised to sum 1 over each u and link: a mean over the sampled neighbours that corrects for p.
///
/// The result has layers for hops: a layer's edges are `hop_offsets` of the edges; a vertex has one local number
/// however many layers it is in. What is drawn is a function of (seed, epoch, layer, keys of the candidates, p), thus
/// of the seeds, graph and options. Immutable and thread-safe; refers to the graph. Cost: all edges of each layer's
/// vertices, twice.
class LadiesSampler {
 public:
  class Workspace {
   public:
    Workspace();
    Workspace(Workspace&&) noexcept;
    Workspace& operator=(Workspace&&) noexcept;
    ~Workspace();

   private:
    friend class LadiesSampler;
    struct State;
    std::unique_ptr<State> state_;
  };

  /// Throws `ConfigError` for a layer of 0 vertices and `InternalError` when the graph lacks `options.attributes()`.
  LadiesSampler(const SamplingGraph& graph, LadiesOptions options);

  /// As `NeighborSampler::sample`; edges carry weights.
  void sample(std::span<const SeedRows> seeds, std::uint64_t epoch, Workspace& workspace,
              SampledSubgraph& result) const;

 private:
  const SamplingGraph* graph_;
  LadiesOptions options_;
};

}  // namespace rove::algorithms
