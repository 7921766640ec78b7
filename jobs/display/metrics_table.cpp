// SPDX-License-Identifier: Apache-2.0
#include "jobs/display/metrics_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace rove::jobs {
namespace {

/// "recall@20" is recall at 20; a name without a cut-off has 0.
struct MetricName {
  std::string family;
  std::uint64_t cutoff = 0;
};

MetricName parse(const std::string& name) {
  const std::size_t at = std::min(name.find('@'), name.size());
  MetricName parsed{name.substr(0, at), 0};
  if (at < name.size()) std::from_chars(name.data() + at + 1, name.data() + name.size(), parsed.cutoff);
  return parsed;
}

}  // namespace

std::vector<std::string> ordered_metric_names(const io::publish::Metrics& metrics) {
  constexpr std::array kFirst{"recall", "ndcg", "precision", "hit_rate", "map", "mrr", "coverage", "gini", "novelty"};
  using Key = std::tuple<std::size_t, std::string, std::uint64_t>;
  std::vector<std::pair<Key, std::string>> keyed;
  for (const auto& [name, value] : metrics) {
    const MetricName parsed = parse(name);
    const auto known = std::ranges::find(kFirst, parsed.family) - kFirst.begin();
    keyed.emplace_back(Key{static_cast<std::size_t>(known), parsed.family, parsed.cutoff}, name);
  }
  std::ranges::sort(keyed);
  std::vector<std::string> names;
  for (auto& [key, name] : keyed) names.push_back(std::move(name));
  return names;
}

std::string metrics_table(const io::publish::Metrics& metrics) {
  std::set<std::uint64_t> cutoffs;
  for (const auto& [name, value] : metrics) cutoffs.insert(parse(name).cutoff);
  cutoffs.erase(0);
  std::string table = fmt::format("{:<14}", "");
  for (const std::uint64_t cutoff : cutoffs) table += fmt::format(" {:>12}", fmt::format("@{}", cutoff));
  std::string line_of;
  std::string rest;
  for (const std::string& name : ordered_metric_names(metrics)) {
    const auto [family, cutoff] = parse(name);
    if (cutoff == 0) {
      rest += fmt::format("\n{:<14} {:>12g}", name, metrics.at(name));
      continue;
    }
    if (std::exchange(line_of, family) != family) table += fmt::format("\n{:<14}", family);
    table += fmt::format(" {:>12.6g}", metrics.at(name));
  }
  return table + rest;
}

}  // namespace rove::jobs
