// SPDX-License-Identifier: Apache-2.0
#include "gnn/propagated_model.hpp"

#include <utility>

namespace rove::gnn {

PropagatedModel::PropagatedModel(const BatchContext& context, const BatchOptions& options, std::vector<float> weights,
                                 double row_exponent, double column_exponent)
    : context_(context),
      operator_(context.propagated().graph, {{context.propagated().edge_type}, row_exponent, column_exponent, {}}),
      propagation_(operator_, context.interactions.user_type(), context.interactions.item_type(), std::move(weights),
                   context.propagated().width, options.storage),
      rows_(context_),
      gradients_(context_),
      loss_(make_loss(context_, options)) {}

void PropagatedModel::run_loss(const BatchStep& step, const LayerNoise* noise, LayerTap<float> tap) {
  rows_.grow(step, true);
  gradients_.grow(step);
  propagation_.forward(step.table, step.active(), rows_.propagated(), noise, tap);
  rows_.to_losses(step);
  loss_->run(step, rows_.whole(), gradients_.whole());
}

BatchGradients PropagatedModel::to_gradients(const BatchStep& step) {
  gradients_.to_propagation(step);
  return {propagation_.batch_index(), gradients_.propagated(), propagation_.first_weight(), propagation_.scaled()};
}

std::vector<float> layer_mean(std::uint32_t layers) {
  return std::vector<float>(layers + 1U, static_cast<float>(1.0 / (layers + 1.0)));
}

std::vector<float> mean_without_first(std::uint32_t layers) {
  std::vector<float> weights(layers + 1U, static_cast<float>(1.0 / layers));
  weights[0] = 0.0F;
  return weights;
}

}  // namespace rove::gnn
