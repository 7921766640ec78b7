// SPDX-License-Identifier: Apache-2.0
#include "gnn/epoch_loop.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/exec/propagation.hpp"

namespace rove::gnn {
namespace {

/// Steps between agreements on failures and requests to stop.
constexpr std::uint64_t kStepsPerAgreement = 32;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class EpochLoop {
 public:
  EpochLoop(const comm::Communicator& comm, const graph::DistributedGraph& graph, EpochModel& model,
            const LoopOptions& options, const TrainHooks& hooks)
      : comm_(comm), model_(model), options_(options), hooks_(hooks) {
    if (options.patience > 0) {
      if (!hooks.evaluate || options.evaluate_every == 0) {
        throw ConfigError(
            "train.patience is set but nothing is evaluated during training; set train.evaluate_every and held-out "
            "interactions");
      }
      if (options.evaluate_every > options.epochs) {
        throw ConfigError(fmt::format(
            "train.patience is set, but train.evaluate_every is {} and there are {} epochs: nothing would be "
            "evaluated before the last",
            options.evaluate_every, options.epochs));
      }
      best_rows_.emplace(graph.num_owned(), options.dim);
      register_rows(state_, "best", graph, best_rows_->values(), best_rows_->width());
    }
    state_.add_value("progress", progress_);
    state_.add_bytes(
        "history", [this] { return pack_history(history_); },
        [this](std::span<const std::byte> bytes) { history_ = unpack_history(bytes); });
    model.register_state(state_);
  }

  TrainResult run() {
    if (hooks_.resume != nullptr) {
      state_.restore(comm_, *hooks_.resume);
    } else {
      model_.initialise(hooks_.start);
    }
    model_.refresh();
    sink().begin("train", options_.epochs, "epochs");
    sink().update(progress_.epoch, hooks_.resume == nullptr
                                       ? std::string()
                                       : fmt::format("goes on from a checkpoint of {} epochs", progress_.epoch));
    while (!is_finished()) run_epoch();
    sink().end(closing_words());
    EmbeddingTable embeddings = progress_.best_epoch > 0 ? std::move(*best_rows_) : model_.embeddings();
    return {std::move(embeddings), model_.take_parameters(), std::move(history_), progress_.best_epoch};
  }

 private:
  /// Where a run is; with the history and the model's state all that a checkpoint holds.
  struct Progress {
    std::uint64_t epoch = 0;  ///< finished
    std::uint64_t step = 0;   ///< finished in the present epoch
    std::uint64_t best_epoch = 0;
    std::uint64_t evaluations_since_best = 0;
    double best_metric = 0;
  };

  [[nodiscard]] ProgressSink& sink() const { return comm_.is_root() ? hooks_.sink() : no_progress(); }
  [[nodiscard]] bool is_finished() const {
    return progress_.epoch >= options_.epochs ||
           (options_.patience > 0 && progress_.evaluations_since_best >= options_.patience);
  }

  void run_epoch() {
    const auto start = std::chrono::steady_clock::now();
    const std::uint64_t epoch = progress_.epoch + 1;
    const std::uint64_t steps = model_.begin_epoch(epoch);
    const std::uint64_t first = progress_.step;
    while (progress_.step < steps) {
      model_.step(epoch, progress_.step);
      ++progress_.step;
      if (progress_.step % kStepsPerAgreement != 0 && progress_.step != steps) continue;
      model_.require_finite(epoch);
      if (progress_.step != steps && comm_.agree_stop()) save_and_interrupt();
    }
    progress_.step = 0;
    progress_.epoch = epoch;
    EpochRecord record;
    record.epoch = epoch;
    record.seconds = seconds_since(start);
    model_.end_epoch(steps - first, record);
    record.edges_per_second /= record.seconds;
    finish_epoch(std::move(record));
  }

  void finish_epoch(EpochRecord record) {
    const bool is_last = record.epoch == options_.epochs;
    if (hooks_.evaluate && options_.evaluate_every > 0 && (is_last || record.epoch % options_.evaluate_every == 0)) {
      const EmbeddingTable embeddings = model_.embeddings();
      record.evaluation = hooks_.evaluate(embeddings);
      if (options_.patience > 0) keep_if_best(embeddings, *record.evaluation);
    }
    history_.push_back(std::move(record));
    sink().update(progress_.epoch, describe(history_.back()));
    if (is_finished()) return;
    if (comm_.agree_stop()) save_and_interrupt();
    if (hooks_.save_checkpoint && options_.checkpoint_every > 0 && progress_.epoch % options_.checkpoint_every == 0) {
      hooks_.save_checkpoint(state_, progress_.epoch);
    }
  }

  void keep_if_best(const EmbeddingTable& embeddings, const Evaluation& evaluation) {
    const double metric = metric_of(evaluation, options_.stop_metric);
    if (progress_.best_epoch > 0 && !(metric > progress_.best_metric)) {
      ++progress_.evaluations_since_best;
      return;
    }
    progress_.best_epoch = progress_.epoch;
    progress_.best_metric = metric;
    progress_.evaluations_since_best = 0;
    std::ranges::copy(embeddings.values(), best_rows_->values().data());
  }

  void save_and_interrupt() {
    if (hooks_.save_checkpoint) hooks_.save_checkpoint(state_, progress_.epoch);
    comm_.stop_if_asked(fmt::format("training was asked to stop after {} epochs{}{}", progress_.epoch,
                                    progress_.step > 0 ? fmt::format(" and {} steps", progress_.step) : std::string{},
                                    hooks_.save_checkpoint ? "; a checkpoint was written" : ""));
  }

  [[nodiscard]] std::string closing_words() const {
    if (history_.empty()) return "";
    std::string text = describe(history_.back());
    if (progress_.best_epoch > 0) {
      text += fmt::format("; best {} {:.4f} after epoch {}", options_.stop_metric, progress_.best_metric,
                          progress_.best_epoch);
    }
    return text;
  }

  const comm::Communicator& comm_;
  EpochModel& model_;
  const LoopOptions& options_;
  const TrainHooks& hooks_;
  Progress progress_;
  std::optional<EmbeddingTable> best_rows_;
  std::vector<EpochRecord> history_;
  exec::CheckpointRegistry state_;
};

}  // namespace

TrainResult run_epochs(const comm::Communicator& comm, const graph::DistributedGraph& graph, EpochModel& model,
                       const LoopOptions& options, const TrainHooks& hooks) {
  return EpochLoop(comm, graph, model, options, hooks).run();
}

std::uint64_t loop_bytes(std::uint64_t owned_rows, const LoopOptions& options) {
  return options.patience == 0 ? 0 : owned_rows * exec::padded_width(options.dim) * sizeof(float);
}

}  // namespace rove::gnn
