// SPDX-License-Identifier: Apache-2.0
#include "io/import/import_options.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::io {
namespace {

constexpr std::array<std::pair<const char*, TextFormat>, 7> kTextFormats{{
    {"adjacency", TextFormat::kAdjacency},
    {"edgelist", TextFormat::kEdgeList},
    {"csv", TextFormat::kCsv},
    {"triples", TextFormat::kTriples},
    {"recbole", TextFormat::kRecBole},
    {"matrix-market", TextFormat::kMatrixMarket},
    {"metis", TextFormat::kMetis},
}};
constexpr std::array<std::pair<const char*, NodeFormat>, 5> kNodeFormats{{
    {"ids", NodeFormat::kIds},
    {"recbole", NodeFormat::kRecBole},
    {"npy", NodeFormat::kNpy},
    {"npz", NodeFormat::kNpz},
    {"hdf5", NodeFormat::kHdf5},
}};

template <class Table>
auto find_format(const Table& formats, const std::string& name) {
  std::string known;
  for (const auto& [format_name, format] : formats) {
    if (name == format_name) return format;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", format_name);
  }
  throw ConfigError(fmt::format("unknown format '{}', expected one of: {}", name, known));
}

const char* name_of(Duplicates rule) {
  switch (rule) {
    case Duplicates::kFirst:
      return "first";
    case Duplicates::kLast:
      return "last";
    case Duplicates::kSum:
      return "sum";
    case Duplicates::kKeep:
      return "keep";
    case Duplicates::kError:
      return "error";
  }
  return "?";
}

const char* name_of(SelfLoops rule) {
  return rule == SelfLoops::kKeep ? "keep" : rule == SelfLoops::kDrop ? "drop" : "error";
}

void require_valid(const std::vector<VertexFilter>& filters) {
  for (auto filter = filters.begin(); filter != filters.end(); ++filter) {
    if (filter->type.empty()) throw ConfigError("graph.filters: an entry without a type, expected a vertex type");
    if (filter->min_occurrences == 0 && !filter->expire_after) {
      throw ConfigError(
          fmt::format("graph.filters [{}] has no rule; set min_occurrences or expire_after", filter->type));
    }
    if (std::find_if(filters.begin(), filter, [&](const auto& other) { return other.type == filter->type; }) !=
        filter) {
      throw ConfigError(fmt::format("graph.filters [{}] stands twice; set both rules in one entry", filter->type));
    }
  }
}

}  // namespace

TextFormat text_format_of(const std::string& name) {
  return find_format(kTextFormats, name);
}
NodeFormat node_format_of(const std::string& name) {
  return find_format(kNodeFormats, name);
}

const char* name_of(TextFormat format) {
  for (const auto& [name, value] : kTextFormats) {
    if (value == format) return name;
  }
  return "?";
}

std::string rules_of(const EdgeOptions& options) {
  std::string rules = fmt::format("{}; duplicates: {}; self_loops: {}", options.directed ? "directed" : "undirected",
                                  name_of(options.duplicates), name_of(options.self_loops));
  if (options.time_from) rules += fmt::format("; time_from: {}", *options.time_from);
  if (options.time_to) rules += fmt::format("; time_to: {}", *options.time_to);
  if (options.min_weight) rules += fmt::format("; min_weight: {}", *options.min_weight);
  if (options.k_core > 0) rules += fmt::format("; k_core: {}", options.k_core);
  if (options.max_degree > 0) rules += fmt::format("; max_degree: {}", options.max_degree);
  return rules;
}

std::string name_of(const EdgeOptions& options) {
  return fmt::format("{},{},{}", options.source_type, options.relation_name, options.destination_type);
}

void require_valid(const ImportOptions& options) {
  if (options.edges.empty() && options.nodes.empty()) throw ConfigError("graph: no edges and no nodes to import");
  std::vector<std::string> names;
  for (const EdgeOptions& edges : options.edges) {
    const std::string name = name_of(edges);
    if (edges.source_type.empty() || edges.relation_name.empty() || edges.destination_type.empty()) {
      throw ConfigError(
          fmt::format("graph.edges: type [{}], expected [source type, relation, destination type]", name));
    }
    if (edges.layout.files.empty()) throw ConfigError(fmt::format("graph.edges [{}]: no files", name));
    if (!edges.directed && edges.source_type != edges.destination_type) {
      throw ConfigError(
          fmt::format("graph.edges [{}]: undirected edges join vertices of one type; set directed: true "
                      "(both directions of every edge are stored anyway)",
                      name));
    }
    if (edges.time_from && edges.time_to && *edges.time_from >= *edges.time_to) {
      throw ConfigError(fmt::format("graph.edges [{}]: time_from {} is not before time_to {}, which leaves no edge",
                                    name, *edges.time_from, *edges.time_to));
    }
    if (!edges.directed && edges.max_degree > 0) {
      throw ConfigError(
          fmt::format("graph.edges [{}]: max_degree caps the edges of a source; set directed: true", name));
    }
    if (std::ranges::find(names, name) != names.end()) {
      throw ConfigError(fmt::format("graph.edges [{}] stands twice; list all its files in one entry", name));
    }
    names.push_back(name);
  }
  require_valid(options.filters);
}

}  // namespace rove::io
