// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_simgcl.hpp"

#include <array>

#include "gnn/batch_contrast.hpp"
#include "gnn/propagated_model.hpp"

namespace rove::gnn {
namespace {

class SimGcl final : public PropagatedModel {
 public:
  SimGcl(const BatchContext& context, const SimGclOptions& options)
      : PropagatedModel(context, options, mean_without_first(options.layers)),
        options_(options),
        contrast_(context.width),
        views_{BatchRows(context_), BatchRows(context_)} {}

  BatchGradients losses(const BatchStep& step) override {
    const RandomStream random(options_.seed, Purpose::kNoise, step.epoch << 32U | step.step);
    for (std::uint32_t view = 0; view < 2; ++view) {
      views_[view].grow(step);
      const LayerNoise noise{&random, view, options_.dim, context_.propagated().first_column,
                             static_cast<float>(options_.noise)};
      propagation_.forward(step.table, step.active(), views_[view].propagated(), &noise);
      views_[view].to_losses(step);
    }
    run_loss(step);
    // The same weights lead from the layers to all three results: their gradients add up.
    contrast_.info_nce(step, context_, sides_of(step.batch, context_.interactions), views_[0].whole().data(),
                       views_[1].whole().data(), options_.temperature, options_.contrast, gradients_.whole().data(),
                       gradients_.whole().data());
    return to_gradients(step);
  }

  [[nodiscard]] std::uint64_t slots_per_step() const override { return 4 * slots_per_pass(); }

 private:
  const SimGclOptions& options_;
  BatchContrast contrast_;
  std::array<BatchRows, 2> views_;
};

}  // namespace

std::unique_ptr<BatchModel> make_simgcl(const BatchContext& context, const SimGclOptions& options) {
  return std::make_unique<SimGcl>(context, options);
}

TrainResult train_simgcl(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                         const SimGclOptions& options, const TrainHooks& hooks) {
  require_valid(options);
  require_valid_noise(options);
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
