// SPDX-License-Identifier: Apache-2.0
#include "jobs/query/query_json.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"

namespace rove::jobs {
namespace {

/// Requests are flat. On what is not, functions of json recurse, or look through members one by one.
constexpr std::size_t kMaxDepth = 16;
constexpr std::uint32_t kMaxMembers = 64;

void refuse_steep(std::string_view text) {
  std::array<std::uint32_t, kMaxDepth + 1> members{};
  std::size_t depth = 0;
  bool is_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_quoted) {
      if (c == '\\') ++i;
      is_quoted = c != '"';
    } else if (c == '"') {
      is_quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) {
        throw ConfigError(fmt::format("the body has arrays or objects within each other {} times, expected {} at most",
                                      depth, kMaxDepth));
      }
      members[depth] = 0;
    } else if (c == ']' || c == '}') {
      if (depth > 0) --depth;
    } else if (c == ':' && ++members[depth] > kMaxMembers) {
      throw ConfigError(fmt::format("the body has an object of more than {} members", kMaxMembers));
    }
  }
}

/// A value for a message. Arrays and objects may be as large as a request.
std::string shown(const QueryJson& json) {
  if (json.is_structured()) return fmt::format("an {}", json.type_name());
  return json.dump(-1, ' ', false, QueryJson::error_handler_t::replace);
}

void refuse_unknown(const QueryJson& json, std::span<const std::string_view> known, const char* what) {
  if (!json.is_object()) throw ConfigError(fmt::format("{} must be a JSON object, found {}", what, json.type_name()));
  for (const auto& [name, value] : json.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw ConfigError(fmt::format("{} has no member '{}', only: {}", what, name, fmt::join(known, ", ")));
    }
  }
}

std::string text_of(const QueryJson& json, const char* name, const std::string& otherwise = {}) {
  const auto found = json.find(name);
  if (found == json.end()) return otherwise;
  if (!found->is_string()) throw ConfigError(fmt::format("'{}' must be a string, found {}", name, shown(*found)));
  return found->get<std::string>();
}

std::uint64_t count_of(const QueryJson& json, const char* name, std::uint64_t otherwise, std::uint64_t least,
                       std::uint64_t most) {
  const auto found = json.find(name);
  if (found == json.end()) return otherwise;
  if (!found->is_number_unsigned() || found->get<std::uint64_t>() < least || found->get<std::uint64_t>() > most) {
    throw ConfigError(
        fmt::format("'{}' is {}, expected a whole number from {} to {}", name, shown(*found), least, most));
  }
  return found->get<std::uint64_t>();
}

double number_of(const QueryJson& json, const char* name, double otherwise, double least, double most) {
  const auto found = json.find(name);
  if (found == json.end()) return otherwise;
  if (!found->is_number() || !(found->get<double>() >= least && found->get<double>() <= most)) {
    throw ConfigError(fmt::format("'{}' is {}, expected a number from {} to {}", name, shown(*found), least, most));
  }
  return found->get<double>();
}

std::optional<bool> flag_of(const QueryJson& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) return std::nullopt;
  if (!found->is_boolean()) throw ConfigError(fmt::format("'{}' must be true or false", name));
  return found->get<bool>();
}

std::vector<std::string> texts_of(const QueryJson& json, const char* name) {
  std::vector<std::string> texts;
  const auto found = json.find(name);
  if (found == json.end()) return texts;
  if (!found->is_array()) throw ConfigError(fmt::format("'{}' must be an array of strings", name));
  for (const QueryJson& text : *found) {
    if (!text.is_string()) throw ConfigError(fmt::format("'{}' holds {}, expected strings", name, shown(text)));
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

NamedVertex vertex_of(const QueryJson& json) {
  NamedVertex vertex{text_of(json, "type"), text_of(json, "id")};
  if (vertex.id.empty()) throw ConfigError("a vertex needs an 'id'");
  return vertex;
}

QueryJson vertex_json(const NamedGraph& names, std::uint32_t vertex) {
  return {{"type", names.type_of(vertex)}, {"id", names.id_of(vertex)}, {"key", std::to_string(names.key_of(vertex))}};
}

std::string relation_of(const NamedGraph& names, const ExplainingPath::Step& step) {
  return names.schema().edge_type(step.type).relation;
}

bool is_forward(const NamedGraph& names, const ExplainingPath::Step& step) {
  return step.forward || names.schema().edge_type(step.type).undirected;
}

constexpr auto kRequestMembers =
    std::to_array<std::string_view>({"id", "type", "seeds", "target", "k", "exclude_linked", "exclude", "allow",
                                     "allow_lists", "hops", "threshold", "boost"});
constexpr auto kExplainMembers = std::to_array<std::string_view>({"id", "type", "seeds", "to", "paths"});
constexpr auto kSeedMembers = std::to_array<std::string_view>({"id", "type", "weight"});
constexpr auto kVertexMembers = std::to_array<std::string_view>({"id", "type"});

NeighborRequest request_of(const QueryJson& json, const RequestLimits& limits) {
  NeighborRequest request;
  if (json.contains("seeds") == json.contains("id")) throw ConfigError("a request needs either 'id' or 'seeds'");
  if (json.contains("id")) {
    request.seeds.push_back({vertex_of(json), 1.0});
  } else {
    const QueryJson& seeds = json["seeds"];
    if (!seeds.is_array() || seeds.empty() || seeds.size() > limits.max_seeds) {
      throw ConfigError(fmt::format("'seeds' must be an array of 1 to {} vertices", limits.max_seeds));
    }
    for (const QueryJson& seed : seeds) {
      refuse_unknown(seed, kSeedMembers, "a seed");
      request.seeds.push_back({vertex_of(seed), number_of(seed, "weight", 1.0, 1e-9, 1e9)});
    }
  }
  request.target = text_of(json, "target");
  request.top_k = static_cast<std::uint32_t>(count_of(json, "k", request.top_k, 1, limits.max_top_k));
  request.exclude_linked = flag_of(json, "exclude_linked").value_or(request.exclude_linked);
  request.boost = flag_of(json, "boost");
  request.exclude = texts_of(json, "exclude");
  if (json.contains("allow")) request.allow = texts_of(json, "allow");
  if (request.exclude.size() + (request.allow ? request.allow->size() : 0) > limits.max_ids) {
    throw ConfigError(fmt::format("'exclude' and 'allow' may name {} ids together", limits.max_ids));
  }
  request.allow_lists = texts_of(json, "allow_lists");
  if (json.contains("hops")) request.hops = static_cast<std::uint32_t>(count_of(json, "hops", 0, 0, limits.max_hops));
  if (json.contains("threshold")) request.threshold = number_of(json, "threshold", 0, limits.min_threshold, 1.0);
  return request;
}

}  // namespace

QueryJson parse_request(const std::string& text) {
  refuse_steep(text);
  QueryJson json = QueryJson::parse(text, nullptr, false);
  if (json.is_discarded()) throw ConfigError("the body is not JSON");
  return json;
}

NeighborRequest neighbor_request(const QueryJson& json, const RequestLimits& limits) {
  refuse_unknown(json, kRequestMembers, "a request");
  return request_of(json, limits);
}

ExplainRequest explain_request(const QueryJson& json, const RequestLimits& limits, const std::string& default_target) {
  refuse_unknown(json, kExplainMembers, "a request");
  ExplainRequest request;
  request.neighbors = request_of(json, limits);
  request.neighbors.exclude_linked = false;
  request.neighbors.boost = false;
  if (!json.contains("to")) throw ConfigError("a request to explain needs 'to', the vertex to be explained");
  if (json["to"].is_string()) {
    request.to = {default_target, json["to"].get<std::string>()};
  } else {
    refuse_unknown(json["to"], kVertexMembers, "'to'");
    request.to = vertex_of(json["to"]);
    if (request.to.type.empty()) request.to.type = default_target;
  }
  request.paths = static_cast<std::uint32_t>(count_of(json, "paths", request.paths, 0, 100));
  return request;
}

QueryJson to_json(const NamedGraph& names, const io::FileHeader& header, const NeighborAnswer& answer) {
  QueryJson json;
  json["seeds"] = QueryJson::array();
  for (const algorithms::WeightedSeed& seed : answer.seeds) {
    QueryJson vertex = vertex_json(names, seed.vertex);
    vertex["weight"] = seed.weight;
    json["seeds"].push_back(std::move(vertex));
  }
  json["target"] = answer.target;
  json["neighbors"] = QueryJson::array();
  for (const Neighbor& neighbor : answer.neighbors) {
    json["neighbors"].push_back(
        {{"id", neighbor.id}, {"key", std::to_string(neighbor.key)}, {"score", neighbor.score}});
  }
  if (answer.boosted) {
    json["boosted"] = true;
  } else {
    json["error_bound"] = answer.error_bound;
  }
  json["cold"] = answer.cold;
  json["unknown_ids"] = answer.unknown_ids;
  json["graph_digest"] = header.provenance.graph_digest;
  json["created_utc"] = header.provenance.created_utc;
  return json;
}

QueryJson to_json(const NamedGraph& names, const Explanation& explanation, std::uint32_t target, double score) {
  QueryJson json;
  json["to"] = vertex_json(names, target);
  json["score"] = score;
  json["paths"] = QueryJson::array();
  for (const ExplainingPath& path : explanation.paths) {
    QueryJson steps = QueryJson::array();
    for (const ExplainingPath::Step& step : path.steps) {
      QueryJson vertex = vertex_json(names, step.vertex);
      vertex["relation"] = relation_of(names, step);
      vertex["forward"] = is_forward(names, step);
      steps.push_back(std::move(vertex));
    }
    QueryJson entry{
        {"from", vertex_json(names, path.seed)}, {"steps", std::move(steps)}, {"probability", path.probability}};
    if (score > 0.0) entry["share"] = std::min(1.0, path.probability / score);
    entry["text"] = path_text(names, path);
    json["paths"].push_back(std::move(entry));
  }
  json["short_paths"] = {{"count", explanation.num_paths}, {"probability", explanation.probability}};
  if (score > 0.0) json["short_paths"]["share"] = std::min(1.0, explanation.probability / score);
  json["complete"] = explanation.complete;
  return json;
}

std::string path_text(const NamedGraph& names, const ExplainingPath& path) {
  std::string text = fmt::format("{} {}", names.type_of(path.seed), names.id_of(path.seed));
  for (const ExplainingPath::Step& step : path.steps) {
    const std::string relation = relation_of(names, step);
    text += is_forward(names, step) ? fmt::format(" -{}-> ", relation) : fmt::format(" <-{}- ", relation);
    text += fmt::format("{} {}", names.type_of(step.vertex), names.id_of(step.vertex));
  }
  return text;
}

double score_of(const NeighborIndex& index, const NeighborRequest& request, std::uint32_t target) {
  NeighborRequest one = request;
  one.target = std::string(index.names().type_of(target));
  one.top_k = 1;
  one.exclude_linked = false;
  one.exclude.clear();
  one.allow = std::vector<std::string>{std::string(index.names().id_of(target))};
  one.allow_lists.clear();
  const NeighborAnswer answer = index.neighbors(one);
  return answer.neighbors.empty() ? 0.0 : static_cast<double>(answer.neighbors.front().score);
}

}  // namespace rove::jobs
