// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_xsimgcl.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "gnn/batch_contrast.hpp"
#include "gnn/propagated_model.hpp"

namespace rove::gnn {
namespace {

class XSimGcl final : public PropagatedModel {
 public:
  XSimGcl(const BatchContext& context, const ContrastOptions& options)
      : PropagatedModel(context, options, mean_without_first(options.layers)),
        options_(options),
        contrast_(context.width),
        tapped_(context_),
        tap_gradients_(context_) {}

  BatchGradients losses(const BatchStep& step) override {
    for (BatchRows* rows : {&tapped_, &tap_gradients_}) rows->grow(step);
    const RandomStream random(options_.seed, Purpose::kNoise, step.epoch << 32U | step.step);
    const LayerNoise noise{&random, 0, options_.dim, context_.propagated().first_column,
                           static_cast<float>(options_.noise)};
    run_loss(step, &noise, {options_.contrast_layer, tapped_.propagated()});
    tapped_.to_losses(step);
    std::fill_n(tap_gradients_.whole().data(), step.batch.active.size() * context_.width, 0.0F);
    contrast_.info_nce(step, context_, sides_of(step.batch, context_.interactions), rows_.whole().data(),
                       tapped_.whole().data(), options_.temperature, options_.contrast, gradients_.whole().data(),
                       tap_gradients_.whole().data());
    tap_gradients_.to_propagation(step);
    return to_gradients(step);
  }

  void backward(const GradientConsumer& consume) override {
    propagation_.backward(gradients_.propagated(), consume, {options_.contrast_layer, tap_gradients_.propagated()});
  }

 private:
  const ContrastOptions& options_;
  BatchContrast contrast_;
  BatchRows tapped_;
  BatchRows tap_gradients_;
};

}  // namespace

void require_valid(const ContrastOptions& options) {
  if (options.layers == 0) throw ConfigError("train.layers is 0, expected at least 1 for a contrastive model");
  if (!(options.temperature >= kLeastTemperature) || !std::isfinite(options.temperature)) {
    throw ConfigError(
        fmt::format("train.temperature is {}, expected at least {}", options.temperature, kLeastTemperature));
  }
  if (!(options.contrast >= 0) || !std::isfinite(options.contrast)) {
    throw ConfigError(fmt::format("train.contrast is {}, expected at least 0", options.contrast));
  }
}

void require_valid_noise(const ContrastOptions& options) {
  constexpr std::uint32_t kMaxDim = 1024;  // of the noise kernel
  if (options.dim > kMaxDim) {
    throw ConfigError(fmt::format("train.dim is {}, expected at most {} for a model with noise", options.dim, kMaxDim));
  }
  if (!(options.noise >= 0) || !std::isfinite(options.noise)) {
    throw ConfigError(fmt::format("train.noise is {}, expected at least 0", options.noise));
  }
}

std::unique_ptr<BatchModel> make_xsimgcl(const BatchContext& context, const ContrastOptions& options) {
  return std::make_unique<XSimGcl>(context, options);
}

TrainResult train_xsimgcl(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                          const ContrastOptions& options, const TrainHooks& hooks) {
  require_valid(options);
  require_valid_noise(options);
  if (options.contrast_layer == 0 || options.contrast_layer > options.layers) {
    throw ConfigError(fmt::format("train.contrast_layer is {}, expected 1 to train.layers ({})", options.contrast_layer,
                                  options.layers));
  }
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
  plan.hold("contrasted rows of a batch", options.batch_size * 8 * exec::padded_width(options.dim) * sizeof(float));
  plan.hold("contrast", contrast_bytes(options.batch_size, options.dim, share.threads));
  return plan;
}

}  // namespace rove::gnn
