// SPDX-License-Identifier: Apache-2.0
#include "gnn/unlearning.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/exact_sum.hpp"
#include "engine/base/huge_buffer.hpp"
#include "engine/base/isa.hpp"
#include "engine/base/random.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/adam.hpp"
#include "gnn/batch_training.hpp"
#include "gnn/batches.hpp"
#include "gnn/bpr.hpp"
#include "gnn/edge_removal.hpp"
#include "gnn/interactions.hpp"
#include "gnn/metrics/home_values.hpp"
#include "gnn/type_halo.hpp"

namespace rove::gnn {
namespace {

/// Streams of `Purpose::kNegative` and `Purpose::kEdgeSample` that no training epoch uses.
constexpr std::uint64_t kStream = std::uint64_t{1} << 40U;

/// A triple before it has a position.
struct Candidate {
  std::uint64_t draw = 0;
  std::uint32_t user_row = 0;  ///< of the user type
  std::uint32_t item_row = 0;
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return std::tie(a.draw, a.user_row, a.item_row) < std::tie(b.draw, b.user_row, b.item_row);
  }
};
struct DrawnTriple {
  Candidate order;
  Triple triple;
};

struct Triples {
  std::vector<Triple> mine;  ///< by position
  std::uint64_t count = 0;   ///< of all ranks
};

/// **Collective.** Positions in the order of the draws.
Triples in_order(const comm::Communicator& comm, std::vector<DrawnTriple> drawn) {
  std::vector<Candidate> mine;
  for (const DrawnTriple& triple : drawn) mine.push_back(triple.order);
  std::vector<Candidate> all = comm.all_gather_v(std::span<const Candidate>(mine)).data;
  std::sort(all.begin(), all.end());
  for (DrawnTriple& triple : drawn) {
    triple.triple.position =
        static_cast<std::uint64_t>(std::lower_bound(all.begin(), all.end(), triple.order) - all.begin());
  }
  Triples result{{}, all.size()};
  for (const DrawnTriple& triple : drawn) result.mine.push_back(triple.triple);
  std::ranges::sort(result.mine, {}, &Triple::position);
  return result;
}

class Unlearning {
 public:
  Unlearning(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
             const HeldOutItems& forgotten, std::span<const std::uint8_t> leaving, const UnlearningOptions& options,
             EmbeddingTable& vectors)
      : comm_(comm),
        graph_(graph),
        retained_(graph, type),
        ever_(graph, type, forgotten),
        forgotten_(forgotten),
        leaving_(leaving),
        options_(options),
        vectors_(vectors),
        bpr_(vectors.width()),
        optimizer_({.learning_rate = options.learning_rate * root_mean_square()}, vectors),
        batch_index_(graph.num_owned()) {
    pairs_ = comm.all_reduce(std::uint64_t{forgotten.values.size()}, comm::ReduceOp::kSum);
    mark_concerned();
  }

  UnlearningReport run(ProgressSink& progress) {
    progress.begin("forget", options_.epochs, "epochs");
    UnlearningReport report;
    if (pairs_ == 0) {
      progress.end("none of the interactions are in the graph");
      return report;
    }
    report.pairs = pairs_;
    const auto partners = static_cast<std::uint32_t>((kLeastPartners + pairs_ - 1) / pairs_);
    const Triples forgotten_probe = in_order(comm_, forgotten_triples(kStream, false, partners));
    const Triples retained_probe = in_order(comm_, retained_triples(kStream));
    report.partners = forgotten_probe.count;
    report.retained = retained_probe.count;
    report.before = look(forgotten_probe, retained_probe);
    report.after = report.before;
    while (report.epochs < options_.epochs && report.after.stands_out()) {
      ++report.epochs;
      run_epoch(report.epochs);
      report.after = look(forgotten_probe, retained_probe);
      progress.update(report.epochs, fmt::format("gap {:.3f}", report.after.gap()));
    }
    if (report.partners == 0) {
      progress.end("the users concerned have every item: there is nothing to compare with");
      return report;
    }
    progress.end(fmt::format("{} interactions, gap {:.3f} -> {:.3f} deviations in {} epochs", report.pairs,
                             report.before.gap(), report.after.gap(), report.epochs));
    return report;
  }

 private:
  [[nodiscard]] double root_mean_square() const {
    std::uint64_t entries = 0;
    ExactSum squares;
    for (std::uint32_t row = 0; row < vectors_.num_rows(); ++row) {
      double sum = 0;
      for (const float x : vectors_.row(row)) sum += static_cast<double>(x) * static_cast<double>(x);
      squares.add(sum);
      entries += sum > 0 ? vectors_.dim() : 0U;
    }
    const double sum = comm_.all_reduce(squares).value();
    entries = comm_.all_reduce(entries, comm::ReduceOp::kSum);
    return entries == 0 ? 1.0 : std::sqrt(sum / static_cast<double>(entries));
  }

  /// **Collective.** Which local vertices a forgotten pair touches.
  void mark_concerned() {
    concerned_.assign(graph_.num_local(), 0.0F);
    std::vector<std::uint32_t> items = forgotten_.values;
    std::ranges::sort(items);
    items.erase(std::ranges::unique(items).begin(), items.end());
    std::vector<StableVertexId> stable;
    for (const std::uint32_t item : items) stable.push_back(graph_.schema().stable_id(retained_.item_type(), item));
    std::vector<std::pair<std::size_t, std::uint64_t>> at_owners;
    for (const GlobalVertexId global : graph_.index_map().global_of(comm_, stable)) {
      at_owners.emplace_back(graph_.partition().owner_of(global).index(), global.value());
    }
    std::ranges::sort(at_owners);
    std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm_.size()));
    std::vector<std::uint64_t> globals;
    for (const auto& [rank, global] : at_owners) {
      ++counts[rank];
      globals.push_back(global);
    }
    for (const std::uint64_t global : comm_.exchange<std::uint64_t>(globals, counts).data) {
      concerned_[graph_.index_map().local_of_owned(GlobalVertexId{global}).index()] = 1.0F;
    }
    TypeHalo(graph_, retained_.item_type()).update(concerned_, 1);
    const IndexRange users = retained_.owned_users();
    std::uint64_t count = 0;
    for (std::uint64_t user = 0; user < users.size(); ++user) {
      if (forgotten_.offsets[user + 1] > forgotten_.offsets[user]) concerned_[users.begin + user] = 1.0F;
      for_each_concerned(user, [&](std::uint32_t) { ++count; });
    }
    concerned_pairs_ = comm_.all_reduce(count, comm::ReduceOp::kSum);
  }

  /// Calls visit(item row) for the retained slots of a user that touch what is forgotten.
  template <class Visit>
  void for_each_concerned(std::uint64_t user, const Visit& visit) const {
    const graph::CsrGraph& csr = graph_.by_source(retained_.edge_type());
    const std::uint64_t first_item = graph_.schema().stable_range(retained_.item_type()).begin;
    const bool all = concerned_[retained_.owned_users().begin + user] != 0.0F;
    const IndexRange slots = csr.slots(user);
    for (std::uint64_t slot = slots.begin; slot < slots.end; ++slot) {
      if (!all && concerned_[csr.targets[slot].index()] == 0.0F) continue;
      visit(static_cast<std::uint32_t>(graph_.index_map().stable_of(csr.targets[slot]).value() - first_item));
    }
  }

  /// An item that the user never had, drawn by the pair and a number.
  [[nodiscard]] std::uint32_t never_had(const RandomStream& random, std::uint64_t user, std::uint32_t item,
                                        std::uint32_t draw = 0) const {
    const std::uint64_t seen = ever_.items_of(user).size();
    const std::uint64_t missing = ever_.num_items() - seen;
    const std::uint64_t key = graph_.owned_keys()[retained_.owned_users().begin + user].value();
    return static_cast<std::uint32_t>(
        ever_.missing_item(user, slot_multiply_shift(random.draw(key, item, draw), missing)));
  }
  [[nodiscard]] bool lacks_one(std::uint64_t user) const { return ever_.items_of(user).size() < ever_.num_items(); }

  [[nodiscard]] Candidate order_of(const RandomStream& random, std::uint64_t user, std::uint32_t item,
                                   std::uint32_t draw = 0) const {
    const LocalVertexId local{static_cast<std::uint32_t>(retained_.owned_users().begin + user)};
    return {random.draw(graph_.owned_keys()[local.index()].value(), item, draw),
            static_cast<std::uint32_t>(graph_.schema().row_of(graph_.index_map().stable_of(local))), item};
  }

  /// Every forgotten pair with so many partners; reversed: the partner is the one to prefer.
  [[nodiscard]] std::vector<DrawnTriple> forgotten_triples(std::uint64_t stream, bool reversed,
                                                           std::uint32_t partners) const {
    const RandomStream negatives(options_.seed, Purpose::kNegative, stream);
    const RandomStream order(options_.seed, Purpose::kEdgeSample, stream);
    std::vector<DrawnTriple> drawn;
    for (std::uint64_t user = 0; user < retained_.owned_users().size(); ++user) {
      const LocalVertexId local{static_cast<std::uint32_t>(retained_.owned_users().begin + user)};
      for (std::uint64_t i = forgotten_.offsets[user]; i < forgotten_.offsets[user + 1] && lacks_one(user); ++i) {
        const std::uint32_t item = forgotten_.values[i];
        for (std::uint32_t p = 0; p < partners; ++p) {
          const std::uint32_t partner = never_had(negatives, user, item, p);
          drawn.push_back({order_of(order, user, item, p),
                           reversed ? Triple{0, local, partner, item} : Triple{0, local, item, partner}});
        }
      }
    }
    return drawn;
  }

  /// About `retain` times as many retained pairs that touch what is forgotten.
  [[nodiscard]] std::vector<DrawnTriple> retained_triples(std::uint64_t stream) const {
    const RandomStream negatives(options_.seed, Purpose::kNegative, stream + 2 * kStream);
    const RandomStream order(options_.seed, Purpose::kEdgeSample, stream + 2 * kStream);
    const double share = static_cast<double>(options_.retain) * static_cast<double>(pairs_) /
                         static_cast<double>(std::max<std::uint64_t>(1, concerned_pairs_));
    std::vector<DrawnTriple> drawn;
    for (std::uint64_t user = 0; user < retained_.owned_users().size(); ++user) {
      if (!lacks_one(user)) continue;
      const LocalVertexId local{static_cast<std::uint32_t>(retained_.owned_users().begin + user)};
      for_each_concerned(user, [&](std::uint32_t item) {
        const Candidate candidate = order_of(order, user, item);
        // The order of those that are chosen comes from bits that did not choose them.
        if (!(to_unit(candidate.draw) < share)) return;
        Candidate shuffled = candidate;
        shuffled.draw = order.draw(candidate.draw, item, 1);
        drawn.push_back({shuffled, {0, local, item, never_had(negatives, user, item)}});
      });
    }
    return drawn;
  }

  /// **Collective.** The batch's active rows and, by `exchange_rows`, those of other ranks.
  void load(const Batch& batch) {
    const std::uint32_t width = vectors_.width();
    grow(rows_, batch.num_rows() * width);
    for (std::size_t i = 0; i < batch.active.size(); ++i) {
      std::copy_n(vectors_.values().data() + std::size_t{batch.active[i]} * width, width, rows_.data() + i * width);
    }
  }

  void run_epoch(std::uint64_t epoch) {
    std::vector<DrawnTriple> drawn = forgotten_triples(kStream + epoch, true, 1);
    std::vector<DrawnTriple> retained = retained_triples(kStream + epoch);
    drawn.insert(drawn.end(), retained.begin(), retained.end());
    Triples triples = in_order(comm_, std::move(drawn));
    const EpochBatches batches(comm_, retained_, std::move(triples.mine), triples.count, options_.batch_size);
    for (std::uint64_t b = 0; b < batches.num_batches(); ++b) step(batches.make(b));
    const std::uint64_t failed = comm_.all_reduce(sums_.failed_position, comm::ReduceOp::kMin);
    if (failed != LossSums::kNone) {
      throw ConfigError(fmt::format("forgetting diverged in epoch {}; lower forget.learning_rate (now {})", epoch,
                                    options_.learning_rate));
    }
  }

  void step(const Batch& batch) {
    load(batch);
    grow(gradients_, batch.active.size() * vectors_.width());
    bpr_.run(comm_, batch, rows_.span(), gradients_.span(), true, sums_);
    detail::AdamRows task = optimizer_.begin_step(vectors_);
    std::vector<std::uint32_t> moving;
    for (std::size_t i = 0; i < batch.active.size(); ++i) {
      batch_index_[batch.active[i]] = static_cast<std::uint32_t>(i + 1);
      if (leaving_[batch.active[i]] == 0) moving.push_back(batch.active[i]);
    }
    task.batch_index = batch_index_.data();
    task.batch_gradients = gradients_.data();
    task.batch_uses = batch.uses.data();
    task.rows = moving.data();
    task.count = moving.size();
    pick_isa(detail::avx2::apply_adam, detail::avx512::apply_adam)(task);
    for (const std::uint32_t row : batch.active) batch_index_[row] = 0;
  }

  struct Scores {
    ExactSum positives;
    ExactSum negatives;
    ExactSum squares;  ///< of the negatives
    std::uint64_t above = 0;
  };

  /// **Collective.**
  Scores score(const Triples& triples) {
    Scores scores;
    if (triples.count == 0) return scores;
    const EpochBatches batches(comm_, retained_, triples.mine, triples.count, options_.batch_size);
    std::vector<float> outgoing;
    for (std::uint64_t b = 0; b < batches.num_batches(); ++b) {
      const Batch batch = batches.make(b);
      load(batch);
      exchange_rows(comm_, batch, rows_.span(), vectors_.width(), outgoing);
      for (const detail::TripleRows& triple : batch.triples) {
        const double positive = dot(triple.user, triple.positive);
        const double negative = dot(triple.user, triple.negative);
        if (!std::isfinite(positive) || !std::isfinite(negative)) continue;
        scores.positives.add(positive);
        scores.negatives.add(negative);
        scores.squares.add(negative * negative);
        if (positive > negative) ++scores.above;
      }
    }
    return scores;
  }
  [[nodiscard]] double dot(std::uint32_t a, std::uint32_t b) const {
    const float* const x = rows_.data() + std::size_t{a} * vectors_.width();
    const float* const y = rows_.data() + std::size_t{b} * vectors_.width();
    double sum = 0;
    for (std::uint32_t c = 0; c < vectors_.dim(); ++c) sum += static_cast<double>(x[c]) * static_cast<double>(y[c]);
    return sum;
  }

  Membership look(const Triples& forgotten, const Triples& retained) {
    const auto mean = [&](const ExactSum& sum, std::uint64_t count) {
      const double value = comm_.all_reduce(sum).value();
      return count == 0 ? 0.0 : value / static_cast<double>(count);
    };
    const auto share = [&](std::uint64_t above, std::uint64_t count) {
      above = comm_.all_reduce(above, comm::ReduceOp::kSum);
      return count == 0 ? 0.0 : static_cast<double>(above) / static_cast<double>(count);
    };
    const Scores gone = score(forgotten);
    const Scores kept = score(retained);
    Membership found;
    found.forgotten = mean(gone.positives, forgotten.count);
    found.never_seen = mean(gone.negatives, forgotten.count);
    const double squares = mean(gone.squares, forgotten.count);
    found.deviation = std::sqrt(std::max(0.0, squares - found.never_seen * found.never_seen));
    found.forgotten_above = share(gone.above, forgotten.count);
    found.retained_above = share(kept.above, retained.count);
    return found;
  }

  const comm::Communicator& comm_;
  const graph::DistributedGraph& graph_;
  Interactions retained_;
  Interactions ever_;  ///< with the forgotten ones
  const HeldOutItems& forgotten_;
  std::span<const std::uint8_t> leaving_;
  const UnlearningOptions& options_;
  EmbeddingTable& vectors_;
  BprLoss bpr_;
  Adam optimizer_;
  LossSums sums_;
  std::vector<std::uint32_t> batch_index_;
  std::vector<float> concerned_;  ///< per local vertex; 1: in a forgotten pair
  std::uint64_t concerned_pairs_ = 0;
  std::uint64_t pairs_ = 0;
  HugeBuffer<float> rows_;
  HugeBuffer<float> gradients_;
};

}  // namespace

HeldOutItems take_forgotten(const comm::Communicator& comm, graph::GraphBlocks& blocks, EdgeTypeId type,
                            const ForgetSet& set) {
  const graph::EdgeType edge_type = blocks.schema.edge_type(type);
  const graph::AdjacencyBlock& rows = blocks.edges[type.index()].by_source;
  std::vector<std::uint32_t> targets = rows.targets;
  parallel::sort(std::span(targets), std::less<>());
  targets.erase(std::ranges::unique(targets).begin(), targets.end());
  const std::vector<std::uint8_t> leaves =
      fetch_from_home<std::uint8_t>(comm, blocks.distribution(edge_type.destination, comm.size()), targets, set.items);
  std::vector<std::uint8_t> removed(rows.targets.size());
  HeldOutItems pairs;
  for (std::size_t row = 0; row + 1 < rows.offsets.size(); ++row) {
    const auto listed = std::span(set.pairs.values)
                            .subspan(set.pairs.offsets[row], set.pairs.offsets[row + 1] - set.pairs.offsets[row]);
    std::vector<std::uint32_t> items;
    for (std::uint64_t slot = rows.offsets[row]; slot < rows.offsets[row + 1]; ++slot) {
      const std::uint32_t item = rows.targets[slot];
      const bool item_leaves =
          leaves[static_cast<std::size_t>(std::ranges::lower_bound(targets, item) - targets.begin())] != 0;
      const bool user_leaves = set.users[row] != 0;
      if (!user_leaves && !item_leaves && !std::ranges::binary_search(listed, item)) continue;
      removed[slot] = 1;
      if (!(user_leaves && item_leaves)) items.push_back(item);
    }
    std::ranges::sort(items);
    items.erase(std::ranges::unique(items).begin(), items.end());
    pairs.values.insert(pairs.values.end(), items.begin(), items.end());
    pairs.offsets.push_back(pairs.values.size());
  }
  remove_edges(comm, blocks, type, removed);
  return pairs;
}

UnlearningReport unlearn(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                         const HeldOutItems& forgotten, std::span<const std::uint8_t> leaving,
                         const UnlearningOptions& options, EmbeddingTable& vectors, ProgressSink& progress) {
  if (!(options.learning_rate > 0) || !std::isfinite(options.learning_rate)) {
    throw ConfigError(fmt::format("forget.learning_rate is {}, expected a positive number", options.learning_rate));
  }
  if (options.batch_size == 0) throw ConfigError("forget.batch_size is 0, expected at least 1");
  return Unlearning(comm, graph, type, forgotten, leaving, options, vectors)
      .run(comm.is_root() ? progress : no_progress());
}

}  // namespace rove::gnn
