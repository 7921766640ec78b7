// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/interactions.hpp"
#include "gnn/metrics.hpp"
#include "gnn/models.hpp"
#include "gnn/retrieval.hpp"
#include "io/hdf5/checkpoint_directory.hpp"
#include "io/hdf5/result_files.hpp"
#include "io/publish/file_system.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/pipeline/held_out.hpp"
#include "jobs/pipeline/metric_values.hpp"
#include "jobs/pipeline/stage_options.hpp"
#include "jobs/pipeline/stages.hpp"

namespace rove::jobs {
namespace {

/// **Collective.** Rows of one type at their home block, without padding.
std::vector<float> home_vectors(Session& session, const gnn::EmbeddingTable& table, VertexTypeId type) {
  const IndexRange owned = session.graph().owned_of_type(type);
  std::vector<float> rows;
  rows.reserve(owned.size() * table.dim());
  for (std::uint64_t local = owned.begin; local < owned.end; ++local) {
    const auto row = table.row(static_cast<std::uint32_t>(local));
    rows.insert(rows.end(), row.begin(), row.end());
  }
  return session.graph().home(type).to_home<float>(session.comm(), rows, table.dim());
}

void write_model(Session& session, const TrainedModel& model, const std::filesystem::path& file) {
  const graph::EdgeType& edge_type = session.schema().edge_type(model.edge_type);
  const std::vector<float> users = home_vectors(session, model.embeddings, edge_type.source);
  const std::vector<float> items = home_vectors(session, model.embeddings, edge_type.destination);
  const std::vector<io::EmbeddingsView> types{{session.nodes(edge_type.source), users},
                                              {session.nodes(edge_type.destination), items}};
  const io::EmbeddingsInfo info{session.config().text("train.model"), model.embeddings.dim(), "dot", false,
                                "users and items"};
  io::write_embeddings(session.comm(), file, info, types, session.provenance());
}

/// `history.json` and, for spreadsheets, `history.csv`: a row per epoch, metrics empty where nothing was evaluated.
void write_history(Session& session, const gnn::Model& kind, const std::vector<gnn::EpochRecord>& history,
                   const std::filesystem::path& directory) {
  nlohmann::json json = nlohmann::json::array();
  std::vector<std::string> metric_names;
  for (const gnn::EpochRecord& epoch : history) {
    nlohmann::json entry{{"epoch", epoch.epoch},
                         {"loss", epoch.loss},
                         {"seconds", epoch.seconds},
                         {"edges_per_second", epoch.edges_per_second}};
    if (kind.has_bpr_loss) entry["bpr_loss"] = epoch.bpr_loss;
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
    io::publish::write_text_durably(directory / "history.json", json.dump(1) + "\n");
    io::publish::write_text_durably(directory / "history.csv", csv + "\n");
  });
}

}  // namespace

TrainedModel train_stage(Session& session, const std::filesystem::path& embeddings_file,
                         const std::filesystem::path& checkpoint_directory, const std::string& identity) {
  const PhaseTimer timer(session.times(), "train");
  const comm::Communicator& comm = session.comm();
  const gnn::Model& kind = gnn::find_model(session.config().text("train.model"));
  gnn::ModelOptions options;
  EdgeTypeId edge_type;
  std::vector<std::uint32_t> at;
  comm.agree([&] {
    options = model_options(session.config());
    edge_type = training_edge_type(session);
    at = cutoffs(session.config());
  });
  ensure_assignment(session);
  const graph::DistributedGraph& graph = session.graph();
  const gnn::Interactions interactions(graph, edge_type);
  session.require_fits(kind.plan({graph.num_owned(), graph.num_local() - graph.num_owned(),
                                  graph.by_source(edge_type).num_edges(), parallel::concurrency()},
                                 options));

  io::CheckpointDirectory checkpoints(comm, checkpoint_directory);
  gnn::TrainHooks hooks;
  hooks.progress = &session.progress();
  hooks.save_checkpoint = [&](const exec::CheckpointRegistry& state, std::uint64_t epochs) {
    checkpoints.save(state, epochs, identity, session.provenance());
  };
  gnn::TestItems test;
  if (options.bpr.evaluate_every > 0 && !session.config().texts("evaluate.test").empty()) {
    test = read_test_items(session, interactions);
    hooks.evaluate = [&](const gnn::EmbeddingTable& embeddings) {
      return gnn::evaluate(comm, interactions, embeddings, test, at);
    };
  }
  const std::unique_ptr<exec::CheckpointSource> resume = checkpoints.open(identity);
  hooks.resume = resume.get();

  gnn::TrainResult result = kind.train(comm, graph, edge_type, options, hooks);
  TrainedModel model{edge_type, std::move(result.embeddings)};
  write_model(session, model, embeddings_file);
  write_history(session, kind, result.history, embeddings_file.parent_path());
  checkpoints.clear();
  return model;
}

TrainedModel load_model(Session& session, const std::filesystem::path& embeddings_file) {
  const PhaseTimer timer(session.times(), "read embeddings");
  const comm::Communicator& comm = session.comm();
  EdgeTypeId edge_type;
  comm.agree([&] { edge_type = training_edge_type(session); });
  ensure_assignment(session);
  const graph::DistributedGraph& graph = session.graph();
  std::optional<gnn::EmbeddingTable> table;
  const graph::EdgeType& types = session.schema().edge_type(edge_type);
  for (const VertexTypeId type : {types.source, types.destination}) {
    const std::string& name = session.schema().vertex_type(type).name;
    const io::EmbeddingsBlock block = io::read_embeddings(comm, embeddings_file, name);
    comm.agree([&] {
      if (!std::ranges::equal(block.nodes.keys, session.nodes(type).keys)) {
        throw InputError(fmt::format("'{}' holds other vertices of type '{}' than the graph; train on this graph first",
                                     embeddings_file.string(), name));
      }
    });
    const auto dim = static_cast<std::uint32_t>(block.info.dim);
    if (!table) table.emplace(graph.num_owned(), dim);
    const std::vector<float> rows = graph.home(type).to_owners<float>(comm, block.vectors, dim);
    const IndexRange owned = graph.owned_of_type(type);
    for (std::uint64_t i = 0; i < owned.size(); ++i) {
      std::ranges::copy(std::span(rows).subspan(i * dim, dim),
                        table->row(static_cast<std::uint32_t>(owned.begin + i)).begin());
    }
  }
  return {edge_type, std::move(*table)};
}

void recommend_stage(Session& session, const TrainedModel& model, const std::filesystem::path& recommendations_file) {
  const PhaseTimer timer(session.times(), "recommend");
  const comm::Communicator& comm = session.comm();
  gnn::RetrievalOptions options;
  comm.agree([&] { options.top_k = static_cast<std::uint32_t>(session.config().count("recommend.top_k", 1)); });
  const gnn::Interactions interactions(session.graph(), model.edge_type);
  const graph::EdgeType& types = session.schema().edge_type(model.edge_type);
  const std::uint64_t num_users = session.schema().vertex_type(types.source).count;
  session.progress().begin("recommend", num_users, "users");
  const graph::NeighborLists lists = gnn::recommend(comm, interactions, model.embeddings, options);
  const io::NeighborSetView set{session.schema().vertex_type(types.source).name,
                                session.schema().vertex_type(types.destination).name,
                                lists,
                                {},
                                {{"model", session.config().text("train.model")},
                                 {"top_k", static_cast<std::int64_t>(options.top_k)},
                                 {"score", std::string("inner product")},
                                 {"exclude_linked", std::int64_t{1}}}};
  const std::vector<io::NodeView> nodes{session.nodes(types.source), session.nodes(types.destination)};
  io::write_neighbors(comm, recommendations_file, io::FileFormat::kRecommendations, nodes, std::span(&set, 1),
                      session.provenance());
  session.progress().update(num_users, "");
  session.progress().end(recommendations_file.filename().string());
}

}  // namespace rove::jobs
