// SPDX-License-Identifier: Apache-2.0
#include "gnn/batch_training.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/isa.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/graph/replicate.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/adam.hpp"
#include "gnn/batch_contrast.hpp"
#include "gnn/epoch_loop.hpp"
#include "gnn/listed_negatives.hpp"
#include "gnn/popular_negatives.hpp"

namespace rove::gnn {
namespace {

/// Batches prepared at a time, one per thread and call.
constexpr std::uint64_t kWindow = 16;
constexpr std::uint64_t kBatchTrainingGrain = 256;

class BatchTraining final : public EpochModel {
 public:
  BatchTraining(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                const BatchOptions& options, const TrainHooks& hooks,
                const std::function<std::unique_ptr<BatchModel>(const BatchContext&)>& make_model)
      : comm_(comm),
        graph_(graph),
        options_(options),
        interactions_(graph, type),
        sampler_(comm, interactions_, options.sampler, options.seed),
        columns_(options.layout == TrainLayout::kColumns
                     ? std::make_unique<const ColumnLayout>(comm, graph, type, options.dim, options.cluster_bytes,
                                                            hooks.sink())
                     : nullptr),
        table_(columns_ ? columns_->make_table() : EmbeddingTable(graph.num_owned(), options.dim)),
        optimizer_({.learning_rate = options.learning_rate, .weight_decay = options.weight_decay}, table_),
        model_(make_model({comm, graph, interactions_, exec::padded_width(options.dim), columns_.get()})),
        window_(kWindow),
        column_window_(kWindow),
        accumulated_(options.accumulate > 1 ? table_.values().size() : 0),
        frozen_(hooks.frozen == nullptr ? std::vector<std::uint8_t>()
                : columns_              ? columns_->flags_of_all(*hooks.frozen)
                                        : *hooks.frozen) {
    if (columns_ && !model_->knows_columns()) {
      throw ConfigError("this model is not trained by columns; set resources.train_layout to partitioned or auto");
    }
    if (options.storage != StateStorage::kFloat32 && !model_->knows_storage()) {
      throw ConfigError(
          "train.storage is bfloat16, but this model propagates nothing (no layers), or float32 only; set it to "
          "float32");
    }
    if (options.negatives == NegativeKind::kPopularity) popular_negatives_.emplace(comm, interactions_, options.seed);
    if (options.negatives == NegativeKind::kListed) {
      listed_negatives_.emplace(interactions_, *hooks.ranked_items, options.hard_first, options.hard_last,
                                options.seed);
    }
    if (reads_shared_negatives(options))
      shared_negatives_.emplace(interactions_, options.shared_negatives, options.seed);
  }

  void register_state(exec::CheckpointRegistry& state) override {
    state.add_value("optimizer_steps", optimizer_.steps());
    std::uint32_t number = 0;
    for (ExactSum* sum : {&sums_.full_bpr, &sums_.full_decay, &sums_.short_bpr, &sums_.short_decay, &extra_loss_}) {
      register_sum(state, fmt::format("loss_{}", number++), *sum);
    }
    const auto add_rows = [&](const std::string& name, std::span<float> rows) {
      if (columns_) {
        register_columns(state, name, *columns_, rows);
      } else {
        register_rows(state, name, graph_, rows, table_.width());
      }
    };
    add_rows("parameters", table_.values());
    add_rows("first_moments", optimizer_.first_moments());
    add_rows("second_moments", optimizer_.second_moments());
    if (options_.accumulate > 1) add_rows("accumulated", accumulated_.span());
    if (DenseWeights* const weights = model_->weights()) weights->register_state(state);
  }

  void initialise(const StartRows& start) override {
    if (!columns_) {
      table_.initialise_normal(graph_, options_.seed, options_.initial_deviation);
      if (start) start(table_);
      return;
    }
    table_.initialise_normal(columns_->whole_graph(), options_.seed, options_.initial_deviation,
                             columns_->first_column());
    if (!start) return;
    EmbeddingTable whole = columns_->to_owners(table_);
    start(whole);
    columns_->from_owners(whole, table_.values());
  }
  void refresh() override { model_->refresh(table_); }

  std::uint64_t begin_epoch(std::uint64_t epoch) override {
    std::vector<Triple> triples = sampler_.sample(comm_, epoch);
    if (popular_negatives_) popular_negatives_->replace(comm_, epoch, triples);
    if (listed_negatives_) {
      listed_negatives_->replace(epoch, hard_share(options_.hard_share, epoch, options_.epochs), triples);
    }
    batches_.emplace(comm_, interactions_, std::move(triples), sampler_.num_triples(), options_.batch_size,
                     shared_negatives_ ? &*shared_negatives_ : nullptr, epoch);
    window_end_ = 0;
    model_->begin_epoch(epoch);
    return batches_->num_batches();
  }

  void step(std::uint64_t epoch, std::uint64_t step) override {
    const Batch& batch = prepared(step);
    const bool is_full = batch.num_triples == options_.batch_size;
    const BatchStep view{table_,  batch, epoch,       step,
                         is_full, sums_, extra_loss_, columns_ ? &column_window_[step % kWindow] : nullptr};
    const BatchGradients gradients = model_->losses(view);
    add_decay_loss(view.active(), is_full ? sums_.full_decay : sums_.short_decay);

    const BatchGroup group = group_of(step);
    detail::AdamRows task;
    if (group.is_last) {
      task = optimizer_.begin_step(table_);
      const std::uint64_t steps_per_epoch = (batches_->num_batches() - 1) / options_.accumulate + 1;
      task.step_size *=
          static_cast<float>(rate_factor(options_, optimizer_.steps(), options_.epochs * steps_per_epoch));
    } else {
      task.width = table_.width();
      task.parameters = table_.values().data();
    }
    task.batch_index = gradients.batch_index;
    task.batch_gradients = gradients.at_active;
    task.batch_uses = view.active().uses.data();
    task.loss_factor = gradients.factor;
    task.decay_factor = static_cast<float>(options_.decay / static_cast<double>(batch.num_triples));
    task.scaled = gradients.scaled;
    const auto take = [&](std::span<const std::uint32_t> rows, const float* results) {
      detail::AdamRows part = task;
      part.rows = rows.data();
      part.count = rows.size();
      part.results = results;
      take_trained(part, group);
    };
    model_->backward({take, {task.parameters, task.first_moments, task.second_moments, task.scaled.floats}});
    if (DenseWeights* const weights = model_->weights()) {
      if (options_.accumulate > 1) weights->accumulate(group.share, group.is_first);
      if (group.is_last) weights->apply(task);
    }
  }

  void require_finite(std::uint64_t epoch) override {
    const std::uint64_t failed = comm_.all_reduce(sums_.failed_position, comm::ReduceOp::kMin);
    if (failed == LossSums::kNone) return;
    const std::uint64_t user = comm_.all_reduce(batches_->user_row_at(failed, interactions_), comm::ReduceOp::kMin);
    throw ConfigError(
        fmt::format("training diverged: in epoch {}, step {}, a score of {} row {} is not a finite number; lower "
                    "train.learning_rate (now {}) or check the initial embeddings",
                    epoch, failed / options_.batch_size + 1,
                    graph_.schema().vertex_type(interactions_.user_type()).name, user, options_.learning_rate));
  }

  void end_epoch(std::uint64_t steps, EpochRecord& record) override {
    const auto batch = static_cast<double>(options_.batch_size);
    const std::uint64_t triples = sampler_.num_triples();
    const std::uint64_t rest = triples % options_.batch_size;
    const std::uint64_t full_batches = triples / options_.batch_size;
    const bool is_bpr = options_.loss.kind == LossKind::kBpr && !model_->has_own_loss();
    const auto divisor = static_cast<double>(is_bpr ? full_batches + 1 : batches_->num_batches());
    const auto mean = [&](const ExactSum& full, const ExactSum& last) {
      double sum = comm_.all_reduce(full).value() / batch;
      const double of_last = comm_.all_reduce(last).value();
      if (rest > 0) sum += of_last / static_cast<double>(rest);
      return sum / divisor;
    };
    const double bpr_loss = mean(sums_.full_bpr, sums_.short_bpr);
    if (is_bpr) record.bpr_loss = bpr_loss;
    record.loss = bpr_loss + 0.5 * options_.decay * mean(sums_.full_decay, sums_.short_decay) +
                  comm_.all_reduce(extra_loss_).value() / divisor;
    // By columns every rank pulls all slots.
    const std::uint64_t own_slots = columns_ && !comm_.is_root() ? 0 : model_->slots_per_step();
    const std::uint64_t slots = comm_.all_reduce(own_slots, comm::ReduceOp::kSum);
    record.edges_per_second = static_cast<double>(slots * steps);
    sums_ = LossSums();
    extra_loss_ = ExactSum();
  }

  EmbeddingTable embeddings() override {
    EmbeddingTable result(table_.num_rows(), table_.dim());
    model_->embed(table_, result);
    return columns_ ? columns_->to_owners(result) : std::move(result);
  }
  EmbeddingTable take_parameters() override { return columns_ ? columns_->to_owners(table_) : std::move(table_); }

 private:
  /// A batch among those of one step of the optimiser.
  struct BatchGroup {
    bool is_first = true;
    bool is_last = true;
    float share = 1.0F;  ///< of its triples
  };
  [[nodiscard]] BatchGroup group_of(std::uint64_t batch) const {
    const std::uint64_t first = batch / options_.accumulate * options_.accumulate;
    const std::uint64_t end = std::min(first + options_.accumulate, batches_->num_batches());
    const auto triples_before = [&](std::uint64_t b) {
      return static_cast<double>(std::min(b * options_.batch_size, sampler_.num_triples()));
    };
    return {batch == first, batch + 1 == end,
            static_cast<float>((triples_before(batch + 1) - triples_before(batch)) /
                               (triples_before(end) - triples_before(first)))};
  }

  /// The gradients of rows that are not frozen, run by run.
  void take_trained(const detail::AdamRows& rows, const BatchGroup& group) {
    if (frozen_.empty()) return take_gradients(rows, group);
    const auto is_frozen = [&](std::uint64_t i) { return frozen_[rows.rows[i]] != 0; };
    for (std::uint64_t first = 0; first < rows.count; ++first) {
      if (is_frozen(first)) continue;
      std::uint64_t end = first + 1;
      while (end < rows.count && !is_frozen(end)) ++end;
      detail::AdamRows run = rows;
      run.rows += first;
      run.count = end - first;
      if (run.results != nullptr) run.results += first * run.width;
      take_gradients(run, group);
      first = end;
    }
  }

  void take_gradients(const detail::AdamRows& rows, const BatchGroup& group) {
    detail::ApplyAdam* const apply = pick_isa(detail::avx2::apply_adam, detail::avx512::apply_adam);
    if (options_.accumulate == 1) {
      apply(rows);
      return;
    }
    detail::AccumulateGradients* const accumulate =
        pick_isa(detail::avx2::accumulate_gradients, detail::avx512::accumulate_gradients);
    if (!group.is_last) {
      accumulate(rows, {accumulated_.data(), group.share, group.is_first, nullptr});
      return;
    }
    std::vector<float> sums(rows.count * rows.width);
    accumulate(rows, {accumulated_.data(), group.share, group.is_first, sums.data()});
    detail::AdamRows step = rows;
    step.results = sums.data();
    step.batch_index = nullptr;
    apply(step);
  }

  /// The sum over all ranks goes into the checkpoint; rank 0 goes on from it, the others from zero.
  void register_sum(exec::CheckpointRegistry& state, std::string name, ExactSum& sum) {
    state.add_bytes(
        std::move(name),
        [this, &sum] {
          const auto limbs = comm_.all_reduce(sum).normalised_limbs();
          const auto bytes = std::as_bytes(std::span(limbs));
          return std::vector<std::byte>(bytes.begin(), bytes.end());
        },
        [this, &sum](std::span<const std::byte> bytes) {
          std::array<std::int64_t, ExactSum::kLimbs> limbs{};
          if (bytes.size() != sizeof(limbs)) throw InputError("checkpoint: a loss sum has another size");
          std::memcpy(limbs.data(), bytes.data(), sizeof(limbs));
          sum = comm_.is_root() ? ExactSum::from_limbs(limbs) : ExactSum();
        });
  }

  const Batch& prepared(std::uint64_t step) {
    if (step >= window_end_) {
      window_end_ = std::min(batches_->num_batches(), step + kWindow);
      parallel::for_each({step, window_end_}, 1, [&](std::uint64_t b) { window_[b % kWindow] = batches_->make(b); });
      if (columns_) gather_window(step);
    }
    return window_[step % kWindow];
  }

  void gather_window(std::uint64_t first) {
    std::vector<const Batch*> batches;
    for (std::uint64_t b = first; b < window_end_; ++b) batches.push_back(&window_[b % kWindow]);
    std::vector<ColumnBatch> gathered = gather_columns(comm_, graph_, *columns_, batches);
    for (std::uint64_t b = first; b < window_end_; ++b) column_window_[b % kWindow] = std::move(gathered[b - first]);
  }

  /// Squares are summed over blocks of 16 columns, and these exactly: the same over whole rows and over some columns of
  /// them.
  void add_decay_loss(const ActiveRows& rows, ExactSum& sum) {
    detail::SquaredNorm* const norm = pick_isa(detail::avx2::squared_norm, detail::avx512::squared_norm);
    const float* parameters = table_.values().data();
    const std::uint64_t blocks = table_.width() / exec::kRowLanes;
    if (blocks == 0) return;
    sum.merge(parallel::exact_sum({0, rows.active.size() * blocks}, kBatchTrainingGrain * blocks, [&](std::uint64_t i) {
      const std::uint64_t row = i / blocks;
      const float* const block = parameters + (rows.active[row] * blocks + i % blocks) * exec::kRowLanes;
      const double value = norm(block, exec::kRowLanes);
      return std::isfinite(value) ? static_cast<double>(rows.uses[row]) * value : 0.0;
    }));
  }

  const comm::Communicator& comm_;
  const graph::DistributedGraph& graph_;
  const BatchOptions& options_;
  Interactions interactions_;
  TripleSampler sampler_;
  std::optional<PopularNegatives> popular_negatives_;
  std::optional<ListedNegatives> listed_negatives_;
  std::optional<SharedNegatives> shared_negatives_;
  std::unique_ptr<const ColumnLayout> columns_;
  EmbeddingTable table_;
  Adam optimizer_;
  std::unique_ptr<BatchModel> model_;
  LossSums sums_;
  ExactSum extra_loss_;
  std::optional<EpochBatches> batches_;
  std::vector<Batch> window_;
  std::vector<ColumnBatch> column_window_;
  std::uint64_t window_end_ = 0;
  HugeBuffer<float> accumulated_;
  std::vector<std::uint8_t> frozen_;  ///< per row of the table, or empty
};

}  // namespace

TrainResult train_on_batches(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                             const BatchOptions& options, const TrainHooks& hooks,
                             const std::function<std::unique_ptr<BatchModel>(const BatchContext&)>& make_model) {
  require_valid(options);
  if (options.negatives == NegativeKind::kListed && hooks.ranked_items == nullptr) {
    throw ConfigError("negatives are to come from ranked lists, but there are none");
  }
  BatchTraining training(comm, graph, type, options, hooks, make_model);
  return run_epochs(comm, graph, training, options, hooks);
}

PlannedRows planned_rows(const ModelShare& share, const BatchOptions& options) {
  if (options.layout == TrainLayout::kPartitioned) {
    return {share.owned_rows, share.ghost_rows, share.owned_interactions,
            exec::padded_width(options.dim) * sizeof(float)};
  }
  return {share.vertices, 0, share.interactions, columns_of(Rank{0}, share.ranks, options.dim).size() * sizeof(float)};
}

MemoryPlan plan_batches(const ModelShare& share, const BatchOptions& options) {
  const std::uint64_t row = exec::padded_width(options.dim) * sizeof(float);
  const PlannedRows rows = planned_rows(share, options);
  MemoryPlan plan("train");
  plan.hold("parameters and optimiser moments", 3 * rows.owned * rows.row_bytes);
  plan.hold("final representations", share.owned_rows * row);
  if (options.accumulate > 1) plan.hold("accumulated gradients", rows.owned * rows.row_bytes);
  if (options.layout == TrainLayout::kColumns) {
    const std::uint64_t clustering = ColumnLayout::clustering_bytes(share.vertices, share.interactions);
    const std::uint64_t later = plan.total_bytes();
    if (clustering > later) plan.hold("clusters of rows, beyond what takes their place", clustering - later);
    constexpr std::uint64_t kBothSides = 8;
    constexpr std::uint64_t kOfVertices = 64;
    plan.hold("the whole graph, and what it is made from",
              (1 + graph::kReplicationCopies) * kBothSides * share.interactions + kOfVertices * share.vertices);
    plan.hold("columns on their way to whole rows", 2 * rows.owned * rows.row_bytes + 2 * share.owned_rows * row);
    plan.hold("active rows of the batches", kWindow * options.batch_size * 3 * 40);
  }
  if (options.patience > 0) plan.hold("representations of the best epoch", loop_bytes(share.owned_rows, options));
  plan.hold("items of the users", share.owned_interactions * 12);
  const std::uint64_t shared =
      reads_shared_negatives(options) ? std::min(options.shared_negatives, share.items) : std::uint64_t{0};
  if (options.loss.kind != LossKind::kBpr || options.negatives == NegativeKind::kDynamic) {
    plan.hold("pairs of a batch", contrast_bytes(std::max(options.batch_size, shared), options.dim, share.threads));
  }
  if (options.negatives == NegativeKind::kPopularity) {
    plan.hold("negatives by popularity while they are drawn", share.owned_interactions * 50);
  }
  if (shared > 0) plan.hold("shared negatives", shared * (kWindow * 12 + 4 * row));
  if (options.negatives == NegativeKind::kListed) {
    // Lists as long as the window asks, and their windows.
    plan.hold("ranked items", share.owned_rows * options.hard_last * 16);
  }
  plan.hold("triples of an epoch", share.owned_interactions * 90);
  plan.hold("batches", kWindow * options.batch_size * 200 + options.batch_size * 8 * row);
  return plan;
}

}  // namespace rove::gnn
