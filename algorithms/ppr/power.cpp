// SPDX-License-Identifier: Apache-2.0
// Power iteration: f_0 = e_s, pi += c f_t, f_{t+1} = (1 - c) f_t P, as pulls in slot order, so that the bits depend on
// the graph alone. What a dangling vertex would hand on is lost (D3), and the column's mass divides the result in the
// end (D1). Reference test: a dense solver on tiny graphs (tests/algorithms/ppr).
#include "algorithms/ppr/detail/power.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "algorithms/ppr/detail/candidates.hpp"
#include "algorithms/ppr/detail/lists.hpp"
#include "algorithms/ppr/detail/prepare.hpp"
#include "algorithms/ppr/detail/travelling_counts.hpp"
#include "engine/exec/superstep_runner.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms::detail {

namespace {

constexpr std::size_t kColumns = 8;
using Columns = std::array<double, kColumns>;

}  // namespace

}  // namespace rove::algorithms::detail

namespace rove::comm {
// Doubles have no padding, but the trait asks for unique representations.
template <>
inline constexpr bool allow_padding<std::array<double, 8>> = true;
}  // namespace rove::comm

namespace rove::algorithms::detail {

namespace {

/// Publishes (1 - c) / d * f: what each of a vertex's slots hands on; by weight, what one of weight 1 does.
class PowerIteration : public exec::ProgramDefaults {
 public:
  using Value = Columns;
  static constexpr bool kAlwaysActive = true;

  PowerIteration(const graph::DistributedGraph& graph, const exec::WalkGraph& walk_graph, const PprOptions& options,
                 std::uint64_t num_supersteps, std::span<const std::uint32_t> starts)
      : walk_graph_(walk_graph),
        options_(options),
        num_supersteps_(num_supersteps),
        starts_(starts),
        absorbed_(graph.num_owned()) {
    if (!options.weighted) return;
    const exec::AdjacencyView view(graph, options.edges);
    strengths_.resize(graph.num_owned());
    parallel::for_each({0, strengths_.size()}, 1U << 10U, [&](std::uint64_t v) {
      strengths_[v] = view.strength_of(LocalVertexId{static_cast<std::uint32_t>(v)});
    });
  }

  [[nodiscard]] exec::EdgeSelection edges() const {
    exec::EdgeSelection pulled = options_.edges;
    if (pulled.direction == exec::Direction::kOut) {
      pulled.direction = exec::Direction::kIn;
    } else if (pulled.direction == exec::Direction::kIn) {
      pulled.direction = exec::Direction::kOut;
    }
    return pulled;
  }

  Columns initial(LocalVertexId vertex, exec::Aggregates& /*aggregates*/) {
    Columns flow{};
    for (std::size_t column = 0; column < starts_.size(); ++column) {
      if (starts_[column] == vertex.value()) flow[column] = 1.0;
    }
    return publish(vertex, flow);
  }

  bool begin_superstep(std::uint64_t superstep, const exec::Aggregates& /*previous*/) const {
    return superstep < num_supersteps_;
  }

  Columns compute(LocalVertexId vertex, const Columns& /*own*/, const exec::Neighborhood<Columns>& neighbors,
                  exec::Aggregates& /*aggregates*/) {
    Columns flow{};
    neighbors.for_each([&](const Columns& value, const exec::NeighborRef& neighbor) {
      const double weight = strengths_.empty() ? 1.0 : static_cast<double>(neighbor.weight);
      for (std::size_t column = 0; column < kColumns; ++column) flow[column] += weight * value[column];
    });
    return publish(vertex, flow);
  }

  [[nodiscard]] const Columns& absorbed(std::uint32_t vertex) const { return absorbed_[vertex]; }

 private:
  Columns publish(LocalVertexId vertex, const Columns& flow) {
    const std::uint64_t degree = walk_graph_.degree(vertex.value());
    const double strength = strengths_.empty() ? static_cast<double>(degree) : strengths_[vertex.index()];
    const double share = degree == 0 ? 0.0 : (1.0 - options_.restart) / strength;
    Columns published{};
    for (std::size_t column = 0; column < kColumns; ++column) {
      absorbed_[vertex.index()][column] += options_.restart * flow[column];
      published[column] = share * flow[column];
    }
    return published;
  }

  const exec::WalkGraph& walk_graph_;
  const PprOptions& options_;
  std::uint64_t num_supersteps_;
  std::span<const std::uint32_t> starts_;  ///< per column: local id of the source where it is owned here
  std::vector<Columns> absorbed_;
  std::vector<double> strengths_;  ///< sums of weights; empty: the degrees
};

constexpr std::uint32_t kElsewhere = 0xFFFFFFFFU;
constexpr double kLeastTolerance = 1e-15;  ///< beyond it sums of doubles gain nothing

/// How many supersteps, and what of a walk has not stopped anywhere after them.
class Truncation {
 public:
  Truncation(double restart, double tolerance) : moves_on_(1.0 - restart), undistributed_(moves_on_) {
    (void)extend(tolerance);
  }
  /// Until at most `tolerance` is left; whether that took more supersteps.
  bool extend(double tolerance) {
    const std::uint64_t before = num_supersteps_;
    for (; undistributed_ > tolerance; ++num_supersteps_) undistributed_ *= moves_on_;
    return num_supersteps_ > before;
  }
  [[nodiscard]] std::uint64_t num_supersteps() const { return num_supersteps_; }
  [[nodiscard]] double undistributed() const { return undistributed_; }

 private:
  double moves_on_;
  std::uint64_t num_supersteps_ = 0;
  double undistributed_;
};

/// **Collective.** Per column what has stopped anywhere.
std::vector<double> absorbed_masses(const comm::Communicator& comm, const PowerIteration& program,
                                    std::uint64_t num_owned, std::size_t num_columns) {
  std::vector<double> masses;
  for (std::size_t column = 0; column < num_columns; ++column) {
    const auto absorbed = [&](std::uint64_t v) { return program.absorbed(static_cast<std::uint32_t>(v))[column]; };
    masses.push_back(comm.all_reduce(parallel::exact_sum({0, num_owned}, 1U << 12U, absorbed)).value());
  }
  return masses;
}

/// A candidate on the way to the source's owner; the score as its bits.
struct CandidateMessage {
  std::uint32_t column = 0;
  std::uint32_t row = 0;
  std::uint32_t score_bits = 0;
};

}  // namespace

void power_iteration(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                     const exec::WalkGraph& walk_graph, const PprOptions& options,
                     const CollectExcluded& collect_excluded, const StoreList& store) {
  const graph::Schema& schema = graph.schema();
  const IndexRange owned_targets = graph.owned_of_type(options.targets);
  const std::uint64_t first_target = schema.stable_range(options.targets).begin;
  const IndexRange owned_sources = graph.owned_of_type(options.sources);

  std::vector<BatchSource> mine;
  for (std::uint64_t v = owned_sources.begin; v < owned_sources.end; ++v) {
    const auto vertex = static_cast<std::uint32_t>(v);
    const std::uint64_t row = schema.row_of(graph.index_map().stable_of(LocalVertexId{vertex}));
    if (walk_graph.degree(vertex) > 0 && is_source(options, row)) {
      mine.push_back({row, graph.owned_keys()[vertex], comm.rank().value(), vertex});
    }
  }
  const std::uint64_t num_rows = schema.vertex_type(options.sources).count;
  if (comm.is_root()) options.progress->begin("ppr: power iteration", num_rows, "rows");
  std::size_t next_mine = 0;
  std::uint64_t row = 0;
  while (row < num_rows) {
    // The next eight sources anywhere: with at most eight of each rank's next ones, the first eight of all are among
    // them.
    std::vector<BatchSource> offered;
    for (std::size_t i = next_mine; i < mine.size() && offered.size() < kColumns; ++i) offered.push_back(mine[i]);
    std::vector<BatchSource> batch = share_batch(comm, std::move(offered));
    if (batch.empty()) break;
    batch.resize(std::min(batch.size(), kColumns));
    row = batch.back().row + 1;
    while (next_mine < mine.size() && mine[next_mine].row < row) ++next_mine;

    std::vector<std::uint32_t> starts;
    for (const BatchSource& source : batch) {
      starts.push_back(source.owner == comm.rank().value() ? source.vertex : kElsewhere);
    }
    // Mass is lost at dangling vertices, and the error of what is left grows as it is divided out: `target_error` may
    // ask for more supersteps than at first.
    Truncation truncation(options.restart, options.target_error > 0.0 ? options.target_error / 4.0 : options.tolerance);
    std::optional<PowerIteration> program;
    std::vector<double> masses;
    for (;;) {
      program.emplace(graph, walk_graph, options, truncation.num_supersteps(), starts);
      exec::SuperstepRunner runner(comm, graph, *program);
      (void)runner.run();
      masses = absorbed_masses(comm, *program, graph.num_owned(), batch.size());
      if (options.target_error == 0.0) break;
      const double least = *std::ranges::min_element(masses);
      if (!truncation.extend(std::max(kLeastTolerance, (options.target_error - kScoreRounding) * least / 2.0))) break;
    }

    std::vector<std::vector<std::uint32_t>> excluded(starts.size());  // of my sources, ascending
    for (std::size_t column = 0; column < starts.size(); ++column) {
      std::vector<std::uint32_t>& rows = excluded[column];
      if (starts[column] == kElsewhere) continue;
      collect_excluded(starts[column], rows);
      std::sort(rows.begin(), rows.end());
      rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    }
    std::vector<std::uint64_t> num_excluded;
    for (const auto& rows : excluded) num_excluded.push_back(rows.size());
    comm.all_reduce(std::span(num_excluded), comm::ReduceOp::kSum);
    std::vector<CandidateMessage> messages;
    std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
    // Grouped by owner: an owner may have several columns, so ranks are gone through in order.
    for (std::int32_t owner = 0; owner < comm.size(); ++owner) {
      for (std::size_t column = 0; column < batch.size(); ++column) {
        if (batch[column].owner != owner) continue;
        TopK selection(std::min<std::uint64_t>(options.top_k + num_excluded[column], owned_targets.size()));
        for (std::uint64_t v = owned_targets.begin; v < owned_targets.end; ++v) {
          const auto vertex = static_cast<std::uint32_t>(v);
          const auto score = static_cast<float>(program->absorbed(vertex)[column] / masses[column]);
          if (score <= 0.0F || !selection.may_enter(score)) continue;
          const std::uint64_t target = graph.index_map().stable_of(LocalVertexId{vertex}).value() - first_target;
          if (is_candidate(options.candidates, target)) selection.push({score, target});
        }
        for (const Scored& candidate : selection.take()) {
          messages.push_back({static_cast<std::uint32_t>(column), static_cast<std::uint32_t>(candidate.id),
                              std::bit_cast<std::uint32_t>(candidate.score)});
          ++counts[static_cast<std::size_t>(owner)];
        }
      }
    }
    const auto arrived = comm.exchange<CandidateMessage>(messages, counts);
    for (std::size_t column = 0; column < batch.size(); ++column) {
      if (starts[column] == kElsewhere) continue;
      TopK selection(options.top_k);
      for (const CandidateMessage& message : arrived.data) {
        const auto& rows = excluded[column];
        if (message.column != column || std::binary_search(rows.begin(), rows.end(), message.row)) continue;
        selection.push({std::bit_cast<float>(message.score_bits), message.row});
      }
      const std::vector<Scored> ranked = selection.take();
      const double best = ranked.empty() ? 0.0 : static_cast<double>(ranked.front().score);
      store(starts[column], ranked, 2.0 * truncation.undistributed() / masses[column] + best * kScoreRounding);
    }
    if (comm.is_root()) options.progress->update(row, "");
  }
  if (comm.is_root()) options.progress->end("");
}

}  // namespace rove::algorithms::detail
