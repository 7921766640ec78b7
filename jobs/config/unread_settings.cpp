// SPDX-License-Identifier: Apache-2.0
#include "jobs/config/unread_settings.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "gnn/models.hpp"
#include "jobs/config/schema.hpp"

namespace rove::jobs {
namespace {

/// The keys whose values say what of their section is read.
constexpr auto kSelectors = std::to_array<std::string_view>(
    {"partition.method", "ppr.method", "walk.kind", "train.model", "train.loss", "train.negatives", "sample.method"});

/// A key at its default says nothing: an effective configuration names all.
bool differs_from_default(const Config& config, const Config& defaults, const ConfigKey& key, const std::string& path) {
  if (!config.has(path)) return false;
  if (key.default_value == "~") return true;
  switch (key.type) {
    case ValueType::kInteger:
      return config.integer(path) != defaults.integer(path);
    case ValueType::kReal:
      return config.real(path) != defaults.real(path);
    case ValueType::kBoolean:
      return config.boolean(path) != defaults.boolean(path);
    case ValueType::kText:
    case ValueType::kPath:
      return config.text(path) != defaults.text(path);
    case ValueType::kPathList:
    case ValueType::kTextList:
    case ValueType::kIntegerList:
    case ValueType::kRealList:
      return config.texts(path) != defaults.texts(path);
    case ValueType::kMap:
      return config.reals(path) != defaults.reals(path);
  }
  throw InternalError(fmt::format("{} has no type", path));
}

/// Where the key may stand: once, or in every entry of its list.
std::vector<std::string> places_of(const Config& config, std::string_view path) {
  const std::size_t bracket = path.find("[]");
  if (bracket == std::string_view::npos) return {std::string(path)};
  std::vector<std::string> places;
  for (std::size_t i = 0; i < config.entries(path.substr(0, bracket)); ++i) {
    places.push_back(fmt::format("{}[{}]{}", path.substr(0, bracket), i, path.substr(bracket + 2)));
  }
  return places;
}

}  // namespace

std::optional<std::string> unread_settings(const Config& config, std::string_view section) {
  const auto in_section = [&](std::string_view path) { return path.starts_with(fmt::format("{}.", section)); };
  std::vector<std::string> selected;
  std::vector<std::string> chosen;
  for (const std::string_view selector : kSelectors) {
    if (!in_section(selector)) continue;
    selected.push_back(config.text(selector));
    chosen.push_back(fmt::format("{} is {}", selector, selected.back()));
  }
  if (section == "train") {
    const gnn::Model& model = gnn::find_model(config.text("train.model"));
    if (model.output == gnn::ModelOutput::kVectors) selected.emplace_back(kVectorModels);
    if (model.trains_on_batches) selected.emplace_back(kBatchModels);
  }
  const Config defaults;
  std::vector<std::string> unread;
  for (const ConfigKey& key : config_keys()) {
    if (key.read_by.empty() || !in_section(key.path)) continue;
    const auto readers = split_choices(key.read_by);
    if (std::ranges::find_first_of(readers, selected) != readers.end()) continue;
    for (const std::string& place : places_of(config, key.path)) {
      if (!differs_from_default(config, defaults, key, place)) continue;
      unread.push_back(fmt::format("{} (read by {})", place, fmt::join(readers, ", ")));
    }
  }
  if (unread.empty()) return std::nullopt;
  return fmt::format("set, but not read: {}; {}", fmt::join(unread, ", "), fmt::join(chosen, ", "));
}

}  // namespace rove::jobs
