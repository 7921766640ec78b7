// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/report.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "engine/base/memory_plan.hpp"
#include "io/publish/file_system.hpp"
#include "io/publish/publisher.hpp"
#include "jobs/report/html_report.hpp"
#include "jobs/report/read_run.hpp"

namespace rove::jobs {
namespace {

/// **Collective.** Ranks pass through the same phases in the same order: they are driven by collectives.
std::vector<PhaseSummary> summarize_phases(Session& session) {
  std::vector<PhaseSummary> phases;
  for (const PhaseTimes::Phase& phase : session.times().phases()) {
    const std::vector<double> seconds = session.comm().all_gather(phase.seconds);
    const auto slowest = std::ranges::max_element(seconds);
    phases.push_back({phase.name, phase.depth, *slowest,
                      std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size()),
                      static_cast<std::int32_t>(slowest - seconds.begin()), false});
  }
  return phases;
}

std::string to_json(const ReportData& data) {
  nlohmann::json phases = nlohmann::json::array();
  for (const PhaseSummary& phase : data.run.phases) {
    phases.push_back({{"phase", phase.name},
                      {"depth", phase.depth},
                      {"slowest_s", phase.slowest_s},
                      {"slowest_rank", phase.slowest_rank},
                      {"average_s", phase.average_s},
                      {"earlier", phase.earlier}});
  }
  const nlohmann::json report{{"name", data.name},
                              {"ranks", data.ranks},
                              {"threads_per_rank", data.threads_per_rank},
                              {"phases", std::move(phases)},
                              {"peak_resident_bytes", data.peak_resident_bytes},
                              {"memory_limit_bytes", data.memory_limit_bytes},
                              {"memory_limit_source", data.memory_limit_source},
                              {"warnings", data.warnings}};
  return report.dump(2) + "\n";
}

/// What rank 0 reads to compare two nights before it leaves that to `rove diff`.
constexpr std::uintmax_t kMostBytesCompared = std::uintmax_t{4} << 30U;

void add_drift(Session& session, const std::filesystem::path& previous, const std::filesystem::path& run,
               ReportData& data) {
  for (const char* name : {"embeddings.h5", "ppr.h5", "recommendations.h5"}) {
    if (!std::filesystem::exists(previous / name) || !std::filesystem::exists(run / name)) continue;
    const std::uintmax_t bytes = std::filesystem::file_size(previous / name) + std::filesystem::file_size(run / name);
    if (bytes > kMostBytesCompared) {
      session.warn(
          fmt::format("report: {} is not compared with that of the published run: {} in all, more than {}; run "
                      "`rove diff {} {}`",
                      name, format_bytes(bytes), format_bytes(kMostBytesCompared), (previous / name).string(),
                      (run / name).string()));
      continue;
    }
    io::FileDiff diff = io::diff_files(previous / name, run / name);
    std::ranges::move(diff.drift, std::back_inserter(data.drift));
    std::ranges::move(diff.lists, std::back_inserter(data.lists));
  }
}

/// Last night is there for comparison: when it cannot be read, tonight's report says so and does without.
void compare_with_published(Session& session, const std::filesystem::path& output, const std::filesystem::path& run,
                            ReportData& data) {
  try {
    const auto published = io::publish::published_run(output);
    if (!published) return;
    data.previous = read_published_run(*published);
    add_drift(session, *published, run, data);
  } catch (const Error& error) {
    session.warn(fmt::format("report: no comparison with the published run: {}", error.what()));
  }
}

}  // namespace

void write_report(Session& session, const std::filesystem::path& run_directory, const std::filesystem::path& output) {
  const comm::Communicator& comm = session.comm();
  ReportData data;
  data.run.phases = summarize_phases(session);
  data.peak_resident_bytes = comm.all_gather(peak_resident_bytes());
  comm.agree([&] {
    if (!comm.is_root()) return;
    const io::FileProvenance provenance = session.provenance();
    data.name = session.config().text("name");
    data.created_utc = provenance.created_utc;
    data.software_version = provenance.software_version;
    data.commit = provenance.commit;
    data.seed = provenance.seed;
    data.config_yaml = provenance.config_yaml;
    data.ranks = comm.size();
    data.threads_per_rank = static_cast<std::uint32_t>(parallel::concurrency());
    data.memory_limit_bytes = session.memory().bytes;
    data.memory_limit_source = session.memory().source;
    data.floors = session.config().reals("publish.gate");
    for (const graph::VertexType& type : session.schema().vertex_types()) data.vertices[type.name] = type.count;
    read_run(run_directory, data);
    compare_with_published(session, output, run_directory, data);
    data.warnings = session.warnings();
    io::publish::write_text_durably(run_directory / "report.json", to_json(data));
    io::publish::write_text_durably(run_directory / "report.html", html_report(data));
  });
}

}  // namespace rove::jobs
