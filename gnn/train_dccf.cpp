// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_dccf.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/isa.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/adaptive_mask.hpp"
#include "gnn/batch_contrast.hpp"
#include "gnn/batch_loss.hpp"
#include "gnn/dense_weights.hpp"
#include "gnn/detail/contrast_kernels.hpp"
#include "gnn/intents.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kDccfGrain = 128;

/// Rows of length one, by local row, and what they were divided by.
struct UnitTable {
  UnitTable(const exec::Propagation& propagation, std::uint32_t width)
      : rows(std::size_t{propagation.num_local()} * width), inverse_norms(propagation.num_owned()) {}
  HugeBuffer<float> rows;
  std::vector<float> inverse_norms;
};

/// A layer's states as the backward pass reads them.
struct Layer {
  Layer(const exec::Propagation& propagation, std::uint32_t width)
      : x(std::size_t{propagation.num_local()} * width),
        graph(propagation, width),
        intent(propagation, width),
        by_graph(propagation, width),
        by_intent(propagation, width) {}
  HugeBuffer<float> x;  ///< the layer's input, by local row
  UnitTable graph;      ///< Z
  UnitTable intent;     ///< O
  AdaptiveMask by_graph;
  AdaptiveMask by_intent;
  /// ∂L/∂ of the contrast at the active rows: unit Z, unit O, Y, V.
  std::array<HugeBuffer<float>, 4> taps;
};
enum Tap : std::size_t { kGraph = 0, kIntent = 1, kByGraph = 2, kByIntent = 3 };

class Dccf final : public BatchModel {
 public:
  Dccf(const BatchContext& context, const DccfOptions& options)
      : context_(context),
        options_(options),
        width_(context.width),
        padded_intents_(exec::padded_width(options.intents)),
        operator_(context.graph, {{context.interactions.edge_type()}, 0.5, 0.5, {}}),
        prototypes_({options.dim, options.intents, context.width, padded_intents_}, 2, options.seed),
        intents_(context.width, options.intents, padded_intents_),
        loss_(make_loss(context_, options)),
        contrast_(context.width),
        before_(operator_.num_local()),
        batch_index_(operator_.num_owned()),
        sum_(owned_size()),
        work_(local_size()),
        gradient_(local_size()),
        next_gradient_(owned_size()) {
    for (std::uint32_t l = 0; l < options.layers; ++l) layers_.push_back(std::make_unique<Layer>(operator_, width_));
    std::ranges::copy(operator_.before(), before_.begin());
    context.graph.halo().update<float>(before_);
  }

  [[nodiscard]] DenseWeights* weights() override { return &prototypes_; }
  void refresh(const EmbeddingTable&) override {}

  BatchGradients losses(const BatchStep& step) override {
    const std::vector<std::uint32_t>& active = step.batch.active;
    for (const std::uint32_t row : active_) batch_index_[row] = 0;
    active_ = active;
    for (std::uint32_t i = 0; i < active.size(); ++i) batch_index_[active[i]] = i + 1;
    forward(step.table);
    grow(rows_, step.batch.num_rows() * width_);
    grow(gradients_, active.size() * width_);
    gather(sum_.data(), rows_.data());
    loss_->run(step, rows_.span(), gradients_.span());

    const BatchSides sides = sides_of(step.batch, context_.interactions);
    grow(anchors_, active.size() * width_);
    grow(keys_, active.size() * width_);
    for (const std::unique_ptr<Layer>& layer : layers_) {
      for (HugeBuffer<float>& tap : layer->taps) {
        grow(tap, active.size() * width_);
        std::fill_n(tap.data(), active.size() * width_, 0.0F);
      }
      gather(layer->graph.rows.data(), anchors_.data());
      const std::array<const float*, 3> views{layer->intent.rows.data(), layer->by_graph.result().data(),
                                              layer->by_intent.result().data()};
      for (std::size_t v = 0; v < views.size(); ++v) {
        gather(views[v], keys_.data());
        contrast_.info_nce(step, context_, sides, anchors_.data(), keys_.data(), options_.temperature,
                           options_.contrast, layer->taps[kGraph].data(), layer->taps[v + 1].data());
      }
    }
    if (context_.comm.is_root()) {
      for (const float value : prototypes_.values()) {
        const double square = static_cast<double>(value) * static_cast<double>(value);
        if (std::isfinite(square)) step.extra_loss.add(options_.intent_decay * square);
      }
    }
    return {batch_index_.data(), gradients_.data(), 1.0F, {}};
  }

  void backward(const GradientConsumer& consume) override {
    const auto decay = static_cast<float>(2.0 * options_.intent_decay);
    for (std::size_t i = 0; i < prototypes_.values().size(); ++i) {
      prototypes_.gradients()[i] = decay * prototypes_.values()[i];
    }
    // What reaches a layer's output: the sum of the states, and the layers above.
    std::fill_n(gradient_.data(), owned_size(), 0.0F);
    for (std::size_t l = layers_.size(); l-- > 0;) {
      add_at_active(gradients_.data(), gradient_.data());
      layer_backward(*layers_[l]);
      std::copy_n(next_gradient_.data(), owned_size(), gradient_.data());
    }
    for (const VertexTypeId type : {context_.interactions.user_type(), context_.interactions.item_type()}) {
      const IndexRange owned = context_.graph.owned_of_type(type);
      std::vector<std::uint32_t> rows(owned.size());
      std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(owned.begin));
      parallel::for_chunks({0, rows.size()}, kDccfGrain, [&](IndexRange chunk) {
        consume(std::span<const std::uint32_t>(rows).subspan(chunk.begin, chunk.size()),
                gradient_.data() + (owned.begin + chunk.begin) * width_);
      });
    }
  }

  void embed(const EmbeddingTable& table, EmbeddingTable& result) override {
    forward(table);
    std::copy_n(sum_.data(), owned_size(), result.values().data());
  }

  [[nodiscard]] std::uint64_t slots_per_step() const override {
    return 6 * std::uint64_t{options_.layers} * operator_.num_slots();
  }

 private:
  [[nodiscard]] std::size_t owned_size() const { return std::size_t{operator_.num_owned()} * width_; }
  [[nodiscard]] std::size_t local_size() const { return std::size_t{operator_.num_local()} * width_; }

  /// to += factor · from, over owned rows.
  void add(const float* from, float* to) const {
    detail::CombineRows* const combine = pick_isa(detail::avx2::combine_rows, detail::avx512::combine_rows);
    parallel::for_each({0, operator_.num_owned()}, kDccfGrain, [&](std::uint64_t row) {
      combine(from + row * width_, 1.0F, to + row * width_, 1.0F, width_, to + row * width_);
    });
  }
  void add_at_active(const float* from, float* to) const {
    detail::CombineRows* const combine = pick_isa(detail::avx2::combine_rows, detail::avx512::combine_rows);
    parallel::for_each({0, active_.size()}, kDccfGrain, [&](std::uint64_t i) {
      float* row = to + std::size_t{active_[i]} * width_;
      combine(from + i * width_, 1.0F, row, 1.0F, width_, row);
    });
  }
  void gather(const float* from, float* to) const {
    parallel::for_each({0, active_.size()}, kDccfGrain, [&](std::uint64_t i) {
      std::copy_n(from + std::size_t{active_[i]} * width_, width_, to + i * width_);
    });
  }
  void normalise(const float* rows, UnitTable& units) const {
    detail::NormaliseRow* const kernel = pick_isa(detail::avx2::normalise_row, detail::avx512::normalise_row);
    parallel::for_each({0, operator_.num_owned()}, kDccfGrain, [&](std::uint64_t row) {
      units.inverse_norms[row] = kernel(rows + row * width_, width_, units.rows.data() + row * width_);
    });
    context_.graph.halo().update<float>(units.rows.span(), width_);
  }
  /// to += the adjoint of the normalisation.
  void add_normalised_gradient(const UnitTable& units, const float* gradients, float* to) const {
    detail::AddNormalisedGradient* const kernel =
        pick_isa(detail::avx2::add_normalised_gradient, detail::avx512::add_normalised_gradient);
    parallel::for_each({0, operator_.num_owned()}, kDccfGrain, [&](std::uint64_t row) {
      kernel(gradients + row * width_, units.rows.data() + row * width_, width_, units.inverse_norms[row], 1.0F,
             to + row * width_);
    });
  }
  /// y = Â x; brings the ghosts of x up to date.
  void propagate(std::span<float> x, std::span<float> y) const {
    exec::Propagation::Pull pull;
    pull.scale = operator_.after();
    pull.source_scale = before_;
    operator_.pull(x, width_, pull, y);
  }
  template <class Body>
  void for_each_side(const Body& body) const {
    std::uint32_t side = 0;
    for (const VertexTypeId type : {context_.interactions.user_type(), context_.interactions.item_type()}) {
      const IndexRange owned = context_.graph.owned_of_type(type);
      body(side++, owned.begin * width_, owned.size() * width_);
    }
  }

  /// The layers' states, and their sum H.
  void forward(const EmbeddingTable& table) {
    const float* input = table.values().data();
    std::copy_n(input, owned_size(), sum_.data());
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      Layer& layer = *layers_[l];
      std::copy_n(input, owned_size(), layer.x.data());
      // The output grows in `next_gradient_`, which is free on the way forward.
      float* const output = next_gradient_.data();
      if (l == 0) std::copy_n(input, owned_size(), output);
      propagate(layer.x.span(), work_.span());
      normalise(work_.data(), layer.graph);
      add(work_.data(), output);
      for_each_side([&](std::uint32_t side, std::size_t begin, std::size_t size) {
        intents_.forward(layer.x.span().subspan(begin, size), prototypes_.matrix(side),
                         work_.span().subspan(begin, size));
      });
      normalise(work_.data(), layer.intent);
      add(work_.data(), output);
      layer.by_graph.forward(layer.x.span(), layer.graph.rows.span());
      layer.by_intent.forward(layer.x.span(), layer.intent.rows.span());
      add(layer.by_graph.result().data(), output);
      add(layer.by_intent.result().data(), output);
      add(output, sum_.data());
      input = output;
    }
  }

  /// From `gradient_` at the layer's output to `next_gradient_` at its input.
  void layer_backward(Layer& layer) {
    float* const to_x = next_gradient_.data();
    std::copy_n(gradient_.data(), owned_size(), to_x);
    if (to_units_.empty()) to_units_ = HugeBuffer<float>(owned_size());
    // A mask, and the unit rows that it and the contrast read; leaves ∂L/∂ of what was normalised in `work_`.
    const auto mask_backward = [&](AdaptiveMask& mask, const UnitTable& units, Tap of_mask, Tap of_units) {
      std::copy_n(gradient_.data(), owned_size(), work_.data());
      add_at_active(layer.taps[of_mask].data(), work_.data());
      mask.backward(layer.x.span(), units.rows.span(), work_.span(), next_gradient_.span(), to_units_.span());
      add_at_active(layer.taps[of_units].data(), to_units_.data());
      std::copy_n(gradient_.data(), owned_size(), work_.data());
      add_normalised_gradient(units, to_units_.data(), work_.data());
    };
    mask_backward(layer.by_intent, layer.intent, kByIntent, kIntent);
    for_each_side([&](std::uint32_t side, std::size_t begin, std::size_t size) {
      intents_.backward(context_.comm, layer.x.span().subspan(begin, size), prototypes_.matrix(side),
                        work_.span().subspan(begin, size), next_gradient_.span().subspan(begin, size),
                        prototypes_.matrix_gradients(side));
    });
    mask_backward(layer.by_graph, layer.graph, kByGraph, kGraph);
    propagate(work_.span(), to_units_.span());
    add(to_units_.data(), to_x);
  }

  const BatchContext context_;
  const DccfOptions& options_;
  std::uint32_t width_;
  std::uint32_t padded_intents_;
  exec::Propagation operator_;
  DenseWeights prototypes_;  ///< W of the users, then of the items
  IntentLayer intents_;
  std::unique_ptr<BatchLoss> loss_;
  BatchContrast contrast_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<float> before_;  ///< d^-1/2 by local row
  std::vector<std::uint32_t> active_;
  std::vector<std::uint32_t> batch_index_;
  HugeBuffer<float> sum_;
  HugeBuffer<float> work_;           ///< by local row
  HugeBuffer<float> gradient_;       ///< by local row
  HugeBuffer<float> next_gradient_;  ///< by owned row
  HugeBuffer<float> to_units_;       ///< by owned row
  HugeBuffer<float> rows_;
  HugeBuffer<float> gradients_;
  HugeBuffer<float> anchors_;
  HugeBuffer<float> keys_;
};

void require_in_range(const DccfOptions& options) {
  if (options.layers == 0) throw ConfigError("train.layers is 0, expected at least 1 for dccf");
  if (options.intents == 0) throw ConfigError("train.intents is 0, expected at least 1");
  if (!(options.temperature >= kLeastTemperature) || !std::isfinite(options.temperature)) {
    throw ConfigError(
        fmt::format("train.temperature is {}, expected at least {}", options.temperature, kLeastTemperature));
  }
  if (!(options.contrast >= 0) || !std::isfinite(options.contrast)) {
    throw ConfigError(fmt::format("train.contrast is {}, expected at least 0", options.contrast));
  }
  if (!(options.intent_decay >= 0) || !std::isfinite(options.intent_decay)) {
    throw ConfigError(fmt::format("train.intent_decay is {}, expected at least 0", options.intent_decay));
  }
}

}  // namespace

std::unique_ptr<BatchModel> make_dccf(const BatchContext& context, const DccfOptions& options) {
  return std::make_unique<Dccf>(context, options);
}

TrainResult train_dccf(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                       const DccfOptions& options, const TrainHooks& hooks) {
  require_in_range(options);
  return train_on_batches(comm, graph, type, options, hooks,
                          [&](const BatchContext& context) { return make_dccf(context, options); });
}

MemoryPlan plan_dccf(const ModelShare& share, const DccfOptions& options) {
  const std::uint64_t row = exec::padded_width(options.dim) * sizeof(float);
  const std::uint64_t local = share.owned_rows + share.ghost_rows;
  MemoryPlan plan = plan_batches(share, options);
  plan.hold("states of the layers", options.layers * (3 * local + 2 * share.owned_rows) * row);
  plan.hold("gradients of a layer", (2 * local + 3 * share.owned_rows) * row);
  plan.hold("intents of the rows", 2 * share.owned_rows * exec::padded_width(options.intents) * sizeof(float));
  plan.hold("scales, sums and rows", (options.layers * 24 + 56) * local);
  plan.hold("contrast", contrast_bytes(options.batch_size, options.dim, share.threads) +
                            std::uint64_t{options.layers} * 12 * options.batch_size * row);
  return plan;
}

}  // namespace rove::gnn
