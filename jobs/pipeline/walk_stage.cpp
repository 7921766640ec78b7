// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "algorithms/walks/walk_corpus.hpp"
#include "io/hdf5/walks_file.hpp"
#include "io/text/walk_writer.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/pipeline/stages.hpp"
#include "jobs/pipeline/walk_options.hpp"

namespace rove::jobs {
namespace {

/// Whether every rank holds the whole adjacency: asked for, or `auto` and it fits half of what there is.
bool use_replicated(const Session& session, const MemoryPlan& plan) {
  const std::string layout = session.config().text("resources.layout");
  if (layout != "auto") return layout == "replicated";
  const bool fits = plan.total_bytes() <= session.memory().bytes / 2;
  return session.comm().all_reduce(static_cast<std::uint32_t>(fits), comm::ReduceOp::kMin) != 0;
}

algorithms::WalkCorpusReport walk(Session& session, const algorithms::WalkCorpusOptions& options,
                                  const MemoryPlan& replicated, const algorithms::ConsumeWalks& consume) {
  if (use_replicated(session, replicated)) {
    session.require_fits(replicated);
    return algorithms::make_walks(session.comm(), session.blocks(), options, consume);
  }
  ensure_assignment(session);
  const exec::AdjacencyView view(session.graph(), options.edges);
  MemoryPlan partitioned = exec::WalkGraph::plan_partitioned(view, algorithms::walk_graph_options(options));
  partitioned.hold("batch of walks", options.batch_bytes);
  session.require_fits(partitioned);
  return algorithms::make_walks(session.comm(), session.graph(), options, consume);
}

}  // namespace

void walk_stage(Session& session, const std::filesystem::path& walks_file) {
  const PhaseTimer timer(session.times(), "walk");
  session.warn_of_unread("walk");
  const comm::Communicator& comm = session.comm();
  const graph::Schema& schema = session.schema();
  algorithms::WalkCorpusOptions options;
  MemoryPlan replicated("walk");
  comm.agree([&] {
    options = walk_options(session);
    options.batch_bytes = walk_batch_bytes(session.memory());
    algorithms::check_walk_options(schema, options);
    replicated = exec::WalkGraph::plan_replicated(schema, options.edges, algorithms::walk_graph_options(options));
    replicated.hold("batch of walks", options.batch_bytes);
  });

  std::vector<io::NodeView> nodes;
  for (std::size_t t = 0; t < schema.vertex_types().size(); ++t) {
    nodes.emplace_back(session.nodes(VertexTypeId{static_cast<std::uint16_t>(t)}));
  }
  algorithms::WalkCorpusReport report;
  if (session.config().text("walk.format") == "text") {
    io::text::WalkWriter writer(comm, walks_file, schema, nodes, std::uint64_t{options.length} + 1);
    report =
        walk(session, options, replicated, [&](const algorithms::WalkBatch& batch) { writer.append(batch.vertices); });
    static_cast<void>(writer.finish());
  } else {
    io::WalksInfo info;
    info.walks = algorithms::num_walks(schema, options);
    info.length = options.length;
    info.walks_per_source = options.walks;
    info.attributes = {{"kind", session.config().text("walk.kind")},
                       {"weights", session.config().text("walk.weights")},
                       {"edges", walk_edges_text(session)},
                       {"restart", options.restart},
                       {"p", options.p},
                       {"q", options.q}};
    io::WalksWriter writer(comm, walks_file, nodes, info);
    report =
        walk(session, options, replicated, [&](const algorithms::WalkBatch& batch) { writer.append(batch.vertices); });
    writer.commit(session.provenance());
  }
  session.progress().note(
      "walk",
      fmt::format(
          "{}: {} walks, {} steps, {} ended for want of an edge{}", walks_file.filename().string(),
          format_count(report.walks), format_count(report.moves), format_count(report.ended_early),
          report.remote_moves == 0
              ? std::string{}
              : fmt::format("; {:.1f}% of the steps crossed ranks, {:.1f} bytes sent per step",
                            100.0 * static_cast<double>(report.remote_moves) / static_cast<double>(report.moves),
                            static_cast<double>(report.bytes_sent) / static_cast<double>(report.moves))));
}

}  // namespace rove::jobs
