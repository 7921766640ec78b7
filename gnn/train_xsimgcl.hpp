// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/batch_training.hpp"
#include "gnn/training.hpp"
#include "gnn/training_layout.hpp"

namespace rove::gnn {

/// Models that contrast views of the propagated rows. Defaults are those of XSimGCL's authors on Yelp2018.
struct ContrastOptions : BatchOptions {
  ContrastOptions() { sampler = SamplerKind::kEdgeUniform; }
  std::uint32_t layers = 3;
  double contrast = 0.2;      ///< weight of each InfoNCE term
  double temperature = 0.15;  ///< divides the cosines
  double noise = 0.2;         ///< length of the row added to each layer's state
  std::uint32_t contrast_layer = 1;
};

/// **Collective.** XSimGCL (Yu et al., TKDE 2023, arXiv 2209.02544): one pass with noise in every layer per step, H the
/// mean of layers 1 ... L; BPR on H, and InfoNCE between H and layer `contrast_layer` among the batch's distinct users
/// and among its distinct positives. Scored by H without noise. Rows without interactions are zero. The L2 term is
/// LightGCN's, on layer-0 rows. Noise is drawn by vertex key, layer and step: the result depends on the graph, the
/// options and the seed alone. Throws as `train_lightgcn`, and `ConfigError` when an option is out of range. Cost per
/// step: LightGCN's propagation, and 16 s² d multiply-adds for s ≤ batch size distinct rows.
[[nodiscard]] TrainResult train_xsimgcl(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                        EdgeTypeId type, const ContrastOptions& options, const TrainHooks& hooks);

/// The model alone. The options must outlive it.
[[nodiscard]] std::unique_ptr<BatchModel> make_xsimgcl(const BatchContext& context, const ContrastOptions& options);

/// What training holds on one rank.
[[nodiscard]] MemoryPlan plan_xsimgcl(const ModelShare& share, const ContrastOptions& options);
[[nodiscard]] StepShape xsimgcl_step(const ContrastOptions& options);

/// Throws `ConfigError` when an option that every contrastive model reads is out of range.
void require_valid(const ContrastOptions& options);
/// The same of what models with noise read.
void require_valid_noise(const ContrastOptions& options);

}  // namespace rove::gnn
