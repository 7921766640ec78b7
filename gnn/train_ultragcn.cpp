// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_ultragcn.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/isa.hpp"
#include "engine/base/random.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/co_interactions.hpp"
#include "gnn/everywhere.hpp"
#include "gnn/item_constraint.hpp"
#include "gnn/item_rows.hpp"
#include "gnn/sorted_terms.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kPairGrain = 4;
constexpr std::uint64_t kRowBlock = 64;
/// Of `RandomStream`: apart from the streams of the triples' own negatives.
constexpr std::uint64_t kNegativeStreams = std::uint64_t{1} << 62U;
constexpr std::uint32_t kMaxNegatives = 100000;

/// Items per positive, padded: the positive, its neighbours, its negatives.
std::uint64_t list_length(const UltraGcnOptions& options) {
  const std::uint64_t items = std::uint64_t{1} + options.item_neighbors + options.negatives_per_positive;
  return (items + detail::kItemLanes - 1) / detail::kItemLanes * detail::kItemLanes;
}

class UltraGcn final : public BatchModel {
 public:
  UltraGcn(const BatchContext& context, const UltraGcnOptions& options)
      : context_(context),
        options_(options),
        width_(context.width),
        list_length_(list_length(options)),
        users_(context.interactions.owned_users()),
        items_(context.interactions.owned_items()),
        constraint_(context.comm, context.graph, context.interactions.edge_type(), options.item_neighbors),
        item_rows_(context.comm, context.graph, context.interactions.item_type(), context.width),
        user_terms_(users_.size()),
        item_terms_(items_.size()),
        not_in_batch_(context.graph.num_owned()) {
    const graph::CsrGraph& by_user = context.graph.by_source(context.interactions.edge_type());
    for (std::uint64_t user = 0; user < by_user.num_rows(); ++user) {
      const auto degree = static_cast<double>(by_user.degree(user));
      user_beta_.push_back(degree > 0 ? static_cast<float>(std::sqrt(degree + 1.0) / degree) : 0.0F);
    }
    const graph::CsrGraph& by_item = context.graph.by_destination(context.interactions.edge_type());
    std::vector<float> item_beta;
    for (std::uint64_t item = 0; item < by_item.num_rows(); ++item) {
      item_beta.push_back(static_cast<float>(1.0 / std::sqrt(static_cast<double>(by_item.degree(item)) + 1.0)));
    }
    item_beta_ = everywhere<float>(context.comm, context.graph, context.interactions.item_type(), item_beta);
  }

  void refresh(const EmbeddingTable& /*table*/) override {}

  BatchGradients losses(const BatchStep& step) override {
    table_ = &step.table;
    extra_loss_ = &step.extra_loss;
    gather_users(step);
    draw_items(step);
    item_rows_.fetch(step.table, std::span(item_lists_).first(step.batch.triples.size() * list_length_));
    sum_losses(step);
    sort_terms(step.batch);
    return {not_in_batch_.data(), nullptr, 0.0F, {}};
  }

  void backward(const GradientConsumer& consume) override {
    hand_over(users_, user_terms_, user_gradients_.data(), consume);
    hand_over(items_, item_terms_, batch_users_.data(), consume);
  }

  void embed(const EmbeddingTable& table, EmbeddingTable& result) override {
    std::ranges::copy(table.values(), result.values().begin());
  }

  void begin_epoch(std::uint64_t /*epoch*/) override { pairs_ = steps_ = 0; }

  [[nodiscard]] bool has_own_loss() const override { return true; }

  /// The mean over the epoch so far: its last batch is a short one.
  [[nodiscard]] std::uint64_t slots_per_step() const override { return steps_ == 0 ? 0 : pairs_ / steps_; }

 private:
  /// The rows of the batch's users on every rank, by position in the batch.
  void gather_users(const BatchStep& step) {
    const Batch& batch = step.batch;
    const std::uint64_t own = batch.triples.size();
    grow(batch_users_, batch.num_triples * width_);
    places_.resize(own);
    for (std::size_t t = 0; t < own; ++t) {
      places_[t] = static_cast<std::uint32_t>(batch.own_positions[t] - batch.first_position);
    }
    const auto user_row = [&](std::size_t t) {
      return step.table.values().data() + std::size_t{batch.active[batch.triples[t].user]} * width_;
    };
    if (context_.comm.size() == 1) {
      for (std::size_t t = 0; t < own; ++t)
        std::copy_n(user_row(t), width_, batch_users_.data() + std::size_t{places_[t]} * width_);
      return;
    }
    std::vector<float> rows(own * width_);
    for (std::size_t t = 0; t < own; ++t) std::copy_n(user_row(t), width_, rows.data() + t * width_);
    const std::vector<std::uint32_t> all_places =
        context_.comm.all_gather_v(std::span<const std::uint32_t>(places_)).data;
    const std::vector<float> all_rows = context_.comm.all_gather_v(std::span<const float>(rows)).data;
    for (std::size_t i = 0; i < all_places.size(); ++i) {
      std::copy_n(all_rows.data() + i * width_, width_, batch_users_.data() + std::size_t{all_places[i]} * width_);
    }
  }

  /// Each own positive's list: itself, its neighbours, negatives; padded with itself.
  void draw_items(const BatchStep& step) {
    const Batch& batch = step.batch;
    const RandomStream random(options_.seed, Purpose::kNegative, kNegativeStreams | step.epoch);
    const std::uint64_t num_items = context_.interactions.num_items();
    item_lists_.resize(std::max(item_lists_.size(), batch.triples.size() * list_length_));
    parallel::for_each({0, batch.triples.size()}, kPairGrain, [&](std::uint64_t t) {
      std::uint32_t* list = item_lists_.data() + t * list_length_;
      std::uint32_t* const end = list + list_length_;
      const std::uint32_t positive = batch.positives[t];
      *list++ = positive;
      for (const ItemConstraint::Neighbor& neighbor : constraint_.of(positive)) *list++ = neighbor.item;
      const std::uint64_t key = context_.graph.owned_keys()[batch.active[batch.triples[t].user]].value();
      const auto low = static_cast<std::uint32_t>(batch.own_positions[t]);
      const auto high = static_cast<std::uint32_t>(batch.own_positions[t] >> 32U) << 16U;
      for (std::uint32_t n = 0; n < options_.negatives_per_positive; n += 4) {
        const RandomBlock block = random.block(key, low, high | n / 4);
        for (std::uint32_t k = 0; k < 4 && n + k < options_.negatives_per_positive; ++k) {
          *list++ = static_cast<std::uint32_t>(block[k] * num_items >> 32U);
        }
      }
      std::fill(list, end, positive);
    });
  }

  [[nodiscard]] std::uint64_t used(std::uint32_t positive) const {
    return 1 + constraint_.of(positive).size() + options_.negatives_per_positive;
  }

  void sum_losses(const BatchStep& step) {
    const Batch& batch = step.batch;
    const std::uint64_t own = batch.triples.size();
    derivatives_.resize(std::max(derivatives_.size(), own * list_length_));
    grow(user_gradients_, own * width_);
    struct Partial {
      std::vector<std::uint32_t> places;
      std::vector<float> weights;
      ExactSum loss;
      std::uint64_t failed_position = LossSums::kNone;
      std::uint64_t pairs = 0;
    };
    parallel::PerThread<Partial> partial;
    detail::SumLogisticTerms* const kernel =
        pick_isa(detail::avx2::sum_logistic_terms, detail::avx512::sum_logistic_terms);
    parallel::for_chunks({0, own}, kPairGrain, [&](IndexRange chunk) {
      Partial& mine = partial.local();
      mine.places.resize(list_length_);
      mine.weights.resize(list_length_);
      for (std::uint64_t t = chunk.begin; t < chunk.end; ++t) {
        const std::uint32_t* list = item_lists_.data() + t * list_length_;
        weigh(batch.active[batch.triples[t].user] - users_.begin, list, mine.weights);
        for (std::uint64_t k = 0; k < list_length_; ++k) mine.places[k] = item_rows_.place_of(list[k]);
        detail::LogisticTerms task;
        task.user = batch_users_.data() + std::size_t{places_[t]} * width_;
        task.rows = item_rows_.rows(step.table);
        task.width = width_;
        task.items = mine.places.data();
        task.weights = mine.weights.data();
        task.count = list_length_;
        task.derivatives = derivatives_.data() + t * list_length_;
        task.gradient = user_gradients_.data() + t * width_;
        const float loss = kernel(task);
        if (std::isfinite(loss)) {
          mine.loss.add(static_cast<double>(loss));
        } else {
          mine.failed_position = std::min(mine.failed_position, batch.own_positions[t]);
        }
        mine.pairs += used(batch.positives[t]);
      }
    });
    ++steps_;
    partial.for_each([&](const Partial& mine) {
      step.extra_loss.merge(mine.loss);
      step.sums.failed_position = std::min(step.sums.failed_position, mine.failed_position);
      pairs_ += mine.pairs;
    });
  }

  /// Signed weights of a list, as `LogisticTerms` has them.
  void weigh(std::uint64_t user, const std::uint32_t* list, std::vector<float>& weights) const {
    const float beta = user_beta_[user];
    const auto positive_base = static_cast<float>(options_.positive_base);
    const auto positive_degree = static_cast<float>(options_.positive_degree) * beta;
    float* to = weights.data();
    *to++ = -(positive_base + positive_degree * item_beta_[list[0]]);
    const auto item_weight = static_cast<float>(options_.item_weight);
    for (const ItemConstraint::Neighbor& neighbor : constraint_.of(list[0])) *to++ = -(item_weight * neighbor.omega());
    const double share = options_.negative_weight / options_.negatives_per_positive;
    const auto negative_base = static_cast<float>(share * options_.negative_base);
    const float negative_degree = static_cast<float>(share * options_.negative_degree) * beta;
    const std::uint32_t* from = list + (to - weights.data());
    for (std::uint32_t n = 0; n < options_.negatives_per_positive; ++n) {
      *to++ = negative_base + negative_degree * item_beta_[*from++];
    }
    std::fill(to, weights.data() + list_length_, 0.0F);
  }

  void sort_terms(const Batch& batch) {
    const std::uint64_t own = batch.triples.size();
    user_terms_.sort(own, [&](std::uint64_t t, const auto& add) {
      add(batch.active[batch.triples[t].user] - users_.begin, {static_cast<std::uint32_t>(t), 1.0F});
    });
    if (context_.comm.size() == 1) {
      item_terms_.sort(own, [&](std::uint64_t t, const auto& add) {
        const std::uint64_t first = t * list_length_;
        const std::uint64_t end = first + used(batch.positives[t]);
        for (std::uint64_t k = first; k < end; ++k) add(item_lists_[k], {places_[t], derivatives_[k]});
      });
      return;
    }
    const std::vector<RemoteTerm> received = exchange_terms(batch);
    item_terms_.sort(received.size(), [&](std::uint64_t i, const auto& add) {
      add(received[i].item, {received[i].place, std::bit_cast<float>(received[i].derivative)});
    });
    item_terms_.sort_rows();
  }

  /// A term of an item's gradient on the way to its owner.
  struct RemoteTerm {
    std::uint32_t item = 0;  ///< counted from the owner's first
    std::uint32_t place = 0;
    std::uint32_t derivative = 0;  ///< bits of the float
  };
  [[nodiscard]] std::vector<RemoteTerm> exchange_terms(const Batch& batch) const {
    std::vector<std::uint64_t> counts(static_cast<std::size_t>(context_.comm.size()));
    const auto for_each_term = [&](const auto& visit) {
      for (std::uint64_t t = 0; t < batch.triples.size(); ++t) {
        const std::uint64_t end = t * list_length_ + used(batch.positives[t]);
        for (std::uint64_t k = t * list_length_; k < end; ++k) {
          visit(item_rows_.owner_of(item_lists_[k]).index(),
                RemoteTerm{item_rows_.place_at_owner(item_lists_[k]), places_[t],
                           std::bit_cast<std::uint32_t>(derivatives_[k])});
        }
      }
    };
    for_each_term([&](std::size_t owner, const RemoteTerm&) { ++counts[owner]; });
    std::vector<std::uint64_t> next = counts;
    std::vector<RemoteTerm> terms(parallel::exclusive_prefix_sum(next));
    for_each_term([&](std::size_t owner, const RemoteTerm& term) { terms[next[owner]++] = term; });
    return context_.comm.exchange<RemoteTerm>(terms, counts).data;
  }

  void hand_over(IndexRange owned, const SortedTerms& sorted, const float* term_rows, const GradientConsumer& consume) {
    detail::SumDecayedTerms* const kernel =
        pick_isa(detail::avx2::sum_decayed_terms, detail::avx512::sum_decayed_terms);
    const auto decay = static_cast<float>(options_.regularisation);
    struct Partial {
      HugeBuffer<float> gradients;
      std::vector<std::uint32_t> rows;
      ExactSum squares;
    };
    parallel::PerThread<Partial> partial;
    parallel::for_chunks(owned, kRowBlock, [&](IndexRange chunk) {
      Partial& mine = partial.local();
      grow(mine.gradients, kRowBlock * width_);
      mine.rows.clear();
      for (std::uint64_t row = chunk.begin; row < chunk.end; ++row) {
        const std::span<const detail::RowTerm> terms = sorted.of(row - owned.begin);
        detail::DecayedTerms task;
        task.terms = terms.data();
        task.count = terms.size();
        task.rows = term_rows;
        task.width = width_;
        task.parameters = table_->values().data() + row * width_;
        task.decay = decay;
        task.out = mine.gradients.data() + mine.rows.size() * width_;
        const float squares = kernel(task);
        if (std::isfinite(squares)) mine.squares.add(0.5 * options_.regularisation * static_cast<double>(squares));
        mine.rows.push_back(static_cast<std::uint32_t>(row));
      }
      consume(mine.rows, mine.gradients.data());
    });
    partial.for_each([&](const Partial& mine) { extra_loss_->merge(mine.squares); });
  }

  const BatchContext context_;
  const UltraGcnOptions& options_;
  std::uint32_t width_;
  std::uint64_t list_length_;
  IndexRange users_;
  IndexRange items_;
  ItemConstraint constraint_;
  ItemRows item_rows_;
  std::vector<float> user_beta_;  ///< per owned user
  std::vector<float> item_beta_;  ///< by row of the item type

  // The present batch. Lists and what goes with them: one per own triple.
  const EmbeddingTable* table_ = nullptr;
  ExactSum* extra_loss_ = nullptr;
  std::vector<std::uint32_t> places_;  ///< of the own triples
  HugeBuffer<float> batch_users_;      ///< rows by place, of all ranks
  std::vector<std::uint32_t> item_lists_;
  std::vector<float> derivatives_;
  HugeBuffer<float> user_gradients_;
  SortedTerms user_terms_;
  SortedTerms item_terms_;
  std::vector<std::uint32_t> not_in_batch_;  ///< zero per owned row: all of a gradient is handed over
  std::uint64_t pairs_ = 0;                  ///< of the epoch so far
  std::uint64_t steps_ = 0;
};

void require_valid(const UltraGcnOptions& options) {
  if (options.negatives_per_positive == 0 || options.negatives_per_positive > kMaxNegatives) {
    throw ConfigError(fmt::format("train.negatives_per_positive is {}, expected 1 to {}",
                                  options.negatives_per_positive, kMaxNegatives));
  }
  if (options.batch_size > std::numeric_limits<std::uint32_t>::max() / list_length(options)) {
    throw ConfigError(fmt::format("train.batch_size is {}, expected at most {} with {} negatives per positive",
                                  options.batch_size, std::numeric_limits<std::uint32_t>::max() / list_length(options),
                                  options.negatives_per_positive));
  }
  for (const auto& [key, value] :
       {std::pair{"negative_weight", options.negative_weight}, std::pair{"positive_base", options.positive_base},
        std::pair{"positive_degree", options.positive_degree}, std::pair{"negative_base", options.negative_base},
        std::pair{"negative_degree", options.negative_degree}, std::pair{"item_weight", options.item_weight},
        std::pair{"regularisation", options.regularisation}}) {
    if (!(value >= 0) || !std::isfinite(value)) {
      throw ConfigError(fmt::format("train.{} is {}, expected at least 0", key, value));
    }
  }
}

}  // namespace

std::unique_ptr<BatchModel> make_ultragcn(const BatchContext& context, const UltraGcnOptions& options) {
  return std::make_unique<UltraGcn>(context, options);
}

TrainResult train_ultragcn(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                           const UltraGcnOptions& options, const TrainHooks& hooks) {
  require_valid(options);
  UltraGcnOptions own = options;
  own.decay = 0;
  own.loss = {};
  own.negatives = NegativeKind::kUniform;
  return train_on_batches(comm, graph, type, own, hooks,
                          [&](const BatchContext& context) { return make_ultragcn(context, own); });
}

MemoryPlan plan_ultragcn(const ModelShare& share, const UltraGcnOptions& options) {
  const std::uint64_t row = exec::padded_width(options.dim) * sizeof(float);
  const std::uint64_t pairs = options.batch_size * list_length(options);
  MemoryPlan plan = plan_batches(share, options);
  plan.hold("items of a batch with their derivatives", pairs * (share.ranks > 1 ? 40 : 16));
  if (share.ranks > 1) plan.hold("rows of a batch's items", 2 * std::min(pairs, share.items) * row);
  plan.hold("owners and degrees of the items", share.items * (20 + 4 * (share.threads + std::uint64_t{1})));
  plan.hold("places of the users' gradients", share.owned_rows * 4 * (share.threads + std::uint64_t{1}));
  plan.hold("strongest neighbours of the items",
            (share.owned_rows + share.ghost_rows) * std::uint64_t{options.item_neighbors} * 8);
  plan.hold("co-occurrences while they are counted", CoInteractions::bytes(share));
  return plan;
}

}  // namespace rove::gnn
