// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_lightgcn.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/isa.hpp"
#include "engine/base/stop.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/adam.hpp"
#include "gnn/batches.hpp"
#include "gnn/bpr.hpp"
#include "gnn/interactions.hpp"
#include "gnn/linear_propagation.hpp"

namespace rove::gnn {
namespace {

/// Batches prepared at a time, one per thread and call.
constexpr std::uint64_t kWindow = 16;
/// Steps between agreements on failures and requests to stop.
constexpr std::uint64_t kStepsPerAgreement = 32;
constexpr std::uint64_t kRowGrain = 256;

std::vector<float> layer_mean(std::uint32_t layers) {
  return std::vector<float>(layers + 1U, static_cast<float>(1.0 / (layers + 1.0)));
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Where a run is; with the table, the moments and the history all that a checkpoint holds.
struct Progress {
  std::uint64_t epoch = 0;  ///< finished
  std::uint64_t step = 0;   ///< finished in the present epoch
};

class Training {
 public:
  Training(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
           const TrainOptions& options, const TrainHooks& hooks)
      : comm_(comm),
        graph_(graph),
        options_(options),
        hooks_(hooks),
        interactions_(graph, type),
        sampler_(comm, interactions_, options.sampler, options.seed),
        propagation_(graph, {{type}, options.row_exponent, options.column_exponent}),
        table_(graph.num_owned(), options.dim),
        model_(propagation_, interactions_.user_type(), interactions_.item_type(), layer_mean(options.layers),
               table_.width()),
        optimizer_({.learning_rate = options.learning_rate}, table_),
        loss_(table_.width()) {
    register_state();
  }

  TrainResult run() {
    if (hooks_.resume != nullptr) {
      state_.restore(comm_, *hooks_.resume);
    } else {
      table_.initialise_normal(graph_, options_.seed, options_.initial_deviation);
    }
    model_.refresh(table_);
    sink().begin("train", options_.epochs, "epochs");
    sink().update(progress_.epoch, "");
    while (progress_.epoch < options_.epochs) run_epoch();
    sink().end(history_.empty() ? "" : describe(history_.back(), options_.epochs));
    EmbeddingTable embeddings(graph_.num_owned(), options_.dim);
    model_.forward_all(table_, embeddings);
    return {std::move(embeddings), std::move(table_), std::move(history_)};
  }

 private:
  [[nodiscard]] ProgressSink& sink() const {
    return hooks_.progress == nullptr || !comm_.is_root() ? no_progress() : *hooks_.progress;
  }

  void register_state() {
    state_.add_value("progress", progress_);
    state_.add_value("optimizer_steps", optimizer_.steps());
    for (ExactSum* sum : {&sums_.full_bpr, &sums_.full_decay, &sums_.short_bpr, &sums_.short_decay}) {
      register_sum(fmt::format("loss_{}", registered_sums_++), *sum);
    }
    state_.add_bytes(
        "history", [this] { return pack_history(history_); },
        [this](std::span<const std::byte> bytes) { history_ = unpack_history(bytes); });
    const auto add_rows = [&](const std::string& name, std::span<float> values) {
      register_rows(state_, name, graph_, values, table_.width());
    };
    add_rows("parameters", table_.values());
    add_rows("first_moments", optimizer_.first_moments());
    add_rows("second_moments", optimizer_.second_moments());
  }

  /// The sum over all ranks goes into the checkpoint; rank 0 goes on from it, the others from zero.
  void register_sum(std::string name, ExactSum& sum) {
    state_.add_bytes(
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

  void run_epoch() {
    const auto start = std::chrono::steady_clock::now();
    const EpochBatches batches(comm_, interactions_, sampler_.sample(comm_, progress_.epoch + 1),
                               sampler_.num_triples(), options_.batch_size);
    const std::uint64_t steps = batches.num_batches();
    std::vector<Batch> window(kWindow);
    const std::uint64_t first = progress_.step;
    std::uint64_t window_end = first;
    while (progress_.step < steps) {
      if (progress_.step == window_end) {
        window_end = std::min(steps, progress_.step + kWindow);
        parallel::for_each({progress_.step, window_end}, 1,
                           [&](std::uint64_t b) { window[b % kWindow] = batches.make(b); });
      }
      step(window[progress_.step % kWindow]);
      ++progress_.step;
      if (progress_.step % kStepsPerAgreement == 0 || progress_.step == steps) {
        agree(batches, progress_.step == steps);
      }
    }
    const std::uint64_t trained = steps - first;
    progress_.step = 0;
    ++progress_.epoch;
    finish_epoch(seconds_since(start), trained);
  }

  void step(const Batch& batch) {
    const std::uint32_t width = table_.width();
    grow(row_buffer_, batch.num_rows() * width);
    grow(gradients_, batch.active.size() * width);
    const bool is_full = batch.num_triples == options_.batch_size;
    model_.forward(table_, batch, row_buffer_.data());
    loss_.run(comm_, batch, row_buffer_.span(), gradients_.span(), is_full, sums_);
    add_decay_loss(batch, is_full ? sums_.full_decay : sums_.short_decay);

    detail::ApplyAdam* const kernel = pick_isa(detail::avx2::apply_adam, detail::avx512::apply_adam);
    detail::AdamRows task = optimizer_.begin_step(table_);
    task.batch_index = model_.batch_index();
    task.batch_gradients = gradients_.data();
    task.batch_uses = batch.uses.data();
    task.loss_factor = model_.first_weight();
    task.decay_factor = static_cast<float>(options_.decay / static_cast<double>(batch.num_triples));
    task.scaled = model_.num_layers() == 0 ? nullptr : model_.scaled();
    task.scale = model_.scaled_by();
    model_.backward(gradients_.data(), [&](std::span<const std::uint32_t> rows, const float* results) {
      detail::AdamRows part = task;
      part.rows = rows.data();
      part.count = rows.size();
      part.results = results;
      kernel(part);
    });
  }

  void add_decay_loss(const Batch& batch, ExactSum& sum) {
    detail::SquaredNorm* const norm = pick_isa(detail::avx2::squared_norm, detail::avx512::squared_norm);
    const float* parameters = table_.values().data();
    sum.merge(parallel::exact_sum({0, batch.active.size()}, kRowGrain, [&](std::uint64_t i) {
      const double value = norm(parameters + std::size_t{batch.active[i]} * table_.width(), table_.width());
      return std::isfinite(value) ? static_cast<double>(batch.uses[i]) * value : 0.0;
    }));
  }

  /// All ranks learn of a score that was not finite, and of a request to stop.
  void agree(const EpochBatches& batches, bool is_last) {
    const std::uint64_t failed = comm_.all_reduce(sums_.failed_position, comm::ReduceOp::kMin);
    if (failed != LossSums::kNone) throw_diverged(batches, failed);
    if (is_last || !comm_.agree_stop()) return;
    save_and_interrupt();
  }

  [[noreturn]] void throw_diverged(const EpochBatches& batches, std::uint64_t position) {
    const std::uint64_t user = comm_.all_reduce(batches.user_row_at(position, interactions_), comm::ReduceOp::kMin);
    throw ConfigError(
        fmt::format("training diverged: in epoch {}, step {}, a score of {} row {} is not a finite number; lower "
                    "train.learning_rate (now {}) or check the initial embeddings",
                    progress_.epoch + 1, position / options_.batch_size + 1,
                    graph_.schema().vertex_type(interactions_.user_type()).name, user, options_.learning_rate));
  }

  [[noreturn]] void save_and_interrupt() {
    if (hooks_.save_checkpoint) hooks_.save_checkpoint(state_, progress_.epoch);
    throw Interrupted(fmt::format("training was asked to stop after {} epochs and {} steps{}", progress_.epoch,
                                  progress_.step, hooks_.save_checkpoint ? "; a checkpoint was written" : ""));
  }

  void finish_epoch(double seconds, std::uint64_t steps) {
    const auto batch = static_cast<double>(options_.batch_size);
    const std::uint64_t triples = sampler_.num_triples();
    const std::uint64_t rest = triples % options_.batch_size;
    const auto mean = [&](const ExactSum& full, const ExactSum& last) {
      double sum = comm_.all_reduce(full).value() / batch;
      const double of_last = comm_.all_reduce(last).value();
      if (rest > 0) sum += of_last / static_cast<double>(rest);
      return sum / static_cast<double>(triples / options_.batch_size + 1);
    };
    EpochRecord record;
    record.epoch = progress_.epoch;
    record.bpr_loss = mean(sums_.full_bpr, sums_.short_bpr);
    record.loss = record.bpr_loss + 0.5 * options_.decay * mean(sums_.full_decay, sums_.short_decay);
    record.seconds = seconds;
    const std::uint64_t slots = comm_.all_reduce(propagation_.num_slots(), comm::ReduceOp::kSum);
    record.edges_per_second = static_cast<double>(2 * options_.layers * slots * steps) / seconds;
    sums_ = LossSums();
    if (hooks_.evaluate && options_.evaluate_every > 0 && progress_.epoch % options_.evaluate_every == 0) {
      EmbeddingTable embeddings(graph_.num_owned(), options_.dim);
      model_.forward_all(table_, embeddings);
      record.evaluation = hooks_.evaluate(embeddings);
    }
    history_.push_back(std::move(record));
    sink().update(progress_.epoch, describe(history_.back(), options_.epochs));
    if (progress_.epoch == options_.epochs) return;
    if (comm_.agree_stop()) save_and_interrupt();
    if (hooks_.save_checkpoint && options_.checkpoint_every > 0 && progress_.epoch % options_.checkpoint_every == 0) {
      hooks_.save_checkpoint(state_, progress_.epoch);
    }
  }

  static void grow(HugeBuffer<float>& buffer, std::size_t size) {
    if (buffer.size() < size) buffer = HugeBuffer<float>(size + size / 4);
  }

  const comm::Communicator& comm_;
  const graph::DistributedGraph& graph_;
  const TrainOptions options_;
  const TrainHooks& hooks_;
  Interactions interactions_;
  TripleSampler sampler_;
  exec::Propagation propagation_;
  EmbeddingTable table_;
  LinearPropagation model_;
  Adam optimizer_;
  BprLoss loss_;
  LossSums sums_;
  Progress progress_;
  std::vector<EpochRecord> history_;
  exec::CheckpointRegistry state_;
  std::uint32_t registered_sums_ = 0;
  HugeBuffer<float> row_buffer_;
  HugeBuffer<float> gradients_;
};

void require_valid(const TrainOptions& options) {
  if (options.dim == 0) throw ConfigError("train.dim is 0, expected at least 1");
  if (options.batch_size == 0) throw ConfigError("train.batch_size is 0, expected at least 1");
  if (!(options.learning_rate > 0)) {
    throw ConfigError(fmt::format("train.learning_rate is {}, expected a positive number", options.learning_rate));
  }
}

}  // namespace

TrainResult train_lightgcn(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                           const TrainOptions& options, const TrainHooks& hooks) {
  require_valid(options);
  return Training(comm, graph, type, options, hooks).run();
}

MemoryPlan plan_lightgcn(std::uint64_t owned_rows, std::uint64_t ghost_rows, std::uint64_t owned_interactions,
                         const TrainOptions& options) {
  const std::uint64_t row = exec::padded_width(options.dim) * sizeof(float);
  const std::uint64_t buffers = options.layers == 0 ? 0 : 2;
  MemoryPlan plan("train");
  plan.hold("parameters and optimiser moments", 3 * owned_rows * row);
  plan.hold("layers", buffers * (owned_rows + ghost_rows) * row);
  plan.hold("final representations", owned_rows * row);
  plan.hold("scales, flags and rows", owned_rows * 56 + ghost_rows * 2);
  plan.hold("items of the users", owned_interactions * 12);
  plan.hold("triples of an epoch", owned_interactions * 90);
  plan.hold("batches", kWindow * options.batch_size * 200 + options.batch_size * 8 * row);
  return plan;
}

}  // namespace rove::gnn
