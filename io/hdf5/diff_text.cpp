// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "io/hdf5/diff.hpp"

namespace rove::io {

namespace {

using Json = nlohmann::ordered_json;

const char* name_of(FileDiff::Status status) {
  switch (status) {
    case FileDiff::Status::kEqual:
      return "equal";
    case FileDiff::Status::kDifferent:
      return "different";
    case FileDiff::Status::kOnlyFirst:
      return "only in the first";
    case FileDiff::Status::kOnlySecond:
      return "only in the second";
  }
  return "";
}

std::string metric_text(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "absent";
}

Json json_of(const FileDiff& diff) {
  Json json{{"first", diff.first.string()},
            {"second", diff.second.string()},
            {"same_bytes", diff.same_bytes()},
            {"header", diff.header}};
  for (const char* member : {"datasets", "rows", "drift", "lists"}) json[member] = Json::array();
  for (const FileDiff::Dataset& dataset : diff.datasets) {
    json["datasets"].push_back(
        {{"name", dataset.name}, {"status", name_of(dataset.status)}, {"detail", dataset.detail}});
  }
  for (const FileDiff::Rows& rows : diff.rows) {
    json["rows"].push_back({{"type", rows.type},
                            {"shared", rows.shared},
                            {"added", rows.added},
                            {"removed", rows.removed},
                            {"added_ids", rows.added_ids},
                            {"removed_ids", rows.removed_ids}});
  }
  for (const FileDiff::Drift& drift : diff.drift) {
    json["drift"].push_back({{"type", drift.type},
                             {"identical", drift.identical},
                             {"mean_cosine", drift.mean_cosine},
                             {"min_cosine", drift.min_cosine},
                             {"min_id", drift.min_id}});
  }
  for (const FileDiff::Lists& lists : diff.lists) {
    json["lists"].push_back({{"name", lists.name},
                             {"rows", lists.rows},
                             {"identical", lists.identical},
                             {"mean_overlap", lists.mean_overlap}});
  }
  return json;
}

std::string text_of(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string to_text(const FileDiff& diff) {
  std::string text = fmt::format("{} and {}: {}\n", diff.first.string(), diff.second.string(),
                                 diff.same_bytes() ? "the same bytes" : "different");
  for (const std::string& line : diff.header) text += fmt::format("  {}\n", line);
  for (const FileDiff::Dataset& dataset : diff.datasets) {
    if (dataset.status == FileDiff::Status::kEqual) continue;
    text += fmt::format("  {}: {}{}{}\n", dataset.name, name_of(dataset.status), dataset.detail.empty() ? "" : ", ",
                        dataset.detail);
  }
  for (const FileDiff::Rows& rows : diff.rows) {
    if (rows.added == 0 && rows.removed == 0) continue;
    text += fmt::format("  {}: {} rows shared, {} added ({}), {} removed ({})\n", rows.type, rows.shared, rows.added,
                        fmt::join(rows.added_ids, ", "), rows.removed, fmt::join(rows.removed_ids, ", "));
  }
  for (const FileDiff::Drift& drift : diff.drift) {
    text += fmt::format("  {} vectors: {} identical, mean cosine {:.6f}, least {:.6f} ({})\n", drift.type,
                        drift.identical, drift.mean_cosine, drift.min_cosine, drift.min_id);
  }
  for (const FileDiff::Lists& lists : diff.lists) {
    text += fmt::format("  {}: {} of {} lists identical, mean overlap {:.6f}\n", lists.name, lists.identical,
                        lists.rows, lists.mean_overlap);
  }
  return text;
}

std::string to_text(const RunDiff& diff) {
  std::string text;
  for (const std::string& name : diff.only_first) text += fmt::format("{}: only in the first\n", name);
  for (const std::string& name : diff.only_second) text += fmt::format("{}: only in the second\n", name);
  for (const auto& [name, values] : diff.metrics) {
    text += fmt::format("{}: {} and {}\n", name, metric_text(values.first), metric_text(values.second));
  }
  for (const FileDiff& file : diff.files) text += to_text(file);
  return text;
}

std::string to_json(const FileDiff& diff) {
  return text_of(json_of(diff));
}

std::string to_json(const RunDiff& diff) {
  Json json{{"same_bytes", diff.same_bytes()}, {"only_first", diff.only_first}, {"only_second", diff.only_second}};
  json["metrics"] = Json::object();
  for (const auto& [name, values] : diff.metrics) {
    json["metrics"][name] = {values.first ? Json(*values.first) : Json(),
                             values.second ? Json(*values.second) : Json()};
  }
  json["files"] = Json::array();
  for (const FileDiff& file : diff.files) json["files"].push_back(json_of(file));
  return text_of(json);
}

}  // namespace rove::io
