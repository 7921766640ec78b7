// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/maintained_walks.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/hdf5/maintained_walks_file.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/pipeline/walk_options.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

/// As the file states them.
std::string edges_of_walks(const Session& session) {
  const std::string edges = ppr_edges_text(session);
  return edges == "all, both" ? "all edges, both directions" : edges;  // what the first files said
}

IndexRange home_vertices(const Session& session, VertexTypeId type) {
  const comm::Communicator& comm = session.comm();
  const IndexRange rows = session.blocks().distribution(type, comm.size()).block(comm.rank());
  const std::uint64_t first = session.schema().stable_range(type).begin;
  return {first + rows.begin, first + rows.end};
}

algorithms::WalkSources home_sources(const Session& session, VertexTypeId type) {
  return {home_vertices(session, type), session.blocks().keys[type.index()]};
}

/// Yesterday's graph and walks, checked to belong together and to this job.
struct Yesterday {
  std::optional<io::hdf5::InputFile> walks;
  graph::GraphBlocks blocks;
};

Yesterday open_yesterday(const Session& session, const algorithms::MaintainedWalkOptions& options, bool weighted,
                         const fs::path& walks_file) {
  const comm::Communicator& comm = session.comm();
  Yesterday yesterday;
  io::MaintainedWalksHeader stored;
  std::optional<fs::path> graph_file;
  comm.agree([&] {
    graph_file = session.config().path("graph.previous");
    if (!graph_file) {
      throw ConfigError(
          fmt::format("ppr.previous names the walks '{}', but graph.previous is not set; name the graph "
                      "they were made on, the graph.h5 beside them",
                      walks_file.string()));
    }
    yesterday.walks.emplace(walks_file);
    stored = io::read_maintained_walks_header(*yesterday.walks);
    const auto require = [&](bool same, const char* key, const auto& found, const auto& expected) {
      if (same) return;
      throw ConfigError(
          fmt::format("{} was made with {} {}, but this job has {}; set {} to that, or leave ppr.previous "
                      "out once to walk anew",
                      walks_file.string(), key, found, expected, key));
    };
    require(stored.info.walks == options.walks, "ppr.maintained_walks", stored.info.walks, options.walks);
    require(stored.info.restart == options.restart, "ppr.restart", stored.info.restart, options.restart);
    const std::string edges = edges_of_walks(session);
    require(stored.info.direction == edges, "ppr.edges, ppr.direction", stored.info.direction, edges);
    require(stored.info.weighted == weighted, "ppr.weighted", stored.info.weighted, weighted);
    require(stored.header.provenance.seed == options.seed, "seed", stored.header.provenance.seed, options.seed);
  });
  io::GraphFile graph = io::read_graph(comm, *graph_file);
  comm.agree([&] {
    const std::string& made_on = stored.header.provenance.graph_digest;
    const std::string& found = graph.header.provenance.graph_digest;
    if (found == made_on) return;
    throw InputError(
        fmt::format("{} was made on the graph {}, but graph.previous '{}' is the graph {}; name the files of "
                    "one run",
                    walks_file.string(), made_on, graph_file->string(), found));
  });
  yesterday.blocks = std::move(graph.blocks);
  return yesterday;
}

/// Yesterday's walks from the sources of my home block that both graphs have.
algorithms::MaintainedWalks read_sources(const Session& session, const Yesterday& yesterday, VertexTypeId type,
                                         std::span<const std::uint32_t> before_of, std::uint32_t walks) {
  const std::string& name = session.schema().vertex_type(type).name;
  const std::uint64_t first =
      yesterday.blocks.schema.stable_range(*yesterday.blocks.schema.find_vertex_type(name)).begin;
  IndexRange rows{0, 0};
  const IndexRange home = home_vertices(session, type);
  for (std::uint64_t v = home.begin; v < home.end; ++v) {
    if (before_of[v] == algorithms::kNoVertex) continue;
    if (rows.size() == 0) rows.begin = before_of[v] - first;
    rows.end = before_of[v] - first + 1;
  }
  io::StoredWalks stored = io::read_maintained_walks(*yesterday.walks, name, rows, walks);
  return {{first + rows.begin, first + rows.end},
          walks,
          std::move(stored.offsets),
          std::move(stored.ends),
          std::move(stored.vertices),
          std::move(stored.next_slots)};
}

}  // namespace

std::vector<algorithms::MaintainedWalks> maintained_walks_stage(Session& session, const algorithms::PprOptions& options,
                                                                const fs::path& walks_file) {
  const PhaseTimer timer(session.times(), "maintained walks");
  const comm::Communicator& comm = session.comm();
  const graph::Schema& schema = session.schema();
  const std::vector<VertexTypeId> types = algorithms::ppr_index_types(schema, options);
  const algorithms::MaintainedWalkOptions walking{options.maintained_walks, options.restart, options.seed,
                                                  options.progress};
  const auto previous = session.config().path("ppr.previous");
  session.require_fits(algorithms::plan_maintained_walks(schema, comm.size(), types, options.edges, walking,
                                                         previous.has_value(), options.weighted));

  const algorithms::ConsistentAdjacency now(comm, session.blocks(), options.edges, options.weighted);
  std::vector<algorithms::MaintainedWalks> walks;
  algorithms::RefreshCounts counts;
  if (previous) {
    const Yesterday yesterday = open_yesterday(session, walking, options.weighted, *previous);
    const algorithms::ConsistentAdjacency before(comm, yesterday.blocks, options.edges, options.weighted);
    const algorithms::VertexMatch match = algorithms::match_vertices(comm, yesterday.blocks, session.blocks());
    const algorithms::GraphChange change(before, now, match);
    for (const VertexTypeId type : types) {
      algorithms::MaintainedWalks stored;
      comm.agree([&] { stored = read_sources(session, yesterday, type, match.before, walking.walks); });
      walks.push_back(algorithms::refresh(comm, std::move(stored), change, match.before, home_sources(session, type),
                                          walking, counts));
    }
  } else {
    for (const VertexTypeId type : types) {
      walks.push_back(algorithms::walk_from(comm, now, home_sources(session, type), walking));
      counts.started += walks.back().ends.size();
    }
  }

  std::vector<io::NodeView> nodes;
  for (std::uint16_t t = 0; t < schema.vertex_types().size(); ++t) nodes.emplace_back(session.nodes(VertexTypeId{t}));
  std::vector<io::StoredWalksView> views;
  for (std::size_t t = 0; t < types.size(); ++t) {
    views.push_back({schema.vertex_type(types[t]).name, walks[t].offsets, walks[t].ends, walks[t].vertices.span(),
                     walks[t].next_slots.span()});
  }
  io::write_maintained_walks(comm, walks_file,
                             {walking.walks, walking.restart, edges_of_walks(session), options.weighted}, nodes, views,
                             session.provenance());

  std::array<std::uint64_t, 3> totals{counts.walks, counts.redone, counts.started};
  comm.all_reduce(std::span<std::uint64_t>(totals), comm::ReduceOp::kSum);
  session.progress().note(
      "maintained walks",
      fmt::format("{}: {} walks kept, {} of them walked again from a step on ({:.2f}%), {} new",
                  walks_file.filename().string(), format_count(totals[0]), format_count(totals[1]),
                  100.0 * static_cast<double>(totals[1]) / static_cast<double>(std::max<std::uint64_t>(1, totals[0])),
                  format_count(totals[2])));
  return walks;
}

}  // namespace rove::jobs
