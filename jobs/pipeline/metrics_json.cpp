// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/metrics_json.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace rove::jobs {
namespace {

nlohmann::json segment_list(std::span<const gnn::Segment> segments) {
  nlohmann::json json = nlohmann::json::array();
  for (const gnn::Segment& segment : segments) {
    nlohmann::json entry = to_json(segment.evaluation);
    entry["from"] = segment.least;
    entry["to"] = segment.most;
    if (segment.is_cold) entry["cold"] = true;
    entry["users"] = segment.evaluation.num_users;
    entry["test_interactions"] = segment.test_interactions;
    json.push_back(std::move(entry));
  }
  return json;
}

}  // namespace

nlohmann::json to_json(const gnn::Evaluation& evaluation) {
  nlohmann::json json = nlohmann::json::object();
  for (const gnn::RankingMetrics& at : evaluation.at) {
    json[fmt::format("recall@{}", at.cutoff)] = at.recall;
    json[fmt::format("ndcg@{}", at.cutoff)] = at.ndcg;
    json[fmt::format("precision@{}", at.cutoff)] = at.precision;
    json[fmt::format("hit_rate@{}", at.cutoff)] = at.hit_rate;
    json[fmt::format("mrr@{}", at.cutoff)] = at.mrr;
    json[fmt::format("map@{}", at.cutoff)] = at.map;
  }
  return json;
}

nlohmann::json to_json(std::span<const gnn::ItemExposure> exposure) {
  nlohmann::json json = nlohmann::json::object();
  for (const gnn::ItemExposure& at : exposure) {
    json[fmt::format("coverage@{}", at.cutoff)] = at.coverage;
    json[fmt::format("gini@{}", at.cutoff)] = at.gini;
    json[fmt::format("novelty@{}", at.cutoff)] = at.novelty;
    json[fmt::format("popularity@{}", at.cutoff)] = at.popularity;
    json[fmt::format("fair_jain@{}", at.cutoff)] = at.fair_jain;
    json[fmt::format("fair_coverage@{}", at.cutoff)] = at.fair_coverage;
    json[fmt::format("fair_entropy@{}", at.cutoff)] = at.fair_entropy;
    json[fmt::format("fair_share@{}", at.cutoff)] = at.fair_share;
    json[fmt::format("unfair_gini@{}", at.cutoff)] = at.unfair_gini;
    json[fmt::format("vocd@{}", at.cutoff)] = at.vocd;
    json[fmt::format("ii_d@{}", at.cutoff)] = at.ii_d;
    json[fmt::format("ai_d@{}", at.cutoff)] = at.ai_d;
  }
  return json;
}

nlohmann::json to_json(const gnn::Segments& segments) {
  return {{"users_by_activity", segment_list(segments.users_by_activity)},
          {"items_by_popularity", segment_list(segments.items_by_popularity)}};
}

nlohmann::json to_json(std::span<const gnn::MetricDifference> differences) {
  nlohmann::json json = nlohmann::json::object();
  for (const gnn::MetricDifference& at : differences) {
    json[fmt::format("{}@{}", at.metric, at.cutoff)] = {{"this", at.first},
                                                        {"other", at.second},
                                                        {"difference", at.difference},
                                                        {"interval", {at.low, at.high}},
                                                        {"p_value", at.p_value}};
  }
  return json;
}

}  // namespace rove::jobs
