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

/// Defaults are those of the authors' PyTorch code (who run 1000 epochs); matrix factorisation is `layers` 0.
struct TrainOptions : BatchOptions {
  std::uint32_t layers = 3;
  double row_exponent = 0.5;     ///< a of D^-a A D^-b
  double column_exponent = 0.5;  ///< b
};

/// **Collective.** LightGCN (He et al., SIGIR 2020, arXiv 2002.02126) on the bipartite training graph of one edge type:
/// layer mean, BPR, L2 on the batch's layer-0 rows, dense Adam. The result depends on the graph, the options and the
/// seed alone: not on ranks, threads, partition or instruction set, nor on being interrupted and resumed. Throws
/// `Interrupted` after the checkpoint when any rank was asked to stop, `ConfigError` naming epoch, step and row when a
/// score is not finite.
[[nodiscard]] TrainResult train_lightgcn(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                         EdgeTypeId type, const TrainOptions& options, const TrainHooks& hooks);

/// **Collective.** Matrix factorisation: the same without layers.
[[nodiscard]] TrainResult train_mf(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                   EdgeTypeId type, const TrainOptions& options, const TrainHooks& hooks);

/// The model alone. The options must outlive it.
[[nodiscard]] std::unique_ptr<BatchModel> make_lightgcn(const BatchContext& context, const TrainOptions& options);

/// What training holds on one rank.
[[nodiscard]] MemoryPlan plan_lightgcn(const ModelShare& share, const TrainOptions& options);
[[nodiscard]] MemoryPlan plan_mf(const ModelShare& share, const TrainOptions& options);
[[nodiscard]] StepShape lightgcn_step(const TrainOptions& options);
[[nodiscard]] StepShape mf_step(const TrainOptions& options);

}  // namespace rove::gnn
