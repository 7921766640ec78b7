// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/batch_training.hpp"
#include "gnn/training.hpp"

namespace rove::gnn {

/// Defaults are those of DCCF's authors.
struct DccfOptions : BatchOptions {
  DccfOptions() { sampler = SamplerKind::kUserUniform; }
  std::uint32_t layers = 2;
  std::uint32_t intents = 128;  ///< prototypes of each side
  double contrast = 0.1;        ///< weight of each InfoNCE term
  double temperature = 1.0;     ///< divides the cosines
  double intent_decay = 5e-3;   ///< weight of the prototypes' squared length
};

/// **Collective.** DCCF (Ren et al., SIGIR 2023, arXiv 2305.02759). In each layer, with Â the symmetrically normalised
/// adjacency and W of the users' and the items' side,
///   Z = Â X,  O = softmax(X W) Wᵀ,  Y, V = X averaged over neighbours by likeness in Z and in O
///   (gnn/adaptive_mask.hpp) X⁺ = Z + O + Y + V + X
/// H is the sum of all states; BPR on H, InfoNCE between Z and each of O, Y, V of every layer among the batch's
/// distinct users and positives, and the prototypes' squared length. The L2 term is LightGCN's, on layer-0 rows: the
/// authors' weight w is `decay` 2 w · batch size. Throws as `train_lightgcn`. Cost per step and layer: LightGCN's
/// propagation, about 16 · slots · width multiply-adds for the masks and 12 · rows · width · intents for the
/// prototypes.
[[nodiscard]] TrainResult train_dccf(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                     EdgeTypeId type, const DccfOptions& options, const TrainHooks& hooks);

/// The model alone. The options must outlive it.
[[nodiscard]] std::unique_ptr<BatchModel> make_dccf(const BatchContext& context, const DccfOptions& options);

/// What training holds on one rank.
[[nodiscard]] MemoryPlan plan_dccf(const ModelShare& share, const DccfOptions& options);

}  // namespace rove::gnn
