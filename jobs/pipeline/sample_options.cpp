// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/sample_options.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "jobs/config/schema.hpp"
#include "jobs/config/unread_settings.hpp"
#include "jobs/pipeline/config_values.hpp"
#include "jobs/pipeline/pinsage_drawer.hpp"
#include "jobs/pipeline/walk_options.hpp"
#include "jobs/pipeline/walk_path.hpp"

namespace rove::jobs {
namespace {

using algorithms::FanoutOptions;
using algorithms::SampledLink;
using algorithms::TemporalRule;

std::vector<std::int64_t> fanouts_of(const Config& config, const std::string& key) {
  std::vector<std::int64_t> result;
  for (const std::string& text : config.texts(key)) {
    std::int64_t fanout = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fanout);
    if (text == "all") {
      fanout = FanoutOptions::kAll;
    } else if (error != std::errc{} || end != text.data() + text.size() || fanout < 0) {
      throw ConfigError(fmt::format("{} holds '{}', expected numbers from 0 or all", key, text));
    }
    result.push_back(fanout);
  }
  return result;
}

EdgeTypeId edge_type(const graph::Schema& schema, const std::vector<std::string>& triple, const std::string& key) {
  std::vector<std::string> names;
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    names.push_back(schema.name_of(EdgeTypeId{static_cast<std::uint16_t>(e)}));
  }
  const std::string name = fmt::format("{}", fmt::join(triple, ","));
  if (triple.size() == 3) {
    if (const auto found = schema.find_edge_type(triple[0], triple[1], triple[2])) return *found;
  }
  throw ConfigError(fmt::format("{} names the edge type '{}', but the graph has {}; did you mean '{}'?", key, name,
                                fmt::join(names, "; "), nearest_word(name, names)));
}

std::vector<std::string> split_triple(const std::string& text) {
  std::vector<std::string> result(1);
  for (const char c : text) {
    if (c == ',') {
      result.emplace_back();
    } else {
      result.back() += c;
    }
  }
  return result;
}

void add_link(SampleOptions& options, const graph::Schema& schema, EdgeTypeId type, const std::string& direction,
              const std::vector<std::int64_t>& fanouts, std::vector<std::vector<std::int64_t>>& by_link) {
  // An undirected type stores each edge both ways: out of a vertex are all of them.
  const bool both = direction == "both" && !schema.edge_type(type).undirected;
  if (direction == "in" || both) {
    options.links.push_back({type, exec::Direction::kIn});
    by_link.push_back(fanouts);
  }
  if (direction != "in") {
    options.links.push_back({type, exec::Direction::kOut});
    by_link.push_back(fanouts);
  }
}

void read_links(const Session& session, SampleOptions& options) {
  const Config& config = session.config();
  const graph::Schema& schema = session.schema();
  const std::vector<std::int64_t> standard = fanouts_of(config, "sample.fanouts");
  std::vector<std::vector<std::int64_t>> by_link;
  if (config.entries("sample.links") == 0) {
    for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
      add_link(options, schema, EdgeTypeId{static_cast<std::uint16_t>(e)}, "both", standard, by_link);
    }
  }
  for (std::size_t i = 0; i < config.entries("sample.links"); ++i) {
    const std::string entry = fmt::format("sample.links[{}]", i);
    const bool has_own = config.has(entry + ".fanouts") && !config.texts(entry + ".fanouts").empty();
    add_link(options, schema, edge_type(schema, config.texts(entry + ".type"), entry + ".type"),
             config.text(entry + ".direction"), has_own ? fanouts_of(config, entry + ".fanouts") : standard, by_link);
  }
  if (options.links.empty()) throw ConfigError("the graph has no edge type to sample from");
  std::size_t hops = 0;
  for (const std::vector<std::int64_t>& fanouts : by_link) hops = std::max(hops, fanouts.size());
  if (hops == 0)
    throw ConfigError("sample.fanouts is empty; name the neighbours to draw at each hop, such as [15, 10]");
  options.fanout.fanouts.assign(hops, std::vector<std::int64_t>(by_link.size()));
  for (std::size_t l = 0; l < by_link.size(); ++l) {
    for (std::size_t hop = 0; hop < by_link[l].size(); ++hop) options.fanout.fanouts[hop][l] = by_link[l][hop];
  }
}

/// The only way from the type to others and back, or along its own edges.
std::vector<std::string> only_path(const graph::Schema& schema, VertexTypeId type) {
  std::vector<std::vector<std::string>> ways;
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    const EdgeTypeId id{static_cast<std::uint16_t>(e)};
    const graph::EdgeType& edges = schema.edge_type(id);
    const std::string& source = schema.vertex_type(edges.source).name;
    const std::string& destination = schema.vertex_type(edges.destination).name;
    const std::string out = fmt::format("{},{},{}", source, edges.relation, destination);
    const std::string back = fmt::format("{},rev_{},{}", destination, edges.relation, source);
    if (edges.source == type && edges.destination == type) {
      ways.push_back({out});
    } else if (edges.source == type) {
      ways.push_back({out, back});
    } else if (edges.destination == type) {
      ways.push_back({back, out});
    }
  }
  if (ways.size() == 1) return ways.front();
  throw ConfigError(
      fmt::format("{} edge types touch '{}'; name the relations of a traversal in sample.path, such as "
                  "[rev_rates, rates]",
                  ways.size(), schema.vertex_type(type).name));
}

void read_pinsage(const Session& session, SampleOptions& options) {
  const Config& config = session.config();
  const graph::Schema& schema = session.schema();
  algorithms::PinsageOptions& pinsage = options.pinsage;
  pinsage.seeds = options.seeds;
  for (const EdgeTypeId id : options.balanced.types) {
    const graph::EdgeType& type = schema.edge_type(id);
    if (&id == &options.balanced.types.front()) pinsage.seeds = type.source;
    if (type.source == pinsage.seeds && type.destination == pinsage.seeds) continue;
    throw ConfigError(
        fmt::format("sample.method pinsage relates vertices of one type; sample.relations names '{}', "
                    "whose ends are not both of type '{}'",
                    schema.name_of(id), schema.vertex_type(pinsage.seeds).name));
  }
  std::vector<std::string> words = config.texts("sample.path");
  if (words.empty()) words = only_path(schema, pinsage.seeds);
  const std::vector<NamedLink> path = path_of(schema, "sample.path", words, pinsage.seeds);
  if (path.back().to != pinsage.seeds) {
    throw ConfigError(fmt::format("sample.path leads from '{}' to '{}'; end it where it starts",
                                  schema.vertex_type(pinsage.seeds).name, schema.vertex_type(path.back().to).name));
  }
  std::vector<std::string> names;
  for (const NamedLink& link : path) {
    pinsage.path.push_back(link.link);
    names.push_back(link.triple);
  }
  options.pinsage_path = fmt::format("{}", fmt::join(names, "; "));
  pinsage.walks = config.count_as<std::uint32_t>("sample.random_walks", 1);
  pinsage.traversals = config.count_as<std::uint32_t>("sample.traversals", 1);
  pinsage.stop = config.real("sample.termination");
  pinsage.neighbors = config.count_as<std::uint32_t>("sample.neighbors", 1);
  pinsage.weighted = options.fanout.weighted;
  pinsage.seed = session.seed();
  pinsage.batch_bytes = walk_batch_bytes(session.memory());
  options.pinsage_layers = config.count("sample.layers", 1);
  require_config(pinsage.stop >= 0 && pinsage.stop < 1,
                 fmt::format("sample.termination is {}, expected at least 0 and below 1", pinsage.stop));
  require_config(pinsage.walks <= (1U << 24U),
                 fmt::format("sample.random_walks is {}, expected 1 to 2^24", pinsage.walks));
  require_config(std::uint64_t{pinsage.traversals} * path.size() <= (1U << 20U),
                 fmt::format("sample.traversals is {} of {} moves each; expected 2^20 moves at most",
                             pinsage.traversals, path.size()));
}

void read_seeds(const Session& session, SampleOptions& options) {
  const Config& config = session.config();
  const graph::Schema& schema = session.schema();
  for (const std::string& name : config.texts("sample.relations")) {
    options.balanced.types.push_back(edge_type(schema, split_triple(name), "sample.relations"));
  }
  options.balanced.quotas = config.counts("sample.quotas");
  options.balanced.batch_size = options.batch_size;
  options.balanced.seed = session.seed();
  options.balanced.mix =
      config.text("sample.mix") == "mixed" ? algorithms::BatchMix::kMixed : algorithms::BatchMix::kStratified;
  options.negatives = config.count_as<std::uint32_t>("sample.negatives");
  options.negative_distribution = config.text("sample.negative_distribution") == "popularity"
                                      ? algorithms::NegativeDistribution::kPopularity
                                      : algorithms::NegativeDistribution::kUniform;
  require_config(options.negatives > 0 || options.negative_distribution == algorithms::NegativeDistribution::kUniform,
                 "sample.negative_distribution is popularity, but sample.negatives is 0; say how many there are to be "
                 "per edge, or leave it out");
  const bool temporal = options.fanout.temporal != TemporalRule::kNone;
  if (options.has_edge_seeds()) {
    require_config(options.shuffle,
                   "sample.shuffle is false, but training edges (sample.relations) are drawn and shuffled anew in each "
                   "epoch; leave it out");
    require_config(!config.has("sample.at"),
                   "sample.at is the time of vertices, but training edges (sample.relations) have their own; leave it "
                   "out");
    return;
  }
  options.seeds = session.vertex_type("sample.seeds");
  if (options.negatives > 0) {
    throw ConfigError("sample.negatives are of training edges; name their edge types in sample.relations");
  }
  require_config(options.balanced.quotas.empty() && options.balanced.mix == algorithms::BatchMix::kStratified,
                 "sample.quotas and sample.mix are of training edges; name their edge types in sample.relations, or "
                 "leave them out");
  if (config.has("sample.at")) options.seed_time = config.integer("sample.at");
  if (temporal && !options.seed_time) {
    throw ConfigError(
        "sample.temporal needs the time of the seeds: set sample.at, or sample edges with times "
        "(sample.relations)");
  }
  require_config(temporal || !options.seed_time,
                 "sample.at is set, but sample.temporal is none; set that to uniform or last, or leave sample.at out");
}

/// Times and weights are of use if some of the edges that are followed have them.
void require_attributes(const graph::Schema& schema, const SampleOptions& options) {
  std::vector<EdgeTypeId> followed;
  for (const SampledLink& link : options.links) followed.push_back(link.type);
  for (const exec::WalkLink& link : options.pinsage.path) followed.push_back(link.type);
  const bool has_times = std::ranges::any_of(followed, [&](EdgeTypeId id) { return schema.edge_type(id).has_times; });
  const bool has_weights =
      std::ranges::any_of(followed, [&](EdgeTypeId id) { return schema.edge_type(id).has_weights; });
  require_config(options.fanout.temporal == TemporalRule::kNone || has_times,
                 "sample.temporal is set, but none of the edge types that are followed has times; import them with a "
                 "time column, or leave it out");
  require_config(!options.fanout.weighted || has_weights,
                 "sample.weighted is set, but none of the edge types that are followed has weights; import them with a "
                 "weight column, or leave it out");
}

}  // namespace

std::vector<algorithms::SampledLink> SampleOptions::graph_links() const {
  if (method != SampleMethod::kPinsage) return links;
  std::vector<SampledLink> result;
  if (negatives == 0) return result;
  for (const EdgeTypeId type : balanced.types) result.push_back({type, exec::Direction::kOut});
  return result;
}

algorithms::SamplingAttributes SampleOptions::attributes() const {
  if (method == SampleMethod::kPinsage) return {};
  if (method == SampleMethod::kLadies) return ladies.attributes();
  if (method == SampleMethod::kShadow) return {fanout.weighted, false, false, false};
  return fanout.attributes();
}

SampleOptions sample_options(const Session& session) {
  const Config& config = session.config();
  SampleOptions options;
  const std::string method = config.text("sample.method");
  // A mistake here, where one section says one method; training's sections are shared by models.
  if (const auto unread = unread_settings(config, "sample")) {
    throw ConfigError(*unread + "; leave the key out, or choose another method");
  }
  options.method = choose<SampleMethod>(method, {{"neighbor", SampleMethod::kNeighbor},
                                                 {"ladies", SampleMethod::kLadies},
                                                 {"shadow", SampleMethod::kShadow},
                                                 {"shadow-ppr", SampleMethod::kShadow},
                                                 {"pinsage", SampleMethod::kPinsage}});
  options.batch_size = config.count("sample.batch_size", 1);
  options.epochs = config.count("sample.epochs", 1);
  options.max_batches = config.count("sample.batches");
  options.shuffle = config.boolean("sample.shuffle");
  FanoutOptions& fanout = options.fanout;
  fanout.seed = session.seed();
  fanout.replace = config.boolean("sample.replace");
  fanout.weighted = config.boolean("sample.weighted");
  fanout.disjoint = config.boolean("sample.disjoint");
  const std::string temporal = config.text("sample.temporal");
  fanout.temporal = temporal == "uniform" ? TemporalRule::kUniform
                    : temporal == "last"  ? TemporalRule::kLast
                                          : TemporalRule::kNone;
  if (options.method != SampleMethod::kPinsage) {
    read_links(session, options);
    algorithms::check_fanouts(fanout, options.links.size());
  }
  read_seeds(session, options);
  if (options.method == SampleMethod::kPinsage) read_pinsage(session, options);
  require_attributes(session.schema(), options);

  options.ladies = {config.counts("sample.layer_sizes"), session.seed(), fanout.weighted};
  options.shadow.scope = method == "shadow-ppr" ? algorithms::ShadowScope::kPpr : algorithms::ShadowScope::kHops;
  options.shadow.fanout = fanout;
  // Only the scope by PageRank reads weights.
  options.shadow.fanout.weighted = false;
  options.shadow.scope_size = config.count("sample.scope_size", 1);
  options.shadow.restart = config.real("sample.restart");
  options.shadow.tolerance = config.real("sample.tolerance");
  return options;
}

void hold_training_edges(MemoryPlan& plan, const graph::Schema& schema, std::int32_t ranks,
                         const SampleOptions& options) {
  if (!options.has_edge_seeds()) return;
  plan.hold("training edges of an epoch, at most", algorithms::balanced_edges_bytes(schema, ranks, options.balanced));
}

MemoryPlan plan_sampling_replicated(const graph::Schema& schema, std::int32_t ranks, const SampleOptions& options) {
  MemoryPlan plan("sample");
  const auto hold = [&](const MemoryPlan& part) {
    for (const MemoryPlan::Item& item : part.items()) plan.hold(item.what, item.bytes);
  };
  if (options.method == SampleMethod::kPinsage) hold(plan_pinsage_replicated(schema, ranks, options));
  const std::vector<SampledLink> links = options.graph_links();
  if (!links.empty()) hold(algorithms::SamplingGraph::plan(schema, links, options.attributes()));
  if (options.negatives > 0) {
    std::uint64_t bytes = 0;
    for (const EdgeTypeId type : options.balanced.types) bytes += algorithms::NegativeSampler::plan_bytes(schema, type);
    plan.hold("negatives: sorted slots and popularity, at most", bytes);
  }
  hold_training_edges(plan, schema, ranks, options);
  return plan;
}

}  // namespace rove::jobs
