// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_ials.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/isa.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/detail/ials_kernels.hpp"
#include "gnn/epoch_loop.hpp"
#include "gnn/gram_matrix.hpp"
#include "gnn/grouped_slots.hpp"
#include "gnn/type_halo.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kIalsGrain = 64;

/// One of the two types with what its rows read.
struct Side {
  IndexRange owned;
  const graph::CsrGraph& adjacency;
  GroupedSlots slots;
  TypeHalo halo;
};

class Training final : public EpochModel {
 public:
  Training(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
           const IalsOptions& options)
      : comm_(comm),
        graph_(graph),
        options_(options),
        width_(exec::padded_width(options.dim)),
        rows_(std::size_t{graph.num_local()} * width_),
        users_(side(graph.schema().edge_type(type).source, graph.by_source(type))),
        items_(side(graph.schema().edge_type(type).destination, graph.by_destination(type))),
        num_interactions_(graph.schema().edge_type(type).count) {}

  void register_state(exec::CheckpointRegistry& state) override {
    register_rows(state, "factors", graph_, rows_.span(), width_);
  }

  void initialise(const StartRows& start) override {
    EmbeddingTable rows(graph_.num_owned(), options_.dim);
    rows.initialise_normal(graph_, options_.seed, options_.initial_deviation);
    if (start) start(rows);
    std::ranges::copy(rows.values(), rows_.data());
  }

  void refresh() override {
    users_.halo.update(rows_.span(), width_);
    items_.halo.update(rows_.span(), width_);
  }

  /// One step, which solves both sides once.
  std::uint64_t begin_epoch(std::uint64_t epoch) override {
    epoch_ = epoch;
    return 1;
  }

  void step(std::uint64_t /*epoch*/, std::uint64_t /*step*/) override {
    static_cast<void>(solve(users_, gram_of(items_)));
    const std::vector<float> gram = gram_of(users_);
    const double of_items = comm_.all_reduce(solve(items_, gram)).value();
    double squares_of_users = 0;
    for (std::size_t c = 0; c < width_; ++c) squares_of_users += static_cast<double>(gram[c * width_ + c]);
    loss_ = (of_items + options_.regularisation * squares_of_users) / static_cast<double>(num_interactions_);
  }

  void require_finite(std::uint64_t epoch) override {
    if (epoch == options_.epochs) static_cast<void>(gram_of(items_));
  }

  void end_epoch(std::uint64_t /*steps*/, EpochRecord& record) override {
    record.loss = loss_;
    record.edges_per_second = static_cast<double>(2 * (std::uint64_t{options_.solver_steps} + 1) * num_interactions_);
  }

  EmbeddingTable embeddings() override { return table(); }
  EmbeddingTable take_parameters() override { return table(); }

 private:
  [[nodiscard]] Side side(VertexTypeId type, const graph::CsrGraph& adjacency) const {
    return {graph_.owned_of_type(type), adjacency, GroupedSlots(adjacency, graph_.num_local()), TypeHalo(graph_, type)};
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
                      epoch_, error.what(), options_.regularisation, options_.alpha));
    }
  }

  /// Solves the rows of one side given the Gram matrix of the other; returns the loss's part that depends on them.
  ExactSum solve(const Side& side, std::span<const float> gram_of_others) {
    // On lines of its own: kernels read it again and again.
    HugeBuffer<float> gram(gram_of_others.size());
    std::ranges::copy(gram_of_others, gram.data());
    for (std::size_t c = 0; c < width_; ++c) gram[c * width_ + c] += static_cast<float>(options_.regularisation);
    detail::IalsRows task;
    task.gram = gram.data();
    task.others = rows_.data();
    task.rows = rows_of(side).data();
    task.offsets = side.adjacency.offsets.data();
    task.targets = reinterpret_cast<const std::uint32_t*>(side.slots.targets().data());
    task.width = width_;
    task.alpha = static_cast<float>(options_.alpha);
    task.steps = options_.solver_steps;
    detail::SolveIalsRows* const kernel = pick_isa(detail::avx2::solve_ials_rows, detail::avx512::solve_ials_rows);
    struct PerRow {
      HugeBuffer<float> work;
      std::vector<double> objective;
      ExactSum sum;
    };
    parallel::PerThread<PerRow> per_thread;
    parallel::for_chunks({0, side.owned.size()}, kIalsGrain, [&](IndexRange chunk) {
      PerRow& mine = per_thread.local();
      if (mine.work.empty()) mine.work = HugeBuffer<float>(3 * std::size_t{width_});
      mine.objective.resize(kIalsGrain);
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

  const comm::Communicator& comm_;
  const graph::DistributedGraph& graph_;
  const IalsOptions options_;
  std::uint32_t width_;
  HugeBuffer<float> rows_;  ///< owned and ghosts of both types
  Side users_;
  Side items_;
  std::uint64_t num_interactions_;
  std::uint64_t epoch_ = 0;
  double loss_ = 0;
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
  if (hooks.frozen != nullptr) {
    throw ConfigError(
        "rows of iALS are solved for, not trained, so none can be frozen; leave train.freeze out, or fold new rows in "
        "(rove fold-in)");
  }
  const graph::EdgeType& edge_type = graph.schema().edge_type(type);
  if (edge_type.source == edge_type.destination) {
    throw InputError(
        fmt::format("edge type {} connects a vertex type with itself; training needs one from users to items",
                    graph.schema().name_of(type)));
  }
  if (edge_type.count == 0) throw InputError("there is no interaction to train on");
  Training training(comm, graph, type, options);
  return run_epochs(comm, graph, training, options, hooks);
}

MemoryPlan plan_ials(const ModelShare& share, const IalsOptions& options) {
  const std::uint64_t width = exec::padded_width(options.dim);
  const std::uint64_t row = width * sizeof(float);
  MemoryPlan plan("train");
  plan.hold("factors", (share.owned_rows + share.ghost_rows) * row);
  plan.hold("final representations", 2 * share.owned_rows * row + loop_bytes(share.owned_rows, options));
  plan.hold("halo buffers", 2 * share.ghost_rows * (row + 4));
  plan.hold("slots of repeated pairs, together",
            GroupedSlots::bytes(2 * share.owned_interactions, share.owned_rows + share.ghost_rows, share.threads));
  plan.hold("Gram matrices", (share.threads + std::uint64_t{2}) * width * width * 24);
  return plan;
}

}  // namespace rove::gnn
