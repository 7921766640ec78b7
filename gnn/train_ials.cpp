// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_ials.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/isa.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/detail/ials_kernels.hpp"
#include "gnn/gram_matrix.hpp"
#include "gnn/type_halo.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kRowGrain = 64;

/// One of the two types with what its rows read.
struct Side {
  IndexRange owned;
  const graph::CsrGraph& adjacency;
  TypeHalo halo;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class Training {
 public:
  Training(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
           const IalsOptions& options, const TrainHooks& hooks)
      : comm_(comm),
        graph_(graph),
        options_(options),
        hooks_(hooks),
        width_(exec::padded_width(options.dim)),
        rows_(std::size_t{graph.num_local()} * width_),
        users_(side(graph.schema().edge_type(type).source, graph.by_source(type))),
        items_(side(graph.schema().edge_type(type).destination, graph.by_destination(type))),
        num_interactions_(graph.schema().edge_type(type).count) {
    state_.add_value("epoch", epoch_);
    state_.add_bytes(
        "history", [this] { return pack_history(history_); },
        [this](std::span<const std::byte> bytes) { history_ = unpack_history(bytes); });
    register_rows(state_, "factors", graph_, rows_.span(), width_);
  }

  TrainResult run() {
    if (hooks_.resume != nullptr) {
      state_.restore(comm_, *hooks_.resume);
    } else {
      EmbeddingTable start(graph_.num_owned(), options_.dim);
      start.initialise_normal(graph_, options_.seed, options_.initial_deviation);
      std::ranges::copy(start.values(), rows_.data());
    }
    users_.halo.update(rows_.span(), width_);
    items_.halo.update(rows_.span(), width_);
    sink().begin("train", options_.epochs, "epochs");
    sink().update(epoch_, "");
    while (epoch_ < options_.epochs) run_epoch();
    sink().end(history_.empty() ? "" : describe(history_.back(), options_.epochs));
    return {table(), table(), std::move(history_)};
  }

 private:
  [[nodiscard]] ProgressSink& sink() const {
    return hooks_.progress == nullptr || !comm_.is_root() ? no_progress() : *hooks_.progress;
  }

  [[nodiscard]] Side side(VertexTypeId type, const graph::CsrGraph& adjacency) const {
    return {graph_.owned_of_type(type), adjacency, TypeHalo(graph_, type)};
  }

  [[nodiscard]] std::span<float> rows_of(const Side& side) {
    return rows_.span().subspan(side.owned.begin * width_, side.owned.size() * width_);
  }

  [[nodiscard]] EmbeddingTable table() const {
    EmbeddingTable result(graph_.num_owned(), options_.dim);
    std::copy_n(rows_.data(), result.values().size(), result.values().data());
    return result;
  }

  [[nodiscard]] std::vector<float> gram_of(const Side& side) {
    try {
      return gram_matrix(comm_, rows_of(side), width_);
    } catch (const ConfigError& error) {
      throw ConfigError(
          fmt::format("training diverged in epoch {}: {}; raise train.regularisation (now {}) or lower "
                      "train.alpha (now {})",
                      epoch_ + 1, error.what(), options_.regularisation, options_.alpha));
    }
  }

  /// Solves the rows of one side given the Gram matrix of the other; returns the loss's part that depends on them.
  ExactSum solve(const Side& side, std::vector<float> gram) {
    for (std::size_t c = 0; c < width_; ++c) gram[c * width_ + c] += static_cast<float>(options_.regularisation);
    detail::IalsRows task;
    task.gram = gram.data();
    task.others = rows_.data();
    task.rows = rows_of(side).data();
    task.offsets = side.adjacency.offsets.data();
    task.targets = reinterpret_cast<const std::uint32_t*>(side.adjacency.targets.data());
    task.width = width_;
    task.alpha = static_cast<float>(options_.alpha);
    task.steps = options_.solver_steps;
    detail::SolveIalsRows* const kernel = pick_isa(detail::avx2::solve_ials_rows, detail::avx512::solve_ials_rows);
    struct PerRow {
      std::vector<float> work;
      std::vector<double> objective;
      ExactSum sum;
    };
    parallel::PerThread<PerRow> per_thread;
    parallel::for_chunks({0, side.owned.size()}, kRowGrain, [&](IndexRange chunk) {
      PerRow& mine = per_thread.local();
      mine.work.resize(4 * std::size_t{width_});
      mine.objective.resize(kRowGrain);
      detail::IalsRows part = task;
      part.begin = chunk.begin;
      part.end = chunk.end;
      part.work = mine.work.data();
      part.objective = mine.objective.data();
      kernel(part);
      for (std::uint64_t i = 0; i < chunk.size(); ++i) {
        // The next Gram matrix reports what is not finite.
        if (std::isfinite(mine.objective[i])) mine.sum.add(mine.objective[i]);
      }
    });
    ExactSum total;
    per_thread.for_each([&](const PerRow& part) { total.merge(part.sum); });
    side.halo.update(rows_.span(), width_);
    return total;
  }

  void run_epoch() {
    const auto start = std::chrono::steady_clock::now();
    static_cast<void>(solve(users_, gram_of(items_)));
    const std::vector<float> gram = gram_of(users_);
    const double of_items = comm_.all_reduce(solve(items_, gram)).value();
    double squares_of_users = 0;
    for (std::size_t c = 0; c < width_; ++c) squares_of_users += static_cast<double>(gram[c * width_ + c]);
    ++epoch_;
    EpochRecord record;
    record.epoch = epoch_;
    record.loss = (of_items + options_.regularisation * squares_of_users) / static_cast<double>(num_interactions_);
    record.seconds = seconds_since(start);
    record.edges_per_second = static_cast<double>(2 * (options_.solver_steps + 2) * num_interactions_) / record.seconds;
    if (epoch_ == options_.epochs) static_cast<void>(gram_of(items_));
    if (hooks_.evaluate && options_.evaluate_every > 0 && epoch_ % options_.evaluate_every == 0) {
      record.evaluation = hooks_.evaluate(table());
    }
    history_.push_back(std::move(record));
    sink().update(epoch_, describe(history_.back(), options_.epochs));
    if (epoch_ == options_.epochs) return;
    if (comm_.agree_stop()) {
      if (hooks_.save_checkpoint) hooks_.save_checkpoint(state_, epoch_);
      throw Interrupted(fmt::format("training was asked to stop after {} epochs{}", epoch_,
                                    hooks_.save_checkpoint ? "; a checkpoint was written" : ""));
    }
    if (hooks_.save_checkpoint && options_.checkpoint_every > 0 && epoch_ % options_.checkpoint_every == 0) {
      hooks_.save_checkpoint(state_, epoch_);
    }
  }

  const comm::Communicator& comm_;
  const graph::DistributedGraph& graph_;
  const IalsOptions options_;
  const TrainHooks& hooks_;
  std::uint32_t width_;
  HugeBuffer<float> rows_;  ///< owned and ghosts of both types
  Side users_;
  Side items_;
  std::uint64_t num_interactions_;
  std::uint64_t epoch_ = 0;  ///< finished
  std::vector<EpochRecord> history_;
  exec::CheckpointRegistry state_;
};

void require_valid(const IalsOptions& options) {
  if (options.dim == 0) throw ConfigError("train.dim is 0, expected at least 1");
  if (!(options.alpha > 0) || !std::isfinite(options.alpha)) {
    throw ConfigError(fmt::format("train.alpha is {}, expected a positive number", options.alpha));
  }
  if (!(options.regularisation >= 0) || !std::isfinite(options.regularisation)) {
    throw ConfigError(fmt::format("train.regularisation is {}, expected at least 0", options.regularisation));
  }
}

}  // namespace

TrainResult train_ials(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                       const IalsOptions& options, const TrainHooks& hooks) {
  require_valid(options);
  const graph::EdgeType& edge_type = graph.schema().edge_type(type);
  if (edge_type.source == edge_type.destination) {
    throw InputError(
        fmt::format("edge type {} connects a vertex type with itself; training needs one from users to items",
                    graph.schema().name_of(type)));
  }
  if (edge_type.count == 0) throw InputError("there is no interaction to train on");
  return Training(comm, graph, type, options, hooks).run();
}

MemoryPlan plan_ials(std::uint64_t owned_rows, std::uint64_t ghost_rows, std::uint32_t threads,
                     const IalsOptions& options) {
  const std::uint64_t width = exec::padded_width(options.dim);
  const std::uint64_t row = width * sizeof(float);
  MemoryPlan plan("train");
  plan.hold("factors", (owned_rows + ghost_rows) * row);
  plan.hold("final representations", 2 * owned_rows * row);
  plan.hold("halo buffers", 2 * ghost_rows * (row + 4));
  plan.hold("Gram matrices", (threads + std::uint64_t{2}) * width * width * 24);
  return plan;
}

}  // namespace rove::gnn
