// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "algorithms/sampling/sampling_graph.hpp"
#include "engine/base/ids.hpp"

namespace rove::algorithms {

/// Which edges a seed may see by their times (semantics of pyg-lib): those not later than the seed. Edge types without
/// times are always seen.
enum class TemporalRule : std::uint8_t {
  kNone,
  kUniform,  ///< among all edges not later than the seed
  kLast,     ///< the latest ones; with replacement: among as many latest ones as are drawn
};

/// Which neighbours to draw, hop by hop (GraphSAGE, NIPS 2017; semantics of PyG's `NeighborLoader`).
struct FanoutOptions {
  static constexpr std::int64_t kAll = -1;

  /// fanouts[hop][link], links as in the `SamplingGraph`: neighbours drawn per anchor, 0 for none, `kAll` for all.
  std::vector<std::vector<std::int64_t>> fanouts;
  /// Independent draws. Without: distinct slots (parallel edges are several), all of them where there are no more than
  /// the fan-out.
  bool replace = false;
  std::uint64_t seed = 42;
  /// In proportion to the edges' weights, where the edge type has them; edges of weight 0 are never drawn. With
  /// replacement: multinomial; without: one after another without putting back (Efraimidis and Spirakis, 2006).
  bool weighted = false;
  TemporalRule temporal = TemporalRule::kNone;
  /// Every seed has a subgraph of its own, and draws of its own. Temporal subgraphs always are.
  bool disjoint = false;

  [[nodiscard]] bool is_disjoint() const { return disjoint || temporal != TemporalRule::kNone; }
  /// What the `SamplingGraph` has to hold.
  [[nodiscard]] SamplingAttributes attributes() const {
    return {weighted && !replace, weighted && replace, temporal != TemporalRule::kNone, false};
  }
};

/// Start vertices of one type: distinct rows, unless subgraphs are disjoint.
struct SeedRows {
  VertexTypeId type;
  std::span<const std::uint32_t> rows;
  std::span<const std::int64_t> times = {};  ///< by seed, for temporal sampling
};

/// Vertices of one type in the order they were met, seeds first. A vertex's position here is its local number.
struct SampledVertices {
  std::vector<std::uint32_t> rows;
  /// hops + 2: seeds are [0, hop_offsets[1]), vertices new at hop h (from 0) [hop_offsets[h + 1], hop_offsets[h + 2]).
  std::vector<std::uint64_t> hop_offsets;
  /// Disjoint subgraphs: the seed a vertex belongs to, counted over all seeds as they were given. Otherwise empty.
  std::vector<std::uint32_t> seeds;
};

/// Sampled edges of one link: by hop, by anchor in the order of its type's vertices, in the order drawn.
struct SampledEdges {
  std::vector<std::uint32_t> neighbors;  ///< local number of the neighbour ("row")
  std::vector<std::uint32_t> anchors;    ///< local number of the vertex that drew it ("col")
  std::vector<std::uint64_t> positions;  ///< the edge, by its position in the edge type's order by source; empty where
                                         ///< neighbours are no edges of the graph
  std::vector<std::uint64_t> hop_offsets;  ///< hops + 1
  std::vector<float> weights;              ///< samplers that weigh aggregation: by edge; otherwise empty
};

struct SampledSubgraph {
  std::vector<SampledVertices> vertices;  ///< by vertex type
  std::vector<SampledEdges> edges;        ///< by link
  [[nodiscard]] std::uint64_t num_edges() const;
};

/// Hetero fan-out sampler over a graph held whole. Hop h draws for the vertices that were new at hop h - 1 (seeds at
/// hop 0), link by link; then the next hop begins.
///
/// *Randomness.* What a vertex draws is a function of (seed, epoch, hop, link, key of the vertex) alone: the same
/// whatever the batch, the threads and the ranks. Two batches of an epoch that meet a vertex at the same hop therefore
/// draw the same neighbours for it. In disjoint subgraphs the seed's key (and time) count as well. Without replacement
/// by Floyd's algorithm (Bentley and Floyd, CACM 1987). A draw takes 32 random bits for degrees below 2^16, 64 above:
/// relative bias below 2^-16.
///
/// Immutable and thread-safe; refers to the graph, which must outlive it.
/// Cost per sampled edge: one random slot, one lookup in a table of the batch's vertices. Nothing is proportional to
/// the degrees (except for `kAll`, and for weights without replacement) or to the size of the graph.
class NeighborSampler {
 public:
  /// What one thread keeps between batches: relabelling tables and buffers. Grows to the largest batch seen.
  class Workspace {
   public:
    Workspace();
    Workspace(Workspace&&) noexcept;
    Workspace& operator=(Workspace&&) noexcept;
    ~Workspace();

   private:
    friend class NeighborSampler;
    struct State;
    std::unique_ptr<State> state_;
  };

  /// Throws `ConfigError` when the fan-outs do not fit the graph's links or are below -1, for `kAll` with replacement,
  /// which has no meaning, for weights together with times, which pyg-lib does not define either, and `InternalError`
  /// when the graph lacks `options.attributes()`.
  NeighborSampler(const SamplingGraph& graph, FanoutOptions options);

  /// Samples one batch into `result`, whose memory is reused. Throws `InternalError` when a seed is out of range, given
  /// twice (unless subgraphs are disjoint) or lacks its time, and `DoesNotFitError` for 2^31 vertices of a type or more
  /// in one batch.
  void sample(std::span<const SeedRows> seeds, std::uint64_t epoch, Workspace& workspace,
              SampledSubgraph& result) const;

  /// Cuts `rows` into batches of `batch_size` in order and samples them on all threads. `consume(batch, subgraph)` is
  /// called once per batch, on any thread, in any order, possibly at the same time; the subgraph is valid during the
  /// call.
  void sample_batches(const SeedRows& seeds, std::uint64_t batch_size, std::uint64_t epoch,
                      const std::function<void(std::uint64_t, const SampledSubgraph&)>& consume) const;

 private:
  /// Of all seeds in order; those of types that draw nothing do not matter.
  [[nodiscard]] std::vector<VertexKey> seed_keys(std::span<const SeedRows> seeds) const;

  const SamplingGraph* graph_;
  FanoutOptions options_;
};

/// Throws `ConfigError` for options without meaning over `num_links` links.
void check_fanouts(const FanoutOptions& options, std::size_t num_links);

}  // namespace rove::algorithms
