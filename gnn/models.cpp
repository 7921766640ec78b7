// SPDX-License-Identifier: Apache-2.0
#include "gnn/models.hpp"

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::gnn {
namespace models {
namespace {

/// Matrix factorisation is LightGCN without layers.
TrainOptions without_layers(TrainOptions options) {
  options.layers = 0;
  return options;
}

MemoryPlan plan_bpr(const ModelShare& share, const TrainOptions& options) {
  return gnn::plan_lightgcn(share.owned_rows, share.ghost_rows, share.owned_interactions, options);
}

}  // namespace

TrainResult train_lightgcn(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                           const ModelOptions& options, const TrainHooks& hooks) {
  return gnn::train_lightgcn(comm, graph, type, options.bpr, hooks);
}

TrainResult train_mf(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                     const ModelOptions& options, const TrainHooks& hooks) {
  return gnn::train_lightgcn(comm, graph, type, without_layers(options.bpr), hooks);
}

TrainResult train_ials(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                       const ModelOptions& options, const TrainHooks& hooks) {
  return gnn::train_ials(comm, graph, type, options.ials, hooks);
}

MemoryPlan plan_lightgcn(const ModelShare& share, const ModelOptions& options) {
  return plan_bpr(share, options.bpr);
}

MemoryPlan plan_mf(const ModelShare& share, const ModelOptions& options) {
  return plan_bpr(share, without_layers(options.bpr));
}

MemoryPlan plan_ials(const ModelShare& share, const ModelOptions& options) {
  return gnn::plan_ials(share.owned_rows, share.ghost_rows, share.threads, options.ials);
}

}  // namespace models

const Model& find_model(std::string_view name) {
  const auto* const found = std::ranges::find(kModels, name, &Model::name);
  if (found == kModels.end()) {
    throw ConfigError(fmt::format("there is no model '{}', expected one of {}", name, kModelChoices));
  }
  return *found;
}

}  // namespace rove::gnn
