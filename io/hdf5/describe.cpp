// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/describe.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/memory_plan.hpp"

namespace rove::io {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 9> kHeaderAttributes{"format",           "format_version", "numerics_version",
                                                            "software_version", "commit",         "seed",
                                                            "graph_digest",     "created_utc",    "xxh3"};

AttributeList attributes_of(const hdf5::InputFile& file, const std::string& object) {
  AttributeList attributes;
  for (const std::string& name : file.attribute_names(object)) {
    attributes.emplace_back(name, file.find_attribute(object, name).value());
  }
  return attributes;
}

void add_groups(const hdf5::InputFile& file, const std::string& group, std::vector<FileDescription::Group>& groups) {
  for (const std::string& member : file.members(group)) {
    const std::string name = group == "/" ? "/" + member : group + "/" + member;
    if (!file.is_group(name)) continue;
    if (AttributeList attributes = attributes_of(file, name); !attributes.empty()) {
      groups.push_back({name, std::move(attributes)});
    }
    add_groups(file, name, groups);
  }
}

Json to_json(const AttributeList& attributes) {
  Json json = Json::object();
  for (const auto& [name, value] : attributes) {
    std::visit([&, key = name](const auto& typed) { json[key] = typed; }, value);
  }
  return json;
}

}  // namespace

FileDescription describe_file(const std::filesystem::path& path) {
  const hdf5::InputFile file(path);
  FileDescription description;
  description.path = path;
  description.bytes = std::filesystem::file_size(path);
  description.header = read_header(file);
  for (auto& attribute : attributes_of(file, "/")) {
    if (std::find(kHeaderAttributes.begin(), kHeaderAttributes.end(), attribute.first) == kHeaderAttributes.end()) {
      description.root_attributes.push_back(std::move(attribute));
    }
  }
  description.types = node_types(file);
  add_groups(file, "/", description.groups);
  for (const std::string& name : file.datasets()) {
    const auto digest = file.find_attribute(name, "xxh3");
    description.datasets.push_back({name, file.info(name), digest ? hdf5::to_text(*digest) : ""});
  }
  return description;
}

std::string to_text(const FileDescription& description) {
  const FileProvenance& provenance = description.header.provenance;
  std::string text =
      fmt::format("{}\n  {} version {}, {}\n  written {} by rove {} ({}), seed {}, numerics {}\n  graph {}\n",
                  description.path.string(), name_of(description.header.format), description.header.version,
                  format_bytes(description.bytes), provenance.created_utc, provenance.software_version,
                  provenance.commit, provenance.seed, provenance.numerics_version, provenance.graph_digest);
  for (const auto& [name, value] : description.root_attributes) {
    text += fmt::format("  {}: {}\n", name, hdf5::to_text(value));
  }
  for (const NodeTypeInfo& type : description.types) text += fmt::format("  {}: {} rows\n", type.name, type.count);
  for (const FileDescription::Group& group : description.groups) {
    if (group.name.starts_with("/nodes/")) continue;
    text += fmt::format("  {}\n", group.name);
    for (const auto& [name, value] : group.attributes) text += fmt::format("    {}: {}\n", name, hdf5::to_text(value));
  }
  std::size_t width = 0;
  for (const FileDescription::Dataset& dataset : description.datasets) width = std::max(width, dataset.name.size());
  for (const FileDescription::Dataset& dataset : description.datasets) {
    text += fmt::format("  {:<{}}  {}\n", dataset.name, width, dataset.info.text());
  }
  return text;
}

std::string to_json(const FileDescription& description) {
  const FileProvenance& provenance = description.header.provenance;
  Json json{{"path", description.path.string()},
            {"bytes", description.bytes},
            {"format", name_of(description.header.format)},
            {"format_version", description.header.version},
            {"numerics_version", provenance.numerics_version},
            {"software_version", provenance.software_version},
            {"commit", provenance.commit},
            {"seed", provenance.seed},
            {"graph_digest", provenance.graph_digest},
            {"created_utc", provenance.created_utc}};
  json["attributes"] = to_json(description.root_attributes);
  json["rows"] = Json::object();
  for (const NodeTypeInfo& type : description.types) json["rows"][type.name] = type.count;
  json["groups"] = Json::object();
  for (const FileDescription::Group& group : description.groups) json["groups"][group.name] = to_json(group.attributes);
  json["datasets"] = Json::array();
  for (const FileDescription::Dataset& dataset : description.datasets) {
    json["datasets"].push_back({{"name", dataset.name},
                                {"dtype", dataset.info.type.name()},
                                {"shape", dataset.info.shape},
                                {"xxh3", dataset.digest}});
  }
  json["config"] = provenance.config_yaml;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rove::io
