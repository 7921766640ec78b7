// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/exec/propagation.hpp"
#include "gnn/batch_loss.hpp"
#include "gnn/batch_rows.hpp"
#include "gnn/batch_training.hpp"
#include "gnn/linear_propagation.hpp"

namespace rove::gnn {

/// What models have in common that are scored by one linear propagation of the table and learn from a loss on its rows:
/// both layouts and storages, and a backward pass from `gradients_`. A model adds `losses`, and what its contrast
/// needs.
class PropagatedModel : public BatchModel {
 public:
  /// `weights`: of layers 0 ... L; `row_exponent` and `column_exponent`: a and b of D^-a A D^-b. References of the
  /// context, and the options, must outlive the model.
  PropagatedModel(const BatchContext& context, const BatchOptions& options, std::vector<float> weights,
                  double row_exponent = 0.5, double column_exponent = 0.5);

  void refresh(const EmbeddingTable& table) override { propagation_.refresh(table); }
  void backward(const GradientConsumer& consume) override { propagation_.backward(gradients_.propagated(), consume); }
  void embed(const EmbeddingTable& table, EmbeddingTable& result) override { propagation_.forward_all(table, result); }
  [[nodiscard]] std::uint64_t slots_per_step() const override { return 2 * slots_per_pass(); }
  [[nodiscard]] bool knows_columns() const override { return true; }
  [[nodiscard]] bool knows_storage() const override { return propagation_.num_layers() > 0; }

 protected:
  /// **Collective.** H of the batch into `rows_`, and the loss's gradients there into `gradients_`.
  void run_loss(const BatchStep& step, const LayerNoise* noise = nullptr, LayerTap<float> tap = {});
  /// **Collective.** The step's gradients, once all of them are in `gradients_`.
  [[nodiscard]] BatchGradients to_gradients(const BatchStep& step);
  /// Slots of this rank in one pass over all layers.
  [[nodiscard]] std::uint64_t slots_per_pass() const {
    return std::uint64_t{propagation_.num_layers()} * operator_.num_slots();
  }

  const BatchContext context_;
  exec::Propagation operator_;
  LinearPropagation propagation_;
  BatchRows rows_;
  BatchRows gradients_;

 private:
  std::unique_ptr<BatchLoss> loss_;
};

/// Weights of layers 0 ... L: the mean of all, and of layers 1 ... L.
[[nodiscard]] std::vector<float> layer_mean(std::uint32_t layers);
[[nodiscard]] std::vector<float> mean_without_first(std::uint32_t layers);

}  // namespace rove::gnn
