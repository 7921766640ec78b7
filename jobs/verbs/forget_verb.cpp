// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/forget_stage.hpp"
#include "jobs/verbs/make_verbs.hpp"
#include "jobs/verbs/stage_verb.hpp"

namespace rove::jobs {
namespace {

class ForgetVerb final : public StageVerb {
 public:
  [[nodiscard]] std::string name() const override { return "forget"; }
  [[nodiscard]] std::string summary() const override { return "Unlearn users, items or interactions, with proof"; }
  [[nodiscard]] std::string examples() const override {
    return "rove forget -g runs/latest/graph.h5 -e runs/latest/embeddings.h5 --users gone.txt -o embeddings.h5\n"
           "  rove forget -g graph.h5 -e embeddings.h5 --interactions pairs.txt -o less.h5 --metrics metrics.json\n"
           "The graph is the one that was trained on, with what is to be forgotten in it. Reverse BPR moves the "
           "vectors\n"
           "until the forgotten pairs score no higher than pairs that never were; ids that go have no rows in the "
           "result.\n"
           "Leave them out of the log of the next run as well. Only retraining is exact.";
  }

 private:
  void declare_stage(CLI::App& app) override {
    declare_graph(app);
    declare_partition(app);
    declare_embeddings(app);
    app.add_option("-o,--out", out_, "File to write: embeddings of what stays")->required()->type_name("FILE");
    metrics_ = "metrics.json";
    app.add_option("--metrics", metrics_, "Where the verification goes, under `forget`; kept if it exists")
        ->capture_default_str();
    command_line_.declare_key(app, "--users", "forget.users", "Files of user ids, one a line");
    command_line_.declare_key(app, "--items", "forget.items", "Files of item ids, one a line");
    command_line_.declare_key(app, "--interactions", "forget.interactions", "Files of pairs: user, item");
    command_line_.declare_key(app, "--format", "forget.format", "Layout of the files of pairs");
  }
  void run_stage(CollectiveJob& job) override {
    load_graph(job);
    const gnn::UnlearningReport report = forget_stage(job.session(), embeddings_, out_, metrics_);
    job.print("{:<22} {:>10} {:>10}", "", "before", "after");
    const auto line = [&](const char* what, double before, double after) {
      job.print("{:<22} {:>10.4f} {:>10.4f}", what, before, after);
    };
    line("forgotten pairs, score", report.before.forgotten, report.after.forgotten);
    line("never seen, score", report.before.never_seen, report.after.never_seen);
    line("gap in deviations", report.before.gap(), report.after.gap());
    line("forgotten above them", report.before.forgotten_above, report.after.forgotten_above);
    line("retained above them", report.before.retained_above, report.after.retained_above);
    if (report.after.stands_out()) {
      job.session().warn(
          fmt::format("the forgotten pairs still score {:.2f} deviations higher than pairs that never "
                      "were; raise forget.epochs or forget.learning_rate, or train again without them",
                      report.after.gap()));
    }
  }

  std::filesystem::path metrics_;
};

}  // namespace

std::unique_ptr<Verb> make_forget_verb() {
  return std::make_unique<ForgetVerb>();
}

}  // namespace rove::jobs
