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

/// Defaults are the authors' on Gowalla; `decay`, `negatives` and `loss` are not read.
struct UltraGcnOptions : BatchOptions {
  UltraGcnOptions() {
    batch_size = 512;
    learning_rate = 1e-4;
    initial_deviation = 1e-4;
    sampler = SamplerKind::kEdgeUniform;
  }
  std::uint32_t negatives_per_positive = 1500;
  double negative_weight = 300;       ///< of the mean over a positive's negatives
  double positive_base = 1e-6;        ///< w1 of w1 + w2 β_u β_i, the weight of a positive
  double positive_degree = 1;         ///< w2
  double negative_base = 1e-6;        ///< w3 of w3 + w4 β_u β_j, the weight of a negative
  double negative_degree = 1;         ///< w4
  std::uint32_t item_neighbors = 10;  ///< per item, in the item-item constraint; 0: none
  double item_weight = 5e-4;          ///< λ, of the item-item constraint
  double regularisation = 1e-4;       ///< γ of γ/2 ‖θ‖² over all parameters, every step
};

/// **Collective.** UltraGCN (Mao et al., CIKM 2021, arXiv 2110.15114): vectors of users and items without propagation,
/// whose scores are drawn to the limit of infinitely many layers by weights. Minimises, summed over a batch's
/// interactions (u, i) with items j drawn uniformly from all, those of the user among them,
///   w⁺ sp(-<u,i>) + (negative weight / negatives) Σ_j w⁻ sp(<u,j>) + λ Σ_{j in T(i)} ω_ij sp(-<u,j>)
/// and γ/2 ‖θ‖², where sp is softplus, β_u = √(d_u + 1) / d_u, β_i = 1 / √(d_i + 1), and T(i) are the strongest items
/// of `ItemConstraint`. As the authors' code has it. A negative is drawn by (user key, position in the epoch, number);
/// its chance differs from 1 / items by at most 2^-32. Rows without interactions decay by γ. `loss` of an epoch is the
/// mean of what a batch minimises. The result depends on the graph, the options and the seed alone. Throws as
/// `train_lightgcn`, and `ConfigError` when an option is out of range. Cost per interaction: (negatives + neighbours)
/// times a row read, twice.
[[nodiscard]] TrainResult train_ultragcn(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                         EdgeTypeId type, const UltraGcnOptions& options, const TrainHooks& hooks);

/// The model alone. The options must outlive it.
[[nodiscard]] std::unique_ptr<BatchModel> make_ultragcn(const BatchContext& context, const UltraGcnOptions& options);

/// What training holds on one rank.
[[nodiscard]] MemoryPlan plan_ultragcn(const ModelShare& share, const UltraGcnOptions& options);

}  // namespace rove::gnn
