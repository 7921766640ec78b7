// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_simplex.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/isa.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/batch_loss.hpp"
#include "gnn/dense_weights.hpp"
#include "gnn/detail/contrast_kernels.hpp"
#include "gnn/gram_matrix.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kSimplexGrain = 256;

class SimpleX final : public BatchModel {
 public:
  SimpleX(const BatchContext& context, const SimpleXOptions& options)
      : context_(context),
        options_(options),
        width_(context.width),
        mean_(context.graph, {{context.interactions.edge_type()}, 1.0, 0.0, {}}),
        map_({options.dim, options.dim, context.width, context.width}, 1, options.seed),
        loss_(make_loss(context_, options)),
        copies_(context.comm.size() > 1 ? std::size_t{mean_.num_local()} * width_ : 0),
        ones_(mean_.num_owned(), 1.0F),
        from_users_(std::size_t{mean_.num_local()} * width_),
        batch_index_(mean_.num_owned()),
        is_active_(mean_.num_local()) {}

  [[nodiscard]] DenseWeights* weights() override { return &map_; }

  void refresh(const EmbeddingTable& table) override {
    if (!copies_.empty()) std::ranges::copy(table.values(), copies_.data());
  }

  BatchGradients losses(const BatchStep& step) override {
    set_active(step.batch);
    const std::vector<std::uint32_t>& active = step.batch.active;
    grow(rows_, step.batch.num_rows() * width_);
    grow(gradients_, active.size() * width_);
    parallel::for_each({0, active.size()}, kSimplexGrain, [&](std::uint64_t i) {
      std::copy_n(step.table.values().data() + std::size_t{active[i]} * width_, width_, rows_.data() + i * width_);
    });
    const std::span<const std::uint32_t> users = std::span(active).subspan(users_.begin, users_.size());
    means_.resize(users.size() * width_);
    mapped_.resize(means_.size());
    const exec::Propagation::Rows rows = mean_.select(users);
    pull_items(step.table, rows, [&](std::span<const std::uint32_t> some, const float* results) {
      for (std::size_t i = 0; i < some.size(); ++i) {
        std::copy_n(results + i * width_, width_,
                    means_.data() + (batch_index_[some[i]] - 1 - users_.begin) * std::size_t{width_});
      }
    });
    add_behaviour(means_, mapped_, std::span(rows_.data() + users_.begin * width_, means_.size()));
    loss_->run(step, rows_.span(), gradients_.span());
    return {batch_index_.data(), gradients_.data(), 1.0F, {copies_.data(), nullptr, ones_.data()}};
  }

  void backward(const GradientConsumer& consume) override {
    // Of a user's gradient G: g G reaches its row, (1 - g) G Vᵀ the mean of its items.
    const std::span<float> of_users(gradients_.data() + users_.begin * width_, means_.size());
    const auto behaviour = static_cast<float>(1.0 - options_.own_share);
    const std::vector<float> sums = cross_gram(context_.comm, means_, width_, of_users, width_);
    for (std::size_t i = 0; i < sums.size(); ++i) map_.gradients()[i] = behaviour * sums[i];
    multiply_rows(of_users, users_.size(), width_, transposed(map_.values(), width_, width_), width_, mapped_);
    const auto own = static_cast<float>(options_.own_share);
    parallel::for_each({0, users_.size()}, kSimplexGrain, [&](std::uint64_t i) {
      const std::size_t row = indexed_rows_[users_.begin + i];
      const float scale = behaviour * mean_.after()[row];
      for (std::size_t c = 0; c < width_; ++c) {
        from_users_[row * width_ + c] = scale * mapped_[i * width_ + c];
        of_users[i * width_ + c] *= own;
      }
    });
    if (context_.comm.size() > 1) context_.graph.halo().update<std::uint8_t>(is_active_);
    exec::Propagation::Pull pull;
    pull.source_type = context_.interactions.user_type();
    pull.rows = &mean_.rows_of_type(context_.interactions.item_type());
    pull.nonzero = is_active_;
    pull.touched = consume.touched();
    mean_.pull(from_users_.span(), width_, pull, consume.function());
    hand_over_users(consume);
  }

  void embed(const EmbeddingTable& table, EmbeddingTable& result) override {
    const IndexRange users = context_.interactions.owned_users();
    std::ranges::copy(table.values(), result.values().data());
    std::vector<float> means(users.size() * width_);
    pull_items(table, mean_.rows_of_type(context_.interactions.user_type()),
               [&](std::span<const std::uint32_t> some, const float* results) {
                 for (std::size_t i = 0; i < some.size(); ++i) {
                   std::copy_n(results + i * width_, width_, means.data() + (some[i] - users.begin) * width_);
                 }
               });
    std::vector<float> mapped(means.size());
    add_behaviour(means, mapped, result.values().subspan(users.begin * width_, means.size()));
    detail::NormaliseRow* const normalise = pick_isa(detail::avx2::normalise_row, detail::avx512::normalise_row);
    parallel::for_each({0, result.num_rows()}, kSimplexGrain, [&](std::uint64_t row) {
      float* values = result.values().data() + row * width_;
      normalise(values, width_, values);
    });
  }

  [[nodiscard]] std::uint64_t slots_per_step() const override { return mean_.num_slots(); }

 private:
  void set_active(const Batch& batch) {
    const IndexRange owned = context_.interactions.owned_users();
    for (const std::uint32_t row : indexed_rows_) {
      batch_index_[row] = 0;
      is_active_[row] = 0;
    }
    indexed_rows_ = batch.active;
    const auto place_of = [&](std::uint64_t row) {
      return static_cast<std::uint64_t>(std::ranges::lower_bound(batch.active, row) - batch.active.begin());
    };
    users_ = {place_of(owned.begin), place_of(owned.end)};
    for (std::uint32_t i = 0; i < batch.active.size(); ++i) batch_index_[batch.active[i]] = i + 1;
    for (std::uint64_t i = users_.begin; i < users_.end; ++i) is_active_[batch.active[i]] = 1;
  }

  /// The means of the users' items.
  void pull_items(const EmbeddingTable& table, const exec::Propagation::Rows& users,
                  const exec::Propagation::BlockConsumer& consume) {
    exec::Propagation::Pull pull;
    pull.source_type = context_.interactions.item_type();
    pull.rows = &users;
    pull.scale = mean_.after();
    if (copies_.empty()) {
      mean_.pull_local(table.values(), width_, pull, consume);
    } else {
      mean_.pull(copies_.span(), width_, pull, consume);
    }
  }

  /// rows = g rows + (1 - g) means V; `mapped` is scratch.
  void add_behaviour(std::span<const float> means, std::span<float> mapped, std::span<float> rows) const {
    const std::uint64_t count = rows.size() / width_;
    multiply_rows(means, count, width_, map_.values(), width_, mapped);
    detail::CombineRows* const combine = pick_isa(detail::avx2::combine_rows, detail::avx512::combine_rows);
    const auto own = static_cast<float>(options_.own_share);
    const auto behaviour = static_cast<float>(1.0 - options_.own_share);
    parallel::for_each({0, count}, kSimplexGrain, [&](std::uint64_t i) {
      float* row = rows.data() + i * width_;
      combine(row, own, mapped.data() + i * width_, behaviour, width_, row);
    });
  }

  /// Nothing is pulled to users.
  void hand_over_users(const GradientConsumer& consume) const {
    const IndexRange owned = context_.interactions.owned_users();
    std::vector<std::uint32_t> rows(owned.size());
    std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(owned.begin));
    parallel::for_chunks({0, rows.size()}, kSimplexGrain, [&](IndexRange chunk) {
      consume(std::span<const std::uint32_t>(rows).subspan(chunk.begin, chunk.size()), nullptr);
    });
  }

  const BatchContext context_;
  const SimpleXOptions& options_;
  std::uint32_t width_;
  exec::Propagation mean_;
  DenseWeights map_;  ///< V
  std::unique_ptr<BatchLoss> loss_;
  HugeBuffer<float> copies_;  ///< the table with room for ghosts, on several ranks
  std::vector<float> ones_;
  HugeBuffer<float> from_users_;  ///< what a user's gradient hands to each of its items
  HugeBuffer<float> rows_;
  HugeBuffer<float> gradients_;
  std::vector<float> means_;
  std::vector<float> mapped_;
  IndexRange users_;  ///< places of the users among the active rows
  std::vector<std::uint32_t> batch_index_;
  std::vector<std::uint32_t> indexed_rows_;
  std::vector<std::uint8_t> is_active_;  ///< users, by local row
};

}  // namespace

std::unique_ptr<BatchModel> make_simplex(const BatchContext& context, const SimpleXOptions& options) {
  return std::make_unique<SimpleX>(context, options);
}

TrainResult train_simplex(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                          const SimpleXOptions& options, const TrainHooks& hooks) {
  if (!(options.own_share >= 0 && options.own_share <= 1)) {
    throw ConfigError(fmt::format("train.own_share is {}, expected 0 to 1", options.own_share));
  }
  return train_on_batches(comm, graph, type, options, hooks,
                          [&](const BatchContext& context) { return make_simplex(context, options); });
}

MemoryPlan plan_simplex(const ModelShare& share, const SimpleXOptions& options) {
  const std::uint64_t row = exec::padded_width(options.dim) * sizeof(float);
  MemoryPlan plan = plan_batches(share, options);
  plan.hold("gradients of the users' means", 2 * (share.owned_rows + share.ghost_rows) * row);
  plan.hold("means of the users' items", 2 * share.owned_rows * row);
  plan.hold("scales, flags and rows", share.owned_rows * 60 + share.ghost_rows * 2);
  return plan;
}

}  // namespace rove::gnn
