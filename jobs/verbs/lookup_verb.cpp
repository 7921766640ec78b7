// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "io/hdf5/lookup.hpp"
#include "io/hdf5/node_rows.hpp"
#include "jobs/verbs/make_verbs.hpp"
#include "jobs/verbs/run_directory.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

/// The files of a run that say something about one id, in the order people want them.
std::vector<fs::path> files_to_search(const fs::path& path) {
  if (kind_of(path) == PathKind::kFile) return {path};
  const fs::path run = run_of(path);
  std::vector<fs::path> files;
  for (const char* name : {"embeddings.h5", "ppr.h5", "index.h5", "recommendations.h5", "delta.h5", "graph.h5"}) {
    if (fs::exists(run / name)) files.push_back(run / name);
  }
  if (files.empty()) {
    throw InputError(fmt::format("'{}' has none of embeddings.h5, ppr.h5, recommendations.h5, graph.h5", run.string()));
  }
  return files;
}

/// "user: 29858 ids (0, 1, 10, ...)".
std::string what_there_is(const fs::path& path) {
  const io::hdf5::InputFile file(path);
  std::vector<std::string> types;
  for (const io::NodeTypeInfo& type : io::node_types(file)) {
    const std::uint64_t shown = std::min<std::uint64_t>(type.count, 3);
    const io::NodeRows rows = io::read_nodes(file, type.name, {0, shown});
    std::string ids;
    for (std::uint64_t row = 0; row < shown; ++row) ids += fmt::format("{}, ", rows.ids[row]);
    types.push_back(fmt::format("{}: {} ids ({}{})", type.name, type.count, ids, type.count > shown ? "..." : ""));
  }
  return fmt::format("{}", fmt::join(types, "; "));
}

class LookupVerb final : public SerialVerb {
 public:
  [[nodiscard]] std::string name() const override { return "lookup"; }
  [[nodiscard]] std::string summary() const override {
    return "Print what files say about ids: vector, neighbours, lists, edges";
  }
  [[nodiscard]] std::string examples() const override {
    return "rove lookup 343 --in runs/gowalla/latest                everything a run says about an id\n"
           "  rove lookup 343 17 --in ppr.h5 --type user --limit 5\n"
           "  rove lookup 343 --in embeddings.h5 --json | jq .[0].vector\n"
           "  Exit code 3 when an id is in none of the files.";
  }
  void declare(CLI::App& app) override {
    app.add_option("ID", ids_, "Original ids, as the input files have them")->required();
    app.add_option("--in", path_, "A file Rove wrote, a run directory, or an output directory (its published run)")
        ->required()
        ->type_name("PATH");
    app.add_option("--type", type_, "Vertex type; without it, every type that has the id");
    app.add_option("--limit", limit_, "Entries shown of each list")->capture_default_str();
    app.add_flag("--json", json_, "One array of rows, each with its file, for programs; keys are strings");
  }
  void run() override {
    const std::vector<fs::path> files = files_to_search(path_);
    nlohmann::json all = nlohmann::json::array();
    std::vector<std::string> missing;
    for (const std::string& id : ids_) {
      if (!print_rows(files, id, all)) missing.push_back(id);
    }
    if (json_) fmt::print("{}\n", all.dump(2));
    if (!missing.empty()) {
      std::fflush(stdout);
      throw InputError(fmt::format("no {} with id '{}' in '{}'; it has {}", type_.value_or("vertex"),
                                   fmt::join(missing, "', '"), path_.string(), what_there_is(files.back())));
    }
  }

 private:
  /// Whether any file has the id.
  bool print_rows(const std::vector<fs::path>& files, const std::string& id, nlohmann::json& all) const {
    bool found = false;
    std::optional<InputError> no_such_type;
    bool type_known = !type_;
    for (const fs::path& file : files) {
      std::vector<io::LookupResult> results;
      if (type_ && !has_type(file)) continue;
      type_known = true;
      results = io::lookup(file, id, type_, limit_);
      if (results.empty()) continue;
      found = true;
      if (json_) {
        for (nlohmann::json& row : nlohmann::json::parse(io::to_json(results))) {
          row["file"] = file.string();
          all.push_back(std::move(row));
        }
        continue;
      }
      for (const io::LookupResult& result : results) {
        fmt::print("{}\n{}", file.string(), io::to_text(result));
      }
    }
    if (!type_known) {
      throw InputError(
          fmt::format("'{}' has no vertex type '{}'; it has {}", path_.string(), *type_, what_there_is(files.back())));
    }
    return found;
  }
  [[nodiscard]] bool has_type(const fs::path& file) const {
    const auto types = io::node_types(io::hdf5::InputFile(file));
    return std::ranges::find(types, *type_, &io::NodeTypeInfo::name) != types.end();
  }

  std::vector<std::string> ids_;
  fs::path path_;
  std::optional<std::string> type_;
  std::uint64_t limit_ = 10;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_lookup_verb() {
  return std::make_unique<LookupVerb>();
}

}  // namespace rove::jobs
