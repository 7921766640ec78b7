// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/stage_options.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "gnn/triple_sampler.hpp"
#include "jobs/config/schema.hpp"
#include "jobs/pipeline/ppr_sources.hpp"

namespace rove::jobs {
namespace {

template <class Enum>
Enum choose(const std::string& text, std::initializer_list<std::pair<const char*, Enum>> choices) {
  for (const auto& [name, value] : choices) {
    if (text == name) return value;
  }
  throw InternalError(fmt::format("the key table allows '{}', which no stage knows", text));
}

std::string optional_text(const Config& config, const std::string& path) {
  return config.has(path) ? config.text(path) : std::string{};
}

std::vector<std::string> file_names(const Config& config, const std::string& path) {
  std::vector<std::string> names;
  for (const auto& file : config.paths(path)) names.push_back(file.string());
  return names;
}

io::TextLayout text_layout(const Config& config, const std::string& entry) {
  io::TextLayout layout;
  layout.files = file_names(config, entry + ".files");
  if (layout.files.empty()) throw ConfigError(fmt::format("{}.files is not set; name the input files", entry));
  layout.format = io::text_format_of(config.text(entry + ".format"));
  layout.source = optional_text(config, entry + ".source");
  layout.target = optional_text(config, entry + ".target");
  return layout;
}

}  // namespace

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
    edge.layout = text_layout(config, entry);
    edge.layout.weight = optional_text(config, entry + ".weight");
    edge.layout.time = optional_text(config, entry + ".time");
    edge.layout.relation = optional_text(config, entry + ".relation_column");
    edge.layout.delimiter = config.text(entry + ".delimiter");
    edge.layout.header =
        choose<io::Header>(config.text(entry + ".header"),
                           {{"auto", io::Header::kAuto}, {"yes", io::Header::kYes}, {"no", io::Header::kNo}});
    edge.directed = config.boolean(entry + ".directed");
    edge.duplicates = choose<io::Duplicates>(config.text(entry + ".duplicates"), {{"first", io::Duplicates::kFirst},
                                                                                  {"last", io::Duplicates::kLast},
                                                                                  {"sum", io::Duplicates::kSum},
                                                                                  {"keep", io::Duplicates::kKeep},
                                                                                  {"error", io::Duplicates::kError}});
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
    options.links.push_back({types[0], types[1], text_layout(config, entry)});
  }
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
  return options;
}

io::TextLayout test_layout(const Config& config) {
  io::TextLayout layout;
  layout.files = file_names(config, "evaluate.test");
  layout.format = io::text_format_of(config.text("evaluate.format"));
  layout.source = optional_text(config, "evaluate.source");
  layout.target = optional_text(config, "evaluate.target");
  return layout;
}

gnn::SplitOptions split_options(const Config& config) {
  gnn::SplitOptions options;
  options.method =
      choose<gnn::SplitMethod>(config.text("split.method"), {{"none", gnn::SplitMethod::kNone},
                                                             {"ratio", gnn::SplitMethod::kRatio},
                                                             {"leave-one-out", gnn::SplitMethod::kLeaveOneOut},
                                                             {"time", gnn::SplitMethod::kTime}});
  options.test = config.real("split.test");
  options.validation = config.real("split.validation");
  for (const auto& [key, time] :
       {std::pair{"split.test_from", &options.test_from}, {"split.validation_from", &options.validation_from}}) {
    if (!config.has(key)) continue;
    if (options.method != gnn::SplitMethod::kTime) {
      throw ConfigError(
          fmt::format("{} is set, but split.method is {}, expected time", key, config.text("split.method")));
    }
    *time = config.integer(key);
  }
  options.seed = static_cast<std::uint64_t>(config.integer("seed"));
  return options;
}

bool has_test(const Config& config) {
  const gnn::SplitOptions split = split_options(config);
  const bool by_split = split.method != gnn::SplitMethod::kNone && (split.test > 0 || split.test_from);
  const bool by_files = !config.texts("evaluate.test").empty();
  if (by_split && by_files) {
    throw ConfigError(
        "there are two test sets, evaluate.test and that of split.method; set split.test to 0 to evaluate on the "
        "files");
  }
  return by_split || by_files;
}

partition::PartitionOptions partition_options(const Session& session) {
  const Config& config = session.config();
  partition::PartitionOptions options;
  options.method = config.text("partition.method");
  const std::uint64_t parts = config.count("partition.parts");
  options.parts = parts == 0 ? session.comm().size() : checked_cast<std::int32_t>(parts, "partition.parts");
  options.imbalance = config.real("partition.imbalance");
  if (!(options.imbalance >= 0))
    throw ConfigError(fmt::format("partition.imbalance is {}, expected at least 0", options.imbalance));
  options.objective =
      choose<partition::Objective>(config.text("partition.objective"),
                                   {{"cut", partition::Objective::kCut}, {"volume", partition::Objective::kVolume}});
  options.tries = checked_cast<std::uint32_t>(config.count("partition.tries", 1), "partition.tries");
  options.cuts = checked_cast<std::uint32_t>(config.count("partition.cuts", 1), "partition.cuts");
  options.contiguous = config.boolean("partition.contiguous");
  options.min_connectivity = config.boolean("partition.min_connectivity");
  options.seed = session.seed();
  options.memory_limit_bytes = session.memory().bytes;
  options.memory_limit_source = session.memory().source;
  return options;
}

namespace {

/// `ppr.edges` and `ppr.direction`.
exec::EdgeSelection ppr_edges(const Session& session) {
  const Config& config = session.config();
  const graph::Schema& schema = session.schema();
  const std::string direction = config.text("ppr.direction");
  exec::EdgeSelection edges{exec::Direction::kBoth, {}};
  if (direction != "both") edges.direction = direction == "out" ? exec::Direction::kOut : exec::Direction::kIn;
  const std::vector<std::string> wanted = config.texts("ppr.edges");
  std::vector<std::string> relations;
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    relations.push_back(schema.edge_types()[e].relation);
    if (std::ranges::find(wanted, relations.back()) != wanted.end()) {
      edges.types.emplace_back(static_cast<std::uint16_t>(e));
    }
  }
  for (const std::string& name : wanted) {
    if (std::ranges::find(relations, name) != relations.end()) continue;
    throw ConfigError(fmt::format("ppr.edges names the relation '{}', but the graph has {}; did you mean '{}'?", name,
                                  fmt::join(relations, ", "), nearest_word(name, relations)));
  }
  return edges;
}

}  // namespace

std::string ppr_edges_text(const Session& session) {
  const std::vector<std::string> relations = session.config().texts("ppr.edges");
  return fmt::format("{}, {}", relations.empty() ? "all" : fmt::format("{}", fmt::join(relations, " ")),
                     session.config().text("ppr.direction"));
}

algorithms::PprOptions ppr_options(Session& session) {
  const Config& config = session.config();
  algorithms::PprOptions options;
  options.sources = session.vertex_type("ppr.sources");
  options.targets = ppr_target_types(session).front();
  options.restart = config.real("ppr.restart");
  options.top_k = checked_cast<std::uint32_t>(config.count("ppr.top_k", 1), "ppr.top_k");
  options.exclude_linked = config.boolean("ppr.exclude_linked");
  options.method = algorithms::parse_ppr_method(config.text("ppr.method"));
  options.edges = ppr_edges(session);
  options.weighted = config.boolean("ppr.weighted");
  options.walks = checked_cast<std::uint32_t>(config.count("ppr.walks", 1), "ppr.walks");
  options.item_walks = checked_cast<std::uint32_t>(config.count("ppr.item_walks", 1), "ppr.item_walks");
  options.item_entries = checked_cast<std::uint32_t>(config.count("ppr.item_entries", 1), "ppr.item_entries");
  options.verd_walks = checked_cast<std::uint32_t>(config.count("ppr.verd_walks", 1), "ppr.verd_walks");
  options.verd_hops = checked_cast<std::uint32_t>(config.count("ppr.verd_hops"), "ppr.verd_hops");
  options.verd_threshold = config.real("ppr.verd_threshold");
  options.maintained_walks =
      checked_cast<std::uint32_t>(config.count("ppr.maintained_walks", 1), "ppr.maintained_walks");
  options.pixie_moves = checked_cast<std::uint32_t>(config.count("ppr.pixie_moves", 1), "ppr.pixie_moves");
  options.pixie_enough_visits =
      checked_cast<std::uint32_t>(config.count("ppr.pixie_enough_visits", 1), "ppr.pixie_enough_visits");
  options.pixie_enough_vertices =
      checked_cast<std::uint32_t>(config.count("ppr.pixie_enough_vertices"), "ppr.pixie_enough_vertices");
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

namespace {

/// What a word of `walk.path` or `walk.mixture` may mean, by its name in messages.
struct LinkCandidate {
  std::string triple;
  exec::WalkLink link;
  VertexTypeId from;
  VertexTypeId to;
};

/// Every edge type both ways (`rev_` against its direction, as PyG and DGL have it), and every relation of those that
/// name one per edge.
std::vector<LinkCandidate> link_candidates(const graph::Schema& schema, const std::string& word) {
  std::vector<LinkCandidate> found;
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    const EdgeTypeId id{static_cast<std::uint16_t>(e)};
    const graph::EdgeType& type = schema.edge_type(id);
    const auto consider = [&](const std::string& relation, std::optional<std::uint32_t> index) {
      for (const bool forward : {true, false}) {
        if (!forward && type.undirected) continue;
        const VertexTypeId from = forward ? type.source : type.destination;
        const VertexTypeId to = forward ? type.destination : type.source;
        const std::string name = forward ? relation : "rev_" + relation;
        const std::string triple =
            fmt::format("{},{},{}", schema.vertex_type(from).name, name, schema.vertex_type(to).name);
        if (word == name || word == triple) found.push_back({triple, {id, forward, index}, from, to});
      }
    };
    consider(type.relation, {});
    for (std::uint32_t r = 0; r < type.relations.size(); ++r) consider(type.relations[r], r);
  }
  return found;
}

/// The one link a word means, among those that leave `from` if a type is given.
LinkCandidate link_of(const graph::Schema& schema, const std::string& key, const std::string& word,
                      std::optional<VertexTypeId> from) {
  std::vector<LinkCandidate> found = link_candidates(schema, word);
  if (from) std::erase_if(found, [&](const LinkCandidate& candidate) { return candidate.from != *from; });
  if (found.size() == 1) return found.front();
  std::vector<std::string> names;
  for (const LinkCandidate& candidate : found) names.push_back(candidate.triple);
  if (!found.empty()) {
    throw ConfigError(fmt::format("{}: '{}' may be {}; write the triple", key, word, fmt::join(names, " or ")));
  }
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    names.push_back(schema.name_of(EdgeTypeId{static_cast<std::uint16_t>(e)}));
  }
  throw ConfigError(fmt::format("{}: no edges '{}'{}; the graph has {} (against their direction: rev_<relation>)", key,
                                word, from ? " leave '" + schema.vertex_type(*from).name + "'" : std::string{},
                                fmt::join(names, "; ")));
}

}  // namespace

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
    options.sources.push_back(*type);
  }
  options.walks = checked_cast<std::uint32_t>(config.count("walk.walks", 1), "walk.walks");
  options.length = checked_cast<std::uint32_t>(config.count("walk.length", 1), "walk.length");
  options.restart = config.real("walk.restart");
  options.p = config.real("walk.p");
  options.q = config.real("walk.q");
  options.second_order = config.text("walk.kind") == "node2vec";
  options.by_time = config.text("walk.kind") == "temporal";
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
    VertexTypeId at = options.sources.front();
    for (const std::string& word : path) {
      const LinkCandidate link = link_of(schema, "walk.path", word, at);
      options.links.push_back(link.link);
      at = link.to;
    }
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
  options.walks = checked_cast<std::uint32_t>(config.count("index.walks", 1), "index.walks");
  options.entries = checked_cast<std::uint32_t>(config.count("index.entries", 1), "index.entries");
  options.weighted = config.boolean("ppr.weighted");
  options.seed = session.seed();
  options.progress = &session.progress();
  return options;
}

gnn::ModelOptions model_options(const Config& config) {
  gnn::ModelOptions models;
  gnn::LoopOptions loop;
  loop.seed = static_cast<std::uint64_t>(config.integer("seed"));
  loop.dim = checked_cast<std::uint32_t>(config.count("train.dim", 1), "train.dim");
  loop.epochs = config.count("train.epochs", 1);
  loop.evaluate_every = config.count("train.evaluate_every");
  loop.checkpoint_every = config.count("train.checkpoint_every");
  loop.patience = config.count("train.patience");
  loop.stop_metric = config.text("train.stop_metric");
  models.set_loop(loop);
  const auto set = [&](const char* key, double& value) {
    if (config.has(key)) value = config.real(key);
  };
  const auto set_layers = [&](std::uint32_t& layers) {
    if (config.has("train.layers")) layers = checked_cast<std::uint32_t>(config.count("train.layers"), "train.layers");
  };
  for (gnn::TrainOptions* const options :
       {&models.bpr, static_cast<gnn::TrainOptions*>(&models.ssm), static_cast<gnn::TrainOptions*>(&models.directau)}) {
    set_layers(options->layers);
  }
  models.set_batches([&](gnn::BatchOptions& options) {
    options.batch_size = config.count("train.batch_size", 1);
    options.storage = choose<gnn::StateStorage>(
        config.text("train.storage"),
        {{"float32", gnn::StateStorage::kFloat32}, {"bfloat16", gnn::StateStorage::kBFloat16}});
    options.accumulate = config.count("train.accumulate", 1);
    set("train.learning_rate", options.learning_rate);
    options.schedule =
        choose<gnn::Schedule>(config.text("train.schedule"), {{"constant", gnn::Schedule::kConstant},
                                                              {"linear", gnn::Schedule::kLinear},
                                                              {"exponential", gnn::Schedule::kExponential}});
    options.final_rate = config.real("train.final_rate");
    options.warmup_steps = config.count("train.warmup_steps");
    set("train.decay", options.decay);
    set("train.initial_deviation", options.initial_deviation);
    options.negatives =
        choose<gnn::NegativeKind>(config.text("train.negatives"), {{"uniform", gnn::NegativeKind::kUniform},
                                                                   {"popularity", gnn::NegativeKind::kPopularity},
                                                                   {"dynamic", gnn::NegativeKind::kDynamic},
                                                                   {"ppr", gnn::NegativeKind::kListed}});
    options.candidates = checked_cast<std::uint32_t>(config.count("train.candidates"), "train.candidates");
    options.hard_first = config.count("train.hard_first");
    options.hard_last = config.count("train.hard_last");
    options.hard_share = config.real("train.hard_share");
    set("train.loss_temperature", options.loss.temperature);
    set("train.loss_positive_temperature", options.loss.positive_temperature);
    set("train.loss_correction", options.loss.correction);
    options.loss.uniformity = config.real("train.uniformity");
    options.loss.margin = config.real("train.margin");
    set("train.negative_weight", options.loss.negative_weight);
    options.shared_negatives = config.count("train.shared_negatives");
    if (config.text("train.loss") != "auto") {
      options.loss.kind =
          choose<gnn::LossKind>(config.text("train.loss"), {{"bpr", gnn::LossKind::kBpr},
                                                            {"softmax", gnn::LossKind::kSoftmax},
                                                            {"alignment", gnn::LossKind::kAlignment},
                                                            {"ccl", gnn::LossKind::kCosineContrastive}});
    }
    if (config.text("train.sampler") == "auto") return;
    options.sampler =
        choose<gnn::SamplerKind>(config.text("train.sampler"), {{"stratified", gnn::SamplerKind::kUserStratified},
                                                                {"uniform", gnn::SamplerKind::kUserUniform},
                                                                {"edge", gnn::SamplerKind::kEdgeUniform}});
  });
  const auto contrast = [&](gnn::ContrastOptions& options) {
    set_layers(options.layers);
    set("train.contrast", options.contrast);
    set("train.temperature", options.temperature);
    set("train.noise", options.noise);
    options.contrast_layer = checked_cast<std::uint32_t>(config.count("train.contrast_layer"), "train.contrast_layer");
  };
  contrast(models.xsimgcl);
  contrast(models.simgcl);
  contrast(models.sgl);
  models.sgl.drop = config.real("train.drop");
  set_layers(models.dccf.layers);
  models.dccf.intents = checked_cast<std::uint32_t>(config.count("train.intents"), "train.intents");
  models.dccf.intent_decay = config.real("train.intent_decay");
  set("train.contrast", models.dccf.contrast);
  set("train.temperature", models.dccf.temperature);
  models.simplex.own_share = config.real("train.own_share");
  const auto rank = checked_cast<std::uint32_t>(config.count("train.rank"), "train.rank");
  gnn::LightGclOptions& lightgcl = models.lightgcl;
  set_layers(lightgcl.layers);
  set("train.contrast", lightgcl.contrast);
  set("train.temperature", lightgcl.temperature);
  set("train.regularisation", lightgcl.regularisation);
  if (rank > 0) lightgcl.rank = rank;
  gnn::UltraGcnOptions& ultragcn = models.ultragcn;
  ultragcn.negatives_per_positive =
      checked_cast<std::uint32_t>(config.count("train.negatives_per_positive", 1), "train.negatives_per_positive");
  set("train.negative_weight", ultragcn.negative_weight);
  ultragcn.positive_base = config.real("train.positive_base");
  ultragcn.positive_degree = config.real("train.positive_degree");
  ultragcn.negative_base = config.real("train.negative_base");
  ultragcn.negative_degree = config.real("train.negative_degree");
  ultragcn.item_neighbors = checked_cast<std::uint32_t>(config.count("train.item_neighbors"), "train.item_neighbors");
  ultragcn.item_weight = config.real("train.item_weight");
  set("train.regularisation", ultragcn.regularisation);
  gnn::IalsOptions& ials = models.ials;
  ials.alpha = config.real("train.alpha");
  set("train.regularisation", ials.regularisation);
  models.item_knn.neighbors = checked_cast<std::uint32_t>(config.count("train.neighbors", 1), "train.neighbors");
  models.item_knn.shrinkage = config.real("train.shrinkage");
  models.item_knn.prediction = choose<gnn::KnnPrediction>(
      config.text("train.prediction"), {{"sum", gnn::KnnPrediction::kSum}, {"average", gnn::KnnPrediction::kAverage}});
  models.ease.regularisation = config.real("train.ease_regularisation");
  for (gnn::GraphFilterOptions* filter : {&models.gf_cf, &models.bspm}) {
    filter->seed = loop.seed;
    if (rank > 0) filter->rank = rank;
    if (config.has("train.low_pass_weight")) filter->low_pass_weight = config.real("train.low_pass_weight");
  }
  gnn::GraphFilterOptions& bspm = models.bspm;
  bspm.sharpening_time = config.real("train.sharpening_time");
  bspm.sharpening_steps =
      checked_cast<std::uint32_t>(config.count("train.sharpening_steps", 1), "train.sharpening_steps");
  bspm.solver = choose<gnn::SharpeningSolver>(
      config.text("train.sharpening_solver"),
      {{"rk4", gnn::SharpeningSolver::kRungeKutta4}, {"euler", gnn::SharpeningSolver::kEuler}});
  bspm.merge = choose<gnn::LowPassMerge>(config.text("train.low_pass_merge"),
                                         {{"early", gnn::LowPassMerge::kEarly}, {"late", gnn::LowPassMerge::kLate}});
  bspm.average_blurred = config.boolean("train.average_blurred");
  return models;
}

EdgeTypeId training_edge_type(const Session& session) {
  const graph::Schema& schema = session.schema();
  const VertexTypeId users = session.vertex_type("train.users");
  const VertexTypeId items = session.vertex_type("train.items");
  const std::string relation = optional_text(session.config(), "train.relation");
  std::vector<EdgeTypeId> found;
  std::vector<std::string> names;
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    const EdgeTypeId type{static_cast<std::uint16_t>(e)};
    names.push_back(schema.name_of(type));
    const graph::EdgeType& edge_type = schema.edge_type(type);
    if (edge_type.source == users && edge_type.destination == items &&
        (relation.empty() || edge_type.relation == relation)) {
      found.push_back(type);
    }
  }
  if (found.size() != 1) {
    throw ConfigError(
        fmt::format("{} edge types go from train.users '{}' to train.items '{}'{}, expected one; the graph has {}",
                    found.size(), schema.vertex_type(users).name, schema.vertex_type(items).name,
                    relation.empty() ? "; choose one with train.relation" : fmt::format(" by '{}'", relation),
                    fmt::join(names, "; ")));
  }
  return found.front();
}

std::vector<std::uint32_t> cutoffs(const Config& config) {
  std::vector<std::uint32_t> result;
  for (const std::uint64_t k : config.counts("evaluate.at")) {
    if (k == 0) throw ConfigError("evaluate.at has the cut-off 0, expected at least 1");
    result.push_back(checked_cast<std::uint32_t>(k, "evaluate.at"));
  }
  return result;
}

}  // namespace rove::jobs
