// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/hdf5/samples_file.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/pipeline/batch_drawer.hpp"
#include "jobs/pipeline/sample_options.hpp"
#include "jobs/pipeline/sample_seeds.hpp"
#include "jobs/pipeline/stages.hpp"

namespace rove::jobs {
namespace {

using algorithms::LinkBatch;
using algorithms::SampledSubgraph;

constexpr std::uint64_t kMaxRound = 512;

std::uint64_t bytes_of(const SampledSubgraph& batch) {
  std::uint64_t bytes = 0;
  for (const auto& vertices : batch.vertices) bytes += 8 * vertices.rows.size();
  for (const auto& edges : batch.edges) bytes += 20 * edges.neighbors.size();
  return bytes;
}

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
  for (const auto& edges : batch.edges) counts.edges.push_back(edges.neighbors.size());
  counts.supervision = links.positions.size();
  return counts;
}

io::SamplesLink describe(const graph::Schema& schema, EdgeTypeId id, bool in) {
  const graph::EdgeType& type = schema.edge_type(id);
  return {schema.vertex_type(type.source).name, type.relation, schema.vertex_type(type.destination).name, in,
          type.count};
}

/// The fan-outs of one link, as a configuration has them: "15, 10".
std::string fanouts_text(const SampleOptions& options, std::size_t link) {
  std::vector<std::string> words;
  for (const std::vector<std::int64_t>& hop : options.fanout.fanouts) {
    words.push_back(hop[link] == algorithms::FanoutOptions::kAll ? "all" : std::to_string(hop[link]));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

/// Hops, columns and attributes as the method has them.
void add_method(const SampleOptions& options, io::SamplesLayout& layout) {
  const auto hops_of = [&](std::uint64_t hops) {
    layout.vertex_bounds = hops + 2;
    layout.edge_bounds = hops + 1;
  };
  const auto add = [&](const char* name, io::hdf5::AttributeValue value) {
    layout.attributes.push_back({name, std::move(value)});
  };
  const auto add_fanouts = [&] {
    for (std::size_t l = 0; l < layout.links.size(); ++l) {
      layout.links[l].attributes.push_back({"fanouts", fanouts_text(options, l)});
    }
  };
  switch (options.method) {
    case SampleMethod::kNeighbor:
      hops_of(options.fanout.fanouts.size());
      add_fanouts();
      return;
    case SampleMethod::kLadies:
      hops_of(options.ladies.layer_sizes.size());
      layout.has_weights = true;
      add("layer_sizes", fmt::format("{}", fmt::join(options.ladies.layer_sizes, ", ")));
      return;
    case SampleMethod::kShadow:
      // An induced subgraph has no hops: its bounds are 0 and the size.
      layout.vertex_bounds = 2;
      layout.edge_bounds = 2;
      if (options.shadow.scope == algorithms::ShadowScope::kHops) return add_fanouts();
      add("scope_size", static_cast<std::int64_t>(options.shadow.scope_size));
      add("restart", options.shadow.restart);
      add("tolerance", options.shadow.tolerance);
      return;
    case SampleMethod::kPinsage:
      hops_of(options.pinsage_layers);
      layout.has_weights = true;
      add("path", options.pinsage_path);
      add("random_walks", std::int64_t{options.pinsage.walks});
      add("traversals", std::int64_t{options.pinsage.traversals});
      add("termination", options.pinsage.stop);
      add("neighbors", std::int64_t{options.pinsage.neighbors});
      add("layers", static_cast<std::int64_t>(options.pinsage_layers));
      return;
  }
}

io::SamplesLayout layout_of(const Session& session, const SampleOptions& options) {
  const graph::Schema& schema = session.schema();
  io::SamplesLayout layout;
  layout.has_seeds = options.is_disjoint();
  for (const algorithms::SampledLink& link : options.links) {
    layout.links.push_back(describe(schema, link.type, link.direction == exec::Direction::kIn));
  }
  if (options.method == SampleMethod::kPinsage) {
    // Neighbours by visits are no edges of the graph.
    const std::string& type = schema.vertex_type(options.pinsage.seeds).name;
    layout.links.push_back({type, "visits", type, false, {}, {}});
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
  add_method(options, layout);
  return layout;
}

/// Runs over all epochs, round by round, in the memory that batches in flight may take.
class Rounds {
 public:
  Rounds(Session& session, const SampleOptions& options, BatchDrawer& drawer)
      : session_(session), options_(options), drawer_(drawer) {
    round_ = std::min<std::uint64_t>(kMaxRound, 4 * std::uint64_t{parallel::concurrency()});
  }

  /// Batches of one epoch.
  [[nodiscard]] std::uint64_t batches_per_epoch() const { return batches_per_epoch_; }

  /// **Collective.** `begin(epoch)` at each epoch, `visit(batches, results)` for each round.
  template <class Begin, class Visit>
  void run(const char* stage, const Begin& begin, const Visit& visit) {
    const comm::Communicator& comm = session_.comm();
    std::uint64_t done = 0;
    std::vector<LinkBatch> batches;
    std::vector<SampledSubgraph> results;
    for (std::uint64_t epoch = 0; epoch < options_.epochs; ++epoch) {
      const EpochSeeds seeds(session_, options_, drawer_.negatives(), epoch);
      batches_per_epoch_ = seeds.num_batches();
      if (epoch == 0) session_.progress().begin(stage, options_.epochs * batches_per_epoch_, "batches");
      begin(epoch);
      for (std::uint64_t at = 0; comm.all_reduce(seeds.size() - at, comm::ReduceOp::kMax) > 0;) {
        comm.stop_if_asked("sampling stopped on request; nothing was written");
        const IndexRange range{at, std::min(seeds.size(), at + round_)};
        comm.agree([&] { batches = seeds.batches(range); });
        drawer_.draw(batches, epoch, results);
        if (options_.method == SampleMethod::kShadow) comm.agree([&] { name_vertices(results, batches); });
        visit(batches, results);
        at = range.end;
        done += comm.all_reduce(range.size(), comm::ReduceOp::kSum);
        session_.progress().update(done, "");
        fit_round(results);
      }
    }
  }

 private:
  /// ShaDow lays its subgraphs side by side, so that the seeds of a batch do not come first.
  void name_vertices(const std::vector<SampledSubgraph>& results, std::vector<LinkBatch>& batches) const {
    parallel::for_each({0, batches.size()}, 1, [&](std::uint64_t i) {
      algorithms::name_vertices(session_.schema(), options_.balanced.types, results[i], batches[i]);
    });
  }

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
          fmt::format("one batch takes {}, but {} of {} are for batches; lower sample.batch_size, or draw fewer "
                      "neighbours",
                      format_bytes(needed), format_bytes(budget), session_.memory().source));
    });
    const std::uint64_t fitting = session_.comm().all_reduce(budget / needed, comm::ReduceOp::kMin);
    round_ = std::clamp<std::uint64_t>(fitting, 1, std::min(kMaxRound, 2 * round_));
  }

  Session& session_;
  const SampleOptions& options_;
  BatchDrawer& drawer_;
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
  io::SamplesLayout layout = layout_of(session, options);
  const std::unique_ptr<BatchDrawer> drawer = make_batch_drawer(session, options);
  Rounds rounds(session, options, *drawer);

  // Sampling is quicker than writing and gives the same batches every time: a first pass counts, so that every row has
  // its place in the file before it is written, and no more than a round is ever held.
  io::SampleCounts empty;
  empty.vertices.resize(session.schema().vertex_types().size());
  empty.edges.resize(layout.links.size());
  std::vector<io::SampleCounts> mine(options.epochs, empty);
  std::uint64_t epoch = 0;
  rounds.run(
      "count", [&](std::uint64_t at) { epoch = at; },
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
  layout.attributes.push_back({"batches_per_epoch", static_cast<std::int64_t>(rounds.batches_per_epoch())});
  io::SamplesWriter writer(comm, samples_file, std::move(layout), nodes, total, session.provenance());
  io::SampleBlock block;
  rounds.run(
      "sample", [&](std::uint64_t at) { writer.begin_epoch(mine[at]); },
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
  if (comm.size() > 1 && drawer->traffic().exchanges > 0) {
    const std::uint64_t bytes =
        comm.all_reduce(drawer->traffic().requests + drawer->traffic().answers, comm::ReduceOp::kSum);
    // Both passes sampled.
    sent = fmt::format(", {} sent between ranks per batch",
                       format_bytes(bytes / std::max<std::uint64_t>(1, 2 * total.batches)));
  }
  session.progress().end(fmt::format("{}: {} batches, {} edges, {}{}", samples_file.filename().string(),
                                     format_count(total.batches), format_count(edges), drawer->layout(), sent));
}

}  // namespace rove::jobs
