// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_lightgcn.hpp"

#include <vector>

#include "engine/exec/propagation.hpp"
#include "gnn/batch_loss.hpp"
#include "gnn/batch_rows.hpp"
#include "gnn/linear_propagation.hpp"

namespace rove::gnn {
namespace {

class LightGcn final : public BatchModel {
 public:
  LightGcn(const BatchContext& context, const TrainOptions& options)
      : operator_(context.propagated().graph,
                  {{context.propagated().edge_type}, options.row_exponent, options.column_exponent}),
        propagation_(operator_, context.interactions.user_type(), context.interactions.item_type(),
                     std::vector<float>(options.layers + 1U, static_cast<float>(1.0 / (options.layers + 1.0))),
                     context.propagated().width, options.storage),
        loss_(make_loss(context, options)),
        rows_(context),
        gradients_(context) {}

  void refresh(const EmbeddingTable& table) override { propagation_.refresh(table); }

  BatchGradients losses(const BatchStep& step) override {
    rows_.grow(step, true);
    gradients_.grow(step);
    propagation_.forward(step.table, step.active(), rows_.propagated());
    rows_.to_losses(step);
    loss_->run(step, rows_.whole(), gradients_.whole());
    gradients_.to_propagation(step);
    return {propagation_.batch_index(), gradients_.propagated(), propagation_.first_weight(), propagation_.scaled()};
  }

  void backward(const GradientConsumer& consume) override { propagation_.backward(gradients_.propagated(), consume); }

  void embed(const EmbeddingTable& table, EmbeddingTable& result) override { propagation_.forward_all(table, result); }

  [[nodiscard]] std::uint64_t slots_per_step() const override {
    return 2 * std::uint64_t{propagation_.num_layers()} * operator_.num_slots();
  }
  [[nodiscard]] bool knows_columns() const override { return true; }
  [[nodiscard]] bool knows_storage() const override { return true; }

 private:
  exec::Propagation operator_;
  LinearPropagation propagation_;
  std::unique_ptr<BatchLoss> loss_;
  BatchRows rows_;
  BatchRows gradients_;
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
