// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "algorithms/ppr/fingerprint_index.hpp"
#include "io/hdf5/index_file.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/pipeline/stages.hpp"
#include "jobs/pipeline/walk_options.hpp"

namespace rove::jobs {

void warn_of_split_index(Session& session) {
  const std::string split = session.config().text("split.method");
  if (split == "none") return;
  session.warn(
      fmt::format("index: made with split.method: {}, without interactions that the graph holds, which rove "
                  "query and rove serve refuse; set split.method to none, or index.enabled to false",
                  split));
}

void index_stage(Session& session, const std::filesystem::path& index_file) {
  const PhaseTimer timer(session.times(), "index");
  const comm::Communicator& comm = session.comm();
  const graph::Schema& schema = session.schema();
  algorithms::FingerprintIndexOptions options;
  comm.agree([&] { options = index_options(session); });
  session.require_fits(algorithms::plan_fingerprint_index(schema, comm.size(), parallel::concurrency(), options));
  const algorithms::FingerprintIndex index = algorithms::build_fingerprint_index(comm, session.blocks(), options);

  std::vector<io::NodeView> nodes;
  for (std::size_t t = 0; t < schema.vertex_types().size(); ++t) {
    nodes.emplace_back(session.nodes(VertexTypeId{static_cast<std::uint16_t>(t)}));
  }
  std::vector<io::FingerprintSetView> sets;
  std::uint64_t rows = 0;
  std::uint64_t entries = 0;
  for (std::size_t t = 0; t < index.types.size(); ++t) {
    rows += schema.vertex_type(index.types[t]).count;
    for (std::size_t target = 0; target < index.targets.size(); ++target) {
      const algorithms::FingerprintTable& table = index.tables[t][target];
      sets.push_back({schema.vertex_type(index.types[t]).name, schema.vertex_type(index.targets[target]).name,
                      table.offsets, algorithms::pairs_of_entries(table.entries), table.lost, table.cut});
      entries += table.entries.size();
    }
  }
  const io::IndexInfo info{options.restart,
                           options.walks,
                           options.entries,
                           ppr_edges_text(session),
                           session.config().text("ppr.direction"),
                           session.config().texts("ppr.edges"),
                           options.weighted};
  io::write_index(comm, index_file, info, nodes, sets, session.provenance());
  entries = comm.all_reduce(entries, comm::ReduceOp::kSum);
  session.progress().note("index",
                          fmt::format("{}: {} entries of {} vertices, {} steps", index_file.filename().string(),
                                      format_count(entries), format_count(rows), format_count(index.moves)));
}

}  // namespace rove::jobs
