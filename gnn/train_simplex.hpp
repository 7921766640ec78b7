// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/batch_training.hpp"
#include "gnn/training.hpp"

namespace rove::gnn {

/// Defaults are those of SimpleX's authors on Gowalla where they are one number.
struct SimpleXOptions : BatchOptions {
  SimpleXOptions() {
    sampler = SamplerKind::kEdgeUniform;
    loss.kind = LossKind::kCosineContrastive;
    loss.negative_weight = 250;
  }
  double own_share = 0.8;  ///< weight of a user's own row against the mean of its items' rows; 1: matrix factorisation
};

/// **Collective.** SimpleX (Mao et al., CIKM 2021, arXiv 2109.12613) with average pooling of the user's behaviour:
///   h_u = g x_u + (1 - g) mean_{i of u} x_i V,     h_i = x_i
/// under the cosine contrastive loss over negatives that a batch shares, scored by cosine: the embeddings have length
/// one. V is dense, dim × dim. Each interaction counts in the mean, the one being predicted included; there is no
/// dropout. Users without items are g x_u. Throws as `train_lightgcn`. Cost per step: one pull of the batch's users and
/// one back to all items, beside the loss.
[[nodiscard]] TrainResult train_simplex(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                        EdgeTypeId type, const SimpleXOptions& options, const TrainHooks& hooks);

/// The model alone. The options must outlive it.
[[nodiscard]] std::unique_ptr<BatchModel> make_simplex(const BatchContext& context, const SimpleXOptions& options);

/// What training holds on one rank.
[[nodiscard]] MemoryPlan plan_simplex(const ModelShare& share, const SimpleXOptions& options);

}  // namespace rove::gnn
