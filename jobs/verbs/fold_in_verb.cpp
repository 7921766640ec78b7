// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/fold_in_stage.hpp"
#include "jobs/verbs/make_verbs.hpp"
#include "jobs/verbs/stage_verb.hpp"

namespace rove::jobs {
namespace {

class FoldInVerb final : public StageVerb {
 public:
  [[nodiscard]] std::string name() const override { return "fold-in"; }
  [[nodiscard]] std::string summary() const override { return "Vectors of users and items a model has not seen"; }
  [[nodiscard]] std::string examples() const override {
    return "rove fold-in -g today/graph.h5 -e runs/latest/embeddings.h5 -o embeddings.h5\n"
           "  rove recommend -g today/graph.h5 -e embeddings.h5\n"
           "The graph holds the new users and items with their interactions, beside the old ones. Known rows keep "
           "their\n"
           "bytes; a new one comes from its neighbours' rows by the model's own operator, without training: "
           "LightGCN's\n"
           "propagation, or iALS's least squares. item-knn and ease (model.h5) score new users by the own items.";
  }

 private:
  void declare_stage(CLI::App& app) override {
    declare_graph(app);
    declare_partition(app);
    declare_embeddings(app);
    app.add_option("-o,--out", out_, "File to write")->required()->type_name("FILE");
    command_line_.declare_key(app, "--method", "fold_in.method", "auto, propagation or least-squares");
    command_line_.declare_key(app, "--passes", "fold_in.passes", "Users, then items, so many times");
  }
  void run_stage(CollectiveJob& job) override {
    load_graph(job);
    fold_in_stage(job.session(), embeddings_, out_);
  }
};

}  // namespace

std::unique_ptr<Verb> make_fold_in_verb() {
  return std::make_unique<FoldInVerb>();
}

}  // namespace rove::jobs
