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
constexpr std::array<std::pair<const char*, Count>, 9> kCounts{{
    {"rows_read", &io::ImportCounts::rows_read},
    {"edges_kept", &io::ImportCounts::edges_kept},
    {"duplicates", &io::ImportCounts::duplicates},
    {"self_loops", &io::ImportCounts::self_loops},
    {"outside_time", &io::ImportCounts::outside_time},
    {"below_weight", &io::ImportCounts::below_weight},
    {"outside_core", &io::ImportCounts::outside_core},
    {"over_degree", &io::ImportCounts::over_degree},
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
  const nlohmann::json json{{"edge_types", std::move(edge_types)}};
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
      for (const auto& [name, member] : kCounts) counts.*member = entry.at(name).get<std::uint64_t>();
    }
    return report;
  } catch (const nlohmann::json::exception& error) {
    throw InputError(fmt::format("'{}' is damaged ({}); remove the run directory", path.string(), error.what()));
  }
}

}  // namespace rove::jobs
