// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/training.hpp"

namespace rove::gnn {

/// An epoch solves both sides once.
struct IalsOptions : LoopOptions {
  double alpha = 20;               ///< an interaction has confidence 1 + alpha, what is not one has confidence 1
  double regularisation = 0.01;    ///< λ of λ (Σ ‖x_u‖² + Σ ‖y_i‖²)
  std::uint32_t solver_steps = 3;  ///< conjugate gradient steps per row and epoch, from where the row is
  double initial_deviation = 0.01;
};

/// **Collective.** Implicit alternating least squares (Hu, Koren and Volinsky, ICDM 2008) on the graph of one edge type
/// from users to items: minimises Σ c_ui (p_ui - <x_u, y_i>)² over all pairs plus the regulariser, where an interaction
/// that occurs n times has p = 1 and c = 1 + alpha n, other pairs p = 0 and c = 1. Edge weights are not read. Rows are
/// solved by conjugate gradients (Takács, Pilászy and Tikk, RecSys 2011); rows without interactions are zero. A row's
/// sums run over its slots in order by its owner, and Gram matrices are exact sums, so the result depends on the graph,
/// the options and the seed alone: not on ranks, threads, partition or instruction set, nor on being interrupted and
/// resumed. `loss` of an epoch is the objective after it per interaction. Throws `Interrupted` after the checkpoint
/// when any rank was asked to stop, `ConfigError` when an option is out of range or a factor stops being finite.
/// Cost per epoch: (solver steps + 1) passes over all slots; one halo exchange per side.
[[nodiscard]] TrainResult train_ials(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                     EdgeTypeId type, const IalsOptions& options, const TrainHooks& hooks);

/// What training holds on one rank.
[[nodiscard]] MemoryPlan plan_ials(const ModelShare& share, const IalsOptions& options);

}  // namespace rove::gnn
