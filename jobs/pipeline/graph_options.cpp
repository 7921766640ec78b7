// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/graph_options.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/hdf5/node_rows.hpp"
#include "jobs/config/schema.hpp"
#include "jobs/pipeline/config_values.hpp"

namespace rove::jobs {
namespace {

io::TextLayout edges_layout(const Config& config, const std::string& entry) {
  io::TextLayout layout = text_layout(config, entry + ".files", entry + ".");
  if (layout.files.empty()) throw ConfigError(fmt::format("{}.files is not set; name the input files", entry));
  return layout;
}

/// What a format does not read must not look as if it were.
void require_columns(const Config& config, const std::string& entry, io::TextFormat format) {
  const bool has_columns = format != io::TextFormat::kAdjacency && format != io::TextFormat::kMatrixMarket &&
                           format != io::TextFormat::kMetis;
  if (has_columns) return;
  for (const char* key : {"source", "target", "weight", "time", "relation_column", "delimiter", "header"}) {
    const std::string path = fmt::format("{}.{}", entry, key);
    if (!config.has(path) || config.text(path) == "auto") continue;
    throw ConfigError(fmt::format("{} is set, but files of format {} have no columns to choose; leave it out{}", path,
                                  io::name_of(format),
                                  format == io::TextFormat::kAdjacency ? "" : " (weights are always read)"));
  }
}

/// Names with "__" in them may make the same group of the container.
void require_different_groups(const std::vector<io::EdgeOptions>& edges) {
  std::map<std::string, const io::EdgeOptions*> groups;
  for (const io::EdgeOptions& edge : edges) {
    const auto [place, is_new] =
        groups.emplace(io::edge_group(edge.source_type, edge.relation_name, edge.destination_type), &edge);
    if (is_new) continue;
    const io::EdgeOptions& other = *place->second;
    throw ConfigError(
        fmt::format("graph.edges: [{}, {}, {}] and [{}, {}, {}] have the same name in graph.h5 ({}); name "
                    "one of them otherwise",
                    other.source_type, other.relation_name, other.destination_type, edge.source_type,
                    edge.relation_name, edge.destination_type, place->first));
  }
}

/// A misspelt type would be a type of its own, with the link file's ids.
void require_known_types(const io::ImportOptions& options) {
  std::vector<std::string> known;
  for (const io::EdgeOptions& edge : options.edges) {
    known.push_back(edge.source_type);
    known.push_back(edge.destination_type);
  }
  for (const io::NodeOptions& node : options.nodes) known.push_back(node.type);
  for (std::size_t i = 0; i < options.links.size(); ++i) {
    for (const std::string& type : {options.links[i].type, options.links[i].alias_type}) {
      if (std::ranges::find(known, type) != known.end()) continue;
      throw ConfigError(
          fmt::format("graph.links[{}].type names '{}', which no entry of graph.edges and graph.nodes has; "
                      "did you mean '{}'?",
                      i, type, nearest_word(type, known)));
    }
  }
}

}  // namespace

io::TextLayout text_layout(const Config& config, const std::string& files, const std::string& prefix) {
  io::TextLayout layout;
  layout.files = file_names(config, files);
  layout.format = io::text_format_of(config.text(prefix + "format"));
  layout.source = optional_text(config, prefix + "source");
  layout.target = optional_text(config, prefix + "target");
  set_header(layout, config, prefix + "header");
  return layout;
}

io::ImportOptions import_options(const Config& config) {
  io::ImportOptions options;
  for (std::size_t i = 0; i < config.entries("graph.edges"); ++i) {
    const std::string entry = fmt::format("graph.edges[{}]", i);
    const auto triple = config.texts(entry + ".type");
    if (triple.size() != 3) {
      throw ConfigError(fmt::format("{}.type has {} names, expected three: [source type, relation, destination type]",
                                    entry, triple.size()));
    }
    io::EdgeOptions edge;
    edge.source_type = triple[0];
    edge.relation_name = triple[1];
    edge.destination_type = triple[2];
    edge.layout = edges_layout(config, entry);
    require_columns(config, entry, edge.layout.format);
    edge.layout.weight = optional_text(config, entry + ".weight");
    edge.layout.time = optional_text(config, entry + ".time");
    edge.layout.relation = optional_text(config, entry + ".relation_column");
    edge.layout.delimiter = config.text(entry + ".delimiter");
    edge.directed = config.boolean(entry + ".directed");
    edge.duplicates = choose<io::Duplicates>(config.text(entry + ".duplicates"), {{"first", io::Duplicates::kFirst},
                                                                                  {"last", io::Duplicates::kLast},
                                                                                  {"sum", io::Duplicates::kSum},
                                                                                  {"keep", io::Duplicates::kKeep},
                                                                                  {"error", io::Duplicates::kError}});
    const bool brings_weights =
        edge.layout.format == io::TextFormat::kMatrixMarket || edge.layout.format == io::TextFormat::kMetis;
    if (edge.duplicates == io::Duplicates::kSum && edge.layout.weight.empty() && !brings_weights) {
      throw ConfigError(
          fmt::format("{}.duplicates is sum, which adds up weights, but {}.weight is not set; name the "
                      "column, or keep one edge by duplicates: first",
                      entry, entry));
    }
    edge.self_loops = choose<io::SelfLoops>(
        config.text(entry + ".self_loops"),
        {{"keep", io::SelfLoops::kKeep}, {"drop", io::SelfLoops::kDrop}, {"error", io::SelfLoops::kError}});
    if (config.has(entry + ".time_from")) edge.time_from = config.integer(entry + ".time_from");
    if (config.has(entry + ".time_to")) edge.time_to = config.integer(entry + ".time_to");
    if (config.has(entry + ".min_weight")) edge.min_weight = config.real(entry + ".min_weight");
    edge.k_core = config.count(entry + ".k_core");
    edge.max_degree = config.count(entry + ".max_degree");
    options.edges.push_back(std::move(edge));
  }
  if (options.edges.empty()) throw ConfigError("graph.edges is empty; name at least one edge type and its files");
  require_different_groups(options.edges);
  for (std::size_t i = 0; i < config.entries("graph.nodes"); ++i) {
    const std::string entry = fmt::format("graph.nodes[{}]", i);
    io::NodeOptions node;
    node.type = config.text(entry + ".type");
    node.files = file_names(config, entry + ".files");
    node.format = io::node_format_of(config.text(entry + ".format"));
    node.ids = file_names(config, entry + ".ids");
    node.name = config.text(entry + ".name");
    node.dataset = optional_text(config, entry + ".dataset");
    node.dangling = choose<io::Dangling>(
        config.text(entry + ".dangling"),
        {{"drop", io::Dangling::kDrop}, {"error", io::Dangling::kError}, {"add", io::Dangling::kAdd}});
    options.nodes.push_back(std::move(node));
  }
  for (std::size_t i = 0; i < config.entries("graph.links"); ++i) {
    const std::string entry = fmt::format("graph.links[{}]", i);
    const auto types = config.texts(entry + ".type");
    if (types.size() != 2)
      throw ConfigError(fmt::format("{}.type has {} names, expected two: [type, alias type]", entry, types.size()));
    options.links.push_back({types[0], types[1], edges_layout(config, entry)});
  }
  require_known_types(options);
  for (std::size_t i = 0; i < config.entries("graph.filters"); ++i) {
    const std::string entry = fmt::format("graph.filters[{}]", i);
    io::VertexFilter filter;
    filter.type = optional_text(config, entry + ".type");
    filter.min_occurrences = config.count(entry + ".min_occurrences");
    if (config.has(entry + ".expire_after")) filter.expire_after = config.count(entry + ".expire_after");
    options.filters.push_back(std::move(filter));
  }
  options.forget = forget_options(config);
  options.previous = config.path("graph.previous").value_or("").string();
  return options;
}

io::ForgetOptions forget_options(const Config& config) {
  io::ForgetOptions options;
  options.user_type = config.text("train.users");
  options.item_type = config.text("train.items");
  options.users = file_names(config, "forget.users");
  options.items = file_names(config, "forget.items");
  options.interactions.files = file_names(config, "forget.interactions");
  options.interactions.format = io::text_format_of(config.text("forget.format"));
  set_header(options.interactions, config, "forget.header");
  return options;
}

partition::PartitionOptions partition_options(const Session& session) {
  const Config& config = session.config();
  partition::PartitionOptions options;
  options.method = config.text("partition.method");
  const auto parts = config.count_as<std::int32_t>("partition.parts");
  options.parts = parts == 0 ? session.comm().size() : parts;
  options.imbalance = config.real("partition.imbalance");
  if (!(options.imbalance >= 0))
    throw ConfigError(fmt::format("partition.imbalance is {}, expected at least 0", options.imbalance));
  options.objective =
      choose<partition::Objective>(config.text("partition.objective"),
                                   {{"cut", partition::Objective::kCut}, {"volume", partition::Objective::kVolume}});
  options.tries = config.count_as<std::uint32_t>("partition.tries", 1);
  options.cuts = config.count_as<std::uint32_t>("partition.cuts", 1);
  options.contiguous = config.boolean("partition.contiguous");
  options.min_connectivity = config.boolean("partition.min_connectivity");
  options.seed = session.seed();
  options.memory_limit_bytes = session.memory().bytes;
  options.memory_limit_source = session.memory().source;
  return options;
}

}  // namespace rove::jobs
