// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/stages.hpp"
#include "jobs/verbs/make_verbs.hpp"
#include "jobs/verbs/stage_verb.hpp"

namespace rove::jobs {
namespace {

class SampleVerb final : public StageVerb {
 public:
  [[nodiscard]] std::string name() const override { return "sample"; }
  [[nodiscard]] bool stops_on_request() const override { return true; }
  [[nodiscard]] std::string summary() const override { return "Batches of sampled neighbourhoods for training"; }
  [[nodiscard]] std::string examples() const override {
    return "rove sample -g graph.h5 --seeds user --fanouts '[15, 10]' --batch-size 1024\n"
           "  rove sample -g graph.h5 --method shadow-ppr --batch-size 64\n"
           "  rove sample -g graph.h5 --method pinsage --seeds item --path rev_rates,rates\n"
           "  mpirun -n 4 rove sample -g graph.h5 -c job.yaml -o samples.h5\n"
           "  Balanced training edges: --set 'sample.relations=[\"user,rates,item\"]' --set sample.negatives=8";
  }

 private:
  void declare_stage(CLI::App& app) override {
    declare_graph(app);
    declare_partition(app);
    declare_out(app, "samples.h5");
    command_line_.declare_key(app, "--seeds", "sample.seeds", "Vertex type of the seeds");
    command_line_.declare_key(app, "--method", "sample.method", "neighbor, ladies, shadow, shadow-ppr or pinsage");
    command_line_.declare_key(app, "--fanouts", "sample.fanouts", "Neighbours per vertex and link at each hop");
    command_line_.declare_key(app, "--path", "sample.path", "Relations of one traversal (pinsage)");
    command_line_.declare_key(app, "--batch-size", "sample.batch_size", "Seeds per batch");
    command_line_.declare_key(app, "--epochs", "sample.epochs", "Passes over the seeds");
  }
  void run_stage(CollectiveJob& job) override {
    load_graph(job);
    sample_stage(job.session(), out_);
  }
};

}  // namespace

std::unique_ptr<Verb> make_sample_verb() {
  return std::make_unique<SampleVerb>();
}

}  // namespace rove::jobs
