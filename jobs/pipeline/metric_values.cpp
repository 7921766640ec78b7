// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/metric_values.hpp"

#include <fmt/format.h>

namespace rove::jobs {

io::publish::Metrics metric_values(const gnn::Evaluation& evaluation) {
  io::publish::Metrics values;
  for (const gnn::RankingMetrics& at : evaluation.at) {
    values[fmt::format("recall@{}", at.cutoff)] = at.recall;
    values[fmt::format("ndcg@{}", at.cutoff)] = at.ndcg;
    values[fmt::format("precision@{}", at.cutoff)] = at.precision;
    values[fmt::format("hit_rate@{}", at.cutoff)] = at.hit_rate;
    values[fmt::format("mrr@{}", at.cutoff)] = at.mrr;
    values[fmt::format("map@{}", at.cutoff)] = at.map;
  }
  return values;
}

io::publish::Metrics metric_values(std::span<const gnn::ItemExposure> exposure) {
  io::publish::Metrics values;
  for (const gnn::ItemExposure& at : exposure) {
    values[fmt::format("coverage@{}", at.cutoff)] = at.coverage;
    values[fmt::format("gini@{}", at.cutoff)] = at.gini;
    values[fmt::format("novelty@{}", at.cutoff)] = at.novelty;
    values[fmt::format("popularity@{}", at.cutoff)] = at.popularity;
    values[fmt::format("fair_jain@{}", at.cutoff)] = at.fair_jain;
    values[fmt::format("fair_coverage@{}", at.cutoff)] = at.fair_coverage;
    values[fmt::format("fair_entropy@{}", at.cutoff)] = at.fair_entropy;
    values[fmt::format("fair_share@{}", at.cutoff)] = at.fair_share;
    values[fmt::format("unfair_gini@{}", at.cutoff)] = at.unfair_gini;
    values[fmt::format("vocd@{}", at.cutoff)] = at.vocd;
    values[fmt::format("ii_d@{}", at.cutoff)] = at.ii_d;
    values[fmt::format("ai_d@{}", at.cutoff)] = at.ai_d;
  }
  return values;
}

}  // namespace rove::jobs
