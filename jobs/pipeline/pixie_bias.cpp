// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/pixie_bias.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/import/import_graph.hpp"
#include "jobs/pipeline/ppr_sources.hpp"

namespace rove::jobs {
namespace {

/// The vertex of a stable id has the feature of a number.
struct FeatureMessage {
  std::uint32_t vertex = 0;
  std::uint32_t feature = 0;
};

/// Vertices and features as a graph of its own.
io::ImportOptions import_options(const Config& config, const std::string& type) {
  io::EdgeOptions edges;
  edges.source_type = type;
  edges.relation_name = "has";
  // A name of another type than the vertices'.
  edges.destination_type = type == "feature" ? "feature of feature" : "feature";
  for (const auto& file : config.paths("ppr.pixie_features")) edges.layout.files.push_back(file.string());
  io::ImportOptions options;
  options.edges.push_back(std::move(edges));
  return options;
}

}  // namespace

PixieBias read_pixie_bias(Session& session) {
  const comm::Communicator& comm = session.comm();
  const Config& config = session.config();
  const std::map<std::string, double> bias = config.reals("ppr.pixie_bias");
  PixieBias result;
  VertexTypeId type;
  io::ImportOptions options;
  comm.agree([&] {
    if (bias.empty() != config.paths("ppr.pixie_features").empty()) {
      throw ConfigError("ppr.pixie_bias and ppr.pixie_features go together: set both or none");
    }
    if (bias.empty()) return;
    if (bias.size() > 255) {
      throw ConfigError(fmt::format("ppr.pixie_bias names {} features, expected at most 255", bias.size()));
    }
    type = type_or_target(session, "ppr.pixie_feature_type");
    options = import_options(config, session.schema().vertex_type(type).name);
  });
  if (bias.empty()) return result;
  result.factors.push_back(1.0);
  std::map<std::string, std::uint32_t, std::less<>> number_of;
  for (const auto& [name, factor] : bias) {
    number_of[name] = static_cast<std::uint32_t>(result.factors.size());
    result.factors.push_back(factor);
  }
  const io::ImportedGraph imported = io::import_graph(comm, options, session.progress());

  std::vector<std::uint32_t> numbers;  // of my features
  for (std::uint64_t i = 0; i < imported.ids[1].size(); ++i) {
    const auto found = number_of.find(imported.ids[1][i]);
    numbers.push_back(found == number_of.end() ? 0 : found->second);
  }
  numbers = comm.all_gather_v<std::uint32_t>(numbers).data;
  const std::vector<std::uint32_t> rows = session.id_index(type).rows_of(comm, imported.ids[0]);
  const graph::AdjacencyBlock& adjacency = imported.blocks.edges[0].by_source;
  std::vector<FeatureMessage> mine;
  std::uint64_t unknown = 0;
  comm.agree([&] {
    for (std::size_t v = 0; v < rows.size(); ++v) {
      const std::uint64_t features = adjacency.offsets[v + 1] - adjacency.offsets[v];
      if (features > 1) {
        throw InputError(
            fmt::format("'{}' has {} features in ppr.pixie_features, expected one", imported.ids[0][v], features));
      }
      if (rows[v] == io::kUnknownRow) {
        ++unknown;
        continue;
      }
      const std::uint32_t feature = numbers[adjacency.targets[adjacency.offsets[v]]];
      const std::uint64_t vertex = session.schema().stable_id(type, rows[v]).value();
      if (feature > 0) mine.push_back({static_cast<std::uint32_t>(vertex), feature});
    }
  });
  result.features.assign(session.schema().num_vertices(), 0);
  std::vector<bool> is_used(result.factors.size());
  for (const FeatureMessage& message : comm.all_gather_v<FeatureMessage>(mine).data) {
    result.features[message.vertex] = static_cast<std::uint8_t>(message.feature);
    is_used[message.feature] = true;
  }
  unknown = comm.all_reduce(unknown, comm::ReduceOp::kSum);
  if (unknown > 0) {
    session.warn(fmt::format("{} ids of ppr.pixie_features are not in the graph and were left out", unknown));
  }
  for (const auto& [name, number] : number_of) {
    if (!is_used[number]) session.warn(fmt::format("ppr.pixie_bias names '{}', a feature of no vertex", name));
  }
  return result;
}

}  // namespace rove::jobs
