// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/training.hpp"
#include "gnn/triple_sampler.hpp"

namespace rove::gnn {

/// Defaults are those of the authors' PyTorch code; matrix factorisation is `layers` 0.
struct TrainOptions {
  std::uint64_t seed = 42;
  std::uint32_t dim = 64;
  std::uint32_t layers = 3;
  std::uint64_t epochs = 1000;
  std::uint64_t batch_size = 2048;
  double learning_rate = 1e-3;
  double decay = 1e-4;  ///< λ of λ/(2B) Σ ‖x⁰‖² over the rows of a batch
  double initial_deviation = 0.1;
  double row_exponent = 0.5;     ///< a of D^-a A D^-b
  double column_exponent = 0.5;  ///< b
  SamplerKind sampler = SamplerKind::kUserStratified;
  std::uint64_t evaluate_every = 0;    ///< epochs; 0: never
  std::uint64_t checkpoint_every = 0;  ///< epochs; 0: only when asked to stop
};

/// **Collective.** LightGCN (He et al., SIGIR 2020, arXiv 2002.02126) on the bipartite training graph of one edge type:
/// layer mean, BPR, L2 on the batch's layer-0 rows, dense Adam. The result depends on the graph, the options and the
/// seed alone: not on ranks, threads, partition or instruction set, nor on being interrupted and resumed. Throws
/// `Interrupted` after the checkpoint when any rank was asked to stop, `ConfigError` naming epoch, step and row when a
/// score is not finite.
[[nodiscard]] TrainResult train_lightgcn(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                         EdgeTypeId type, const TrainOptions& options, const TrainHooks& hooks);

/// What training holds on one rank with this many owned rows, ghosts and users' interactions.
[[nodiscard]] MemoryPlan plan_lightgcn(std::uint64_t owned_rows, std::uint64_t ghost_rows,
                                       std::uint64_t owned_interactions, const TrainOptions& options);

}  // namespace rove::gnn
