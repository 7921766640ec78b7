// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/life_cycle_options.hpp"

#include "engine/base/checked_cast.hpp"

namespace rove::jobs {

gnn::FoldInOptions fold_in_options(const Config& config, const Config& trained, const std::string& model) {
  gnn::FoldInOptions options;
  const std::string method = config.text("fold_in.method");
  const bool solves = method == "least-squares" || (method == "auto" && model == "ials");
  options.method = solves ? gnn::FoldInMethod::kLeastSquares : gnn::FoldInMethod::kPropagation;
  options.passes = checked_cast<std::uint32_t>(config.count("fold_in.passes", 1), "fold_in.passes");
  options.alpha = trained.real("train.alpha");
  if (trained.has("train.regularisation")) options.regularisation = trained.real("train.regularisation");
  return options;
}

gnn::UnlearningOptions unlearning_options(const Config& config) {
  gnn::UnlearningOptions options;
  options.epochs = config.count("forget.epochs", 1);
  options.learning_rate = config.real("forget.learning_rate");
  options.retain = checked_cast<std::uint32_t>(config.count("forget.retain"), "forget.retain");
  options.seed = static_cast<std::uint64_t>(config.integer("seed"));
  return options;
}

std::optional<gnn::InterestOptions> interest_options(const Config& config) {
  gnn::InterestOptions options;
  options.interests = checked_cast<std::uint32_t>(config.count("recommend.interests"), "recommend.interests");
  if (options.interests == 0) return std::nullopt;
  options.clusters = checked_cast<std::uint32_t>(config.count("recommend.clusters"), "recommend.clusters");
  options.neighbors = checked_cast<std::uint32_t>(config.count("recommend.neighbors"), "recommend.neighbors");
  options.smoothing = config.real("recommend.smoothing");
  options.seed = static_cast<std::uint64_t>(config.integer("seed"));
  return options;
}

}  // namespace rove::jobs
