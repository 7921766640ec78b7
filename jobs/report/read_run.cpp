// SPDX-License-Identifier: Apache-2.0
#include "jobs/report/read_run.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "io/hdf5/describe.hpp"
#include "io/hdf5/input_file.hpp"
#include "io/publish/file_system.hpp"
#include "jobs/report/import_file.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

Json parse_text(const std::string& text, const fs::path& file) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    throw InputError(fmt::format("'{}' is damaged: {}", file.string(), error.what()));
  }
}

Json parse_file(const fs::path& file) {
  return parse_text(io::publish::read_text(file), file);
}

io::publish::Metrics metrics_of(const fs::path& run) {
  const fs::path file = run / "metrics.json";
  return fs::exists(file) ? io::publish::read_metrics(file) : io::publish::Metrics{};
}

/// Stages of `state.json` that are not among this job's phases, before those that are.
void add_earlier_stages(const fs::path& run, std::vector<PhaseSummary>& phases) {
  if (!fs::exists(run / "state.json")) return;
  const Json state = parse_file(run / "state.json");
  std::vector<PhaseSummary> earlier;
  for (const char* stage : {"forget", "import", "partition", "ppr", "index", "train", "evaluate", "recommend"}) {
    const auto is_stage = [&](const PhaseSummary& phase) { return phase.depth == 0 && phase.name == stage; };
    if (!state.contains(stage) || std::ranges::any_of(phases, is_stage)) continue;
    const double seconds = state[stage].value("seconds", 0.0);
    earlier.push_back({stage, 0, seconds, seconds, 0, true});
  }
  phases.insert(phases.begin(), earlier.begin(), earlier.end());
}

std::vector<FileSummary> files_of(const fs::path& run) {
  std::vector<FileSummary> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(run)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || name == "state.json" || name.ends_with(".part") || name.starts_with("report."))
      continue;
    FileSummary& file = files.emplace_back();
    file.name = name;
    file.bytes = entry.file_size();
    if (entry.path().extension() != ".h5") continue;
    const io::FileDescription description = io::describe_file(entry.path());
    for (const io::NodeTypeInfo& type : description.types) file.rows[type.name] = type.count;
  }
  std::ranges::sort(files, {}, &FileSummary::name);
  return files;
}

PartitionSummary partition_of(const fs::path& file) {
  const Json quality = parse_text(io::hdf5::InputFile(file).read_text("/quality"), file);
  PartitionSummary partition;
  partition.method = quality.at("method").get<std::string>();
  partition.edges = quality.at("edges").get<std::uint64_t>();
  partition.cut_edges = quality.at("cut_edges").get<std::uint64_t>();
  partition.communication_volume = quality.at("communication_volume").get<std::uint64_t>();
  partition.work_imbalance = quality.at("work_imbalance").get<double>();
  partition.owned = quality.at("owned").get<std::vector<std::uint64_t>>();
  partition.ghosts = quality.at("ghosts").get<std::vector<std::uint64_t>>();
  for (const Json& type : quality.at("types")) {
    partition.types.push_back({type.at("type").get<std::string>(), type.at("vertex_imbalance").get<double>(),
                               type.at("edge_imbalance").get<double>()});
  }
  return partition;
}

UnlearningSummary unlearning_of(const fs::path& file) {
  const Json found = parse_file(file);
  UnlearningSummary unlearning;
  unlearning.start = found.at("start").get<std::string>();
  unlearning.interactions = found.at("forget").at("interactions").get<std::uint64_t>();
  if (unlearning.start == "unlearnt") {
    unlearning.gap_before = found.at("forget").at("before").at("gap").get<double>();
    unlearning.gap_after = found.at("forget").at("after").at("gap").get<double>();
  }
  return unlearning;
}

/// A number, or not-a-number for the null that JSON has for it.
double number_of(const Json& value) {
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

std::vector<EpochSummary> history_of(const fs::path& file) {
  std::vector<EpochSummary> history;
  for (const Json& entry : parse_file(file)) {
    EpochSummary& epoch = history.emplace_back();
    epoch.epoch = entry.at("epoch").get<std::uint64_t>();
    epoch.loss = number_of(entry.at("loss"));
    epoch.seconds = number_of(entry.at("seconds"));
    epoch.edges_per_second = number_of(entry.at("edges_per_second"));
    if (!entry.contains("metrics")) continue;
    for (const auto& [name, value] : entry.at("metrics").items()) epoch.metrics[name] = number_of(value);
  }
  return history;
}

/// What json's own exceptions say, with the run they are about.
template <class Read>
void with_context(const fs::path& run, const Read& read) {
  try {
    read();
  } catch (const Json::exception& error) {
    throw InputError(fmt::format("a file of '{}' is damaged: {}", run.string(), error.what()));
  }
}

}  // namespace

double RunSummary::total_seconds() const {
  double total = 0;
  for (const PhaseSummary& phase : phases) total += phase.depth == 0 ? phase.slowest_s : 0;
  return total;
}

void read_run(const fs::path& run, ReportData& data) {
  with_context(run, [&] {
    data.run.run = run.filename().string();
    data.run.metrics = metrics_of(run);
    add_earlier_stages(run, data.run.phases);
    data.run.files = files_of(run);
    if (fs::exists(run / "import.json")) data.import = read_import_file(run / "import.json");
    if (fs::exists(run / "forget.json")) data.unlearning = unlearning_of(run / "forget.json");
    if (fs::exists(run / "partition.h5")) data.partition = partition_of(run / "partition.h5");
    if (fs::exists(run / "history.json")) data.history = history_of(run / "history.json");
  });
}

RunSummary read_published_run(const fs::path& run) {
  RunSummary summary;
  with_context(run, [&] {
    summary.run = run.filename().string();
    summary.metrics = metrics_of(run);
    for (const io::publish::ManifestFile& file : io::publish::read_manifest(run).files) {
      summary.files.push_back({file.name, file.bytes, file.rows});
    }
    if (!fs::exists(run / "report.json")) return;
    const Json report = parse_file(run / "report.json");
    for (const Json& phase : report.at("phases")) {
      summary.phases.push_back({phase.at("phase").get<std::string>(), phase.at("depth").get<std::uint32_t>(),
                                phase.at("slowest_s").get<double>(), phase.at("average_s").get<double>(),
                                phase.value("slowest_rank", 0), phase.value("earlier", false)});
    }
  });
  return summary;
}

}  // namespace rove::jobs
