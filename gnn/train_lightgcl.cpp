// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_lightgcl.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/isa.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/batch_loss.hpp"
#include "gnn/detail/contrast_kernels.hpp"
#include "gnn/gram_matrix.hpp"
#include "gnn/linear_propagation.hpp"
#include "gnn/table_contrast.hpp"
#include "gnn/truncated_svd.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kLightgclGrain = 256;

SvdOptions svd_options(const LightGclOptions& options) {
  return {.rank = options.rank, .oversampling = 8, .iterations = 4, .seed = options.seed};
}

class LightGcl final : public BatchModel {
 public:
  LightGcl(const BatchContext& context, const LightGclOptions& options)
      : context_(context),
        options_(options),
        width_(context.width),
        operator_(context.graph, {{context.interactions.edge_type()}, 0.5, 0.5}),
        propagation_(operator_, context.interactions.user_type(), context.interactions.item_type(),
                     std::vector<float>(options.layers + 1U, 1.0F), context.width),
        svd_(truncated_svd(context.comm, operator_, context.interactions.user_type(), context.interactions.item_type(),
                           svd_options(options))),
        loss_(make_loss(context_, options)),
        sides_{{Side(context, context.interactions.owned_users(), context.interactions.user_type()),
                Side(context, context.interactions.owned_items(), context.interactions.item_type())}},
        not_in_batch_(context.graph.num_owned()) {
    for (const Side& side : sides_) {
      for (std::uint64_t row = side.owned.begin; row < side.owned.end; ++row) {
        everything_.active.push_back(static_cast<std::uint32_t>(row));
      }
    }
    std::ranges::sort(everything_.active);
    const std::size_t floats = everything_.active.size() * width_;
    for (HugeBuffer<float>* buffer : {&final_, &last_, &gradients_, &last_gradients_})
      *buffer = HugeBuffer<float>(floats);
    anchor_of_.resize(context.graph.num_owned());
  }

  void refresh(const EmbeddingTable& table) override { propagation_.refresh(table); }

  BatchGradients losses(const BatchStep& step) override {
    table_ = &step.table;
    extra_loss_ = &step.extra_loss;
    propagation_.forward(step.table, everything_, final_.data(), nullptr, {options_.layers, last_.data()});
    rank_pairs(step);
    choose_anchors(step.batch);
    std::array<std::vector<float>, 2> to_view;  // per side: S Vᵀ (layers 0 ... L-1) of the other
    for (std::size_t s = 0; s < 2; ++s) to_view[1 - s] = scaled_products(below_last(sides_[s]));
    for (std::size_t s = 0; s < 2; ++s) contrast(step, sides_[s], to_view[s]);
    // What the views draw from: layers 0 ... L-1, which is all layers less the last.
    for (std::size_t s = 0; s < 2; ++s) {
      const std::vector<float> core = scaled_products(view_rows(sides_[1 - s]));
      add_through_view(sides_[s], core);
    }
    return {not_in_batch_.data(), nullptr, 0.0F, propagation_.scaled()};
  }

  void backward(const GradientConsumer& consume) override {
    detail::CombineRows* const combine = pick_isa(detail::avx2::combine_rows, detail::avx512::combine_rows);
    detail::DotRows* const dot = pick_isa(detail::avx2::dot_rows, detail::avx512::dot_rows);
    const auto decay = static_cast<float>(2.0 * options_.regularisation);
    parallel::PerThread<ExactSum> squares;
    propagation_.backward(
        gradients_.data(),
        [&](std::span<const std::uint32_t> rows, const float* results) {
          std::vector<float> sums(rows.size() * width_);
          for (std::size_t i = 0; i < rows.size(); ++i) {
            const float* parameters = table_->values().data() + std::size_t{rows[i]} * width_;
            float* to = sums.data() + i * width_;
            combine(results + i * width_, 1.0F, gradients_.data() + place_of(rows[i]) * width_, 1.0F, width_, to);
            if (const std::uint32_t anchor = anchor_of_[rows[i]]; anchor > 0) {
              combine(view_gradients_.data() + std::size_t{anchor - 1} * width_, 1.0F, to, 1.0F, width_, to);
            }
            combine(parameters, decay, to, 1.0F, width_, to);
            const double norm = static_cast<double>(dot(parameters, parameters, width_));
            if (std::isfinite(norm)) squares.local().add(options_.regularisation * norm);
          }
          consume(rows, sums.data());
        },
        {options_.layers, last_gradients_.data()});
    squares.for_each([&](const ExactSum& sum) { extra_loss_->merge(sum); });
  }

  void embed(const EmbeddingTable& table, EmbeddingTable& result) override { propagation_.forward_all(table, result); }

  [[nodiscard]] std::uint64_t slots_per_step() const override {
    return 2 * std::uint64_t{options_.layers} * operator_.num_slots();
  }

 private:
  struct Side {
    Side(const BatchContext& context, IndexRange rows, VertexTypeId type)
        : owned(rows), contrast(context.graph, type, context.width) {}
    IndexRange owned;
    TableContrast contrast;
    std::vector<std::uint32_t> anchors;  ///< owned rows of the batch
    std::vector<float> counts;
    std::size_t first_anchor = 0;  ///< among those of both sides
  };

  /// Place of an owned row among all rows of both types.
  [[nodiscard]] std::size_t place_of(std::uint64_t row) const { return propagation_.batch_index()[row] - 1; }
  [[nodiscard]] std::size_t first_place(const Side& side) const {
    return side.owned.size() == 0 ? 0 : place_of(side.owned.begin);
  }

  void rank_pairs(const BatchStep& step) {
    const std::vector<std::uint32_t>& active = step.batch.active;
    grow(rows_, step.batch.num_rows() * width_);
    grow(batch_gradients_, active.size() * width_);
    for (std::size_t i = 0; i < active.size(); ++i) {
      std::copy_n(final_.data() + place_of(active[i]) * width_, width_, rows_.data() + i * width_);
    }
    loss_->run(step, rows_.span(), batch_gradients_.span());
    std::ranges::fill(gradients_.span(), 0.0F);
    std::ranges::fill(last_gradients_.span(), 0.0F);
    for (std::size_t i = 0; i < active.size(); ++i) {
      std::copy_n(batch_gradients_.data() + i * width_, width_, gradients_.data() + place_of(active[i]) * width_);
    }
  }

  void choose_anchors(const Batch& batch) {
    std::ranges::fill(anchor_of_, 0U);
    std::size_t first = 0;
    for (Side& side : sides_) {
      side.anchors.clear();
      side.counts.clear();
      side.first_anchor = first;
      for (std::size_t i = 0; i < batch.active.size(); ++i) {
        const std::uint32_t row = batch.active[i];
        if (row < side.owned.begin || row >= side.owned.end || batch.uses[i] == 0) continue;
        side.anchors.push_back(row);
        side.counts.push_back(static_cast<float>(batch.uses[i]));
        anchor_of_[row] = static_cast<std::uint32_t>(++first);
      }
    }
    grow(views_, first * width_);
    grow(view_gradients_, first * width_);
  }

  /// Rows of a side that are multiplied with its singular vectors.
  struct Factor {
    std::vector<float> vectors;  ///< padded to 16 columns
    std::vector<float> rows;
  };
  [[nodiscard]] std::uint32_t vector_width() const { return svd_.vectors.width(); }
  void copy_vectors(std::uint64_t row, Factor& factor) const {
    const float* from = svd_.vectors.values().data() + row * vector_width();
    factor.vectors.insert(factor.vectors.end(), from, from + vector_width());
  }
  /// Layers 0 ... L-1 of all rows.
  [[nodiscard]] Factor below_last(const Side& side) const {
    Factor factor;
    const std::size_t first = first_place(side) * width_;
    factor.rows.resize(side.owned.size() * width_);
    for (std::size_t i = 0; i < factor.rows.size(); ++i) factor.rows[i] = final_[first + i] - last_[first + i];
    for (std::uint64_t row = side.owned.begin; row < side.owned.end; ++row) copy_vectors(row, factor);
    return factor;
  }
  /// The gradients at the views' rows of the batch.
  [[nodiscard]] Factor view_rows(const Side& side) const {
    Factor factor;
    const float* from = view_gradients_.data() + side.first_anchor * width_;
    factor.rows.assign(from, from + side.anchors.size() * width_);
    for (const std::uint32_t row : side.anchors) copy_vectors(row, factor);
    return factor;
  }
  /// S times the products of the singular vectors' columns with the rows' columns, over all ranks.
  [[nodiscard]] std::vector<float> scaled_products(const Factor& factor) const {
    std::vector<float> core = cross_gram(context_.comm, factor.vectors, vector_width(), factor.rows, width_);
    for (std::uint32_t t = 0; t < options_.rank; ++t) {
      for (std::uint32_t c = 0; c < width_; ++c) core[std::size_t{t} * width_ + c] *= svd_.singular_values[t];
    }
    return core;
  }
  /// to += (singular vectors' row) · core
  void add_view(std::uint64_t row, const std::vector<float>& core, float* to) const {
    const float* vectors = svd_.vectors.values().data() + row * vector_width();
    for (std::uint32_t t = 0; t < options_.rank; ++t) {
      for (std::uint32_t c = 0; c < width_; ++c) to[c] += vectors[t] * core[std::size_t{t} * width_ + c];
    }
  }

  void contrast(const BatchStep& step, Side& side, const std::vector<float>& core) {
    float* const views = views_.data() + side.first_anchor * width_;
    parallel::for_each({0, side.anchors.size()}, kLightgclGrain, [&](std::uint64_t i) {
      const float* x = step.table.values().data() + std::size_t{side.anchors[i]} * width_;
      std::copy_n(x, width_, views + i * width_);
      add_view(side.anchors[i], core, views + i * width_);
    });
    // A triple names one user and two items.
    const double total = static_cast<double>(step.batch.num_triples) * (&side == &sides_[0] ? 1.0 : 2.0);
    const std::size_t first = first_place(side) * width_;
    side.contrast.run(context_.comm, {side.anchors, side.counts, views, total}, final_.data() + first,
                      options_.temperature, options_.contrast, view_gradients_.data() + side.first_anchor * width_,
                      gradients_.data() + first, step.extra_loss);
  }

  /// Adds to the gradient at layers 0 ... L-1 what the other side's views drew from them.
  void add_through_view(const Side& side, const std::vector<float>& core) {
    const std::size_t first = first_place(side);
    parallel::for_each(side.owned, kLightgclGrain, [&](std::uint64_t row) {
      const std::size_t at = (first + row - side.owned.begin) * width_;
      float* const less = last_gradients_.data() + at;
      add_view(row, core, less);
      for (std::uint32_t c = 0; c < width_; ++c) {
        gradients_[at + c] += less[c];
        less[c] = -less[c];
      }
    });
  }

  const BatchContext context_;
  const LightGclOptions& options_;
  std::uint32_t width_;
  exec::Propagation operator_;
  LinearPropagation propagation_;
  TruncatedSvd svd_;
  std::unique_ptr<BatchLoss> loss_;
  std::array<Side, 2> sides_;
  Batch everything_;  ///< a batch of all owned rows of both types, in so far as propagation reads it

  const EmbeddingTable* table_ = nullptr;
  ExactSum* extra_loss_ = nullptr;
  HugeBuffer<float> final_;           ///< E of all rows
  HugeBuffer<float> last_;            ///< layer L of all rows
  HugeBuffer<float> gradients_;       ///< at E
  HugeBuffer<float> last_gradients_;  ///< at layer L
  HugeBuffer<float> rows_;            ///< of the batch
  HugeBuffer<float> batch_gradients_;
  HugeBuffer<float> views_;  ///< G of the batch's rows
  HugeBuffer<float> view_gradients_;
  std::vector<std::uint32_t> anchor_of_;     ///< per owned row: 1 + its place among the batch's, or 0
  std::vector<std::uint32_t> not_in_batch_;  ///< zero per owned row: all of a gradient is handed over
};

void require_valid(const LightGclOptions& options) {
  if (options.layers == 0) throw ConfigError("train.layers is 0, expected at least 1 for lightgcl");
  if (options.rank == 0 || options.rank > 256) {
    throw ConfigError(fmt::format("train.rank is {}, expected 1 to 256 for lightgcl", options.rank));
  }
  if (!(options.temperature >= kLeastTemperature) || !std::isfinite(options.temperature)) {
    throw ConfigError(
        fmt::format("train.temperature is {}, expected at least {}", options.temperature, kLeastTemperature));
  }
  for (const auto& [key, value] :
       {std::pair{"contrast", options.contrast}, std::pair{"regularisation", options.regularisation}}) {
    if (!(value >= 0) || !std::isfinite(value)) {
      throw ConfigError(fmt::format("train.{} is {}, expected at least 0", key, value));
    }
  }
}

}  // namespace

std::unique_ptr<BatchModel> make_lightgcl(const BatchContext& context, const LightGclOptions& options) {
  return std::make_unique<LightGcl>(context, options);
}

TrainResult train_lightgcl(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                           const LightGclOptions& options, const TrainHooks& hooks) {
  require_valid(options);
  LightGclOptions own = options;
  own.decay = 0;
  return train_on_batches(comm, graph, type, own, hooks,
                          [&](const BatchContext& context) { return make_lightgcl(context, own); });
}

MemoryPlan plan_lightgcl(const ModelShare& share, const LightGclOptions& options) {
  const std::uint64_t row = exec::padded_width(options.dim) * sizeof(float);
  const std::uint64_t vectors = exec::padded_width(options.rank) * sizeof(float);
  MemoryPlan plan = plan_batches(share, options);
  plan.hold("layers", 2 * (share.owned_rows + share.ghost_rows) * row);
  plan.hold("scales, flags and rows", share.owned_rows * 68 + share.ghost_rows * 2);
  plan.hold("representations and gradients of all rows", 4 * share.owned_rows * row);
  plan.hold("rows beside their singular vectors", share.owned_rows * (3 * row + 4 * vectors));
  plan_truncated_svd(plan, share.owned_rows + share.ghost_rows, share.owned_rows, share.threads, svd_options(options));
  plan_table_contrast(plan, 3 * options.batch_size, share.owned_rows, options.dim, share.threads, share.ranks);
  return plan;
}

}  // namespace rove::gnn
