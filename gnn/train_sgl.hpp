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

/// Defaults of SGL's authors on Yelp2018; `noise` and `contrast_layer` are not read.
struct SglOptions : ContrastOptions {
  SglOptions() {
    contrast = 0.1;
    temperature = 0.2;
  }
  double drop = 0.1;  ///< chance that an edge is missing in a view
};

/// **Collective.** SGL-ED (Wu et al., SIGIR 2021, arXiv 2010.10783): BPR on LightGCN's representations, InfoNCE between
/// those of two views of the graph, drawn anew every epoch, that lack an edge with probability `drop` and are
/// normalised by their own degrees. An edge is kept by its two vertex keys, the epoch and the view, so edges between
/// the same two vertices are kept together. Contrasted among a batch's distinct users and among its distinct positives,
/// as XSimGCL's authors do, not with the whole table. Otherwise `train_xsimgcl`, with three times its pulls.
[[nodiscard]] TrainResult train_sgl(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                    EdgeTypeId type, const SglOptions& options, const TrainHooks& hooks);

/// The model alone. The options must outlive it.
[[nodiscard]] std::unique_ptr<BatchModel> make_sgl(const BatchContext& context, const SglOptions& options);

/// What training holds on one rank.
[[nodiscard]] MemoryPlan plan_sgl(const ModelShare& share, const SglOptions& options);
[[nodiscard]] StepShape sgl_step(const SglOptions& options);

}  // namespace rove::gnn
