// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/memory_plan.hpp"
#include "io/hdf5/describe.hpp"
#include "io/publish/publisher.hpp"
#include "jobs/verbs/make_verbs.hpp"
#include "jobs/verbs/run_directory.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;
using io::publish::Manifest;
using Json = nlohmann::json;

/// A run as its manifest describes it; without one, as the files that are there do.
struct RunDescription {
  fs::path path;
  std::string status;
  std::optional<Manifest> manifest;
  std::vector<io::FileDescription> files;
};

/// Verbs write their files into any directory: one that no job has made is not an unfinished run.
std::string status_of_directory(const fs::path& run) {
  const bool has_job = fs::exists(run / "manifest.json") || fs::exists(run / "state.json") ||
                       io::publish::run_number(fs::weakly_canonical(run).filename().string());
  return has_job ? io::publish::status_of(run) : "files alone";
}

RunDescription describe_run(const fs::path& run) {
  RunDescription description{run, status_of_directory(run), {}, {}};
  if (fs::exists(run / "manifest.json") && description.status != "incomplete") {
    description.manifest = io::publish::read_manifest(run);
  }
  for (const fs::path& file : files_of_run(run)) description.files.push_back(io::describe_file(file));
  return description;
}

std::string rows_text(const io::FileDescription& file) {
  std::string text;
  for (const io::NodeTypeInfo& type : file.types) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", type.count, type.name);
  }
  return text;
}

std::string to_text(const RunDescription& run) {
  std::string text = fmt::format("{}  {}\n", run.path.string(), run.status);
  if (run.manifest) {
    const Manifest& manifest = *run.manifest;
    if (!manifest.reason.empty()) text += fmt::format("  refused:  {}\n", manifest.reason);
    text += fmt::format("  created:  {}  by rove {} ({})\n", manifest.created_utc, manifest.software_version,
                        manifest.commit);
    for (const auto& [name, value] : manifest.metrics) text += fmt::format("  metric:   {:<16} {:.6g}\n", name, value);
  }
  if (const fs::path report = run.path / "report.html"; fs::exists(report)) {
    text += fmt::format("  report:   {}\n", report.string());
  }
  for (const io::FileDescription& file : run.files) {
    text +=
        fmt::format("  {:<22} {:>10}  {}\n", file.path.filename().string(), format_bytes(file.bytes), rows_text(file));
  }
  return text;
}

Json to_json(const RunDescription& run) {
  Json files = Json::array();
  for (const io::FileDescription& file : run.files) files.push_back(Json::parse(io::to_json(file)));
  Json result{{"run", run.path.string()}, {"status", run.status}, {"files", std::move(files)}};
  if (run.manifest) result["manifest"] = Json::parse(io::publish::to_json(*run.manifest));
  return result;
}

void print_runs(const fs::path& output, bool as_json) {
  Json all = Json::array();
  if (!as_json) fmt::print("{}\n", output.string());
  for (const io::publish::Run& run : io::publish::list_runs(output)) {
    if (as_json) {
      all.push_back({{"number", run.number},
                     {"run", run.path.string()},
                     {"status", run.status},
                     {"published", run.is_published}});
    } else {
      fmt::print("  {}  {:<12}{}\n", run.path.filename().string(), run.status, run.is_published ? "  <- latest" : "");
    }
  }
  if (as_json) fmt::print("{}\n", all.dump(2));
}

class InfoVerb final : public SerialVerb {
 public:
  [[nodiscard]] std::string name() const override { return "info"; }
  [[nodiscard]] std::string summary() const override { return "Describe a file, a run or an output directory"; }
  [[nodiscard]] std::string examples() const override {
    return "rove info runs/gowalla                            which runs there are, and which is published\n"
           "  rove info runs/gowalla/latest                     status, metrics and files of a run\n"
           "  rove info runs/gowalla/latest/embeddings.h5       types, datasets, shapes, digests\n"
           "  rove info --json graph.h5 | jq .datasets";
  }
  void declare(CLI::App& app) override {
    app.add_option("PATH", path_, "A file Rove wrote, a run directory, or the output directory of a job")->required();
    app.add_flag("--json", json_, "Everything, the configuration included, for programs");
  }
  void run() override {
    switch (kind_of(path_)) {
      case PathKind::kFile: {
        const io::FileDescription file = io::describe_file(path_);
        fmt::print("{}", json_ ? io::to_json(file) : io::to_text(file));
        return;
      }
      case PathKind::kRun: {
        const RunDescription run = describe_run(path_);
        fmt::print("{}", json_ ? to_json(run).dump(2) + "\n" : to_text(run));
        return;
      }
      case PathKind::kOutput:
        print_runs(path_, json_);
        return;
    }
  }

 private:
  fs::path path_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_info_verb() {
  return std::make_unique<InfoVerb>();
}

}  // namespace rove::jobs
