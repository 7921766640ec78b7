// SPDX-License-Identifier: Apache-2.0
#include "jobs/report/import_file.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "io/publish/file_system.hpp"

namespace rove::jobs {
namespace {

using Count = std::uint64_t io::ImportCounts::*;
constexpr std::array<std::pair<const char*, Count>, 12> kCounts{{
    {"rows_read", &io::ImportCounts::rows_read},
    {"edges_kept", &io::ImportCounts::edges_kept},
    {"duplicates", &io::ImportCounts::duplicates},
    {"self_loops", &io::ImportCounts::self_loops},
    {"outside_time", &io::ImportCounts::outside_time},
    {"below_weight", &io::ImportCounts::below_weight},
    {"outside_core", &io::ImportCounts::outside_core},
    {"over_degree", &io::ImportCounts::over_degree},
    {"rare", &io::ImportCounts::rare},
    {"expired", &io::ImportCounts::expired},
    {"forgotten", &io::ImportCounts::forgotten},
    {"dangling_endpoints", &io::ImportCounts::dangling_endpoints},
}};

}  // namespace

void write_import_file(const std::filesystem::path& path, const io::ImportReport& report) {
  nlohmann::json edge_types = nlohmann::json::array();
  for (const io::ImportCounts& counts : report.edge_types) {
    nlohmann::json entry{{"edge_type", counts.edge_type}, {"rules", counts.rules}};
    for (const auto& [name, member] : kCounts) entry[name] = counts.*member;
    edge_types.push_back(std::move(entry));
  }
  nlohmann::json filters = nlohmann::json::array();
  for (const io::FilterCounts& counts : report.filters) {
    filters.push_back({{"type", counts.type}, {"rare", counts.rare}, {"expired", counts.expired}});
  }
  nlohmann::json links = nlohmann::json::array();
  for (const io::LinkCounts& counts : report.links) {
    links.push_back({{"type", counts.type},
                     {"alias_type", counts.alias_type},
                     {"rows_read", counts.rows_read},
                     {"forgotten", counts.forgotten},
                     {"dangling_endpoints", counts.dangling_endpoints}});
  }
  nlohmann::json json{
      {"edge_types", std::move(edge_types)}, {"filters", std::move(filters)}, {"links", std::move(links)}};
  if (const auto& counts = report.forgotten) {
    json["forgotten"] = {{"users", counts->users},
                         {"items", counts->items},
                         {"interactions", counts->interactions},
                         {"unknown", counts->unknown}};
  }
  io::publish::write_text_durably(path, json.dump(2) + "\n");
}

io::ImportReport read_import_file(const std::filesystem::path& path) {
  try {
    const nlohmann::json json = nlohmann::json::parse(io::publish::read_text(path));
    io::ImportReport report;
    for (const nlohmann::json& entry : json.at("edge_types")) {
      io::ImportCounts& counts = report.edge_types.emplace_back();
      counts.edge_type = entry.at("edge_type").get<std::string>();
      counts.rules = entry.at("rules").get<std::string>();
      for (const auto& [name, member] : kCounts) counts.*member = entry.value(name, std::uint64_t{0});
    }
    for (const nlohmann::json& entry : json.value("filters", nlohmann::json::array())) {
      report.filters.push_back({entry.at("type").get<std::string>(), entry.at("rare").get<std::uint64_t>(),
                                entry.at("expired").get<std::uint64_t>()});
    }
    for (const nlohmann::json& entry : json.value("links", nlohmann::json::array())) {
      report.links.push_back({entry.at("type").get<std::string>(), entry.at("alias_type").get<std::string>(),
                              entry.at("rows_read").get<std::uint64_t>(), entry.at("forgotten").get<std::uint64_t>(),
                              entry.at("dangling_endpoints").get<std::uint64_t>()});
    }
    if (json.contains("forgotten")) {
      const nlohmann::json& entry = json["forgotten"];
      report.forgotten = {entry.at("users").get<std::uint64_t>(), entry.at("items").get<std::uint64_t>(),
                          entry.at("interactions").get<std::uint64_t>(), entry.at("unknown").get<std::uint64_t>()};
    }
    return report;
  } catch (const nlohmann::json::exception& error) {
    throw InputError(fmt::format("'{}' is damaged ({}); remove the run directory", path.string(), error.what()));
  }
}

}  // namespace rove::jobs
