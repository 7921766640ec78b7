// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/batch_training.hpp"
#include "gnn/training.hpp"

namespace rove::gnn {

/// Defaults of the authors' released code; `decay` is not read.
struct LightGclOptions : BatchOptions {
  LightGclOptions() {
    batch_size = 4096;
    sampler = SamplerKind::kEdgeUniform;
  }
  std::uint32_t layers = 2;
  std::uint32_t rank = 5;        ///< singular triplets of the contrasted view
  double contrast = 0.2;         ///< λ1, weight of the contrast of both sides
  double temperature = 0.2;      ///< divides the inner products
  double regularisation = 1e-7;  ///< λ2 of λ2 ‖θ‖² over all parameters, every step
};

/// **Collective.** LightGCL (Cai et al., ICLR 2023, arXiv 2302.08191) as the authors' released code has it, without
/// edge dropout: E = Σ of LightGCN's layers 0 ... L, and a view G = X + U S Vᵀ (layers 0 ... L-1) through the largest
/// singular triplets of the normalised interactions; BPR on E, and the batch's users and items (positives and
/// negatives, as often as they stand in it) in G contrasted with all rows of E by `TableContrast`. Scored by E. Differs
/// in the triplets, which are found by `truncated_svd` with 8 more columns and 4 iterations, where the authors take 5
/// columns and 2. The result depends on the graph, the options and the seed alone. Throws as `train_lightgcn`, and
/// `ConfigError` when an option is out of range. Cost per step: LightGCN's propagation, and 4 (batch rows) · (all rows)
/// · d multiply-adds, which is most of it.
[[nodiscard]] TrainResult train_lightgcl(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                         EdgeTypeId type, const LightGclOptions& options, const TrainHooks& hooks);

/// **Collective.** The model alone. The options must outlive it.
[[nodiscard]] std::unique_ptr<BatchModel> make_lightgcl(const BatchContext& context, const LightGclOptions& options);

/// What training holds on one rank.
[[nodiscard]] MemoryPlan plan_lightgcl(const ModelShare& share, const LightGclOptions& options);

}  // namespace rove::gnn
