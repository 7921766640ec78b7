// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/training_options.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "gnn/triple_sampler.hpp"
#include "jobs/pipeline/config_values.hpp"
#include "jobs/pipeline/graph_options.hpp"

namespace rove::jobs {

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
  options.seed = config.count("seed");
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

gnn::ModelOptions model_options(const Config& config) {
  gnn::ModelOptions models;
  gnn::LoopOptions loop;
  loop.seed = config.count("seed");
  loop.dim = config.count_as<std::uint32_t>("train.dim", 1);
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
    if (config.has("train.layers")) layers = config.count_as<std::uint32_t>("train.layers");
  };
  for (gnn::TrainOptions* const options :
       {&models.bpr, static_cast<gnn::TrainOptions*>(&models.ssm), static_cast<gnn::TrainOptions*>(&models.directau)}) {
    set_layers(options->layers);
  }
  models.set_batches([&](gnn::BatchOptions& options) {
    if (config.has("train.batch_size")) options.batch_size = config.count("train.batch_size", 1);
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
    options.weight_decay = config.real("train.weight_decay");
    set("train.initial_deviation", options.initial_deviation);
    options.negatives =
        choose<gnn::NegativeKind>(config.text("train.negatives"), {{"uniform", gnn::NegativeKind::kUniform},
                                                                   {"popularity", gnn::NegativeKind::kPopularity},
                                                                   {"dynamic", gnn::NegativeKind::kDynamic},
                                                                   {"ppr", gnn::NegativeKind::kListed}});
    options.candidates = config.count_as<std::uint32_t>("train.candidates");
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
    options.contrast_layer = config.count_as<std::uint32_t>("train.contrast_layer");
  };
  contrast(models.xsimgcl);
  contrast(models.simgcl);
  contrast(models.sgl);
  models.sgl.drop = config.real("train.drop");
  set_layers(models.dccf.layers);
  models.dccf.intents = config.count_as<std::uint32_t>("train.intents");
  models.dccf.intent_decay = config.real("train.intent_decay");
  set("train.contrast", models.dccf.contrast);
  set("train.temperature", models.dccf.temperature);
  models.simplex.own_share = config.real("train.own_share");
  const auto rank = config.count_as<std::uint32_t>("train.rank");
  gnn::LightGclOptions& lightgcl = models.lightgcl;
  set_layers(lightgcl.layers);
  set("train.contrast", lightgcl.contrast);
  set("train.temperature", lightgcl.temperature);
  set("train.regularisation", lightgcl.regularisation);
  if (rank > 0) lightgcl.rank = rank;
  gnn::UltraGcnOptions& ultragcn = models.ultragcn;
  ultragcn.negatives_per_positive = config.count_as<std::uint32_t>("train.negatives_per_positive", 1);
  set("train.negative_weight", ultragcn.negative_weight);
  ultragcn.positive_base = config.real("train.positive_base");
  ultragcn.positive_degree = config.real("train.positive_degree");
  ultragcn.negative_base = config.real("train.negative_base");
  ultragcn.negative_degree = config.real("train.negative_degree");
  ultragcn.item_neighbors = config.count_as<std::uint32_t>("train.item_neighbors");
  ultragcn.item_weight = config.real("train.item_weight");
  set("train.regularisation", ultragcn.regularisation);
  gnn::IalsOptions& ials = models.ials;
  ials.alpha = config.real("train.alpha");
  set("train.regularisation", ials.regularisation);
  set("train.initial_deviation", ials.initial_deviation);
  models.item_knn.neighbors = config.count_as<std::uint32_t>("train.neighbors", 1);
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
  bspm.sharpening_steps = config.count_as<std::uint32_t>("train.sharpening_steps", 1);
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

io::TextLayout test_layout(const Config& config) {
  return text_layout(config, "evaluate.test", "evaluate.");
}

std::vector<std::uint32_t> cutoffs(const Config& config) {
  return config.counts_as<std::uint32_t>("evaluate.at");
}

std::uint32_t longest_cutoff(const Config& config) {
  const std::vector<std::uint32_t> at = cutoffs(config);
  if (at.empty()) throw ConfigError("evaluate.at is empty, expected at least one cut-off, such as [20]");
  return *std::ranges::max_element(at);
}

}  // namespace rove::jobs
