// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "gnn/interactions.hpp"
#include "gnn/metrics.hpp"
#include "gnn/metrics/item_exposure.hpp"
#include "gnn/metrics/paired_bootstrap.hpp"
#include "gnn/metrics/segments.hpp"
#include "gnn/scorer.hpp"
#include "io/hdf5/result_files.hpp"
#include "io/publish/file_system.hpp"
#include "io/text/trec_writer.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/pipeline/held_out.hpp"
#include "jobs/pipeline/metric_values.hpp"
#include "jobs/pipeline/ranked_lists.hpp"
#include "jobs/pipeline/retrieval_plan.hpp"
#include "jobs/pipeline/stages.hpp"
#include "jobs/pipeline/training_options.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

nlohmann::json to_json(std::span<const gnn::Segment> segments) {
  nlohmann::json json = nlohmann::json::array();
  for (const gnn::Segment& segment : segments) {
    nlohmann::json entry = metric_values(segment.evaluation);
    entry["from"] = segment.least;
    entry["to"] = segment.most;
    if (segment.is_cold) entry["cold"] = true;
    entry["users"] = segment.evaluation.num_users;
    entry["test_interactions"] = segment.test_interactions;
    json.push_back(std::move(entry));
  }
  return json;
}

nlohmann::json to_json(std::span<const gnn::MetricDifference> differences) {
  nlohmann::json json = nlohmann::json::object();
  for (const gnn::MetricDifference& at : differences) {
    json[fmt::format("{}@{}", at.metric, at.cutoff)] = {{"this", at.first},
                                                        {"other", at.second},
                                                        {"difference", at.difference},
                                                        {"interval", {at.low, at.high}},
                                                        {"p_value", at.p_value}};
  }
  return json;
}

/// Evaluates ranked lists of the owned users against one set of held-out interactions.
class Evaluator {
 public:
  Evaluator(Session& session, EdgeTypeId edge_type)
      : session_(session), comm_(session.comm()), interactions_(known_interactions(session, edge_type)) {
    comm_.agree([&] {
      const Config& config = session_.config();
      at_ = cutoffs(config);
      if (at_.empty()) throw ConfigError("evaluate.at is empty, expected at least one cut-off, such as [20]");
      if (!has_test(config)) {
        throw ConfigError(
            "there is nothing to evaluate on; name files of held-out interactions in evaluate.test, or set "
            "split.method");
      }
      segments_.cold = config.count("evaluate.cold");
      segments_.groups = config.count_as<std::uint32_t>("evaluate.groups", 1);
      bootstrap_.samples = config.count_as<std::uint32_t>("evaluate.resamples", 1);
      bootstrap_.seed = session_.seed();
    });
    test_ = test_items(session_, interactions_);
  }

  /// **Collective.** The longest lists that a cut-off needs, of users with test items.
  [[nodiscard]] graph::NeighborLists lists_of(const gnn::Scorer& scorer) const {
    gnn::RetrievalOptions options;
    options.top_k = longest();
    session_.require_fits(plan_retrieval("evaluate", retrieval_share(interactions_, scorer, longest(), 0)));
    const auto has_test = [&](std::uint64_t user) { return test_.offsets[user + 1] > test_.offsets[user]; };
    return scorer.top_items(comm_, interactions_, options, has_test);
  }

  /// **Collective.** Those of a file of embeddings, of a model, of recommendations or PPR neighbour sets, or of a run.
  [[nodiscard]] graph::NeighborLists lists_of(const fs::path& path) {
    fs::path file;
    io::FileFormat format{};
    comm_.agree([&] {
      file = results_file(path);
      format = io::read_header(io::hdf5::InputFile(file)).format;
    });
    if (format == io::FileFormat::kEmbeddings || format == io::FileFormat::kModel) {
      return lists_of(*load_model(session_, file).scorer);
    }
    return read_lists(file, format);
  }

  /// **Collective.** Measures the lists; writes `metrics.json` and what else is asked for.
  EvaluationResult run(const graph::NeighborLists& lists, const EvaluationFiles& files) {
    const gnn::Evaluation evaluation = gnn::measure(comm_, lists, test_, at_);
    const std::vector<std::uint64_t> popularity = gnn::popularity_at_home(comm_, interactions_);
    const std::vector<gnn::ItemExposure> exposure =
        gnn::measure_exposure(comm_, interactions_, popularity, evaluated(lists), at_);
    EvaluationResult result;
    result.metrics = metric_values(evaluation);
    result.metrics.merge(metric_values(std::span(exposure)));
    result.metrics["users"] = static_cast<double>(evaluation.num_users);
    nlohmann::json json = result.metrics;
    const gnn::Segments segments =
        gnn::measure_segments(comm_, interactions_, popularity, lists, test_, at_, segments_);
    json["segments"] = {{"users_by_activity", to_json(std::span(segments.users_by_activity))},
                        {"items_by_popularity", to_json(std::span(segments.items_by_popularity))}};
    if (const auto other = session_.config().path("evaluate.against")) {
      result.differences = gnn::paired_bootstrap(comm_, interactions_, lists, lists_of(*other), test_, at_, bootstrap_);
      json["against"] = {{"file", other->string()},
                         {"resamples", bootstrap_.samples},
                         {"confidence", bootstrap_.confidence},
                         {"metrics", to_json(std::span(result.differences))}};
    }
    comm_.agree([&] {
      if (comm_.is_root()) io::publish::write_text_durably(files.metrics, json.dump(2) + "\n");
    });
    write_trec(lists, files);
    return result;
  }

 private:
  [[nodiscard]] std::uint32_t longest() const { return *std::ranges::max_element(at_); }

  /// The file of a run that has what it recommends.
  [[nodiscard]] static fs::path results_file(const fs::path& path) {
    if (!fs::is_directory(path)) return path;
    for (const char* name : {"embeddings.h5", "model.h5", "recommendations.h5"}) {
      if (fs::exists(path / name)) return path / name;
    }
    throw IoError(
        fmt::format("'{}' has none of embeddings.h5, model.h5 and recommendations.h5; name a run directory or a file",
                    path.string()));
  }

  [[nodiscard]] graph::NeighborLists read_lists(const fs::path& file, io::FileFormat format) {
    comm_.agree([&] {
      if (format != io::FileFormat::kPpr && format != io::FileFormat::kRecommendations) {
        throw InputError(
            fmt::format("'{}' is of format {}, expected embeddings, a model, recommendations or PPR neighbour sets",
                        file.string(), io::name_of(format)));
      }
    });
    graph::NeighborLists lists =
        without_known(read_ranked_lists(session_, interactions_.edge_type(), file, format), file);
    std::uint64_t most = 0;
    for (std::uint64_t user = 0; user < lists.num_rows(); ++user) {
      most = std::max<std::uint64_t>(most, lists.targets_of(user).size());
    }
    most = comm_.all_reduce(most, comm::ReduceOp::kMax);
    const std::uint64_t wanted = std::min<std::uint64_t>(longest(), interactions_.num_items());
    if (most < wanted) {
      session_.warn(fmt::format("evaluate: lists of '{}' have at most {} entries, so metrics at {} are those at {}",
                                file.string(), most, longest(), most));
    }
    return lists;
  }

  /// **Collective.** The lists as scorers would have made them: without items that their users are known to have.
  [[nodiscard]] graph::NeighborLists without_known(const graph::NeighborLists& lists, const fs::path& file) {
    graph::NeighborLists kept;
    for (std::uint64_t user = 0; user < lists.num_rows(); ++user) {
      const auto targets = lists.targets_of(user);
      const auto scores = lists.scores_of(user);
      for (std::size_t i = 0; i < targets.size(); ++i) {
        if (interactions_.has(user, targets[i])) continue;
        kept.targets.push_back(targets[i]);
        kept.scores.push_back(scores[i]);
      }
      kept.offsets.push_back(kept.targets.size());
    }
    const std::uint64_t read = comm_.all_reduce(std::uint64_t{lists.targets.size()}, comm::ReduceOp::kSum);
    const std::uint64_t known = read - comm_.all_reduce(std::uint64_t{kept.targets.size()}, comm::ReduceOp::kSum);
    if (known > 0) {
      session_.warn(
          fmt::format("evaluate: {} of {} entries in the lists of '{}' are items that their users are known to have; "
                      "left out, as models leave them out",
                      known, read, file.string()));
    }
    return kept;
  }

  /// The lists of users with test items alone: finished lists have some for others too.
  [[nodiscard]] graph::NeighborLists evaluated(const graph::NeighborLists& lists) const {
    graph::NeighborLists kept;
    for (std::uint64_t user = 0; user < lists.num_rows(); ++user) {
      if (test_.offsets[user + 1] > test_.offsets[user]) {
        const auto targets = lists.targets_of(user);
        const auto scores = lists.scores_of(user);
        kept.targets.insert(kept.targets.end(), targets.begin(), targets.end());
        kept.scores.insert(kept.scores.end(), scores.begin(), scores.end());
      }
      kept.offsets.push_back(kept.targets.size());
    }
    return kept;
  }

  void write_trec(const graph::NeighborLists& lists, const EvaluationFiles& files) {
    const io::NodeRows& users = session_.nodes(interactions_.user_type());
    const io::NodeRows& items = session_.nodes(interactions_.item_type());
    const io::text::ListIds ids{users.ids, items.ids, interactions_.num_items()};
    const graph::HomeExchange& home = interactions_.graph().home(interactions_.user_type());
    if (!files.trec_run.empty()) {
      io::text::write_trec_run(comm_, files.trec_run, ids, home.to_home(comm_, evaluated(lists)), longest(),
                               session_.config().text("name"));
    }
    if (!files.qrels.empty()) {
      const auto judged = home.to_home<std::uint32_t>(comm_, test_.offsets, test_.values);
      io::text::write_qrels(comm_, files.qrels, ids, judged.offsets, judged.values);
    }
  }

  Session& session_;
  const comm::Communicator& comm_;
  gnn::Interactions interactions_;
  std::vector<std::uint32_t> at_;
  gnn::SegmentOptions segments_;
  gnn::BootstrapOptions bootstrap_;
  gnn::TestItems test_;
};

EvaluationResult finish(Session& session, EvaluationResult result) {
  session.progress().update(static_cast<std::uint64_t>(result.metrics.at("users")), "");
  std::string detail;
  for (const std::uint32_t k : cutoffs(session.config())) {
    detail += fmt::format("recall@{} {:.4f} ndcg@{} {:.4f}  ", k, result.metrics.at(fmt::format("recall@{}", k)), k,
                          result.metrics.at(fmt::format("ndcg@{}", k)));
  }
  session.progress().end(detail);
  return result;
}

}  // namespace

EvaluationResult evaluate_stage(Session& session, const TrainedModel& model, const EvaluationFiles& files) {
  const PhaseTimer timer(session.times(), "evaluate");
  Evaluator evaluator(session, model.edge_type);
  session.progress().begin("evaluate", 0, "users");
  return finish(session, evaluator.run(evaluator.lists_of(*model.scorer), files));
}

EvaluationResult evaluate_lists_stage(Session& session, const fs::path& lists_file, const EvaluationFiles& files) {
  const PhaseTimer timer(session.times(), "evaluate");
  EdgeTypeId edge_type;
  session.comm().agree([&] { edge_type = training_edge_type(session); });
  ensure_assignment(session);
  Evaluator evaluator(session, edge_type);
  session.progress().begin("evaluate", 0, "users");
  return finish(session, evaluator.run(evaluator.lists_of(agreed_link_target(session.comm(), lists_file)), files));
}

}  // namespace rove::jobs
