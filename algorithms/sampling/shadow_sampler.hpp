// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "algorithms/sampling/neighbor_sampler.hpp"
#include "algorithms/sampling/sampling_graph.hpp"

namespace rove::algorithms {

enum class ShadowScope : std::uint8_t {
  kHops,  ///< vertices within a fan-out of the seed
  kPpr,   ///< vertices of the highest approximate Personalized PageRank
};

struct ShadowOptions {
  ShadowScope scope = ShadowScope::kHops;
  /// kHops: how the scope grows. Uniform, without times.
  FanoutOptions fanout;
  /// kPpr: vertices kept per seed beside the seed itself.
  std::uint64_t scope_size = 100;
  /// kPpr: restart probability, in (0, 1).
  double restart = 0.15;
  /// kPpr: residual per slot below which a vertex is not pushed any more, above 0. The work of a seed is at most
  /// 1 / (restart * tolerance) slots; the scores lack what residual is left.
  double tolerance = 1e-4;
};

/// One bounded subgraph per seed, induced: all edges of the links between the vertices of its scope (ShaDow-GNN; Zeng
/// et al., NeurIPS 2021). Deeper networks than hops then run inside it.
///
/// Of each vertex type, the vertices lie seed by seed (`SampledVertices::seeds`); a seed is the first of its own type.
/// Scopes by hops list vertices in the order met, those by PPR in descending score, ties by type and row. Edges lie
/// seed by seed, by anchor, in slot order; there is one hop. The scope by PPR is found by forward push (Andersen, Chung
/// and Lang, FOCS 2006), first in, first out, from a vertex to its neighbours over all links in equal shares (by weight
/// where the graph holds weights): it draws nothing. Immutable and thread-safe; refers to the graph.
/// Cost: all slots of the vertices in the scope.
class ShadowSampler {
 public:
  class Workspace {
   public:
    Workspace();
    Workspace(Workspace&&) noexcept;
    Workspace& operator=(Workspace&&) noexcept;
    ~Workspace();

   private:
    friend class ShadowSampler;
    struct State;
    std::unique_ptr<State> state_;
  };

  /// Throws `ConfigError` for options out of range.
  ShadowSampler(const SamplingGraph& graph, ShadowOptions options);

  /// As `NeighborSampler::sample` with disjoint subgraphs: a seed may occur several times.
  void sample(std::span<const SeedRows> seeds, std::uint64_t epoch, Workspace& workspace,
              SampledSubgraph& result) const;

 private:
  const SamplingGraph* graph_;
  ShadowOptions options_;
  NeighborSampler neighbors_;
};

}  // namespace rove::algorithms
