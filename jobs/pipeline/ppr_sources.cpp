// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/ppr_sources.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"
#include "io/ids/id_index.hpp"
#include "io/import/import_graph.hpp"
#include "io/text/input_files.hpp"
#include "io/text/text_source.hpp"

namespace rove::jobs {

std::vector<VertexTypeId> ppr_target_types(const Session& session) {
  std::vector<VertexTypeId> types;
  for (const std::string& name : session.config().texts("ppr.targets")) {
    types.push_back(session.vertex_type_named("ppr.targets", name));
    if (std::ranges::count(types, types.back()) > 1) {
      throw ConfigError(fmt::format("ppr.targets names '{}' twice", name));
    }
  }
  if (types.empty()) throw ConfigError("ppr.targets is empty; name at least one vertex type");
  return types;
}

VertexTypeId type_or_target(const Session& session, const std::string& key) {
  if (session.config().has(key)) return session.vertex_type(key);
  const std::vector<VertexTypeId> types = ppr_target_types(session);
  if (types.size() == 1) return types.front();
  throw ConfigError(
      fmt::format("{} is not set, and ppr.targets has {} types; say of which type the ids are", key, types.size()));
}

std::optional<std::vector<std::uint64_t>> listed_sources(Session& session) {
  const auto file = session.config().path("ppr.source_list");
  if (!file) return std::nullopt;
  const comm::Communicator& comm = session.comm();
  std::string text;
  VertexTypeId type;
  comm.agree([&] {
    type = session.vertex_type("ppr.sources");
    if (!comm.is_root()) return;
    io::text::BlockStream stream(io::text::inspect(*file), io::text::kBlockBytes);
    for (io::text::Block block; stream.next(block);) text += block.text;
  });
  std::istringstream lines(comm.broadcast_text(text, Rank{0}));
  std::vector<std::string> ids;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    ids.push_back(std::move(line));
  }
  // Each rank looks up its share of the lines.
  const IndexRange share = graph::BlockDistribution(ids.size(), comm.size()).block(comm.rank());
  io::IdBlock mine;
  for (std::uint64_t i = share.begin; i < share.end; ++i) io::append(mine, ids[i]);
  const std::vector<std::uint32_t> found =
      comm.all_gather_v<std::uint32_t>(session.id_index(type).rows_of(comm, mine)).data;
  std::vector<std::uint64_t> rows;
  std::uint64_t unknown = 0;
  comm.agree([&] {
    std::size_t first_unknown = ids.size();
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (ids[i].empty()) continue;
      if (found[i] != io::kUnknownRow) {
        rows.push_back(found[i]);
      } else if (unknown++ == 0) {
        first_unknown = i;
      }
    }
    if (rows.empty() && unknown > 0) {
      throw InputError({file->string(), first_unknown + 1, 1}, fmt::format("the id '{}'", ids[first_unknown]),
                       fmt::format("an id of type '{}' in the graph; none of those listed is one",
                                   session.schema().vertex_type(type).name));
    }
  });
  if (unknown > 0) {
    session.warn(fmt::format("{} ids of ppr.source_list are not in the graph and were left out", unknown));
  }
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

io::IdIndex id_index(const comm::Communicator& comm, const NamedSeedSets& sets) {
  return {comm, sets.names.type, VertexTypeId{0}, sets.names.ids, sets.names.keys, sets.overrides};
}

NamedSeedSets read_seed_sets(Session& session) {
  const comm::Communicator& comm = session.comm();
  const Config& config = session.config();
  VertexTypeId seed_type;
  io::EdgeOptions edges;
  comm.agree([&] {
    seed_type = type_or_target(session, "ppr.seed_type");
    // Both names are free here: the sets are a graph of their own.
    edges.source_type = "seed_set";
    edges.relation_name = "holds";
    edges.destination_type = session.schema().vertex_type(seed_type).name;
    for (const auto& file : config.paths("ppr.seed_sets")) edges.layout.files.push_back(file.string());
    if (config.has("ppr.seed_weight")) edges.layout.weight = config.text("ppr.seed_weight");
    edges.duplicates = edges.layout.weight.empty() ? io::Duplicates::kFirst : io::Duplicates::kSum;
  });
  io::ImportOptions options;
  options.edges.push_back(std::move(edges));
  const io::ImportedGraph imported = io::import_graph(comm, options, session.progress());

  // Every rank has seeds anywhere, so all learn the rows of all distinct seeds.
  const std::vector<std::uint32_t> rows =
      comm.all_gather_v<std::uint32_t>(session.id_index(seed_type).rows_of(comm, imported.ids[1])).data;
  const graph::AdjacencyBlock& adjacency = imported.blocks.edges[0].by_source;
  NamedSeedSets result;
  result.names = {"seed_set", imported.ids[0], imported.blocks.keys[0]};
  result.overrides = imported.overrides;
  result.count = imported.blocks.schema.vertex_types()[0].count;
  comm.agree([&] {
    for (std::size_t set = 0; set + 1 < adjacency.offsets.size() && !adjacency.weights.empty(); ++set) {
      for (std::uint64_t slot = adjacency.offsets[set]; slot < adjacency.offsets[set + 1]; ++slot) {
        if (adjacency.weights[slot] > 0.0F) continue;
        throw InputError(fmt::format("ppr.seed_sets: a seed of the set '{}' has the weight {}, expected above 0",
                                     imported.ids[0][set], adjacency.weights[slot]));
      }
    }
  });
  std::uint64_t unknown = 0;
  for (std::size_t set = 0; set + 1 < adjacency.offsets.size(); ++set) {
    for (std::uint64_t slot = adjacency.offsets[set]; slot < adjacency.offsets[set + 1]; ++slot) {
      const std::uint32_t row = rows[adjacency.targets[slot]];
      if (row == io::kUnknownRow) {
        ++unknown;
        continue;
      }
      const double weight = adjacency.weights.empty() ? 1.0 : static_cast<double>(adjacency.weights[slot]);
      result.sets.seeds.push_back(
          {static_cast<std::uint32_t>(session.schema().stable_id(seed_type, row).value()), weight});
    }
    result.sets.offsets.push_back(result.sets.seeds.size());
  }
  unknown = comm.all_reduce(unknown, comm::ReduceOp::kSum);
  if (unknown > 0) {
    session.warn(fmt::format("{} seeds of ppr.seed_sets are not in the graph and were left out", unknown));
  }
  return result;
}

std::uint64_t most_seed_sets(const Config& config) {
  std::uint64_t lines = 0;
  for (const auto& file : config.paths("ppr.seed_sets")) {
    io::text::BlockStream stream(io::text::inspect(file), io::text::kBlockBytes);
    for (io::text::Block block; stream.next(block);) {
      lines += static_cast<std::uint64_t>(std::ranges::count(block.text, '\n'));
      // The last line may lack its end.
      if (!block.text.empty() && block.text.back() != '\n') ++lines;
    }
  }
  return lines;
}

}  // namespace rove::jobs
