// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_lightgcn.hpp"

#include "gnn/propagated_model.hpp"

namespace rove::gnn {
namespace {

class LightGcn final : public PropagatedModel {
 public:
  LightGcn(const BatchContext& context, const TrainOptions& options)
      : PropagatedModel(context, options, layer_mean(options.layers), options.row_exponent, options.column_exponent) {}

  BatchGradients losses(const BatchStep& step) override {
    run_loss(step);
    return to_gradients(step);
  }
};

TrainOptions without_layers(TrainOptions options) {
  options.layers = 0;
  return options;
}

}  // namespace

std::unique_ptr<BatchModel> make_lightgcn(const BatchContext& context, const TrainOptions& options) {
  return std::make_unique<LightGcn>(context, options);
}

TrainResult train_lightgcn(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                           const TrainOptions& options, const TrainHooks& hooks) {
  return train_on_batches(comm, graph, type, options, hooks,
                          [&](const BatchContext& context) { return make_lightgcn(context, options); });
}

TrainResult train_mf(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                     const TrainOptions& options, const TrainHooks& hooks) {
  return train_lightgcn(comm, graph, type, without_layers(options), hooks);
}

MemoryPlan plan_lightgcn(const ModelShare& share, const TrainOptions& options) {
  const PlannedRows rows = planned_rows(share, options);
  MemoryPlan plan = plan_batches(share, options);
  if (options.layers > 0) LinearPropagation::plan(plan, rows.owned + rows.ghosts, rows.row_bytes, options.storage);
  plan.hold("scales, flags and rows", rows.owned * 56 + rows.ghosts * 2);
  return plan;
}

StepShape lightgcn_step(const TrainOptions& options) {
  return {2 * options.layers, options.layers == 0 ? 0U : 1U, 1, 1, options.storage};
}
StepShape mf_step(const TrainOptions& options) {
  return lightgcn_step(without_layers(options));
}

MemoryPlan plan_mf(const ModelShare& share, const TrainOptions& options) {
  return plan_lightgcn(share, without_layers(options));
}

}  // namespace rove::gnn
