// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/pinsage_drawer.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "algorithms/sampling/pinsage_sampler.hpp"
#include "algorithms/sampling/sampling_graph.hpp"
#include "algorithms/walks/pinsage.hpp"
#include "engine/base/hash.hpp"
#include "engine/exec/adjacency_view.hpp"
#include "engine/exec/walk_graph.hpp"
#include "jobs/pipeline/stages.hpp"

namespace rove::jobs {
namespace {

using algorithms::SampledSubgraph;
using algorithms::SamplingGraph;
using algorithms::SeedRows;

/// Walks of an epoch from all vertices first, then lists read by all batches.
class PinsageDrawer final : public BatchDrawer {
 public:
  PinsageDrawer(Session& session, const SampleOptions& options, bool replicated)
      : session_(session), options_(options), replicated_(replicated) {
    if (options.negatives > 0) {
      whole_.emplace(SamplingGraph::replicated(session.comm(), session.blocks(), options.graph_links()));
      session.comm().agree([&] { negatives_ = make_negatives(*whole_, options); });
    }
    walk(0, session.progress());
  }

  void draw(std::span<const algorithms::LinkBatch> batches, std::uint64_t epoch,
            std::vector<SampledSubgraph>& results) override {
    if (epoch != epoch_) walk(epoch, no_progress());
    std::vector<std::vector<SeedRows>> sets;
    for (const algorithms::LinkBatch& batch : batches) sets.push_back(batch.seeds());
    sampler_->sample(session_.comm(), sets, results, traffic_);
  }
  [[nodiscard]] std::span<const algorithms::NegativeSampler> negatives() const override { return negatives_; }
  [[nodiscard]] const char* layout() const override { return replicated_ ? "replicated" : "partitioned"; }
  [[nodiscard]] algorithms::SamplingTraffic traffic() const override { return traffic_; }

 private:
  void walk(std::uint64_t epoch, ProgressSink& progress) {
    algorithms::PinsageOptions pinsage = options_.pinsage;
    // The first epoch's walks are those that `rove walk` writes.
    if (epoch > 0) pinsage.seed = mix64(pinsage.seed, epoch);
    pinsage.progress = &progress;
    sampler_.reset();
    graph::NeighborLists lists = replicated_
                                     ? algorithms::pinsage_neighbors(session_.comm(), session_.blocks(), pinsage)
                                     : algorithms::pinsage_neighbors(session_.comm(), session_.graph(), pinsage);
    sampler_.emplace(session_.schema(), pinsage.seeds, std::move(lists), options_.pinsage_layers);
    epoch_ = epoch;
  }

  Session& session_;
  const SampleOptions& options_;
  bool replicated_;
  std::optional<SamplingGraph> whole_;  ///< what tells negatives
  std::vector<algorithms::NegativeSampler> negatives_;
  std::optional<algorithms::PinsageSampler> sampler_;
  std::uint64_t epoch_ = 0;
  algorithms::SamplingTraffic traffic_;
};

void hold_lists(MemoryPlan& plan, const graph::Schema& schema, std::int32_t ranks, const SampleOptions& options) {
  plan.hold("batch of walks", options.pinsage.batch_bytes);
  plan.hold("lists of the most visited", algorithms::pinsage_list_bytes(schema, ranks, options.pinsage));
}

}  // namespace

std::unique_ptr<BatchDrawer> make_pinsage_drawer(Session& session, const SampleOptions& options, bool replicated) {
  if (!replicated) {
    ensure_assignment(session);
    const exec::AdjacencyView view(session.graph(), {exec::Direction::kBoth, {}});
    MemoryPlan plan = exec::WalkGraph::plan_partitioned(
        view, algorithms::walk_graph_options(algorithms::pinsage_walks(options.pinsage)));
    hold_lists(plan, session.schema(), session.comm().size(), options);
    hold_training_edges(plan, session.schema(), session.comm().size(), options);
    session.require_fits(plan);
  }
  return std::make_unique<PinsageDrawer>(session, options, replicated);
}

MemoryPlan plan_pinsage_replicated(const graph::Schema& schema, std::int32_t ranks, const SampleOptions& options) {
  MemoryPlan plan = exec::WalkGraph::plan_replicated(
      schema, {exec::Direction::kBoth, {}}, algorithms::walk_graph_options(algorithms::pinsage_walks(options.pinsage)));
  hold_lists(plan, schema, ranks, options);
  return plan;
}

}  // namespace rove::jobs
