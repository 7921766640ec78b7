// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/run_state.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "io/hdf5/header.hpp"
#include "io/publish/file_system.hpp"
#include "io/text/input_files.hpp"
#include "jobs/pipeline/forget_lists.hpp"
#include "jobs/pipeline/unlearnt_start.hpp"
#include "jobs/pipeline/warm_start.hpp"

namespace rove::jobs {
namespace {

std::string hash_text(const std::string& text) {
  const Digest128 digest = digest128(std::as_bytes(std::span(text)));
  return fmt::format("{:016x}{:016x}", digest.high, digest.low);
}

}  // namespace

std::string identity_of_files(const std::vector<std::filesystem::path>& patterns) {
  std::vector<std::string> names;
  for (const auto& pattern : patterns) names.push_back(pattern.string());
  std::string identity;
  for (const std::string& file : io::text::expand_patterns(names)) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(file, error);
    if (error) {
      throw IoError(
          fmt::format("cannot read '{}': {}; check the path in the job file (relative to it)", file, error.message()));
    }
    const auto changed = std::filesystem::last_write_time(file).time_since_epoch().count();
    identity += fmt::format("{} {} {}\n", file, bytes, changed);
  }
  return identity;
}

RunState::RunState(std::filesystem::path run_directory) : directory_(std::move(run_directory)) {
  const auto file = directory_ / "state.json";
  if (!std::filesystem::exists(file)) return;
  const auto json = nlohmann::json::parse(io::publish::read_text(file), nullptr, false);
  if (!json.is_object()) return;
  try {
    for (const auto& [name, stage] : json.items()) {
      stages_[name] = {stage.value("content_hash", ""), stage.value("seconds", 0.0),
                       stage.value("files", std::vector<std::string>{}),
                       stage.value("bytes", std::vector<std::uint64_t>{})};
    }
  } catch (const nlohmann::json::exception&) {
    stages_.clear();  // as without the file: the stages are done again
  }
}

bool RunState::is_done(const std::string& stage, const std::string& content_hash) const {
  const auto found = stages_.find(stage);
  if (found == stages_.end() || found->second.content_hash != content_hash) return false;
  const Stage& done = found->second;
  for (std::size_t f = 0; f < done.files.size(); ++f) {
    const auto bytes = bytes_of(done.files[f]);
    if (!bytes || (f < done.bytes.size() && *bytes != done.bytes[f])) return false;
  }
  return true;
}

std::optional<std::uint64_t> RunState::bytes_of(const std::string& file) const {
  std::error_code missing;
  const std::uint64_t bytes = std::filesystem::file_size(directory_ / file, missing);
  return missing ? std::nullopt : std::optional(bytes);
}

bool RunState::agrees_with(const std::map<std::string, std::string>& hashes) const {
  return !stages_.empty() && std::ranges::all_of(stages_, [&](const auto& stage) {
    const auto found = hashes.find(stage.first);
    return found != hashes.end() && found->second == stage.second.content_hash;
  });
}

void RunState::set_done(const std::string& stage, const std::string& content_hash, double seconds,
                        const std::vector<std::string>& files) {
  Stage& now = stages_[stage];
  now = {content_hash, seconds, files, {}};
  for (const std::string& file : files) now.bytes.push_back(bytes_of(file).value_or(0));
  nlohmann::json json;
  for (const auto& [name, done] : stages_) {
    json[name] = {
        {"content_hash", done.content_hash}, {"seconds", done.seconds}, {"files", done.files}, {"bytes", done.bytes}};
  }
  io::publish::write_text_durably(directory_ / "state.json", json.dump(2) + "\n");
}

namespace {

/// What `forget` lists make of the graph and of the vectors to start from; empty without lists.
std::string forget_identity(const Config& config) {
  if (!has_forget_lists(config)) return "";
  std::string identity = fmt::format("forget {} {} {} {}\n", config.text("train.users"), config.text("train.items"),
                                     config.text("forget.format"), config.text("forget.header"));
  for (const char* list : {"forget.users", "forget.items", "forget.interactions"}) {
    identity += fmt::format("{}\n{}", list, identity_of_files(config.paths(list)));
  }
  return identity;
}

std::string evaluation_identity(const Config& config) {
  return config.effective_yaml({"evaluate"}) + identity_of_files(config.paths("evaluate.test"));
}

/// Work of a binary that computes other bits is not gone on from.
std::string numerics() {
  return fmt::format("numerics {}\n", io::FileProvenance{}.numerics_version);
}

/// The files that a graph is imported from.
std::vector<std::filesystem::path> import_inputs(const Config& config) {
  std::vector<std::filesystem::path> inputs;
  for (const auto& [list, key] : {std::pair{"graph.edges", "files"},
                                  {"graph.nodes", "files"},
                                  {"graph.nodes", "ids"},
                                  {"graph.links", "files"}}) {
    for (std::size_t i = 0; i < config.entries(list); ++i) {
      const auto files = config.paths(fmt::format("{}[{}].{}", list, i, key));
      inputs.insert(inputs.end(), files.begin(), files.end());
    }
  }
  for (const char* file : {"graph.file", "graph.previous"}) {
    if (const auto path = config.path(file)) inputs.push_back(*path);
  }
  return inputs;
}

}  // namespace

std::string train_hash(const Config& config, const TrainInputs& inputs) {
  const bool is_chosen_by_test = config.count("train.patience") > 0;
  return hash_text("train\n" + numerics() + inputs.graph + config.effective_yaml({"seed", "split"}) +
                   config.effective_yaml({"train"}) + (is_chosen_by_test ? evaluation_identity(config) : "") +
                   inputs.start + inputs.hard_negatives);
}

std::map<std::string, std::string> stage_hashes(const Config& config) {
  std::map<std::string, std::string> hashes;
  hashes["import"] = hash_text("import\n" + numerics() + config.effective_yaml({"graph"}) +
                               identity_of_files(import_inputs(config)) + forget_identity(config));
  const std::string seeded = hashes["import"] + config.effective_yaml({"seed", "split"});
  const bool is_given = config.text("partition.method") == "file";
  hashes["partition"] = hash_text("partition\n" + seeded + config.effective_yaml({"partition"}) +
                                  (is_given ? identity_of_files(config.paths("partition.files")) : ""));
  std::vector<std::filesystem::path> sources = config.paths("ppr.seed_sets");
  if (const auto list = config.path("ppr.source_list")) sources.push_back(*list);
  for (const char* key : {"ppr.exclude_targets", "ppr.allow_targets", "ppr.exclude_pairs", "ppr.pixie_features"}) {
    const auto files = config.paths(key);
    sources.insert(sources.end(), files.begin(), files.end());
  }
  hashes["ppr"] = hash_text("ppr\n" + seeded + config.effective_yaml({"ppr"}) + identity_of_files(sources));
  hashes["index"] = hash_text("index\n" + seeded + config.effective_yaml({"ppr", "index"}));
  if (!config.boolean("train.enabled")) return hashes;
  TrainInputs training{hashes["import"], {}, {}};
  if (const auto file = warm_start_file(config)) {
    const auto vectors = std::filesystem::canonical(*file);
    training.start = identity_of_files({vectors});
    if (has_forget_lists(config)) {
      training.start += identity_of_files({graph_beside(vectors)}) + forget_identity(config);
      hashes["forget"] =
          hash_text("forget\n" + config.effective_yaml({"seed", "split", "forget"}) +
                    (config.has("train.relation") ? config.text("train.relation") : "") + "\n" + training.start);
      training.start = hashes["forget"];
    }
  }
  if (config.text("train.negatives") == "ppr") {
    const auto given = config.path("train.ppr_file");
    training.hard_negatives = given ? identity_of_files({*given}) : hashes["ppr"];
  }
  hashes["train"] = train_hash(config, training);
  hashes["evaluate"] = hash_text("evaluate\n" + hashes["train"] + evaluation_identity(config));
  hashes["recommend"] = hash_text("recommend\n" + hashes["train"] + config.effective_yaml({"recommend"}));
  return hashes;
}

}  // namespace rove::jobs
