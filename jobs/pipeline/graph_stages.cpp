// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/hdf5/result_files.hpp"
#include "io/import/import_graph.hpp"
#include "io/text/part_file.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/pipeline/graph_options.hpp"
#include "jobs/pipeline/import_plan.hpp"
#include "jobs/pipeline/stages.hpp"
#include "partition/partitioner.hpp"
#include "partition/quality.hpp"

namespace rove::jobs {
namespace {

nlohmann::json to_json(const partition::PartitionQuality& quality, const partition::PartitionOptions& options) {
  nlohmann::json types = nlohmann::json::array();
  for (const auto& type : quality.types) {
    types.push_back({{"type", type.type},
                     {"vertices", type.vertices},
                     {"edges", type.edges},
                     {"vertex_imbalance", type.vertex_imbalance},
                     {"edge_imbalance", type.edge_imbalance}});
  }
  return {{"method", options.method},
          {"parts", quality.parts},
          {"imbalance_asked", options.imbalance},
          {"edges", quality.edges},
          {"cut_edges", quality.cut_edges},
          {"cut_share", quality.cut_share()},
          {"communication_volume", quality.communication_volume},
          {"owned", quality.owned},
          {"ghosts", quality.ghosts},
          {"halo_shares", quality.halo_shares()},
          {"work_imbalance", quality.work_imbalance},
          {"types", types}};
}

std::vector<std::string> type_names(const graph::Schema& schema) {
  std::vector<std::string> names;
  for (const graph::VertexType& type : schema.vertex_types()) names.push_back(type.name);
  return names;
}

std::vector<io::NodeRows> node_rows(const graph::GraphBlocks& blocks, std::vector<io::IdBlock> ids) {
  std::vector<io::NodeRows> nodes;
  for (std::size_t t = 0; t < ids.size(); ++t) {
    nodes.push_back({blocks.schema.vertex_types()[t].name, std::move(ids[t]), blocks.keys[t]});
  }
  return nodes;
}

/// **Collective.** By the configured method, or as the configured part files say.
graph::Assignment make_assignment(const Session& session, const partition::PartitionOptions& options) {
  if (options.method != "file") return partition::assign(session.comm(), session.blocks(), options);
  const auto files = session.config().paths("partition.files");
  session.comm().agree([&] {
    if (files.size() == session.schema().vertex_types().size()) return;
    throw ConfigError(fmt::format("partition.files names {} files, expected one per vertex type, in this order: {}",
                                  files.size(), fmt::join(type_names(session.schema()), ", ")));
  });
  return io::text::read_part_files(session.comm(), session.schema(), files, options.parts);
}

/// **Collective.** How many vertices and edges there are shows only as they are read: what is certain refuses, what is
/// likely warns.
void require_import_fits(Session& session) {
  const comm::Communicator& comm = session.comm();
  const ExpectedGraph expected = expected_graph(comm, session.config());
  MemoryPlan least("import");
  MemoryPlan likely("import");
  comm.agree([&] {
    least = plan_least_import(session.config(), expected, comm.size(), parallel::concurrency());
    likely = plan_import_stage(session.config(), expected.likely, expected.likely_alone_bytes, comm.size(),
                               parallel::concurrency());
  });
  session.require_fits(least);
  const std::uint64_t limit = comm.all_reduce(session.memory().bytes, comm::ReduceOp::kMin);
  if (likely.total_bytes() <= limit) return;
  session.warn(
      fmt::format("import may need {} per rank, beyond the {} that there are ({}); `rove estimate --verb import` shows "
                  "of what. It goes on, since that is a guess by some rows of the input; use more ranks if it ends for "
                  "want of memory",
                  format_bytes(likely.total_bytes()), format_bytes(limit), session.memory().source));
}

}  // namespace

io::ImportReport import_stage(Session& session, const std::filesystem::path& graph_file) {
  const PhaseTimer timer(session.times(), "import");
  io::ImportOptions options;
  session.comm().agree([&] { options = import_options(session.config()); });
  require_import_fits(session);
  ProgressSink& progress = session.progress();
  io::ImportedGraph imported = io::import_graph(session.comm(), options, progress);

  progress.begin("write", 0, "bytes");
  std::string digest;
  {
    const PhaseTimer writing(session.times(), "write graph");
    digest = io::write_graph(session.comm(), graph_file, imported, session.provenance());
  }
  std::string summary;
  for (const graph::VertexType& type : imported.blocks.schema.vertex_types()) {
    summary += fmt::format("{} {}, ", format_count(type.count), type.name);
  }
  progress.end(fmt::format("{}: {}{} edges", graph_file.filename().string(), summary,
                           format_count(imported.blocks.schema.num_edges())));
  for (const io::LinkCounts& counts : imported.report.links) {
    progress.note("links", fmt::format("{},{}: of {} rows {} name a vertex that the lists do not have, {} were to be "
                                       "forgotten",
                                       counts.type, counts.alias_type, format_count(counts.rows_read),
                                       format_count(counts.dangling_endpoints), format_count(counts.forgotten)));
  }
  for (const io::FilterCounts& counts : imported.report.filters) {
    progress.note("filters", fmt::format("{}: {} rare and {} expired vertices left out", counts.type,
                                         format_count(counts.rare), format_count(counts.expired)));
  }
  if (const auto& counts = imported.report.forgotten) {
    progress.note("forget", fmt::format("{} users, {} items and {} interactions left out; {} listed were in no file",
                                        format_count(counts->users), format_count(counts->items),
                                        format_count(counts->interactions), format_count(counts->unknown)));
  }
  for (const io::SlotChanges& changes : imported.report.slot_changes) {
    progress.note("slots",
                  fmt::format("{}: {} kept, {} new, {} gone since the previous graph", changes.edge_type,
                              format_count(changes.kept), format_count(changes.added), format_count(changes.removed)));
  }
  std::vector<io::NodeRows> nodes = node_rows(imported.blocks, std::move(imported.ids));
  session.set_graph(std::move(imported.blocks), std::move(nodes), std::move(imported.overrides), digest);
  return std::move(imported.report);
}

partition::PartitionQuality partition_stage(Session& session, const std::filesystem::path& partition_file) {
  const PhaseTimer timer(session.times(), "partition");
  const partition::PartitionOptions options = partition_options(session);
  session.warn_of_unread("partition");
  session.progress().begin("partition", session.schema().num_vertices(), "vertices");
  session.set_assignment(make_assignment(session, options));
  const partition::PartitionQuality quality =
      partition::evaluate(session.comm(), session.blocks(), session.assignment());
  session.progress().update(session.schema().num_vertices(), "");
  const double seconds = session.comm().all_reduce(timer.seconds(), comm::ReduceOp::kMax);
  const std::uint64_t peak_bytes = session.comm().all_reduce(peak_resident_bytes(), comm::ReduceOp::kMax);
  std::vector<io::NodeView> nodes;
  for (std::size_t t = 0; t < session.schema().vertex_types().size(); ++t) {
    nodes.emplace_back(session.nodes(VertexTypeId{static_cast<std::uint16_t>(t)}));
  }
  io::write_partition(session.comm(), partition_file, nodes, session.assignment(), to_json(quality, options).dump(2),
                      {seconds, peak_bytes}, session.provenance());
  std::uint64_t ghosts = 0;
  for (const std::uint64_t count : quality.ghosts) ghosts += count;
  session.progress().end(
      fmt::format("{} parts by {}: {:.1f}% of edges cut, {:.1f}% ghosts, work within {:.1f}% of even", options.parts,
                  options.method, quality.cut_share() * 100,
                  100.0 * static_cast<double>(ghosts) /
                      static_cast<double>(std::max<std::uint64_t>(1, session.schema().num_vertices())),
                  (quality.work_imbalance - 1) * 100));
  return quality;
}

void ensure_assignment(Session& session) {
  if (session.has_assignment() && session.assignment().num_parts == session.comm().size()) return;
  const PhaseTimer timer(session.times(), "partition");
  partition::PartitionOptions options = partition_options(session);
  options.parts = session.comm().size();
  session.set_assignment(make_assignment(session, options));
}

}  // namespace rove::jobs
