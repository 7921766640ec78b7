// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_xsimgcl.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/exec/propagation.hpp"
#include "gnn/batch_contrast.hpp"
#include "gnn/batch_loss.hpp"
#include "gnn/batch_rows.hpp"
#include "gnn/linear_propagation.hpp"

namespace rove::gnn {
namespace {

class XSimGcl final : public BatchModel {
 public:
  XSimGcl(const BatchContext& context, const ContrastOptions& options)
      : context_(context),
        options_(options),
        operator_(context.propagated().graph, {{context.propagated().edge_type}, 0.5, 0.5}),
        propagation_(operator_, context.interactions.user_type(), context.interactions.item_type(),
                     mean_without_first(options.layers), context.propagated().width, options.storage),
        loss_(make_loss(context_, options)),
        contrast_(context.width),
        rows_(context_),
        tapped_(context_),
        gradients_(context_),
        tap_gradients_(context_) {}

  void refresh(const EmbeddingTable& table) override { propagation_.refresh(table); }

  BatchGradients losses(const BatchStep& step) override {
    rows_.grow(step, true);
    for (BatchRows* rows : {&tapped_, &gradients_, &tap_gradients_}) rows->grow(step);
    const RandomStream random(options_.seed, Purpose::kNoise, step.epoch << 32U | step.step);
    const LayerNoise noise{&random, 0, options_.dim, context_.propagated().first_column,
                           static_cast<float>(options_.noise)};
    propagation_.forward(step.table, step.active(), rows_.propagated(), &noise,
                         {options_.contrast_layer, tapped_.propagated()});
    rows_.to_losses(step);
    tapped_.to_losses(step);
    loss_->run(step, rows_.whole(), gradients_.whole());
    std::fill_n(tap_gradients_.whole().data(), step.batch.active.size() * context_.width, 0.0F);
    const BatchSides sides = sides_of(step.batch, context_.interactions);
    for (const auto& places : {std::cref(sides.users), std::cref(sides.positives)}) {
      contrast_.info_nce(context_.comm, context_.graph, step.batch, places.get(), rows_.whole().data(),
                         tapped_.whole().data(), options_.temperature, options_.contrast, gradients_.whole().data(),
                         tap_gradients_.whole().data(), step.extra_loss);
    }
    gradients_.to_propagation(step);
    tap_gradients_.to_propagation(step);
    return {propagation_.batch_index(), gradients_.propagated(), propagation_.first_weight(), propagation_.scaled()};
  }

  void backward(const GradientConsumer& consume) override {
    propagation_.backward(gradients_.propagated(), consume, {options_.contrast_layer, tap_gradients_.propagated()});
  }

  void embed(const EmbeddingTable& table, EmbeddingTable& result) override { propagation_.forward_all(table, result); }

  [[nodiscard]] std::uint64_t slots_per_step() const override {
    return 2 * std::uint64_t{options_.layers} * operator_.num_slots();
  }
  [[nodiscard]] bool knows_columns() const override { return true; }
  [[nodiscard]] bool knows_storage() const override { return true; }

 private:
  const BatchContext context_;
  const ContrastOptions& options_;
  exec::Propagation operator_;
  LinearPropagation propagation_;
  std::unique_ptr<BatchLoss> loss_;
  BatchContrast contrast_;
  BatchRows rows_;
  BatchRows tapped_;
  BatchRows gradients_;
  BatchRows tap_gradients_;
};

}  // namespace

std::vector<float> mean_without_first(std::uint32_t layers) {
  std::vector<float> weights(layers + 1U, static_cast<float>(1.0 / layers));
  weights[0] = 0.0F;
  return weights;
}

void require_valid(const ContrastOptions& options) {
  constexpr std::uint32_t kMaxDim = 1024;  // of the noise kernel
  if (options.dim > kMaxDim) {
    throw ConfigError(fmt::format("train.dim is {}, expected at most {} for a model with noise", options.dim, kMaxDim));
  }
  if (options.layers == 0) throw ConfigError("train.layers is 0, expected at least 1 for a contrastive model");
  if (options.contrast_layer == 0 || options.contrast_layer > options.layers) {
    throw ConfigError(fmt::format("train.contrast_layer is {}, expected 1 to train.layers ({})", options.contrast_layer,
                                  options.layers));
  }
  if (!(options.temperature >= 0.01) || !std::isfinite(options.temperature)) {
    throw ConfigError(fmt::format("train.temperature is {}, expected at least 0.01", options.temperature));
  }
  if (!(options.noise >= 0) || !std::isfinite(options.noise)) {
    throw ConfigError(fmt::format("train.noise is {}, expected at least 0", options.noise));
  }
  if (!(options.contrast >= 0) || !std::isfinite(options.contrast)) {
    throw ConfigError(fmt::format("train.contrast is {}, expected at least 0", options.contrast));
  }
}

std::unique_ptr<BatchModel> make_xsimgcl(const BatchContext& context, const ContrastOptions& options) {
  return std::make_unique<XSimGcl>(context, options);
}

TrainResult train_xsimgcl(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                          const ContrastOptions& options, const TrainHooks& hooks) {
  require_valid(options);
  return train_on_batches(comm, graph, type, options, hooks,
                          [&](const BatchContext& context) { return make_xsimgcl(context, options); });
}

StepShape xsimgcl_step(const ContrastOptions& options) {
  return {2 * options.layers, 1, 2, 2, options.storage};
}

MemoryPlan plan_xsimgcl(const ModelShare& share, const ContrastOptions& options) {
  const PlannedRows rows = planned_rows(share, options);
  MemoryPlan plan = plan_batches(share, options);
  LinearPropagation::plan(plan, rows.owned + rows.ghosts, rows.row_bytes, options.storage);
  plan.hold("scales, flags and rows", rows.owned * 56 + rows.ghosts * 2);
  plan.hold("contrast", contrast_bytes(options.batch_size, options.dim, share.threads));
  return plan;
}

}  // namespace rove::gnn
