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
#include "gnn/linear_propagation.hpp"

namespace rove::gnn {
namespace {

class XSimGcl final : public BatchModel {
 public:
  XSimGcl(const BatchContext& context, const ContrastOptions& options)
      : context_(context),
        options_(options),
        operator_(context.graph, {{context.interactions.edge_type()}, 0.5, 0.5}),
        propagation_(operator_, context.interactions.user_type(), context.interactions.item_type(),
                     mean_without_first(options.layers), context.width),
        loss_(make_loss(context_, options)),
        contrast_(context.width) {}

  void refresh(const EmbeddingTable& table) override { propagation_.refresh(table); }

  BatchGradients losses(const BatchStep& step) override {
    const std::size_t active = step.batch.active.size() * context_.width;
    grow(rows_, step.batch.num_rows() * context_.width);
    grow(tapped_, active);
    grow(gradients_, active);
    grow(tap_gradients_, active);
    const RandomStream random(options_.seed, Purpose::kNoise, step.epoch << 32U | step.step);
    const LayerNoise noise{&random, 0, options_.dim, static_cast<float>(options_.noise)};
    propagation_.forward(step.table, step.batch, rows_.data(), &noise, {options_.contrast_layer, tapped_.data()});
    loss_->run(step, rows_.span(), gradients_.span());
    std::fill_n(tap_gradients_.data(), active, 0.0F);
    const BatchSides sides = sides_of(step.batch, context_.interactions);
    for (const auto& places : {std::cref(sides.users), std::cref(sides.positives)}) {
      contrast_.info_nce(context_.comm, context_.graph, step.batch, places.get(), rows_.data(), tapped_.data(),
                         options_.temperature, options_.contrast, gradients_.data(), tap_gradients_.data(),
                         step.extra_loss);
    }
    return {propagation_.batch_index(), gradients_.data(), propagation_.first_weight(), propagation_.scaled(),
            propagation_.scaled_by()};
  }

  void backward(const GradientConsumer& consume) override {
    propagation_.backward(gradients_.data(), consume, {options_.contrast_layer, tap_gradients_.data()});
  }

  void embed(const EmbeddingTable& table, EmbeddingTable& result) override { propagation_.forward_all(table, result); }

  [[nodiscard]] std::uint64_t slots_per_step() const override {
    return 2 * std::uint64_t{options_.layers} * operator_.num_slots();
  }

 private:
  const BatchContext context_;
  const ContrastOptions& options_;
  exec::Propagation operator_;
  LinearPropagation propagation_;
  std::unique_ptr<BatchLoss> loss_;
  BatchContrast contrast_;
  HugeBuffer<float> rows_;
  HugeBuffer<float> tapped_;
  HugeBuffer<float> gradients_;
  HugeBuffer<float> tap_gradients_;
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

MemoryPlan plan_xsimgcl(const ModelShare& share, const ContrastOptions& options) {
  const std::uint64_t row = exec::padded_width(options.dim) * sizeof(float);
  MemoryPlan plan = plan_batches(share, options);
  plan.hold("layers", 2 * (share.owned_rows + share.ghost_rows) * row);
  plan.hold("scales, flags and rows", share.owned_rows * 56 + share.ghost_rows * 2);
  plan.hold("contrast", contrast_bytes(options.batch_size, options.dim, share.threads));
  return plan;
}

}  // namespace rove::gnn
