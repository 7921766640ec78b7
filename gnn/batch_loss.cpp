// SPDX-License-Identifier: Apache-2.0
#include "gnn/batch_loss.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/base/isa.hpp"
#include "engine/base/math.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/batch_contrast.hpp"
#include "gnn/bpr.hpp"
#include "gnn/detail/contrast_kernels.hpp"
#include "gnn/hard_bpr.hpp"
#include "gnn/triple_sampler.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kBatchLossGrain = 256;

class Bpr final : public BatchLoss {
 public:
  explicit Bpr(const BatchContext& context) : comm_(context.comm), loss_(context.width) {}
  void run(const BatchStep& step, std::span<float> row_buffer, std::span<float> gradients) override {
    loss_.run(comm_, step.batch, row_buffer, gradients, step.is_full, step.sums);
  }

 private:
  const comm::Communicator& comm_;
  BprLoss loss_;
};

/// The pulling half of the losses by cosine: for every active row the sum of the unit rows it forms a positive pair
/// with.
class PositivePairs {
 public:
  explicit PositivePairs(const BatchContext& context) : context_(context) {}

  /// **Collective.** The loss factor · Σ (1 - cos) over the pairs: adds it, and writes its gradient. Rows without a
  /// pair get zero.
  void pull(const BatchStep& step, std::span<float> row_buffer, double factor, std::span<float> gradients) {
    const Batch& batch = step.batch;
    const std::uint32_t width = context_.width;
    exchange_rows(context_.comm, batch, row_buffer, width, outgoing_);
    const std::uint64_t rows = batch.num_rows() - 1;
    grow(units_, rows * width);
    inverse_norms_.resize(rows);
    detail::NormaliseRow* const normalise = pick_isa(detail::avx2::normalise_row, detail::avx512::normalise_row);
    parallel::for_each({0, rows}, kBatchLossGrain, [&](std::uint64_t i) {
      inverse_norms_[i] = normalise(row_buffer.data() + i * width, width, units_.data() + i * width);
    });
    counts_.assign(batch.active.size(), 0.0F);
    detail::SumRows* const sum = pick_isa(detail::avx2::sum_rows, detail::avx512::sum_rows);
    detail::DotRows* const dot = pick_isa(detail::avx2::dot_rows, detail::avx512::dot_rows);
    detail::AddNormalisedGradient* const add =
        pick_isa(detail::avx2::add_normalised_gradient, detail::avx512::add_normalised_gradient);
    const auto zero = static_cast<std::uint32_t>(rows);
    const IndexRange users = context_.interactions.owned_users();
    struct Partial {
      ExactSum loss;
      std::uint64_t failed_position = LossSums::kNone;
    };
    parallel::PerThread<Partial> partial;
    parallel::for_chunks({0, batch.active.size()}, kBatchLossGrain, [&](IndexRange chunk) {
      std::vector<float> pulled(width);
      std::vector<std::uint32_t> others;
      Partial& mine = partial.local();
      for (std::uint64_t i = chunk.begin; i < chunk.end; ++i) {
        float* gradient = gradients.data() + i * width;
        std::fill_n(gradient, width, 0.0F);
        others.clear();
        for (std::uint64_t k = batch.term_offsets[i]; k < batch.term_offsets[i + 1]; ++k) {
          if (batch.terms[k].minus != zero) others.push_back(batch.terms[k].minus);
        }
        if (others.empty()) continue;
        counts_[i] = static_cast<float>(others.size());
        const float* unit = units_.data() + i * width;
        sum(units_.data(), width, others.data(), others.size(), pulled.data());
        add(pulled.data(), unit, width, inverse_norms_[i], static_cast<float>(-factor), gradient);
        if (batch.active[i] < users.begin || batch.active[i] >= users.end) continue;
        const double missing = static_cast<double>(counts_[i]) - static_cast<double>(dot(unit, pulled.data(), width));
        if (std::isfinite(missing)) {
          mine.loss.add(factor * missing);
        } else {
          const std::uint32_t triple = batch.terms[batch.term_offsets[i]].delta;
          mine.failed_position = std::min(mine.failed_position, batch.own_positions[triple]);
        }
      }
    });
    partial.for_each([&](const Partial& mine) {
      step.extra_loss.merge(mine.loss);
      step.sums.failed_position = std::min(step.sums.failed_position, mine.failed_position);
    });
  }

  /// Per active row: its positive pairs.
  [[nodiscard]] const std::vector<float>& counts() const { return counts_; }

 private:
  const BatchContext& context_;
  HugeBuffer<float> units_;
  std::vector<float> inverse_norms_;
  std::vector<float> counts_;
  std::vector<float> outgoing_;
};

class Softmax final : public BatchLoss {
 public:
  Softmax(const BatchContext& context, const BatchOptions& options)
      : context_(context), options_(options.loss), pairs_(context_), contrast_(context.width) {
    const auto batch_size = static_cast<double>(options.batch_size);
    for (const double share : positive_shares(context.comm, context.interactions, options.sampler)) {
      const double in_batch = share < 1.0 ? 1.0 - math::exp(batch_size * math::log1p(-share)) : 1.0;
      corrections_.push_back(in_batch > 0 ? static_cast<float>(math::pow(in_batch, -options_.correction)) : 1.0F);
    }
  }

  void run(const BatchStep& step, std::span<float> row_buffer, std::span<float> gradients) override {
    const Batch& batch = step.batch;
    const auto triples = static_cast<double>(batch.num_triples);
    const double pulling = options_.positive_temperature > 0 ? options_.positive_temperature : options_.temperature;
    pairs_.pull(step, row_buffer, 1.0 / (pulling * triples), gradients);
    const BatchSides sides = sides_of(batch, context_.interactions);
    std::vector<float> counts;
    for (const std::uint32_t place : sides.users) counts.push_back(pairs_.counts()[place]);
    const std::uint64_t first_item = context_.interactions.owned_items().begin;
    std::vector<float> factors;
    for (const std::uint32_t place : sides.positives) factors.push_back(corrections_[batch.active[place] - first_item]);
    contrast_.log_partition(context_.comm, context_.graph, batch, sides, row_buffer.data(), counts, factors,
                            options_.temperature, 1.0 / triples, gradients.data(), step.extra_loss);
  }

 private:
  const BatchContext context_;
  const LossOptions options_;
  PositivePairs pairs_;
  BatchContrast contrast_;
  std::vector<float> corrections_;  ///< per owned item
};

class Alignment final : public BatchLoss {
 public:
  Alignment(const BatchContext& context, const LossOptions& options)
      : context_(context), options_(options), pairs_(context_), contrast_(context.width) {}

  void run(const BatchStep& step, std::span<float> row_buffer, std::span<float> gradients) override {
    const auto triples = static_cast<double>(step.batch.num_triples);
    pairs_.pull(step, row_buffer, 2.0 / triples, gradients);
    const BatchSides sides = sides_of(step.batch, context_.interactions);
    for (const std::vector<std::uint32_t>* places : {&sides.users, &sides.positives}) {
      contrast_.uniformity(context_.comm, context_.graph, step.batch, *places, row_buffer.data(),
                           options_.uniformity / 2, gradients.data(), step.extra_loss);
    }
  }

 private:
  const BatchContext context_;
  const LossOptions options_;
  PositivePairs pairs_;
  BatchContrast contrast_;
};

class CosineContrastive final : public BatchLoss {
 public:
  CosineContrastive(const BatchContext& context, const LossOptions& options)
      : context_(context), options_(options), pairs_(context_), contrast_(context.width) {}

  void run(const BatchStep& step, std::span<float> row_buffer, std::span<float> gradients) override {
    const auto triples = static_cast<double>(step.batch.num_triples);
    pairs_.pull(step, row_buffer, 1.0 / triples, gradients);
    const BatchSides sides = sides_of(step.batch, context_.interactions);
    std::vector<float> counts;
    for (const std::uint32_t place : sides.users) counts.push_back(pairs_.counts()[place]);
    contrast_.hinge(context_.comm, context_.interactions, step.batch, sides.users, row_buffer.data(), counts,
                    options_.margin, options_.negative_weight / triples, gradients.data(), step.extra_loss);
  }

 private:
  const BatchContext context_;
  const LossOptions options_;
  PositivePairs pairs_;
  BatchContrast contrast_;
};

}  // namespace

std::unique_ptr<BatchLoss> make_loss(const BatchContext& context, const BatchOptions& options) {
  switch (options.loss.kind) {
    case LossKind::kBpr:
      break;
    case LossKind::kSoftmax:
      return std::make_unique<Softmax>(context, options);
    case LossKind::kAlignment:
      return std::make_unique<Alignment>(context, options.loss);
    case LossKind::kCosineContrastive:
      return std::make_unique<CosineContrastive>(context, options.loss);
  }
  if (options.negatives == NegativeKind::kDynamic) return std::make_unique<HardBpr>(context, options);
  return std::make_unique<Bpr>(context);
}

}  // namespace rove::gnn
