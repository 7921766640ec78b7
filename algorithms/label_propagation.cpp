// SPDX-License-Identifier: Apache-2.0
#include "algorithms/label_propagation.hpp"

#include <algorithm>

#include "engine/base/hash.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

class LabelPropagation : public exec::ProgramDefaults {
 public:
  using Value = StableVertexId;

  LabelPropagation(const graph::DistributedGraph& graph, const LabelPropagationOptions& options)
      : graph_(graph), options_(options) {}

  [[nodiscard]] exec::EdgeSelection edges() const { return {exec::Direction::kBoth, options_.edges}; }
  [[nodiscard]] exec::AggregateShape aggregates() const { return {.counts = 1}; }

  StableVertexId initial(LocalVertexId vertex, exec::Aggregates& aggregates) {
    const StableVertexId label = graph_.index_map().stable_of(vertex);
    aggregates.add_to_count(0, mix64(label.value(), label.value()));
    return label;
  }

  /// The digest of a labelling is the sum of a hash per (vertex, label), so each superstep adds what its changes add.
  bool begin_superstep(std::uint64_t superstep, const exec::Aggregates& previous) {
    const std::uint64_t change = previous.count(0);
    digest_ += change;
    is_cycle_ = std::find(seen_.begin(), seen_.end(), digest_) != seen_.end() && change != 0;
    seen_.push_back(digest_);
    return superstep < options_.max_supersteps && !is_cycle_;
  }

  StableVertexId compute(LocalVertexId vertex, const StableVertexId& own,
                         const exec::Neighborhood<StableVertexId>& neighbors, exec::Aggregates& aggregates) {
    std::vector<StableVertexId>& labels = scratch_.local();
    labels.clear();
    neighbors.for_each([&](StableVertexId label, const exec::NeighborRef&) { labels.push_back(label); });
    std::sort(labels.begin(), labels.end());
    StableVertexId best = own;
    std::ptrdiff_t most =
        std::upper_bound(labels.begin(), labels.end(), own) - std::lower_bound(labels.begin(), labels.end(), own);
    for (auto run = labels.begin(); run != labels.end();) {
      const auto end = std::find_if(run, labels.end(), [&](StableVertexId label) { return label != *run; });
      if (end - run > most) {
        most = end - run;
        best = *run;
      }
      run = end;
    }
    if (best != own) {
      const std::uint64_t id = graph_.index_map().stable_of(vertex).value();
      aggregates.add_to_count(0, mix64(id, best.value()) - mix64(id, own.value()));
    }
    return best;
  }

  void register_state(exec::CheckpointRegistry& registry, const std::string& prefix) {
    registry.add_value(prefix + "/digest", digest_);
    registry.add_words(
        prefix + "/digests", [this] { return seen_; },
        [this](std::span<const std::uint64_t> words) { seen_.assign(words.begin(), words.end()); });
  }

  [[nodiscard]] bool is_cycle() const { return is_cycle_; }

 private:
  const graph::DistributedGraph& graph_;
  const LabelPropagationOptions& options_;
  parallel::PerThread<std::vector<StableVertexId>> scratch_;
  std::vector<std::uint64_t> seen_;  ///< digests of all labellings so far
  std::uint64_t digest_ = 0;
  bool is_cycle_ = false;
};

}  // namespace

LabelPropagationResult label_propagation(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                         const LabelPropagationOptions& options, const exec::RunOptions& run) {
  LabelPropagation program(graph, options);
  exec::SuperstepRunner runner(comm, graph, program, run);
  const exec::RunResult ran = runner.run();
  LabelPropagationResult result;
  result.supersteps = ran.supersteps;
  result.labels.assign(runner.values().begin(), runner.values().begin() + graph.num_owned());
  if (ran.end != exec::RunEnd::kNothingChanged) {
    result.end = program.is_cycle() ? LabelPropagationEnd::kCycle : LabelPropagationEnd::kSuperstepLimit;
  }
  return result;
}

}  // namespace rove::algorithms
