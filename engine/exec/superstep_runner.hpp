// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/base/progress.hpp"
#include "engine/exec/adjacency_view.hpp"
#include "engine/exec/aggregates.hpp"
#include "engine/exec/checkpoint.hpp"
#include "engine/exec/frontier.hpp"
#include "engine/exec/vertex_program.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::exec {

/// How a run is watched and interrupted; nothing here changes its result.
struct RunOptions {
  std::string name = "supersteps";  ///< shown as the stage's name
  std::uint64_t max_supersteps = std::numeric_limits<std::uint64_t>::max();
  ProgressSink* progress = &no_progress();
  /// **Collective.** Saves the state it is given; empty: no checkpoints.
  std::function<void(const CheckpointRegistry&)> checkpoint{};
  std::uint64_t checkpoint_every = 0;  ///< supersteps between two checkpoints; 0: only when asked to stop
  CheckpointSource* resume = nullptr;  ///< a checkpoint of the same run (any ranks, any partition) to go on from
};

enum class RunEnd : std::uint8_t { kNothingChanged, kProgramEnded, kSuperstepLimit };

struct RunResult {
  std::uint64_t supersteps = 0;
  RunEnd end = RunEnd::kNothingChanged;
};

namespace detail {

/// What all ranks settle after each superstep's computation, in one reduction.
struct Vote {
  std::uint64_t changed = 0;        ///< owned vertices whose value changed
  std::uint64_t changed_sends = 0;  ///< (changed vertex, rank that holds its ghost) pairs
  std::uint64_t sends = 0;          ///< such pairs in all
  std::uint64_t stop_requests = 0;
};
/// **Collective.** The sums over all ranks. When `error` is set on any rank, throws the error on all.
[[nodiscard]] Vote settle(const comm::Communicator& comm, const Vote& mine, const std::exception_ptr& error);

/// Positions in `send_rows` of the halo whose vertex is flagged.
[[nodiscard]] std::vector<std::uint64_t> flagged_sends(const graph::HaloExchange& halo,
                                                       std::span<const std::uint8_t> flags);
/// **Collective.** Sends the rows (`row_bytes` each) at the given positions; calls `deliver(ghost, row)` for what
/// arrives, ghosts counted from the first.
void send_sparse(const graph::HaloExchange& halo, std::span<const std::uint64_t> positions,
                 std::span<const std::byte> values, std::uint64_t row_bytes,
                 const std::function<void(std::uint64_t, const std::byte*)>& deliver);
/// The owned vertices that other ranks hold as ghosts, ascending, then the rest.
struct SendSplit {
  std::vector<LocalVertexId> sent;
  std::vector<LocalVertexId> interior;
};
[[nodiscard]] SendSplit split_by_sending(const graph::HaloExchange& halo);

}  // namespace detail

/// The only bulk-synchronous loop: compute, agree, exchange, wake. The result depends on graph and program alone.
/// Always-active programs alternate two value arrays, and rows that other ranks wait for are computed first and sent
/// while the others are computed. Other programs update in place after all have read; changes go out as the full halo,
/// or as (ghost, value) pairs when fewer than a quarter of the halo changed. Memory: one or two values per owned and
/// ghost vertex; a flag or two per vertex; 4 bytes per cut edge (`GhostReaders`).
template <VertexProgram Program>
class SuperstepRunner {
 public:
  using Value = typename Program::Value;

  /// **Collective.** Refers to its arguments, which must outlive it.
  SuperstepRunner(const comm::Communicator& comm, const graph::DistributedGraph& graph, Program& program,
                  RunOptions options = {})
      : comm_(comm),
        graph_(graph),
        program_(program),
        options_(std::move(options)),
        pulled_(graph, program.edges()),
        previous_(program.aggregates()),
        values_(graph.num_local()) {}

  /// **Collective.** Runs to the end. Throws `Interrupted` on all ranks when a stop was asked for on any, and what
  /// the program throws on any rank, on all.
  RunResult run() {
    if (comm_.is_root()) {
      const bool open_end = options_.max_supersteps == std::numeric_limits<std::uint64_t>::max();
      options_.progress->begin(options_.name, open_end ? 0 : options_.max_supersteps, "supersteps");
    }
    CheckpointRegistry state;
    register_state(state);
    state_ = &state;
    if (options_.resume != nullptr) state.restore(comm_, *options_.resume);
    if (started_ == 0) initialise();
    graph_.halo().template update<Value>(std::span(values_));
    const RunResult result = Program::kAlwaysActive ? run_always_active() : run_frontier();
    if (comm_.is_root()) options_.progress->end("");
    return result;
  }

  /// Published values by local id, ghosts included and fresh.
  [[nodiscard]] std::span<const Value> values() const { return values_; }
  [[nodiscard]] const AdjacencyView& edges() const { return pulled_; }

 private:
  static constexpr std::uint64_t kGrain = 256;
  static constexpr std::uint64_t kSparseShare = 4;

  struct Change {
    LocalVertexId vertex;
    Value value;
  };

  /// The program's own state, if it declares any, goes beside the values, the superstep and the aggregates.
  void register_state(CheckpointRegistry& state) {
    const std::string& prefix = options_.name;
    state.add_value(prefix + "/superstep", superstep_);
    state.add_value(prefix + "/started", started_);
    state.add_vertex_rows<Value>(prefix + "/values", graph_, values_);
    state.add_words(
        prefix + "/aggregates", [this] { return previous_.to_words(); },
        [this](std::span<const std::uint64_t> words) { previous_.from_words(words); });
    if constexpr (requires { program_.register_state(state, prefix); }) program_.register_state(state, prefix);
  }

  void initialise() {
    parallel::PerThread<Aggregates> aggregates{previous_};
    std::exception_ptr error;
    try {
      parallel::for_each({0, graph_.num_owned()}, kGrain, [&](std::uint64_t i) {
        values_[i] = program_.initial(LocalVertexId{static_cast<std::uint32_t>(i)}, aggregates.local());
      });
    } catch (...) {
      error = std::current_exception();
    }
    (void)detail::settle(comm_, {}, error);
    combine(aggregates);
    started_ = 1;
  }

  void combine(parallel::PerThread<Aggregates>& aggregates) {
    previous_.clear();
    aggregates.for_each([&](const Aggregates& part) { previous_.merge(part); });
    previous_ = previous_.over_all_ranks(comm_);
  }

  /// Whether the run ends before the superstep that is about to start.
  [[nodiscard]] std::optional<RunEnd> end_before_superstep() {
    if (!program_.begin_superstep(superstep_, previous_)) return RunEnd::kProgramEnded;
    if (superstep_ >= options_.max_supersteps) return RunEnd::kSuperstepLimit;
    return std::nullopt;
  }

  /// The state is complete here (ghosts are refreshed on resumption): the one place where checkpoints are taken.
  void end_superstep(parallel::PerThread<Aggregates>& aggregates, const detail::Vote& all) {
    combine(aggregates);
    ++superstep_;
    if (comm_.is_root()) options_.progress->update(superstep_, fmt::format("{} changed", all.changed));
    const bool stop = all.stop_requests != 0;
    const bool due = options_.checkpoint_every != 0 && superstep_ % options_.checkpoint_every == 0;
    if (options_.checkpoint && (stop || due)) options_.checkpoint(*state_);
    if (stop) {
      comm_.stop_if_asked(fmt::format("{} stopped on request after superstep {}{}", options_.name, superstep_,
                                      options_.checkpoint ? "; a checkpoint was written" : ""));
    }
  }

  [[nodiscard]] Value compute(LocalVertexId vertex, Aggregates& aggregates) {
    const Neighborhood<Value> neighbors(pulled_, vertex, values_.data());
    return program_.compute(vertex, values_[vertex.index()], neighbors, aggregates);
  }

  RunResult run_always_active() {
    const detail::SendSplit order = detail::split_by_sending(graph_.halo());
    std::vector<Value> next(values_.size());
    Aggregates empty = previous_;
    empty.clear();
    while (true) {
      if (const auto end = end_before_superstep()) return {superstep_, *end};
      parallel::PerThread<Aggregates> aggregates{empty};
      std::exception_ptr error;
      const auto compute_all = [&](std::span<const LocalVertexId> vertices) {
        try {
          parallel::for_each({0, vertices.size()}, kGrain, [&](std::uint64_t i) {
            next[vertices[i].index()] = compute(vertices[i], aggregates.local());
          });
        } catch (...) {
          error = std::current_exception();
        }
      };
      compute_all(order.sent);
      auto update = graph_.halo().template start_update<Value>(std::span(next));
      if (!error) compute_all(order.interior);
      update.wait();
      values_.swap(next);
      end_superstep(aggregates, detail::settle(comm_, {.changed = graph_.num_owned()}, error));
    }
  }

  RunResult run_frontier() {
    const AdjacencyView readers = pulled_.reversed();
    const GhostReaders ghost_readers(pulled_);
    const graph::HaloExchange& halo = graph_.halo();
    Aggregates empty = previous_;
    empty.clear();
    std::vector<std::uint8_t> changed(graph_.num_owned());
    Frontier frontier(graph_.num_owned());
    frontier.add_all();
    while (true) {
      frontier.advance();
      if (const auto end = end_before_superstep()) return {superstep_, *end};
      parallel::PerThread<Aggregates> aggregates{empty};
      parallel::PerThread<std::vector<Change>> thread_changes;
      std::exception_ptr error;
      try {
        frontier.for_each(kGrain, [&](LocalVertexId vertex) {
          const Value value = compute(vertex, aggregates.local());
          if (value != values_[vertex.index()]) thread_changes.local().push_back({vertex, value});
        });
      } catch (...) {
        error = std::current_exception();
      }

      std::vector<LocalVertexId> changes;
      thread_changes.for_each([&](const std::vector<Change>& part) {
        for (const Change& change : part) {
          values_[change.vertex.index()] = change.value;
          changed[change.vertex.index()] = 1;
          changes.push_back(change.vertex);
        }
      });
      const std::vector<std::uint64_t> sends =
          changes.empty() ? std::vector<std::uint64_t>{} : detail::flagged_sends(halo, changed);
      const detail::Vote all = detail::settle(
          comm_, {.changed = changes.size(), .changed_sends = sends.size(), .sends = halo.send_rows().size()}, error);
      end_superstep(aggregates, all);
      if (all.changed == 0) return {superstep_, RunEnd::kNothingChanged};

      const auto wake_local = [&] { wake_readers(readers, changes, frontier); };
      const auto wake_remote = [&](std::uint64_t ghost) {
        for (const LocalVertexId reader : ghost_readers.readers_of(ghost)) frontier.add(reader);
      };
      if (all.changed_sends * kSparseShare < all.sends) {
        wake_local();
        detail::send_sparse(halo, sends, std::as_bytes(std::span<const Value>(values_)), sizeof(Value),
                            [&](std::uint64_t ghost, const std::byte* row) {
                              std::memcpy(&values_[graph_.num_owned() + ghost], row, sizeof(Value));
                              wake_remote(ghost);
                            });
      } else {
        const std::vector<Value> before(values_.begin() + graph_.num_owned(), values_.end());
        auto update = halo.template start_update<Value>(std::span(values_));
        wake_local();
        update.wait();
        parallel::for_each({0, before.size()}, kGrain, [&](std::uint64_t ghost) {
          if (values_[graph_.num_owned() + ghost] != before[ghost]) wake_remote(ghost);
        });
      }
      for (const LocalVertexId vertex : changes) changed[vertex.index()] = 0;
    }
  }

  void wake_readers(const AdjacencyView& readers, std::span<const LocalVertexId> changes, Frontier& frontier) const {
    parallel::for_each({0, changes.size()}, kGrain, [&](std::uint64_t i) {
      const VertexRow place = readers.row_of(changes[i]);
      for (const Lane& lane : readers.lanes_of(place.type)) {
        for (const LocalVertexId reader : lane.csr->neighbors(place.row)) {
          if (reader.value() < graph_.num_owned()) frontier.add(reader);
        }
      }
    });
  }

  const comm::Communicator& comm_;
  const graph::DistributedGraph& graph_;
  Program& program_;
  RunOptions options_;
  AdjacencyView pulled_;
  Aggregates previous_;  ///< of the last superstep, over all ranks
  std::vector<Value> values_;
  const CheckpointRegistry* state_ = nullptr;  ///< set during `run`
  std::uint64_t superstep_ = 0;
  std::uint64_t started_ = 0;
};

}  // namespace rove::exec
