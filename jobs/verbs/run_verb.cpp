// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "jobs/display/metrics_table.hpp"
#include "jobs/pipeline/pipeline.hpp"
#include "jobs/verbs/collective_job.hpp"
#include "jobs/verbs/make_verbs.hpp"

namespace rove::jobs {
namespace {

class RunVerb final : public CollectiveVerb {
 public:
  [[nodiscard]] std::string name() const override { return "run"; }
  [[nodiscard]] bool stops_on_request() const override { return true; }
  [[nodiscard]] std::string summary() const override { return "The whole nightly job, stage by stage, resumable"; }
  [[nodiscard]] std::string examples() const override {
    return "mpirun -n 4 rove run examples/gowalla.yaml\n  rove run job.yaml --set train.epochs=50";
  }

  void declare(CLI::App& app) override {
    command_line_.declare_job_file(app);
    command_line_.declare_common(app);
  }

  void run(const comm::Communicator& world) override {
    CollectiveJob job(world, command_line_);
    const PipelineResult result = run_pipeline(job.session());
    job.print("{} {}: {}", result.resumed ? "resumed" : "finished", job.session().config().text("name"),
              result.run.string());
    if (world.is_root()) {
      for (const auto& entry : std::filesystem::directory_iterator(result.run)) {
        if (entry.is_regular_file())
          job.print("  {:<22} {:>12}", entry.path().filename().string(), format_bytes(entry.file_size()));
      }
    }
    if (!result.metrics.empty()) job.print("{}", metrics_table(result.metrics));
  }

 private:
  CommandLine command_line_;
};

}  // namespace

std::unique_ptr<Verb> make_run_verb() {
  return std::make_unique<RunVerb>();
}

}  // namespace rove::jobs
