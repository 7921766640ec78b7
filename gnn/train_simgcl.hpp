// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/train_xsimgcl.hpp"
#include "gnn/training.hpp"
#include "gnn/training_layout.hpp"

namespace rove::gnn {

/// Defaults of SimGCL's authors on Yelp2018; `contrast_layer` is not read.
struct SimGclOptions : ContrastOptions {
  SimGclOptions() {
    contrast = 0.5;
    temperature = 0.2;
    noise = 0.1;
  }
};

/// **Collective.** SimGCL (Yu et al., SIGIR 2022, arXiv 2112.08679): BPR on a clean pass, InfoNCE between two passes
/// with noise of their own; all three the mean of layers 1 ... L. The adjoints of the three passes are one. Otherwise
/// `train_xsimgcl`, with twice its pulls forward.
[[nodiscard]] TrainResult train_simgcl(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                       EdgeTypeId type, const SimGclOptions& options, const TrainHooks& hooks);

/// The model alone. The options must outlive it.
[[nodiscard]] std::unique_ptr<BatchModel> make_simgcl(const BatchContext& context, const SimGclOptions& options);

/// What training holds on one rank.
[[nodiscard]] MemoryPlan plan_simgcl(const ModelShare& share, const SimGclOptions& options);
[[nodiscard]] StepShape simgcl_step(const SimGclOptions& options);

}  // namespace rove::gnn
