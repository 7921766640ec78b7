// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "engine/base/log.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/interactions.hpp"
#include "gnn/knn_embed.hpp"
#include "gnn/listed_negatives.hpp"
#include "gnn/metrics.hpp"
#include "gnn/models.hpp"
#include "gnn/retrieval.hpp"
#include "gnn/scorer.hpp"
#include "io/hdf5/checkpoint_directory.hpp"
#include "io/hdf5/model_file.hpp"
#include "io/hdf5/result_files.hpp"
#include "io/publish/file_system.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/pipeline/held_out.hpp"
#include "jobs/pipeline/life_cycle_options.hpp"
#include "jobs/pipeline/metric_values.hpp"
#include "jobs/pipeline/model_files.hpp"
#include "jobs/pipeline/ranked_lists.hpp"
#include "jobs/pipeline/retrieval_plan.hpp"
#include "jobs/pipeline/stages.hpp"
#include "jobs/pipeline/train_layout.hpp"
#include "jobs/pipeline/training_options.hpp"
#include "jobs/pipeline/warm_start.hpp"

namespace rove::jobs {
namespace {

void require_same_vertices(Session& session, const io::NodeRows& nodes, VertexTypeId type,
                           const std::filesystem::path& file) {
  session.comm().agree([&] {
    if (!std::ranges::equal(nodes.keys, session.nodes(type).keys)) {
      throw InputError(fmt::format("'{}' holds other vertices of type '{}' than the graph; train on this graph first",
                                   file.string(), session.schema().vertex_type(type).name));
    }
  });
}

/// **Collective.** Whether every rank can hold its share of a model's file, `copies` times over.
void require_model_fits(Session& session, const std::filesystem::path& file, const std::string& what,
                        std::uint64_t copies) {
  const comm::Communicator& comm = session.comm();
  std::uint64_t bytes = 0;
  comm.agree([&] { bytes = std::filesystem::file_size(file); });
  MemoryPlan plan("read model");
  plan.hold(what, copies * bytes / static_cast<std::uint64_t>(comm.size()));
  session.require_fits(plan);
}

gnn::EmbeddingTable load_vectors(Session& session, EdgeTypeId edge_type, const std::filesystem::path& file) {
  const comm::Communicator& comm = session.comm();
  require_model_fits(session, file, "vectors as read, sent, received and kept", 4);
  const graph::DistributedGraph& graph = session.graph();
  std::optional<gnn::EmbeddingTable> table;
  const graph::EdgeType& types = session.schema().edge_type(edge_type);
  for (const VertexTypeId type : {types.source, types.destination}) {
    const io::EmbeddingsBlock block = io::read_embeddings(comm, file, session.schema().vertex_type(type).name);
    require_same_vertices(session, block.nodes, type, file);
    const auto dim = static_cast<std::uint32_t>(block.info.dim);
    if (!table) table.emplace(graph.num_owned(), dim);
    const std::vector<float> rows = graph.home(type).to_owners<float>(comm, block.vectors, dim);
    const IndexRange owned = graph.owned_of_type(type);
    for (std::uint64_t i = 0; i < owned.size(); ++i) {
      std::ranges::copy(std::span(rows).subspan(i * dim, dim),
                        table->row(static_cast<std::uint32_t>(owned.begin + i)).begin());
    }
  }
  return std::move(*table);
}

TrainedModel load_weights(Session& session, EdgeTypeId edge_type, const std::filesystem::path& file) {
  const comm::Communicator& comm = session.comm();
  require_model_fits(session, file, "weights, twice", 2);
  io::ModelFile read = io::read_model(comm, file);
  for (const io::NodeRows& nodes : read.nodes) {
    std::optional<VertexTypeId> type;
    comm.agree([&] {
      type = session.schema().find_vertex_type(nodes.type);
      if (!type) {
        throw InputError(fmt::format("'{}' is of a graph with the vertex type '{}', which this graph does not have",
                                     file.string(), nodes.type));
      }
    });
    require_same_vertices(session, nodes, *type, file);
  }
  gnn::ModelWeights weights{std::move(read.settings), {}, {}};
  for (io::ModelFile::Table& table : read.tables) {
    weights.tables.push_back({std::move(table.name), *session.schema().find_vertex_type(table.type), table.columns,
                              std::move(table.values)});
  }
  for (io::ModelFile::Lists& lists : read.lists) {
    weights.lists.push_back({*session.schema().find_vertex_type(lists.source),
                             *session.schema().find_vertex_type(lists.target), std::move(lists.lists)});
  }
  const gnn::Model& kind = gnn::find_model(read.model);
  comm.agree([&] {
    if (kind.make_scorer == nullptr) {
      throw InputError(fmt::format("'{}' holds weights of '{}', which scores by vectors", file.string(), read.model));
    }
  });
  return {edge_type, read.model, kind.make_scorer(comm, session.graph(), edge_type, std::move(weights))};
}

/// **Collective.** The layout in which training goes on: that of `resources.train_layout`, under `auto` the same on all
/// ranks.
gnn::TrainLayout agreed_layout(Session& session, const gnn::Model& kind, const gnn::ModelOptions& options,
                               const gnn::ModelShare& share, std::uint64_t users) {
  const comm::Communicator& comm = session.comm();
  const std::uint64_t halo_rows =
      comm.all_reduce(std::uint64_t{session.graph().halo().send_rows().size()}, comm::ReduceOp::kMax);
  return agreed_train_layout(comm, session.config(), {kind, options, share, users, halo_rows, session.memory().bytes});
}

/// What training holds: the model's plan, and what ranks items while it is evaluated. The representations that are
/// ranked by are in the model's.
MemoryPlan plan_training(const gnn::Model& kind, const gnn::ModelShare& share, const gnn::ModelOptions& options,
                         const gnn::Interactions& interactions, std::span<const std::uint32_t> at) {
  MemoryPlan plan = kind.plan(share, options);
  if (kind.output != gnn::ModelOutput::kVectors || options.bpr.evaluate_every == 0 || at.empty()) return plan;
  RetrievalShare ranking;
  ranking.users = interactions.owned_users().size();
  ranking.items = interactions.owned_items().size();
  ranking.dim = options.bpr.dim;
  ranking.top_k = std::min<std::uint64_t>(*std::ranges::max_element(at), interactions.num_items());
  const MemoryPlan evaluation = plan_retrieval("evaluate", ranking);
  for (const MemoryPlan::Item& item : evaluation.items()) {
    plan.hold(item.what + ", while evaluated", item.bytes);
  }
  return plan;
}

/// **Collective.** Lists that end before the window leave all negatives uniform, which is not what was asked for.
void check_windows(Session& session, const gnn::Interactions& interactions, const graph::NeighborLists& lists,
                   const gnn::BatchOptions& options) {
  const gnn::WindowCounts counts =
      gnn::count_windows(session.comm(), interactions, lists, options.hard_first, options.hard_last);
  session.comm().agree([&] {
    if (counts.with_window > 0) return;
    throw ConfigError(
        fmt::format("train.negatives is ppr, but no list goes beyond train.hard_first ({}) to an item that its user "
                    "lacks; lower train.hard_first, or make longer lists (ppr.top_k)",
                    options.hard_first));
  });
  if (counts.with_window == counts.users) return;
  session.warn(
      fmt::format("train: {} of {} users have no list beyond train.hard_first ({}); their negatives are uniform",
                  counts.users - counts.with_window, counts.users, options.hard_first));
}

/// Before hours of training, not after.
void require_stop_metric(const std::string& name, std::span<const std::uint32_t> at) {
  gnn::Evaluation evaluation;
  for (const std::uint32_t cutoff : at) evaluation.at.push_back({.cutoff = cutoff});
  static_cast<void>(gnn::metric_of(evaluation, name));
}

/// A checkpoint that is not gone on from is work lost.
void warn_of_other_checkpoint(Session& session, const io::CheckpointDirectory& checkpoints, const std::string& identity,
                              const std::filesystem::path& directory) {
  const std::optional<io::CheckpointInfo> found = checkpoints.latest();
  if (!found || found->identity == identity) return;
  session.warn(
      fmt::format("train: the checkpoint in {} (after {} epochs) is of another graph, of other settings under "
                  "seed, split or train, or of other files that they name; training starts anew and replaces it",
                  directory.string(), found->progress));
}

/// `history.json` and, for spreadsheets, `history.csv`: a row per epoch, metrics empty where nothing was evaluated.
/// Beside a file of another name than those of runs, its name comes first: `mine.history.json` of `mine.h5`.
void write_history(Session& session, const std::vector<gnn::EpochRecord>& history,
                   const std::filesystem::path& model_file) {
  nlohmann::json json = nlohmann::json::array();
  std::vector<std::string> metric_names;
  for (const gnn::EpochRecord& epoch : history) {
    nlohmann::json entry{{"epoch", epoch.epoch},
                         {"loss", epoch.loss},
                         {"seconds", epoch.seconds},
                         {"edges_per_second", epoch.edges_per_second}};
    if (epoch.bpr_loss) entry["bpr_loss"] = *epoch.bpr_loss;
    if (epoch.evaluation) {
      entry["metrics"] = metric_values(*epoch.evaluation);
      if (metric_names.empty()) {
        for (const auto& [name, value] : entry["metrics"].items()) metric_names.push_back(name);
      }
    }
    json.push_back(std::move(entry));
  }
  std::string csv = "epoch,loss,seconds,edges_per_second";
  for (const std::string& name : metric_names) csv += "," + name;
  for (const nlohmann::json& entry : json) {
    csv += fmt::format("\n{},{},{},{}", entry["epoch"].dump(), entry["loss"].dump(), entry["seconds"].dump(),
                       entry["edges_per_second"].dump());
    for (const std::string& name : metric_names) {
      csv += "," + (entry.contains("metrics") ? entry["metrics"].value(name, nlohmann::json()).dump() : std::string{});
    }
  }
  session.comm().agree([&] {
    if (!session.comm().is_root()) return;
    const std::string stem = model_file.stem().string();
    const std::string name = stem == "embeddings" || stem == "model" ? "history" : stem + ".history";
    io::publish::write_text_durably(model_file.parent_path() / (name + ".json"), json.dump(1) + "\n");
    io::publish::write_text_durably(model_file.parent_path() / (name + ".csv"), csv + "\n");
  });
}

}  // namespace

std::string model_file_name(const Config& config) {
  const gnn::Model& kind = gnn::find_model(config.text("train.model"));
  return kind.output == gnn::ModelOutput::kVectors ? "embeddings.h5" : "model.h5";
}

TrainedModel train_stage(Session& session, const std::filesystem::path& model_file,
                         const std::filesystem::path& checkpoint_directory, const std::string& identity,
                         const std::optional<std::filesystem::path>& start) {
  const PhaseTimer timer(session.times(), "train");
  session.warn_of_unread("train");
  const comm::Communicator& comm = session.comm();
  const gnn::Model& kind = gnn::find_model(session.config().text("train.model"));
  gnn::ModelOptions options;
  EdgeTypeId edge_type;
  std::vector<std::uint32_t> at;
  comm.agree([&] {
    options = model_options(session.config());
    edge_type = training_edge_type(session);
    at = cutoffs(session.config());
    if (options.bpr.patience > 0) require_stop_metric(options.bpr.stop_metric, at);
    if (kind.output != gnn::ModelOutput::kVectors && session.config().text("train.warm_start") != "none") {
      throw ConfigError(fmt::format("train.warm_start starts from vectors, but train.model '{}' has none", kind.name));
    }
    if (kind.output != gnn::ModelOutput::kVectors && !session.config().texts("train.freeze").empty()) {
      throw ConfigError(fmt::format("train.freeze keeps rows of vectors, but train.model '{}' has none", kind.name));
    }
  });
  ensure_assignment(session);
  const graph::DistributedGraph& graph = session.graph();
  const gnn::Interactions interactions(graph, edge_type);
  const gnn::ModelShare share{graph.num_owned(),
                              graph.num_local() - graph.num_owned(),
                              graph.by_source(edge_type).num_edges(),
                              parallel::concurrency(),
                              interactions.num_items(),
                              comm.size(),
                              session.schema().num_vertices(),
                              interactions.num_interactions()};
  options = with_layout(options, agreed_layout(session, kind, options, share, interactions.num_users()));
  if (comm.is_root() && kind.output == gnn::ModelOutput::kVectors) {
    const bool by_columns = options.bpr.layout == gnn::TrainLayout::kColumns;
    if (comm.size() > 1) {
      log::info("train: {} ranks, {} (resources.train_layout)", comm.size(),
                by_columns ? "some columns of all rows on each, by cluster" : "whole rows at their owners");
    } else if (by_columns) {
      log::info("train: rows by cluster (resources.train_layout)");
    }
  }
  session.require_fits(plan_training(kind, share, options, interactions, at));
  if (kind.output == gnn::ModelOutput::kItemScores) {
    gnn::ModelWeights weights = kind.fit(comm, graph, edge_type, options, session.progress());
    write_weights(session, edge_type, std::string(kind.name), weights, model_file, session.provenance());
    return {edge_type, std::string(kind.name), kind.make_scorer(comm, graph, edge_type, std::move(weights))};
  }

  io::CheckpointDirectory checkpoints(comm, checkpoint_directory);
  gnn::TrainHooks hooks;
  hooks.progress = &session.progress();
  hooks.save_checkpoint = [&](const exec::CheckpointRegistry& state, std::uint64_t epochs) {
    checkpoints.save(state, epochs, identity, session.provenance());
  };
  std::optional<gnn::TestItems> watched;
  if (options.bpr.evaluate_every > 0) {
    watched = items_to_watch(session, interactions);
    if (!watched) session.warn("train.evaluate_every is set, but there are no held-out interactions to evaluate on");
  }
  if (watched) {
    hooks.evaluate = [&](const gnn::EmbeddingTable& embeddings) {
      return gnn::evaluate(comm, interactions, embeddings, *watched, at);
    };
  }
  hooks.start = warm_start(session, edge_type, options.bpr.dim, start);
  const std::optional<std::vector<std::uint8_t>> frozen = frozen_rows(session, edge_type, start);
  if (frozen) hooks.frozen = &*frozen;
  const std::optional<graph::NeighborLists> hard = hard_negatives(session, edge_type, model_file.parent_path());
  if (hard) {
    if (kind.trains_on_batches) check_windows(session, interactions, *hard, options.bpr);
    hooks.ranked_items = &*hard;
  }
  warn_of_other_checkpoint(session, checkpoints, identity, checkpoint_directory);
  const std::unique_ptr<exec::CheckpointSource> resume = checkpoints.open(identity);
  hooks.resume = resume.get();

  gnn::TrainResult result = kind.train(comm, graph, edge_type, options, hooks);
  const io::EmbeddingsInfo info{std::string(kind.name), result.embeddings.dim(),
                                kind.has_unit_vectors ? "cosine" : "dot", kind.has_unit_vectors, "users and items"};
  write_vectors(session, edge_type, result.embeddings, info, model_file, session.provenance());
  write_history(session, result.history, model_file);
  checkpoints.clear();
  return {edge_type, std::string(kind.name), std::make_unique<gnn::VectorScorer>(std::move(result.embeddings))};
}

TrainedModel load_model(Session& session, const std::filesystem::path& model_file) {
  const PhaseTimer timer(session.times(), "read model");
  EdgeTypeId edge_type;
  bool has_vectors = true;
  std::string name;
  session.comm().agree([&] {
    edge_type = training_edge_type(session);
    const io::hdf5::InputFile file(model_file);
    has_vectors = io::read_header(file).format != io::FileFormat::kModel;
    if (has_vectors) name = file.attribute<std::string>("/", "model");
  });
  ensure_assignment(session);
  if (!has_vectors) return load_weights(session, edge_type, model_file);
  return {edge_type, name, std::make_unique<gnn::VectorScorer>(load_vectors(session, edge_type, model_file))};
}

void recommend_stage(Session& session, const TrainedModel& model, const std::filesystem::path& recommendations_file) {
  const PhaseTimer timer(session.times(), "recommend");
  const comm::Communicator& comm = session.comm();
  gnn::RetrievalOptions options;
  std::optional<gnn::InterestOptions> interests;
  comm.agree([&] {
    options.top_k = session.config().count_as<std::uint32_t>("recommend.top_k", 1);
    interests = interest_options(session.config());
    if (interests && model.scorer->vectors() == nullptr) {
      throw ConfigError(fmt::format("recommend.interests queries vectors, but '{}' has none; set it to 0", model.name));
    }
  });
  const gnn::Interactions interactions = known_interactions(session, model.edge_type);
  const graph::EdgeType& types = session.schema().edge_type(model.edge_type);
  const std::uint64_t num_users = session.schema().vertex_type(types.source).count;
  session.require_fits(plan_retrieval(
      "recommend", retrieval_share(interactions, *model.scorer, options.top_k, interests ? interests->interests : 0)));
  session.progress().begin("recommend", num_users, "users");
  const graph::NeighborLists lists =
      interests ? interactions.graph()
                      .home(types.source)
                      .to_home(comm, gnn::top_items_by_interests(comm, interactions, *model.scorer->vectors(), options,
                                                                 *interests, [](std::uint64_t) { return true; }))
                : gnn::recommend(comm, interactions, *model.scorer, options);
  const io::NeighborSetView set{
      session.schema().vertex_type(types.source).name,
      session.schema().vertex_type(types.destination).name,
      lists,
      {},
      {{"model", model.name},
       {"top_k", static_cast<std::int64_t>(options.top_k)},
       {"score", interests ? "interest weight times inner product" : std::string(model.scorer->score_name())},
       {"interests", static_cast<std::int64_t>(interests ? interests->interests : 0)},
       {"exclude_linked", std::int64_t{1}}}};
  const std::vector<io::NodeView> nodes{session.nodes(types.source), session.nodes(types.destination)};
  io::write_neighbors(comm, recommendations_file, io::FileFormat::kRecommendations, nodes, std::span(&set, 1),
                      session.provenance());
  session.progress().update(num_users, "");
  session.progress().end(recommendations_file.filename().string());
}

}  // namespace rove::jobs
