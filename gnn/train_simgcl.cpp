// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_simgcl.hpp"

#include <array>
#include <functional>
#include <vector>

#include "engine/exec/propagation.hpp"
#include "gnn/batch_contrast.hpp"
#include "gnn/batch_loss.hpp"
#include "gnn/batch_rows.hpp"
#include "gnn/linear_propagation.hpp"

namespace rove::gnn {
namespace {

class SimGcl final : public BatchModel {
 public:
  SimGcl(const BatchContext& context, const SimGclOptions& options)
      : context_(context),
        options_(options),
        operator_(context.propagated().graph, {{context.propagated().edge_type}, 0.5, 0.5}),
        propagation_(operator_, context.interactions.user_type(), context.interactions.item_type(),
                     mean_without_first(options.layers), context.propagated().width, options.storage),
        loss_(make_loss(context_, options)),
        contrast_(context.width),
        rows_(context_),
        views_{BatchRows(context_), BatchRows(context_)},
        gradients_(context_) {}

  void refresh(const EmbeddingTable& table) override { propagation_.refresh(table); }

  BatchGradients losses(const BatchStep& step) override {
    rows_.grow(step, true);
    gradients_.grow(step);
    const RandomStream random(options_.seed, Purpose::kNoise, step.epoch << 32U | step.step);
    for (std::uint32_t view = 0; view < 2; ++view) {
      views_[view].grow(step);
      const LayerNoise noise{&random, view, options_.dim, context_.propagated().first_column,
                             static_cast<float>(options_.noise)};
      propagation_.forward(step.table, step.active(), views_[view].propagated(), &noise);
      views_[view].to_losses(step);
    }
    propagation_.forward(step.table, step.active(), rows_.propagated());
    rows_.to_losses(step);
    loss_->run(step, rows_.whole(), gradients_.whole());
    // The same weights lead from the layers to all three results: their gradients add up.
    const BatchSides sides = sides_of(step.batch, context_.interactions);
    for (const auto& places : {std::cref(sides.users), std::cref(sides.positives)}) {
      contrast_.info_nce(context_.comm, context_.graph, step.batch, places.get(), views_[0].whole().data(),
                         views_[1].whole().data(), options_.temperature, options_.contrast, gradients_.whole().data(),
                         gradients_.whole().data(), step.extra_loss);
    }
    gradients_.to_propagation(step);
    return {propagation_.batch_index(), gradients_.propagated(), propagation_.first_weight(), propagation_.scaled()};
  }

  void backward(const GradientConsumer& consume) override { propagation_.backward(gradients_.propagated(), consume); }

  void embed(const EmbeddingTable& table, EmbeddingTable& result) override { propagation_.forward_all(table, result); }

  [[nodiscard]] std::uint64_t slots_per_step() const override {
    return 4 * std::uint64_t{options_.layers} * operator_.num_slots();
  }
  [[nodiscard]] bool knows_columns() const override { return true; }
  [[nodiscard]] bool knows_storage() const override { return true; }

 private:
  const BatchContext context_;
  const SimGclOptions& options_;
  exec::Propagation operator_;
  LinearPropagation propagation_;
  std::unique_ptr<BatchLoss> loss_;
  BatchContrast contrast_;
  BatchRows rows_;
  std::array<BatchRows, 2> views_;
  BatchRows gradients_;
};

}  // namespace

std::unique_ptr<BatchModel> make_simgcl(const BatchContext& context, const SimGclOptions& options) {
  return std::make_unique<SimGcl>(context, options);
}

TrainResult train_simgcl(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                         const SimGclOptions& options, const TrainHooks& hooks) {
  require_valid(options);
  return train_on_batches(comm, graph, type, options, hooks,
                          [&](const BatchContext& context) { return make_simgcl(context, options); });
}

StepShape simgcl_step(const SimGclOptions& options) {
  return {4 * options.layers, 1, 3, 1, options.storage};
}

MemoryPlan plan_simgcl(const ModelShare& share, const SimGclOptions& options) {
  return plan_xsimgcl(share, options);
}

}  // namespace rove::gnn
