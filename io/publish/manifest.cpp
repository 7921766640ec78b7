// SPDX-License-Identifier: Apache-2.0
#include "io/publish/manifest.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "io/hdf5/verify.hpp"
#include "io/publish/file_system.hpp"

namespace rove::io::publish {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr int kManifestVersion = 1;

Json to_json(const ManifestFile& file) {
  Json json{{"name", file.name}, {"bytes", file.bytes}};
  if (file.sha256_blocks.size() == 1) json["sha256"] = file.sha256_blocks.front();
  json["sha256_blocks"] = file.sha256_blocks;
  if (file.format.empty()) return json;
  json["format"] = file.format;
  json["rows"] = Json::object();
  for (const auto& [type, rows] : file.rows) json["rows"][type] = rows;
  json["datasets"] = Json::array();
  for (const ManifestDataset& dataset : file.datasets) {
    json["datasets"].push_back({{"name", dataset.name}, {"dtype", dataset.dtype}, {"shape", dataset.shape}});
  }
  return json;
}

ManifestFile file_from(const Json& json) {
  ManifestFile file;
  file.name = json.at("name");
  file.bytes = json.at("bytes");
  file.sha256_blocks = json.at("sha256_blocks").get<std::vector<std::string>>();
  file.format = json.value("format", "");
  if (json.contains("rows")) file.rows = json.at("rows").get<std::map<std::string, std::uint64_t>>();
  for (const Json& dataset : json.value("datasets", Json::array())) {
    file.datasets.push_back({dataset.at("name"), dataset.at("dtype"), dataset.at("shape")});
  }
  return file;
}

}  // namespace

void write_metrics(const fs::path& path, const Metrics& metrics) {
  Json json = Json::object();
  for (const auto& [name, value] : metrics) json[name] = value;
  write_text_durably(path, json.dump(2) + "\n");
}

Metrics read_metrics(const fs::path& path) {
  Metrics metrics;
  try {
    const auto json = nlohmann::json::parse(read_text(path));
    for (const auto& [name, value] : json.items()) {
      if (value.is_number()) metrics[name] = value.get<double>();
    }
  } catch (const nlohmann::json::exception& error) {
    throw InputError(fmt::format("{} is not valid JSON: {}", path.string(), error.what()));
  }
  return metrics;
}

std::string to_json(const Manifest& manifest) {
  Json json{{"manifest_version", kManifestVersion}, {"status", manifest.status}};
  if (!manifest.reason.empty()) json["reason"] = manifest.reason;
  json["created_utc"] = manifest.created_utc;
  json["software_version"] = manifest.software_version;
  json["commit"] = manifest.commit;
  json["sha256_block_bytes"] = kHashBlockBytes;
  json["metrics"] = Json::object();
  for (const auto& [name, value] : manifest.metrics) json["metrics"][name] = value;
  json["files"] = Json::array();
  for (const ManifestFile& file : manifest.files) json["files"].push_back(to_json(file));
  return json.dump(2) + "\n";
}

Manifest read_manifest(const fs::path& run) {
  const fs::path path = run / "manifest.json";
  return parse_manifest(read_text(path), path);
}

Manifest parse_manifest(const std::string& text, const fs::path& path) {
  try {
    const auto json = Json::parse(text);
    const int version = json.at("manifest_version");
    if (version > kManifestVersion) {
      throw InputError(
          fmt::format("{} has version {}; this software reads up to {}", path.string(), version, kManifestVersion));
    }
    Manifest manifest;
    manifest.status = json.at("status");
    manifest.reason = json.value("reason", "");
    manifest.created_utc = json.at("created_utc");
    manifest.software_version = json.at("software_version");
    manifest.commit = json.at("commit");
    for (const auto& [name, value] : json.at("metrics").items()) manifest.metrics[name] = value.get<double>();
    for (const Json& file : json.at("files")) manifest.files.push_back(file_from(file));
    return manifest;
  } catch (const Json::exception& error) {
    throw InputError(fmt::format("{} is damaged: {}", path.string(), error.what()));
  }
}

std::string status_of(const fs::path& run) {
  try {
    return read_manifest(run).status;
  } catch (const Error&) {
    return "incomplete";
  }
}

std::vector<std::string> verify_run(const comm::Communicator& comm, const fs::path& run) {
  Manifest manifest;
  std::vector<std::string> problems;
  comm.agree([&] { manifest = read_manifest(run); });
  if (manifest.status != "complete" && manifest.status != "unpublished") {
    problems.push_back(fmt::format("{}: status is '{}' ({})", run.string(), manifest.status, manifest.reason));
  }
  std::map<std::string, ManifestFile> present;
  for (ManifestFile& file : hash_files(comm, run, {})) present.emplace(file.name, std::move(file));
  for (const ManifestFile& expected : manifest.files) {
    const auto found = present.find(expected.name);
    if (found == present.end()) {
      problems.push_back(fmt::format("{}: listed in the manifest, but missing", expected.name));
      continue;
    }
    const ManifestFile& file = found->second;
    if (file.bytes != expected.bytes) {
      problems.push_back(fmt::format("{}: {} bytes, but the manifest says {}", file.name, file.bytes, expected.bytes));
    } else if (file.sha256_blocks != expected.sha256_blocks) {
      const auto differ = std::mismatch(file.sha256_blocks.begin(), file.sha256_blocks.end(),
                                        expected.sha256_blocks.begin(), expected.sha256_blocks.end());
      problems.push_back(fmt::format("{}: SHA-256 of block {} differs from the manifest", file.name,
                                     differ.first - file.sha256_blocks.begin()));
    }
    if (fs::path(file.name).extension() != ".h5") continue;
    for (const std::string& problem : verify_file(comm, run / file.name).problems) {
      problems.push_back(fmt::format("{}: {}", file.name, problem));
    }
  }
  return problems;
}

}  // namespace rove::io::publish
