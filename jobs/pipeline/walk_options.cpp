// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/walk_options.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "jobs/config/schema.hpp"
#include "jobs/pipeline/config_values.hpp"
#include "jobs/pipeline/ppr_sources.hpp"
#include "jobs/pipeline/walk_path.hpp"

namespace rove::jobs {
namespace {

/// `<section>.edges` and `<section>.direction`.
exec::EdgeSelection edge_selection(const Session& session, const std::string& section) {
  const Config& config = session.config();
  const graph::Schema& schema = session.schema();
  const std::string direction = config.text(section + ".direction");
  exec::EdgeSelection edges{exec::Direction::kBoth, {}};
  if (direction != "both") edges.direction = direction == "out" ? exec::Direction::kOut : exec::Direction::kIn;
  for (const std::string& name : config.texts(section + ".edges")) {
    const std::vector<EdgeTypeId> types = schema.edge_types_of(name);
    if (types.empty()) {
      const std::vector<std::string> relations = schema.relations();
      throw ConfigError(fmt::format("{}.edges names the relation '{}', but the graph has {}; did you mean '{}'?",
                                    section, name, fmt::join(relations, ", "), nearest_word(name, relations)));
    }
    edges.types.insert(edges.types.end(), types.begin(), types.end());
  }
  return edges;
}

std::string edges_text(const Session& session, const std::string& section) {
  std::vector<std::string> relations = session.config().texts(section + ".edges");
  std::ranges::sort(relations);
  relations.erase(std::ranges::unique(relations).begin(), relations.end());
  return fmt::format("{}, {}", relations.empty() ? "all" : fmt::format("{}", fmt::join(relations, " ")),
                     session.config().text(section + ".direction"));
}

}  // namespace

std::string ppr_edges_text(const Session& session) {
  return edges_text(session, "ppr");
}
std::string walk_edges_text(const Session& session) {
  return edges_text(session, "walk");
}

algorithms::PprOptions ppr_options(Session& session) {
  const Config& config = session.config();
  algorithms::PprOptions options;
  // Seed sets are sources themselves; the graph need not have the type.
  if (config.paths("ppr.seed_sets").empty()) options.sources = session.vertex_type("ppr.sources");
  options.targets = ppr_target_types(session).front();
  options.restart = config.real("ppr.restart");
  options.top_k = config.count_as<std::uint32_t>("ppr.top_k", 1);
  options.exclude_linked = config.boolean("ppr.exclude_linked");
  options.method = algorithms::parse_ppr_method(config.text("ppr.method"));
  options.edges = edge_selection(session, "ppr");
  options.weighted = config.boolean("ppr.weighted");
  options.walks = config.count_as<std::uint32_t>("ppr.walks", 1);
  options.item_walks = config.count_as<std::uint32_t>("ppr.item_walks", 1);
  options.item_entries = config.count_as<std::uint32_t>("ppr.item_entries", 1);
  options.verd_walks = config.count_as<std::uint32_t>("ppr.verd_walks", 1);
  options.verd_hops = config.count_as<std::uint32_t>("ppr.verd_hops");
  options.verd_threshold = config.real("ppr.verd_threshold");
  options.maintained_walks = config.count_as<std::uint32_t>("ppr.maintained_walks", 1);
  options.pixie_moves = config.count_as<std::uint32_t>("ppr.pixie_moves", 1);
  options.pixie_enough_visits = config.count_as<std::uint32_t>("ppr.pixie_enough_visits", 1);
  options.pixie_enough_vertices = config.count_as<std::uint32_t>("ppr.pixie_enough_vertices");
  options.pixie_boost = config.boolean("ppr.pixie_boost");
  options.tolerance = config.real("ppr.tolerance");
  options.target_error = config.real("ppr.target_error");
  options.seed = session.seed();
  options.batch_bytes = std::max<std::uint64_t>(session.memory().bytes / 4, std::uint64_t{1} << 20U);
  options.progress = &session.progress();
  return options;
}

std::uint64_t walk_batch_bytes(const MemoryLimit& memory) {
  return std::min(memory.bytes / 4, std::uint64_t{1} << 30U);
}

algorithms::WalkCorpusOptions walk_options(Session& session) {
  const Config& config = session.config();
  const graph::Schema& schema = session.schema();
  algorithms::WalkCorpusOptions options;
  for (const std::string& name : config.texts("walk.sources")) {
    const auto type = schema.find_vertex_type(name);
    if (!type) {
      std::vector<std::string> names;
      for (const graph::VertexType& known : schema.vertex_types()) names.push_back(known.name);
      throw ConfigError(
          fmt::format("walk.sources names '{}', which the graph does not have: {}", name, fmt::join(names, ", ")));
    }
    if (std::ranges::find(options.sources, *type) != options.sources.end()) {
      throw ConfigError(fmt::format("walk.sources names '{}' twice", name));
    }
    options.sources.push_back(*type);
  }
  options.edges = edge_selection(session, "walk");
  options.walks = config.count_as<std::uint32_t>("walk.walks", 1);
  options.length = config.count_as<std::uint32_t>("walk.length", 1);
  options.restart = config.real("walk.restart");
  options.p = config.real("walk.p");
  options.q = config.real("walk.q");
  options.second_order = config.text("walk.kind") == "node2vec";
  options.by_time = config.text("walk.kind") == "temporal";
  if (!options.second_order && (options.p != 1.0 || options.q != 1.0)) {
    throw ConfigError(
        fmt::format("walk.p and walk.q are of walk.kind node2vec, but it is {}", config.text("walk.kind")));
  }
  options.sampling =
      choose<exec::SlotSampling>(config.text("walk.weights"), {{"none", exec::SlotSampling::kUniform},
                                                               {"alias", exec::SlotSampling::kAlias},
                                                               {"rejection", exec::SlotSampling::kRejection},
                                                               {"inverse", exec::SlotSampling::kInverse}});
  const std::vector<std::string> path = config.texts("walk.path");
  const std::map<std::string, double> mixture = config.reals("walk.mixture");
  if (!path.empty() && !mixture.empty()) throw ConfigError("walk.path and walk.mixture are both set; choose one");
  if (!path.empty()) {
    if (options.sources.size() != 1) {
      throw ConfigError("walk.path needs one vertex type to start from: set walk.sources");
    }
    const std::vector<NamedLink> links = path_of(schema, "walk.path", path, options.sources.front());
    for (const NamedLink& link : links) options.links.push_back(link.link);
    const VertexTypeId at = links.back().to;
    if (at != options.sources.front() && options.length > path.size()) {
      throw ConfigError(fmt::format(
          "walk.path leads from '{}' to '{}' and cannot be followed again; end it where it starts, or set walk.length "
          "to {}",
          schema.vertex_type(options.sources.front()).name, schema.vertex_type(at).name, path.size()));
    }
  }
  for (const auto& [word, coefficient] : mixture) {
    options.links.push_back(link_of(schema, "walk.mixture", word, {}).link);
    options.mixture.push_back(coefficient);
  }
  options.seed = session.seed();
  options.progress = &session.progress();
  return options;
}

algorithms::FingerprintIndexOptions index_options(Session& session) {
  const Config& config = session.config();
  algorithms::FingerprintIndexOptions options;
  const auto types = [&](const char* key) {
    std::vector<VertexTypeId> found;
    for (const std::string& name : config.texts(key)) found.push_back(session.vertex_type_named(key, name));
    return found;
  };
  options.types = types("index.types");
  options.targets = types("index.targets");
  options.restart = config.real("ppr.restart");
  options.walks = config.count_as<std::uint32_t>("index.walks", 1);
  options.entries = config.count_as<std::uint32_t>("index.entries", 1);
  options.edges = edge_selection(session, "ppr");
  options.weighted = config.boolean("ppr.weighted");
  options.seed = session.seed();
  options.progress = &session.progress();
  return options;
}

}  // namespace rove::jobs
