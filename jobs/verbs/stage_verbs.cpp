// SPDX-License-Identifier: Apache-2.0
// The verbs that run one stage alone: import, partition, ppr, walk, train, evaluate, recommend.
#include <filesystem>

#include "engine/base/error.hpp"
#include "io/text/part_file.hpp"
#include "jobs/display/metrics_table.hpp"
#include "jobs/pipeline/forget_lists.hpp"
#include "jobs/pipeline/ranked_lists.hpp"
#include "jobs/pipeline/run_state.hpp"
#include "jobs/pipeline/stages.hpp"
#include "jobs/pipeline/warm_start.hpp"
#include "jobs/verbs/make_verbs.hpp"
#include "jobs/verbs/stage_verb.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

class ImportVerb final : public StageVerb {
 public:
  [[nodiscard]] std::string name() const override { return "import"; }
  [[nodiscard]] std::string summary() const override { return "Text files to a graph container"; }
  [[nodiscard]] std::string examples() const override {
    return "rove import --type user,rates,item --files 'logs/*.csv.zst' --format csv -o graph.h5\n"
           "  mpirun -n 4 rove import -c job.yaml -o graph.h5";
  }

 private:
  void declare_stage(CLI::App& app) override {
    declare_out(app, "graph.h5");
    command_line_.declare_key(app, "--type", "graph.edges[0].type", "Edge type: source,relation,destination");
    command_line_.declare_key(app, "--files", "graph.edges[0].files", "Input files (a shell pattern in quotes)");
    command_line_.declare_key(app, "--format", "graph.edges[0].format", "Layout of the files");
    command_line_.declare_key(app, "--source", "graph.edges[0].source", "Column of the source id");
    command_line_.declare_key(app, "--target", "graph.edges[0].target", "Column of the target id");
    command_line_.declare_key(app, "--weight", "graph.edges[0].weight", "Column of the weight");
    command_line_.declare_key(app, "--time", "graph.edges[0].time", "Column of the time");
  }
  void run_stage(CollectiveJob& job) override { import_stage(job.session(), out_); }
};

class PartitionVerb final : public StageVerb {
 public:
  [[nodiscard]] std::string name() const override { return "partition"; }
  [[nodiscard]] std::string summary() const override { return "Cut a graph into parts, with a quality report"; }
  [[nodiscard]] std::string examples() const override {
    return "rove partition -g graph.h5 --parts 4\n  rove partition -g graph.h5 --parts 64 --method fennel --part-files "
           "parts/";
  }

 private:
  void declare_stage(CLI::App& app) override {
    declare_graph(app);
    declare_out(app, "partition.h5");
    command_line_.declare_key(app, "--parts,--num-parts", "partition.parts", "Number of parts");
    command_line_.declare_key(app, "--method,--part-method", "partition.method",
                              "metis, fennel, hash, block, random or file");
    command_line_.declare_key(app, "--imbalance", "partition.imbalance", "Allowed excess over perfect balance");
    app.add_option("--part-files", part_files_, "Also write plain part files (one number a line) into this directory");
  }
  void run_stage(CollectiveJob& job) override {
    load_graph(job);
    Session& session = job.session();
    session.comm().agree([&] {
      std::error_code error;
      if (!part_files_.empty() && session.comm().is_root()) fs::create_directories(part_files_, error);
      if (error)
        throw IoError(fmt::format("cannot make the directory '{}': {}", part_files_.string(), error.message()));
    });
    const partition::PartitionQuality quality = partition_stage(session, out_);
    job.print("{} parts by {}: {} of {} edges cut ({:.2f}%), {} rows per halo update", quality.parts,
              session.config().text("partition.method"), quality.cut_edges, quality.edges, quality.cut_share() * 100,
              quality.communication_volume);
    for (const auto& type : quality.types) {
      job.print("  {:<16} largest part / average: vertices {:.3f}, edges {:.3f}", type.type, type.vertex_imbalance,
                type.edge_imbalance);
    }
    const std::vector<double> halo_shares = quality.halo_shares();
    for (std::size_t p = 0; p < quality.owned.size(); ++p) {
      job.print("  part {:<4} owns {:>12}  reads {:>12} ghosts ({:.1f}% of what it holds)", p,
                format_count(quality.owned[p]), format_count(quality.ghosts[p]), halo_shares[p] * 100);
    }
    const std::uint64_t peak = session.comm().all_reduce(peak_resident_bytes(), comm::ReduceOp::kMax);
    job.print("  {}, at most {} on a rank", format_seconds(session.times().seconds_of("partition")),
              format_bytes(peak));
    if (!part_files_.empty())
      io::text::write_part_files(session.comm(), part_files_, session.schema(), session.assignment());
  }

  fs::path part_files_;
};

class PprVerb final : public StageVerb {
 public:
  [[nodiscard]] std::string name() const override { return "ppr"; }
  [[nodiscard]] bool stops_on_request() const override { return true; }
  [[nodiscard]] std::string summary() const override { return "PPR neighbour sets for every source of a type"; }
  [[nodiscard]] std::string examples() const override {
    return "rove ppr -g graph.h5 --sources user --targets item --top-k 100\n  rove ppr -g graph.h5 --targets "
           "item,brand\n  mpirun -n 4 rove ppr -g graph.h5 "
           "--method walks\n  rove ppr -g graph.h5 --allow-targets in-stock.txt --exclude-pairs hidden.txt\n"
           "  rove ppr -g graph.h5 --seed-sets baskets.txt --set ppr.seed_weight=3";
  }

 private:
  void declare_stage(CLI::App& app) override {
    declare_graph(app);
    declare_partition(app);
    declare_out(app, "ppr.h5");
    command_line_.declare_key(app, "--sources", "ppr.sources", "Vertex type of the sources");
    command_line_.declare_key(app, "--targets", "ppr.targets", "Vertex types of the targets");
    command_line_.declare_key(app, "-k,--top-k", "ppr.top_k", "Neighbours per source");
    command_line_.declare_key(app, "--restart,--alpha", "ppr.restart", "Restart probability (1 - damping)");
    command_line_.declare_key(app, "--method", "ppr.method",
                              "auto, item-index, verd, walks, power, maintained or pixie");
    command_line_.declare_key(app, "--walks,--num-walks", "ppr.walks", "Walks per source");
    command_line_.declare_key(app, "--source-list", "ppr.source_list", "File of ids: only these sources");
    command_line_.declare_key(app, "--exclude-targets", "ppr.exclude_targets", "Files of ids that are never listed");
    command_line_.declare_key(app, "--allow-targets", "ppr.allow_targets", "Files of ids: only these are listed");
    command_line_.declare_key(app, "--exclude-pairs", "ppr.exclude_pairs",
                              "Files of pairs: targets that a source is not shown");
    command_line_.declare_key(app, "--seed-sets", "ppr.seed_sets", "Lines `set seed`: each set is one source");
  }
  void run_stage(CollectiveJob& job) override {
    load_graph(job);
    ppr_stage(job.session(), out_);
  }
};

class IndexVerb final : public StageVerb {
 public:
  [[nodiscard]] std::string name() const override { return "index"; }
  [[nodiscard]] bool stops_on_request() const override { return true; }
  [[nodiscard]] std::string summary() const override { return "PPR fingerprints, for `rove query` and `rove serve`"; }
  [[nodiscard]] std::string examples() const override {
    return "rove index -g graph.h5 -o index.h5\n"
           "  mpirun -n 4 rove index -g graph.h5 --types item --targets item --walks 4000";
  }

 private:
  void declare_stage(CLI::App& app) override {
    declare_graph(app);
    declare_out(app, "index.h5");
    command_line_.declare_key(app, "--types", "index.types", "Vertex types with fingerprints");
    command_line_.declare_key(app, "--targets", "index.targets", "Vertex types that queries may ask for");
    command_line_.declare_key(app, "--restart,--alpha", "ppr.restart", "Restart probability (1 - damping)");
    command_line_.declare_key(app, "--walks,--num-walks", "index.walks", "Walks per vertex");
    command_line_.declare_key(app, "--entries", "index.entries", "Entries kept per vertex and target type");
  }
  void run_stage(CollectiveJob& job) override {
    warn_of_split_index(job.session());
    load_graph(job);
    index_stage(job.session(), out_);
  }
};

class WalkVerb final : public StageVerb {
 public:
  [[nodiscard]] std::string name() const override { return "walk"; }
  [[nodiscard]] bool stops_on_request() const override { return true; }
  [[nodiscard]] std::string summary() const override { return "Corpora of random walks"; }
  [[nodiscard]] std::string examples() const override {
    return "rove walk -g graph.h5 --sources user --path rates,rev_rates --walks 10 --length 40\n"
           "  rove walk -g graph.h5 --kind node2vec --p 2 --q 0.5 --format text -o walks.txt\n"
           "  mpirun -n 4 rove walk -g graph.h5 --weights alias --set resources.layout=partitioned\n"
           "  The same seed gives the same walks on any number of ranks. docs/walks.md explains the kinds.";
  }

 private:
  void declare_stage(CLI::App& app) override {
    declare_graph(app);
    declare_partition(app);
    declare_out(app, "walks.h5");
    command_line_.declare_key(app, "--sources", "walk.sources", "Vertex types walks start from (default: all)");
    command_line_.declare_key(app, "--walks,--num-walks", "walk.walks", "Walks per source");
    command_line_.declare_key(app, "--length,--walk-length", "walk.length", "Moves of a walk at most");
    command_line_.declare_key(app, "--restart", "walk.restart", "Probability to end at each vertex");
    command_line_.declare_key(app, "--kind", "walk.kind", "uniform, node2vec or temporal");
    command_line_.declare_key(app, "--p", "walk.p", "node2vec: return parameter");
    command_line_.declare_key(app, "--q", "walk.q", "node2vec: in-out parameter");
    command_line_.declare_key(app, "--weights", "walk.weights", "none, alias, rejection or inverse");
    command_line_.declare_key(app, "--path", "walk.path", "Meta-path to repeat, such as rates,rev_rates");
    command_line_.declare_key(app, "--format", "walk.format", "hdf5, or text for word2vec tools");
  }
  void run_stage(CollectiveJob& job) override {
    load_graph(job);
    walk_stage(job.session(), out_);
  }
};

class TrainVerb final : public StageVerb {
 public:
  [[nodiscard]] std::string name() const override { return "train"; }
  [[nodiscard]] bool stops_on_request() const override { return true; }
  [[nodiscard]] std::string summary() const override { return "Train a model, write embeddings or weights"; }
  [[nodiscard]] std::string examples() const override {
    return "mpirun -n 4 rove train -g graph.h5 --epochs 20 --dim 64";
  }

 private:
  void declare_stage(CLI::App& app) override {
    declare_graph(app);
    declare_partition(app);
    app.add_option("-o,--out", out_, "File to write (default: embeddings.h5, or model.h5 for a model without vectors)");
    command_line_.declare_key(app, "--model", "train.model", "Model");
    app.add_option("--checkpoint", checkpoint_,
                   "Directory of checkpoints; one that fits is continued (default: beside the output)");
    command_line_.declare_key(app, "--epochs,--num-epochs", "train.epochs", "Passes over the interactions");
    command_line_.declare_key(app, "--dim,--hidden-size", "train.dim", "Embedding width");
    command_line_.declare_key(app, "--layers,--num-layers", "train.layers", "Propagation layers");
    command_line_.declare_key(app, "--lr,--learning-rate", "train.learning_rate", "Adam's step");
    command_line_.declare_key(app, "--batch-size", "train.batch_size", "Triples per step");
  }
  void run_stage(CollectiveJob& job) override {
    load_graph(job);
    if (out_.empty()) job.session().comm().agree([&] { out_ = model_file_name(job.session().config()); });
    const fs::path checkpoint = checkpoint_.empty() ? fs::path(out_.string() + ".checkpoint") : checkpoint_;
    const std::optional<fs::path> start = agreed_warm_start_file(job.session());
    if (start && has_forget_lists(job.session().config())) {
      job.session().warn(
          "training goes on from vectors that may know what `forget` lists: only `rove run` unlearns it first; here, "
          "start from what `rove forget` writes");
    }
    static_cast<void>(train_stage(job.session(), out_, checkpoint, identity(job.session(), start), start));
  }

  /// **Collective.** What a checkpoint must be of to be continued, as rank 0 sees the files.
  [[nodiscard]] std::string identity(const Session& session, const std::optional<fs::path>& start) const {
    const comm::Communicator& comm = session.comm();
    std::string hash;
    comm.agree([&] {
      if (!comm.is_root()) return;
      TrainInputs inputs{session.provenance().graph_digest, {}, {}};
      if (start) inputs.start = identity_of_files({fs::canonical(*start)});
      // Training says what to do without lists.
      const auto lists = hard_negatives_file(session.config(), out_.parent_path());
      if (lists && fs::exists(*lists)) inputs.hard_negatives = identity_of_files({fs::canonical(*lists)});
      hash = train_hash(session.config(), inputs);
    });
    return comm.broadcast_text(hash, Rank{0});
  }

  fs::path checkpoint_;
};

class EvaluateVerb final : public StageVerb {
 public:
  [[nodiscard]] std::string name() const override { return "evaluate"; }
  [[nodiscard]] std::string summary() const override { return "Full-ranking metrics on held-out interactions"; }
  [[nodiscard]] std::string examples() const override {
    return "rove evaluate -g graph.h5 -e embeddings.h5 --test test.txt --test-format adjacency\n"
           "  rove evaluate -g graph.h5 --lists ppr.h5 --test test.txt      any ranked lists: how good is PPR alone?\n"
           "  rove evaluate -g graph.h5 -e tonight/embeddings.h5 --against runs/latest --test test.txt\n"
           "  rove evaluate -g graph.h5 -e embeddings.h5 --test test.txt --trec-run run.trec --qrels test.qrels";
  }

 private:
  void declare_stage(CLI::App& app) override {
    declare_graph(app);
    declare_partition(app);
    auto* const source = app.add_option_group("What is evaluated");
    source
        ->add_option("-e,--embeddings,--model-file", embeddings_, "What `rove train` wrote: embeddings.h5 or model.h5")
        ->type_name("FILE");
    source->add_option("--lists", lists_, "Finished lists: recommendations.h5 or ppr.h5")->type_name("FILE");
    source->require_option(1);
    declare_out(app, "metrics.json");
    command_line_.declare_key(app, "--test", "evaluate.test", "Held-out interactions");
    command_line_.declare_key(app, "--test-format", "evaluate.format", "Layout of the test files");
    command_line_.declare_key(app, "--at", "evaluate.at", "Cut-offs, such as [10, 20]");
    command_line_.declare_key(app, "--against", "evaluate.against",
                              "A run, embeddings or lists to compare with, by paired bootstrap");
    app.add_option("--trec-run", trec_run_, "Also write the evaluated lists for trec_eval")->type_name("FILE");
    app.add_option("--qrels", qrels_, "Also write the held-out interactions for trec_eval")->type_name("FILE");
  }
  void run_stage(CollectiveJob& job) override {
    load_graph(job);
    const EvaluationFiles files{out_, trec_run_, qrels_};
    const EvaluationResult result = lists_.empty()
                                        ? evaluate_stage(job.session(), load_model(job.session(), embeddings_), files)
                                        : evaluate_lists_stage(job.session(), lists_, files);
    job.print("{}", metrics_table(result.metrics));
    if (result.differences.empty()) return;
    job.print("\n{:<14} {:>9} {:>9} {:>10}   {:<23} {}", "", "this", "other", "difference", "95% interval", "p");
    for (const gnn::MetricDifference& at : result.differences) {
      job.print("{:<14} {:>9.4f} {:>9.4f} {:>+10.4f}   [{:+.4f}, {:+.4f}]      {:.3f}",
                fmt::format("{}@{}", at.metric, at.cutoff), at.first, at.second, at.difference, at.low, at.high,
                at.p_value);
    }
  }

  fs::path lists_;
  fs::path trec_run_;
  fs::path qrels_;
};

class RecommendVerb final : public StageVerb {
 public:
  [[nodiscard]] std::string name() const override { return "recommend"; }
  [[nodiscard]] std::string summary() const override { return "Exact top-k items for all users, seen items masked"; }
  [[nodiscard]] std::string examples() const override {
    return "rove recommend -g graph.h5 -e embeddings.h5 --top-k 50\n"
           "  rove recommend -g graph.h5 -e embeddings.h5 --interests 4      several interests per user: "
           "docs/retrieval.md";
  }

 private:
  void declare_stage(CLI::App& app) override {
    declare_graph(app);
    declare_partition(app);
    declare_embeddings(app);
    declare_out(app, "recommendations.h5");
    command_line_.declare_key(app, "-k,--top-k", "recommend.top_k", "Items per user");
    command_line_.declare_key(app, "--interests", "recommend.interests", "Retrieve by so many interests (kNN-Embed)");
  }
  void run_stage(CollectiveJob& job) override {
    load_graph(job);
    recommend_stage(job.session(), load_model(job.session(), embeddings_), out_);
  }
};

}  // namespace

std::unique_ptr<Verb> make_import_verb() {
  return std::make_unique<ImportVerb>();
}
std::unique_ptr<Verb> make_partition_verb() {
  return std::make_unique<PartitionVerb>();
}
std::unique_ptr<Verb> make_ppr_verb() {
  return std::make_unique<PprVerb>();
}
std::unique_ptr<Verb> make_index_verb() {
  return std::make_unique<IndexVerb>();
}
std::unique_ptr<Verb> make_walk_verb() {
  return std::make_unique<WalkVerb>();
}
std::unique_ptr<Verb> make_train_verb() {
  return std::make_unique<TrainVerb>();
}
std::unique_ptr<Verb> make_evaluate_verb() {
  return std::make_unique<EvaluateVerb>();
}
std::unique_ptr<Verb> make_recommend_verb() {
  return std::make_unique<RecommendVerb>();
}

}  // namespace rove::jobs
