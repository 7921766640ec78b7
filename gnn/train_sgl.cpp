// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_sgl.hpp"

#include <array>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/isa.hpp"
#include "engine/base/random.hpp"
#include "gnn/batch_contrast.hpp"
#include "gnn/detail/contrast_kernels.hpp"
#include "gnn/propagated_model.hpp"

namespace rove::gnn {
namespace {

class Sgl final : public PropagatedModel {
 public:
  Sgl(const BatchContext& context, const SglOptions& options)
      : PropagatedModel(context, options, layer_mean(options.layers)),
        options_(options),
        views_{View(context_), View(context_)},
        contrast_(context.width),
        keys_(operator_.num_local()),
        from_views_(std::size_t{operator_.num_owned()} * context.propagated().width) {
    const graph::DistributedGraph& graph = operator_.graph();
    for (std::uint32_t row = 0; row < graph.num_owned(); ++row) keys_[row] = graph.owned_keys()[row].value();
    graph.halo().update<std::uint64_t>(keys_);
  }

  void begin_epoch(std::uint64_t epoch) override {
    for (std::uint32_t v = 0; v < 2; ++v) {
      const RandomStream random(options_.seed, Purpose::kEdgeSample, epoch << 1U | v);
      const PropagatedColumns propagated = context_.propagated();
      const IndexRange users = propagated.graph.owned_of_type(context_.interactions.user_type());
      const auto is_user = [&](std::uint32_t row) { return row >= users.begin && row < users.end; };
      exec::PropagationOptions view{{propagated.edge_type}, 0.5, 0.5, {}};
      view.keep = [&](std::uint32_t row, std::uint32_t neighbor) {
        const std::uint64_t user = keys_[is_user(row) ? row : neighbor];
        const std::uint64_t item = keys_[is_user(row) ? neighbor : row];
        return to_unit(random.draw(mix64(user, item), 0, 0)) >= options_.drop;
      };
      View& made = views_[v];
      made.propagation.reset();
      made.graph.emplace(propagated.graph, view);
      made.propagation.emplace(*made.graph, context_.interactions.user_type(), context_.interactions.item_type(),
                               layer_mean(options_.layers), propagated.width, options_.storage);
    }
  }

  BatchGradients losses(const BatchStep& step) override {
    for (View& view : views_) {
      view.rows.grow(step);
      view.gradients.grow(step);
      std::fill_n(view.gradients.whole().data(), step.batch.active.size() * context_.width, 0.0F);
      view.propagation->refresh(step.table);
      view.propagation->forward(step.table, step.active(), view.rows.propagated());
      view.rows.to_losses(step);
    }
    run_loss(step);
    contrast_.info_nce(step, context_, sides_of(step.batch, context_.interactions), views_[0].rows.whole().data(),
                       views_[1].rows.whole().data(), options_.temperature, options_.contrast,
                       views_[0].gradients.whole().data(), views_[1].gradients.whole().data());
    for (View& view : views_) view.gradients.to_propagation(step);
    return to_gradients(step);
  }

  void backward(const GradientConsumer& consume) override {
    // The views' parts first, whole: a row's three parts come from three operators.
    const std::uint32_t width = context_.propagated().width;
    detail::CombineRows* const combine = pick_isa(detail::avx2::combine_rows, detail::avx512::combine_rows);
    for (std::uint32_t v = 0; v < 2; ++v) {
      View& view = views_[v];
      view.propagation->backward(view.gradients.propagated(),
                                 [&](std::span<const std::uint32_t> rows, const float* results) {
                                   for (std::size_t i = 0; i < rows.size(); ++i) {
                                     float* to = from_views_.data() + std::size_t{rows[i]} * width;
                                     combine(results + i * width, 1.0F, to, v == 0 ? 0.0F : 1.0F, width, to);
                                     const std::uint32_t place = view.propagation->batch_index()[rows[i]];
                                     if (place == 0) continue;
                                     combine(view.gradients.propagated() + std::size_t{place - 1} * width,
                                             view.propagation->first_weight(), to, 1.0F, width, to);
                                   }
                                 });
    }
    propagation_.backward(gradients_.propagated(), [&](std::span<const std::uint32_t> rows, const float* results) {
      std::vector<float> sums(rows.size() * width);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        combine(results + i * width, 1.0F, from_views_.data() + std::size_t{rows[i]} * width, 1.0F, width,
                sums.data() + i * width);
      }
      consume(rows, sums.data());
    });
  }

  [[nodiscard]] std::uint64_t slots_per_step() const override {
    return 2 * std::uint64_t{options_.layers} *
           (operator_.num_slots() + views_[0].graph->num_slots() + views_[1].graph->num_slots());
  }

 private:
  struct View {
    explicit View(const BatchContext& context) : rows(context), gradients(context) {}
    std::optional<exec::Propagation> graph;
    std::optional<LinearPropagation> propagation;
    BatchRows rows;
    BatchRows gradients;
  };

  const SglOptions& options_;
  std::array<View, 2> views_;
  BatchContrast contrast_;
  std::vector<std::uint64_t> keys_;  ///< by local id
  HugeBuffer<float> from_views_;     ///< the views' gradients, per row of the table
};

}  // namespace

std::unique_ptr<BatchModel> make_sgl(const BatchContext& context, const SglOptions& options) {
  return std::make_unique<Sgl>(context, options);
}

TrainResult train_sgl(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                      const SglOptions& options, const TrainHooks& hooks) {
  require_valid(options);
  if (!(options.drop >= 0 && options.drop < 1)) {
    throw ConfigError(fmt::format("train.drop is {}, expected at least 0 and below 1", options.drop));
  }
  return train_on_batches(comm, graph, type, options, hooks,
                          [&](const BatchContext& context) { return make_sgl(context, options); });
}

StepShape sgl_step(const SglOptions& options) {
  return {6 * options.layers, 3, 3, 3, options.storage};
}

MemoryPlan plan_sgl(const ModelShare& share, const SglOptions& options) {
  const PlannedRows rows = planned_rows(share, options);
  MemoryPlan plan = plan_xsimgcl(share, options);
  for (int view = 0; view < 2; ++view) {
    LinearPropagation::plan(plan, rows.owned + rows.ghosts, rows.row_bytes, options.storage);
  }
  plan.hold("rows of a batch in the second view",
            options.batch_size * 8 * exec::padded_width(options.dim) * sizeof(float));
  plan.hold("gradients of the views", rows.owned * rows.row_bytes);
  plan.hold("edges of the views", 4 * rows.interactions * 4 + 2 * (rows.owned * 56 + rows.ghosts * 2));
  plan.hold("keys", 8 * (rows.owned + rows.ghosts));
  return plan;
}

}  // namespace rove::gnn
