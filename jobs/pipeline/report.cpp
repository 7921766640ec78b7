// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/report.hpp"

#include <algorithm>
#include <numeric>

#include <nlohmann/json.hpp>

#include "engine/base/memory_plan.hpp"
#include "io/publish/file_system.hpp"

namespace rove::jobs {

void write_report(Session& session, const std::filesystem::path& run_directory) {
  const comm::Communicator& comm = session.comm();
  nlohmann::json phases = nlohmann::json::array();
  // Ranks pass through the same phases in the same order: they are driven by collectives.
  for (const PhaseTimes::Phase& phase : session.times().phases()) {
    const std::vector<double> seconds = comm.all_gather(phase.seconds);
    phases.push_back(
        {{"phase", phase.name},
         {"depth", phase.depth},
         {"slowest_s", *std::ranges::max_element(seconds)},
         {"average_s", std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size())}});
  }
  const std::vector<std::uint64_t> memory = comm.all_gather(peak_resident_bytes());
  comm.agree([&] {
    if (!comm.is_root()) return;
    const nlohmann::json report{{"name", session.config().text("name")},
                                {"ranks", comm.size()},
                                {"threads_per_rank", parallel::concurrency()},
                                {"phases", phases},
                                {"peak_resident_bytes", memory},
                                {"memory_limit_bytes", session.memory().bytes},
                                {"memory_limit_source", session.memory().source},
                                {"warnings", session.warnings()}};
    io::publish::write_text_durably(run_directory / "report.json", report.dump(2) + "\n");
  });
}

}  // namespace rove::jobs
