// SPDX-License-Identifier: Apache-2.0
//
// Import of text into a graph in memory: rows per second over all, peak memory over the bytes of the finished graph.
//   import_bench generate FILE USERS ITEMS ROWS    writes a csv of random interactions (generate-rated: weight, time)
//   import_bench FILE FORMAT [WEIGHT [TIME]]       imports it as (user, rates, item)
// Under mpirun the ranks share the file.
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/base/random.hpp"
#include "engine/comm/environment.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/import/import_graph.hpp"
#include "io/text/edge_writer.hpp"

namespace {

using namespace rove;

int generate(const comm::Communicator& comm, char** argv) {
  const std::uint64_t users = std::stoull(argv[3]);
  const std::uint64_t items = std::stoull(argv[4]);
  const RandomStream random(1, Purpose::kGenerate);
  io::text::EdgeStream stream;
  stream.num_edges = std::stoull(argv[5]);
  stream.has_weights = stream.has_times = std::string(argv[1]) == "generate-rated";
  stream.produce = [&](IndexRange positions, io::text::NumberedEdges& edges) {
    for (std::uint64_t i = positions.begin; i < positions.end; ++i) {
      const double skewed = to_unit(random.draw(i, 0, 1));
      edges.sources.push_back(slot_multiply_shift(random.draw(i, 0, 0), users));
      edges.targets.push_back(static_cast<std::uint64_t>(skewed * skewed * skewed * static_cast<double>(items)));
      if (!stream.has_weights) continue;
      edges.weights.push_back(static_cast<float>(1 + slot_multiply_shift(random.draw(i, 0, 2), 5)));
      edges.times.push_back(
          static_cast<std::int64_t>(1600000000 + slot_multiply_shift(random.draw(i, 0, 3), 100000000)));
    }
  };
  const std::uint64_t bytes = io::text::write_edges(comm, argv[2], stream, {});
  if (comm.is_root()) fmt::print("{} of text\n", format_bytes(bytes));
  return 0;
}

template <class T>
std::uint64_t bytes_of(const std::vector<T>& values) {
  return values.size() * sizeof(T);
}

std::uint64_t bytes_of(const graph::AdjacencyBlock& block) {
  return bytes_of(block.offsets) + bytes_of(block.targets) + bytes_of(block.weights) + bytes_of(block.times) +
         bytes_of(block.relations);
}

std::uint64_t bytes_of(const io::ImportedGraph& graph) {
  std::uint64_t bytes = 0;
  for (const auto& keys : graph.blocks.keys) bytes += bytes_of(keys);
  for (const io::IdBlock& ids : graph.ids) bytes += ids.bytes.size() + bytes_of(ids.offsets);
  for (const graph::EdgeBlocks& edges : graph.blocks.edges) {
    bytes += bytes_of(edges.by_source) + bytes_of(edges.by_destination) + bytes_of(edges.edge_positions);
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  return comm::run_main(&argc, &argv, [&](comm::Environment& environment) {
    const comm::Communicator& comm = environment.world();
    const parallel::ConcurrencyLimit limit(0);
    if (argc == 6 && std::string(argv[1]).starts_with("generate")) return generate(comm, argv);
    if (argc < 3) throw ConfigError("usage: import_bench FILE FORMAT [WEIGHT [TIME]]");
    io::ImportOptions options;
    io::EdgeOptions edges;
    edges.source_type = "user";
    edges.relation_name = "rates";
    edges.destination_type = "item";
    edges.layout.files = {argv[1]};
    edges.layout.format = io::text_format_of(argv[2]);
    if (argc > 3) edges.layout.weight = argv[3];
    if (argc > 4) edges.layout.time = argv[4];
    options.edges.push_back(edges);
    const io::ImportedGraph graph = io::import_graph(comm, options);
    const std::uint64_t bytes = comm.all_reduce(bytes_of(graph), comm::ReduceOp::kSum);
    const std::uint64_t peak = comm.all_reduce(peak_resident_bytes(), comm::ReduceOp::kSum);
    if (!comm.is_root()) return 0;
    const io::ImportReport& report = graph.report;
    const io::ImportCounts& counts = report.edge_types[0];
    fmt::print("{} ranks x {} threads: {} rows in {:.2f} s, {:.2f} M rows/s, {:.0f} MB/s\n", comm.size(),
               parallel::concurrency(), counts.rows_read, report.seconds,
               static_cast<double>(counts.rows_read) / report.seconds / 1e6,
               static_cast<double>(report.bytes_read) / report.seconds / 1e6);
    fmt::print("{} users, {} items, {} edges, {} duplicates\n", graph.blocks.schema.vertex_types()[0].count,
               graph.blocks.schema.vertex_types()[1].count, counts.edges_kept, counts.duplicates);
    fmt::print("graph {}, peak {} ({:.2f} x)\n", format_bytes(bytes), format_bytes(peak),
               static_cast<double>(peak) / static_cast<double>(bytes));
    return 0;
  });
}
