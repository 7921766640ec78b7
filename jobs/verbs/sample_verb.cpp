// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "jobs/pipeline/stages.hpp"
#include "jobs/verbs/collective_job.hpp"
#include "jobs/verbs/make_verbs.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

class SampleVerb final : public CollectiveVerb {
 public:
  [[nodiscard]] std::string name() const override { return "sample"; }
  [[nodiscard]] std::string summary() const override { return "Batches of sampled neighbourhoods for training"; }
  [[nodiscard]] std::string examples() const override {
    return "rove sample -g graph.h5 --seeds user --fanouts '[15, 10]' --batch-size 1024\n"
           "  rove sample -g graph.h5 --method shadow-ppr --batch-size 64\n"
           "  mpirun -n 4 rove sample -g graph.h5 -c job.yaml -o samples.h5\n"
           "  Balanced training edges: --set 'sample.relations=[\"user,rates,item\"]' --set sample.negatives=8";
  }
  void declare(CLI::App& app) override {
    command_line_.declare_common(app);
    app.add_option("-g,--graph", graph_, "The graph container that `rove import` wrote")
        ->type_name("graph.h5")
        ->required();
    app.add_option("-p,--partition", partition_, "Its partition, for resources.layout=partitioned")
        ->type_name("partition.h5");
    app.add_option("-o,--out", out_, "File to write")->capture_default_str();
    command_line_.declare_key(app, "--seeds", "sample.seeds", "Vertex type of the seeds");
    command_line_.declare_key(app, "--method", "sample.method", "neighbor, ladies, shadow or shadow-ppr");
    command_line_.declare_key(app, "--fanouts", "sample.fanouts", "Neighbours per vertex and link at each hop");
    command_line_.declare_key(app, "--batch-size", "sample.batch_size", "Seeds per batch");
    command_line_.declare_key(app, "--epochs", "sample.epochs", "Passes over the seeds");
  }
  void run(const comm::Communicator& world) override {
    CollectiveJob job(world, command_line_);
    job.session().load_graph(graph_);
    if (!partition_.empty()) job.session().load_partition(partition_);
    sample_stage(job.session(), out_);
  }

 private:
  CommandLine command_line_;
  fs::path graph_;
  fs::path partition_;
  fs::path out_ = "samples.h5";
};

}  // namespace

std::unique_ptr<Verb> make_sample_verb() {
  return std::make_unique<SampleVerb>();
}

}  // namespace rove::jobs
