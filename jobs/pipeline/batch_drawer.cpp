// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/batch_drawer.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "algorithms/sampling/ladies_sampler.hpp"
#include "algorithms/sampling/sampling_graph.hpp"
#include "algorithms/sampling/shadow_sampler.hpp"
#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"
#include "jobs/pipeline/pinsage_drawer.hpp"
#include "jobs/pipeline/stages.hpp"

namespace rove::jobs {
namespace {

using algorithms::LinkBatch;
using algorithms::PartitionedSamplingGraph;
using algorithms::SampledSubgraph;
using algorithms::SamplingGraph;
using algorithms::SeedRows;

/// A sampler of one batch at a time, over the whole graph on every rank: each thread draws batches of its own.
template <class Sampler, class Options>
class ReplicatedDrawer final : public BatchDrawer {
 public:
  ReplicatedDrawer(Session& session, const SampleOptions& options, const Options& sampler_options)
      : comm_(session.comm()),
        graph_(SamplingGraph::replicated(comm_, session.blocks(), options.links, options.attributes())) {
    comm_.agree([&] {
      sampler_.emplace(graph_, sampler_options);
      negatives_ = make_negatives(graph_, options);
    });
  }

  void draw(std::span<const LinkBatch> batches, std::uint64_t epoch, std::vector<SampledSubgraph>& results) override {
    results.resize(batches.size());
    comm_.agree([&] {
      parallel::for_each({0, batches.size()}, 1, [&](std::uint64_t i) {
        sampler_->sample(batches[i].seeds(), epoch, workspaces_.local(), results[i]);
      });
    });
  }
  [[nodiscard]] std::span<const algorithms::NegativeSampler> negatives() const override { return negatives_; }
  [[nodiscard]] const char* layout() const override { return "replicated"; }

 private:
  const comm::Communicator& comm_;
  SamplingGraph graph_;
  std::optional<Sampler> sampler_;
  std::vector<algorithms::NegativeSampler> negatives_;
  parallel::PerThread<typename Sampler::Workspace> workspaces_;
};

/// Fan-outs over a graph in parts: owners draw.
class PartitionedDrawer final : public BatchDrawer {
 public:
  PartitionedDrawer(Session& session, const SampleOptions& options)
      : comm_(session.comm()),
        graph_(PartitionedSamplingGraph::build(comm_, session.blocks(), session.assignment(), options.links,
                                               options.attributes())) {
    comm_.agree([&] { sampler_.emplace(graph_, options.fanout); });
  }

  void draw(std::span<const LinkBatch> batches, std::uint64_t epoch, std::vector<SampledSubgraph>& results) override {
    std::vector<std::vector<SeedRows>> sets;
    for (const LinkBatch& batch : batches) sets.push_back(batch.seeds());
    sampler_->sample(comm_, sets, epoch, results, traffic_);
  }
  [[nodiscard]] const char* layout() const override { return "partitioned"; }
  [[nodiscard]] algorithms::SamplingTraffic traffic() const override { return traffic_; }

 private:
  const comm::Communicator& comm_;
  PartitionedSamplingGraph graph_;
  std::optional<algorithms::PartitionedSampler> sampler_;
  algorithms::SamplingTraffic traffic_;
};

bool use_replicated(const Session& session, const SampleOptions& options, const MemoryPlan& whole) {
  const std::string layout = session.config().text("resources.layout");
  if (layout == "partitioned" && options.needs_whole_graph()) {
    throw ConfigError(
        "resources.layout partitioned samples by sample.method neighbor or pinsage without sample.negatives only; "
        "the others need the whole graph on every rank (replicated, or auto)");
  }
  if (layout != "auto" || options.needs_whole_graph()) return layout != "partitioned";
  const bool fits = whole.total_bytes() <= session.memory().bytes / 2;
  return session.comm().all_reduce(static_cast<std::uint32_t>(fits), comm::ReduceOp::kMin) != 0;
}

}  // namespace

std::vector<algorithms::NegativeSampler> make_negatives(const SamplingGraph& graph, const SampleOptions& options) {
  std::vector<algorithms::NegativeSampler> negatives;
  if (options.negatives == 0) return negatives;
  const std::vector<algorithms::SampledLink> links = options.graph_links();
  for (const EdgeTypeId type : options.balanced.types) {
    const algorithms::SampledLink link{type, exec::Direction::kOut};
    const auto found = std::ranges::find(links, link);
    if (found == links.end()) {
      throw ConfigError(fmt::format("negatives of {} need the edge type in sample.links with direction out or both",
                                    graph.schema().name_of(type)));
    }
    negatives.emplace_back(
        graph, static_cast<std::size_t>(found - links.begin()),
        algorithms::NegativeOptions{options.negatives, options.negative_distribution, options.balanced.seed});
  }
  return negatives;
}

std::unique_ptr<BatchDrawer> make_batch_drawer(Session& session, const SampleOptions& options) {
  const MemoryPlan whole = plan_sampling_replicated(session.schema(), session.comm().size(), options);
  const bool replicated = use_replicated(session, options, whole);
  if (replicated) session.require_fits(whole);
  if (options.method == SampleMethod::kPinsage) return make_pinsage_drawer(session, options, replicated);
  if (!replicated) {
    MemoryPlan share =
        PartitionedSamplingGraph::plan(session.schema(), session.comm().size(), options.links, options.attributes());
    hold_training_edges(share, session.schema(), session.comm().size(), options);
    session.require_fits(share);
    ensure_assignment(session);
    return std::make_unique<PartitionedDrawer>(session, options);
  }
  switch (options.method) {
    case SampleMethod::kNeighbor:
      return std::make_unique<ReplicatedDrawer<algorithms::NeighborSampler, algorithms::FanoutOptions>>(
          session, options, options.fanout);
    case SampleMethod::kLadies:
      return std::make_unique<ReplicatedDrawer<algorithms::LadiesSampler, algorithms::LadiesOptions>>(session, options,
                                                                                                      options.ladies);
    case SampleMethod::kShadow:
      return std::make_unique<ReplicatedDrawer<algorithms::ShadowSampler, algorithms::ShadowOptions>>(session, options,
                                                                                                      options.shadow);
    case SampleMethod::kPinsage:
      break;
  }
  throw InternalError("a sampling method without a sampler");
}

}  // namespace rove::jobs
