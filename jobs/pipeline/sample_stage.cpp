// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "algorithms/sampling/link_batches.hpp"
#include "algorithms/sampling/partitioned_sampler.hpp"
#include "algorithms/sampling/sampling_graph.hpp"
#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "engine/graph/block_distribution.hpp"
#include "io/hdf5/samples_file.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/pipeline/sample_options.hpp"
#include "jobs/pipeline/stages.hpp"

namespace rove::jobs {
namespace {

using algorithms::FanoutOptions;
using algorithms::LinkBatch;
using algorithms::SampledSubgraph;
using algorithms::SeedRows;

/// Keeps the order of sampled seeds apart from that of training batches.
constexpr std::uint64_t kOrderTag = 0x53616D706C650000U;
constexpr std::uint64_t kMaxRound = 512;

std::uint64_t bytes_of(const SampledSubgraph& batch) {
  std::uint64_t bytes = 0;
  for (const auto& vertices : batch.vertices) bytes += 8 * vertices.rows.size();
  for (const auto& edges : batch.edges) bytes += 20 * edges.positions.size();
  return bytes;
}

/// One epoch's seeds on this rank, batch by batch.
class EpochSeeds {
 public:
  EpochSeeds(const Session& session, const SampleOptions& options,
             std::span<const algorithms::NegativeSampler> negatives, std::uint64_t epoch)
      : session_(session), options_(options), negatives_(negatives), epoch_(epoch) {
    const comm::Communicator& comm = session.comm();
    if (options.has_edge_seeds()) {
      edges_ = algorithms::sample_balanced_edges(comm, session.blocks(), options.balanced, epoch);
      num_batches_ = edges_.num_batches;
      mine_ = {edges_.first_batch, edges_.first_batch + edges_.batch_offsets.size() - 1};
      if (options.fanout.temporal != algorithms::TemporalRule::kNone) {
        times_ = algorithms::edge_times(comm, session.blocks(), options.balanced.types, edges_.edges);
        // What is seen is earlier than the edge to predict, which would otherwise see itself.
        for (std::int64_t& time : times_) time = std::max(time, std::numeric_limits<std::int64_t>::min() + 1) - 1;
      }
      if (options.max_batches > 0) {
        num_batches_ = std::min(num_batches_, options.max_batches);
        mine_.end = std::max(mine_.begin, std::min(mine_.end, num_batches_));
      }
      return;
    }
    const std::uint64_t rows = session.schema().vertex_type(options.seeds).count;
    num_batches_ = (rows + options.batch_size - 1) / options.batch_size;
    if (options.max_batches > 0) num_batches_ = std::min(num_batches_, options.max_batches);
    mine_ = graph::BlockDistribution(num_batches_, comm.size()).block(comm.rank());
    if (options.shuffle && rows > 0) {
      order_.emplace(session.seed(), Purpose::kBatchOrder, mix64(kOrderTag, epoch), rows);
    }
  }

  [[nodiscard]] std::uint64_t num_batches() const { return num_batches_; }
  /// This rank's.
  [[nodiscard]] std::uint64_t size() const { return mine_.size(); }
  /// The batch's seeds; those of vertices have no edges.
  [[nodiscard]] LinkBatch batch(std::uint64_t i) const {
    if (options_.has_edge_seeds()) {
      const std::uint64_t begin = edges_.batch_offsets[i];
      const std::uint64_t count = edges_.batch_offsets[i + 1] - begin;
      const bool disjoint = options_.method == SampleMethod::kShadow || options_.fanout.is_disjoint();
      return make_link_batch(session_.schema(), std::span(edges_.edges).subspan(begin, count),
                             times_.empty() ? std::span<const std::int64_t>{} : std::span(times_).subspan(begin, count),
                             epoch_, {options_.balanced.types, negatives_, disjoint});
    }
    LinkBatch batch;
    batch.rows.resize(session_.schema().vertex_types().size());
    const std::uint64_t rows = session_.schema().vertex_type(options_.seeds).count;
    const std::uint64_t begin = (mine_.begin + i) * options_.batch_size;
    for (std::uint64_t at = begin; at < std::min(rows, begin + options_.batch_size); ++at) {
      batch.rows[options_.seeds.index()].push_back(static_cast<std::uint32_t>(order_ ? order_->apply(at) : at));
    }
    if (options_.fanout.temporal != algorithms::TemporalRule::kNone) {
      batch.times.resize(batch.rows.size());
      batch.times[options_.seeds.index()].assign(batch.rows[options_.seeds.index()].size(), *options_.seed_time);
    }
    return batch;
  }

 private:
  const Session& session_;
  const SampleOptions& options_;
  std::span<const algorithms::NegativeSampler> negatives_;
  std::uint64_t epoch_;
  std::uint64_t num_batches_ = 0;
  IndexRange mine_;
  algorithms::EdgeEpoch edges_;
  std::vector<std::int64_t> times_;
  std::optional<KeyedPermutation> order_;
};

/// The configured sampler over the graph in its layout.
class BatchSampler {
 public:
  /// **Collective.**
  BatchSampler(Session& session, const SampleOptions& options) : comm_(session.comm()), options_(options) {
    using algorithms::PartitionedSamplingGraph;
    using algorithms::SamplingGraph;
    const MemoryPlan whole = plan_sampling_replicated(session.schema(), options);
    if (use_replicated(session, whole)) {
      session.require_fits(whole);
      whole_.emplace(SamplingGraph::replicated(comm_, session.blocks(), options.links, options.attributes()));
      comm_.agree([&] { make_samplers(); });
    } else {
      session.require_fits(
          PartitionedSamplingGraph::plan(session.schema(), comm_.size(), options.links, options.attributes()));
      ensure_assignment(session);
      share_.emplace(PartitionedSamplingGraph::build(comm_, session.blocks(), session.assignment(), options.links,
                                                     options.attributes()));
      comm_.agree([&] { partitioned_.emplace(*share_, options.fanout); });
    }
  }
  BatchSampler(const BatchSampler&) = delete;
  BatchSampler& operator=(const BatchSampler&) = delete;

  /// One per relation of training edges when negatives are asked for.
  [[nodiscard]] std::span<const algorithms::NegativeSampler> negatives() const { return negatives_; }
  [[nodiscard]] const char* layout() const { return whole_ ? "replicated" : "partitioned"; }
  [[nodiscard]] const algorithms::SamplingTraffic& traffic() const { return traffic_; }

  /// **Collective.** Samples this rank's batches [begin, end) of the epoch.
  void sample(const EpochSeeds& seeds, IndexRange range, std::uint64_t epoch, std::vector<LinkBatch>& batches,
              std::vector<SampledSubgraph>& results) {
    batches.assign(range.size(), {});
    results.resize(range.size());
    comm_.agree([&] {
      parallel::for_each({0, range.size()}, 1, [&](std::uint64_t i) {
        batches[i] = seeds.batch(range.begin + i);
        if (!whole_) return;
        Workspaces& workspace = workspaces_[parallel::thread_index()];
        const std::vector<SeedRows> sets = batches[i].seeds();
        if (neighbors_) neighbors_->sample(sets, epoch, workspace.neighbors, results[i]);
        if (ladies_) ladies_->sample(sets, epoch, workspace.ladies, results[i]);
        if (shadow_) shadow_->sample(sets, epoch, workspace.shadow, results[i]);
      });
    });
    if (whole_) return;
    std::vector<std::vector<SeedRows>> sets;
    for (const LinkBatch& batch : batches) sets.push_back(batch.seeds());
    partitioned_->sample(comm_, sets, epoch, results, traffic_);
  }

 private:
  struct Workspaces {
    algorithms::NeighborSampler::Workspace neighbors;
    algorithms::LadiesSampler::Workspace ladies;
    algorithms::ShadowSampler::Workspace shadow;
  };

  [[nodiscard]] bool use_replicated(const Session& session, const MemoryPlan& whole) const {
    const std::string layout = session.config().text("resources.layout");
    const bool needs_whole = options_.method != SampleMethod::kNeighbor || options_.negatives > 0;
    if (layout == "partitioned" && needs_whole) {
      throw ConfigError(
          "resources.layout partitioned samples by sample.method neighbor without sample.negatives only; "
          "the others need the whole graph on every rank (replicated, or auto)");
    }
    if (layout != "auto" || needs_whole) return layout != "partitioned";
    const bool fits = whole.total_bytes() <= session.memory().bytes / 2;
    return comm_.all_reduce(static_cast<std::uint32_t>(fits), comm::ReduceOp::kMin) != 0;
  }

  void make_samplers() {
    switch (options_.method) {
      case SampleMethod::kNeighbor:
        neighbors_.emplace(*whole_, options_.fanout);
        break;
      case SampleMethod::kLadies:
        ladies_.emplace(*whole_, options_.ladies);
        break;
      case SampleMethod::kShadow:
        shadow_.emplace(*whole_, options_.shadow);
        break;
    }
    if (options_.negatives == 0) return;
    for (const EdgeTypeId type : options_.balanced.types) {
      const algorithms::SampledLink link{type, exec::Direction::kOut};
      const auto found = std::ranges::find(options_.links, link);
      if (found == options_.links.end()) {
        throw ConfigError(fmt::format("negatives of {} need the edge type in sample.links with direction out or both",
                                      whole_->schema().name_of(type)));
      }
      negatives_.emplace_back(
          *whole_, static_cast<std::size_t>(found - options_.links.begin()),
          algorithms::NegativeOptions{options_.negatives, options_.negative_distribution, options_.fanout.seed});
    }
  }

  const comm::Communicator& comm_;
  const SampleOptions& options_;
  std::optional<algorithms::SamplingGraph> whole_;
  std::optional<algorithms::PartitionedSamplingGraph> share_;
  std::optional<algorithms::NeighborSampler> neighbors_;
  std::optional<algorithms::LadiesSampler> ladies_;
  std::optional<algorithms::ShadowSampler> shadow_;
  std::optional<algorithms::PartitionedSampler> partitioned_;
  std::vector<algorithms::NegativeSampler> negatives_;
  std::vector<Workspaces> workspaces_{parallel::concurrency()};
  algorithms::SamplingTraffic traffic_;
};

void append(io::SampleBlock& block, const SampledSubgraph& batch, const LinkBatch& links) {
  const auto extend = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  block.vertices.resize(batch.vertices.size());
  block.edges.resize(batch.edges.size());
  ++block.batches;
  for (std::size_t t = 0; t < batch.vertices.size(); ++t) {
    extend(block.vertices[t].rows, batch.vertices[t].rows);
    extend(block.vertices[t].seeds, batch.vertices[t].seeds);
    extend(block.vertices[t].bounds, batch.vertices[t].hop_offsets);
  }
  for (std::size_t l = 0; l < batch.edges.size(); ++l) {
    extend(block.edges[l].neighbors, batch.edges[l].neighbors);
    extend(block.edges[l].anchors, batch.edges[l].anchors);
    extend(block.edges[l].positions, batch.edges[l].positions);
    extend(block.edges[l].weights, batch.edges[l].weights);
    extend(block.edges[l].bounds, batch.edges[l].hop_offsets);
  }
  block.supervision.sizes.push_back(links.positions.size());
  extend(block.supervision.relations, links.relations);
  extend(block.supervision.sources, links.sources);
  extend(block.supervision.destinations, links.destinations);
  extend(block.supervision.positions, links.positions);
  extend(block.supervision.negatives, links.negatives);
}

io::SampleCounts counts_of(const SampledSubgraph& batch, const LinkBatch& links) {
  io::SampleCounts counts;
  counts.batches = 1;
  for (const auto& vertices : batch.vertices) counts.vertices.push_back(vertices.rows.size());
  for (const auto& edges : batch.edges) counts.edges.push_back(edges.positions.size());
  counts.supervision = links.positions.size();
  return counts;
}

io::SamplesLink describe(const graph::Schema& schema, EdgeTypeId id, bool in) {
  const graph::EdgeType& type = schema.edge_type(id);
  return {schema.vertex_type(type.source).name, type.relation, schema.vertex_type(type.destination).name, in,
          type.count};
}

io::SamplesLayout layout_of(const Session& session, const SampleOptions& options) {
  const graph::Schema& schema = session.schema();
  io::SamplesLayout layout;
  std::uint64_t hops = options.fanout.fanouts.size();
  if (options.method == SampleMethod::kLadies) hops = options.ladies.layer_sizes.size();
  const bool shadow = options.method == SampleMethod::kShadow;
  layout.vertex_bounds = shadow ? 2 : hops + 2;
  layout.edge_bounds = shadow ? 2 : hops + 1;
  layout.has_seeds = shadow || options.fanout.is_disjoint();
  layout.has_weights = options.method == SampleMethod::kLadies;
  for (const algorithms::SampledLink& link : options.links) {
    layout.links.push_back(describe(schema, link.type, link.direction == exec::Direction::kIn));
  }
  for (const EdgeTypeId type : options.balanced.types) layout.supervision.push_back(describe(schema, type, false));
  layout.negatives = options.negatives;
  const Config& config = session.config();
  layout.attributes = {{"method", config.text("sample.method")},
                       {"seeds", options.has_edge_seeds() ? "" : schema.vertex_type(options.seeds).name},
                       {"batch_size", static_cast<std::int64_t>(options.batch_size)},
                       {"epochs", static_cast<std::int64_t>(options.epochs)},
                       {"replace", options.fanout.replace},
                       {"weighted", options.fanout.weighted},
                       {"temporal", config.text("sample.temporal")},
                       {"disjoint", layout.has_seeds}};
  return layout;
}

/// Runs over all epochs, round by round, in the memory that batches in flight may take.
class Rounds {
 public:
  Rounds(Session& session, const SampleOptions& options, BatchSampler& sampler)
      : session_(session), options_(options), sampler_(sampler) {
    round_ = std::min<std::uint64_t>(kMaxRound, 4 * std::uint64_t{parallel::concurrency()});
  }

  /// Batches of one epoch.
  [[nodiscard]] std::uint64_t batches_per_epoch() const { return batches_per_epoch_; }

  /// **Collective.** `begin(seeds)` at each epoch, `visit(batches, results)` for each round.
  template <class Begin, class Visit>
  void run(const char* stage, const Begin& begin, const Visit& visit) {
    const comm::Communicator& comm = session_.comm();
    std::uint64_t done = 0;
    std::vector<LinkBatch> batches;
    std::vector<SampledSubgraph> results;
    for (std::uint64_t epoch = 0; epoch < options_.epochs; ++epoch) {
      const EpochSeeds seeds(session_, options_, sampler_.negatives(), epoch);
      batches_per_epoch_ = seeds.num_batches();
      if (epoch == 0) session_.progress().begin(stage, options_.epochs * batches_per_epoch_, "batches");
      begin(epoch, seeds);
      for (std::uint64_t at = 0; comm.all_reduce(seeds.size() - at, comm::ReduceOp::kMax) > 0;) {
        if (comm.agree_stop()) throw Interrupted("sampling stopped on request; nothing was written");
        const IndexRange range{at, std::min(seeds.size(), at + round_)};
        sampler_.sample(seeds, range, epoch, batches, results);
        visit(batches, results);
        at = range.end;
        done += comm.all_reduce(range.size(), comm::ReduceOp::kSum);
        session_.progress().update(done, "");
        fit_round(results);
      }
    }
  }

 private:
  /// Rounds as large as memory allows, by the largest batch so far; the same on all ranks.
  void fit_round(const std::vector<SampledSubgraph>& results) {
    for (const SampledSubgraph& batch : results) largest_ = std::max(largest_, bytes_of(batch));
    const std::uint64_t budget = session_.memory().bytes / kSampleBatchShare;
    // A batch is held as a subgraph and as rows of the file, in buffers up to twice as large.
    const std::uint64_t needed =
        4 * std::max<std::uint64_t>(1, session_.comm().all_reduce(largest_, comm::ReduceOp::kMax));
    session_.comm().agree([&] {
      if (needed <= budget) return;
      throw DoesNotFitError(
          fmt::format("one batch takes {}, but {} of {} are for batches; lower sample.batch_size or "
                      "sample.fanouts",
                      format_bytes(needed), format_bytes(budget), session_.memory().source));
    });
    const std::uint64_t fitting = session_.comm().all_reduce(budget / needed, comm::ReduceOp::kMin);
    round_ = std::clamp<std::uint64_t>(fitting, 1, std::min(kMaxRound, 2 * round_));
  }

  Session& session_;
  const SampleOptions& options_;
  BatchSampler& sampler_;
  std::uint64_t round_;
  std::uint64_t largest_ = 0;
  std::uint64_t batches_per_epoch_ = 0;
};

}  // namespace

void sample_stage(Session& session, const std::filesystem::path& samples_file) {
  const PhaseTimer timer(session.times(), "sample");
  const comm::Communicator& comm = session.comm();
  SampleOptions options;
  comm.agree([&] { options = sample_options(session); });
  BatchSampler sampler(session, options);
  Rounds rounds(session, options, sampler);

  // Sampling is quicker than writing and gives the same batches every time: a first pass counts, so that every row has
  // its place in the file before it is written, and no more than a round is ever held.
  io::SampleCounts empty;
  empty.vertices.resize(session.schema().vertex_types().size());
  empty.edges.resize(options.links.size());
  std::vector<io::SampleCounts> mine(options.epochs, empty);
  std::uint64_t epoch = 0;
  rounds.run(
      "count", [&](std::uint64_t at, const EpochSeeds&) { epoch = at; },
      [&](const std::vector<LinkBatch>& batches, const std::vector<SampledSubgraph>& results) {
        for (std::size_t i = 0; i < results.size(); ++i) mine[epoch].add(counts_of(results[i], batches[i]));
      });
  session.progress().end(fmt::format("{} batches of {}", format_count(options.epochs * rounds.batches_per_epoch()),
                                     format_count(options.batch_size)));
  io::SampleCounts total = empty;
  for (const io::SampleCounts& counts : mine) total.add(counts);
  comm.all_reduce(std::span(total.vertices), comm::ReduceOp::kSum);
  comm.all_reduce(std::span(total.edges), comm::ReduceOp::kSum);
  total.batches = comm.all_reduce(total.batches, comm::ReduceOp::kSum);
  total.supervision = comm.all_reduce(total.supervision, comm::ReduceOp::kSum);

  std::vector<io::NodeView> nodes;
  for (std::size_t t = 0; t < session.schema().vertex_types().size(); ++t) {
    nodes.emplace_back(session.nodes(VertexTypeId{static_cast<std::uint16_t>(t)}));
  }
  io::SamplesLayout layout = layout_of(session, options);
  layout.attributes.push_back({"batches_per_epoch", static_cast<std::int64_t>(rounds.batches_per_epoch())});
  io::SamplesWriter writer(comm, samples_file, std::move(layout), nodes, total, session.provenance());
  io::SampleBlock block;
  rounds.run(
      "sample", [&](std::uint64_t at, const EpochSeeds&) { writer.begin_epoch(mine[at]); },
      [&](const std::vector<LinkBatch>& batches, const std::vector<SampledSubgraph>& results) {
        block.clear();
        block.vertices.resize(empty.vertices.size());
        block.edges.resize(empty.edges.size());
        for (std::size_t i = 0; i < results.size(); ++i) append(block, results[i], batches[i]);
        writer.write(block);
      });
  writer.finish();
  std::uint64_t edges = 0;
  for (const std::uint64_t count : total.edges) edges += count;
  std::string sent;
  if (comm.size() > 1 && std::string_view(sampler.layout()) == "partitioned") {
    const std::uint64_t bytes =
        comm.all_reduce(sampler.traffic().requests + sampler.traffic().answers, comm::ReduceOp::kSum);
    // Both passes sampled.
    sent = fmt::format(", {} sent between ranks per batch",
                       format_bytes(bytes / std::max<std::uint64_t>(1, 2 * total.batches)));
  }
  session.progress().end(fmt::format("{}: {} batches, {} edges, {}{}", samples_file.filename().string(),
                                     format_count(total.batches), format_count(edges), sampler.layout(), sent));
}

}  // namespace rove::jobs
