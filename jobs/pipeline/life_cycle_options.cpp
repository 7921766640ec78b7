// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/life_cycle_options.hpp"

namespace rove::jobs {

gnn::FoldInOptions fold_in_options(const Config& config, const Config& trained, const std::string& model) {
  gnn::FoldInOptions options;
  const std::string method = config.text("fold_in.method");
  const bool solves = method == "least-squares" || (method == "auto" && model == "ials");
  options.method = solves ? gnn::FoldInMethod::kLeastSquares : gnn::FoldInMethod::kPropagation;
  options.passes = config.count_as<std::uint32_t>("fold_in.passes", 1);
  options.alpha = trained.real("train.alpha");
  if (trained.has("train.regularisation")) options.regularisation = trained.real("train.regularisation");
  return options;
}

gnn::UnlearningOptions unlearning_options(const Config& config) {
  gnn::UnlearningOptions options;
  options.epochs = config.count("forget.epochs", 1);
  options.learning_rate = config.real("forget.learning_rate");
  options.retain = config.count_as<std::uint32_t>("forget.retain");
  options.seed = config.count("seed");
  return options;
}

std::optional<gnn::InterestOptions> interest_options(const Config& config) {
  gnn::InterestOptions options;
  options.interests = config.count_as<std::uint32_t>("recommend.interests");
  if (options.interests == 0) return std::nullopt;
  options.clusters = config.count_as<std::uint32_t>("recommend.clusters");
  options.neighbors = config.count_as<std::uint32_t>("recommend.neighbors");
  options.smoothing = config.real("recommend.smoothing");
  options.seed = config.count("seed");
  return options;
}

}  // namespace rove::jobs
