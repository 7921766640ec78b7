// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "algorithms/sampling/balanced_edges.hpp"
#include "algorithms/sampling/ladies_sampler.hpp"
#include "algorithms/sampling/negative_sampler.hpp"
#include "algorithms/sampling/neighbor_sampler.hpp"
#include "algorithms/sampling/shadow_sampler.hpp"
#include "algorithms/walks/pinsage.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

enum class SampleMethod : std::uint8_t { kNeighbor, kLadies, kShadow, kPinsage };

/// The section `sample` of a configuration, for the session's graph.
struct SampleOptions {
  SampleMethod method = SampleMethod::kNeighbor;
  std::vector<algorithms::SampledLink> links;  ///< none with PinSAGE, which walks a path
  algorithms::FanoutOptions fanout;
  algorithms::LadiesOptions ladies;
  algorithms::ShadowOptions shadow;
  algorithms::PinsageOptions pinsage;
  std::uint64_t pinsage_layers = 0;
  std::string pinsage_path;  ///< its links by name: "item,rev_rates,user; user,rates,item"
  /// Batches of training edges: their relations, by `balanced.types`. Empty: batches of vertices.
  algorithms::BalancedEdgeOptions balanced;
  VertexTypeId seeds;                     ///< batches of vertices: their type
  std::optional<std::int64_t> seed_time;  ///< temporal batches of vertices
  std::uint32_t negatives = 0;            ///< per training edge
  algorithms::NegativeDistribution negative_distribution = algorithms::NegativeDistribution::kUniform;
  std::uint64_t batch_size = 1024;
  std::uint64_t epochs = 1;
  std::uint64_t max_batches = 0;  ///< per epoch; 0: all
  bool shuffle = true;

  [[nodiscard]] bool has_edge_seeds() const { return !balanced.types.empty(); }
  /// Whether every seed has a subgraph of its own.
  [[nodiscard]] bool is_disjoint() const { return method == SampleMethod::kShadow || fanout.is_disjoint(); }
  /// Whether no rank can do with a part of the graph.
  [[nodiscard]] bool needs_whole_graph() const {
    return method == SampleMethod::kLadies || method == SampleMethod::kShadow || negatives > 0;
  }
  /// Links of the sampling graph: those followed, and with PinSAGE those that negatives must not be neighbours by.
  [[nodiscard]] std::vector<algorithms::SampledLink> graph_links() const;
  /// What the sampling graph has to hold.
  [[nodiscard]] algorithms::SamplingAttributes attributes() const;
};

/// Throws `ConfigError` naming the key.
[[nodiscard]] SampleOptions sample_options(const Session& session);

/// Adds what the training edges of an epoch take on a rank, where batches are of those.
void hold_training_edges(MemoryPlan& plan, const graph::Schema& schema, std::int32_t ranks,
                         const SampleOptions& options);

/// What a rank holds beside its batches when every rank has the whole graph.
[[nodiscard]] MemoryPlan plan_sampling_replicated(const graph::Schema& schema, std::int32_t ranks,
                                                  const SampleOptions& options);

/// Of the memory of a rank, what batches in flight may take: one in so many.
inline constexpr std::uint64_t kSampleBatchShare = 8;

}  // namespace rove::jobs
