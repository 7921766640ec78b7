// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_lightgcn.hpp"

#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/exec/propagation.hpp"
#include "gnn/batch_loss.hpp"
#include "gnn/linear_propagation.hpp"

namespace rove::gnn {
namespace {

class LightGcn final : public BatchModel {
 public:
  LightGcn(const BatchContext& context, const TrainOptions& options)
      : width_(context.width),
        operator_(context.graph, {{context.interactions.edge_type()}, options.row_exponent, options.column_exponent}),
        propagation_(operator_, context.interactions.user_type(), context.interactions.item_type(),
                     std::vector<float>(options.layers + 1U, static_cast<float>(1.0 / (options.layers + 1.0))),
                     context.width),
        loss_(make_loss(context, options)) {}

  void refresh(const EmbeddingTable& table) override { propagation_.refresh(table); }

  BatchGradients losses(const BatchStep& step) override {
    grow(rows_, step.batch.num_rows() * width_);
    grow(gradients_, step.batch.active.size() * width_);
    propagation_.forward(step.table, step.batch, rows_.data());
    loss_->run(step, rows_.span(), gradients_.span());
    return {propagation_.batch_index(), gradients_.data(), propagation_.first_weight(),
            propagation_.num_layers() == 0 ? nullptr : propagation_.scaled(), propagation_.scaled_by()};
  }

  void backward(const GradientConsumer& consume) override { propagation_.backward(gradients_.data(), consume); }

  void embed(const EmbeddingTable& table, EmbeddingTable& result) override { propagation_.forward_all(table, result); }

  [[nodiscard]] std::uint64_t slots_per_step() const override {
    return 2 * std::uint64_t{propagation_.num_layers()} * operator_.num_slots();
  }

 private:
  std::uint32_t width_;
  exec::Propagation operator_;
  LinearPropagation propagation_;
  std::unique_ptr<BatchLoss> loss_;
  HugeBuffer<float> rows_;
  HugeBuffer<float> gradients_;
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
  const std::uint64_t row = exec::padded_width(options.dim) * sizeof(float);
  const std::uint64_t buffers = options.layers == 0 ? 0 : 2;
  MemoryPlan plan = plan_batches(share, options);
  plan.hold("layers", buffers * (share.owned_rows + share.ghost_rows) * row);
  plan.hold("scales, flags and rows", share.owned_rows * 56 + share.ghost_rows * 2);
  return plan;
}

MemoryPlan plan_mf(const ModelShare& share, const TrainOptions& options) {
  return plan_lightgcn(share, without_layers(options));
}

}  // namespace rove::gnn
