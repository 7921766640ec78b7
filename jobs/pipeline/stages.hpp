// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/graph/redistribute.hpp"
#include "gnn/metrics/paired_bootstrap.hpp"
#include "gnn/scorer.hpp"
#include "io/publish/manifest.hpp"
#include "jobs/pipeline/session.hpp"
#include "partition/quality.hpp"

namespace rove::jobs {

/// The stages of the pipeline. Each is **Collective**, takes what it needs from the session, writes one file and says
/// in one line what came out. Plans its memory before it allocates.

/// Text files to `graph.h5`; the session has the graph afterwards. Returns what was read, kept and dropped, the same on
/// all ranks.
io::ImportReport import_stage(Session& session, const std::filesystem::path& graph_file);

/// The graph cut into `partition.parts` parts (or as `partition.files` say), with the quality report.
partition::PartitionQuality partition_stage(Session& session, const std::filesystem::path& partition_file);

/// Cuts the graph for this job's ranks without writing anything, if the session has no such cut: by `partition.method`.
void ensure_assignment(Session& session);

/// PPR neighbour sets of all sources.
void ppr_stage(Session& session, const std::filesystem::path& ppr_file);

/// Batches of sampled neighbourhoods (`sample.*`) to `samples.h5`.
void sample_stage(Session& session, const std::filesystem::path& samples_file);

/// A corpus of random walks, as `walk:` says.
void walk_stage(Session& session, const std::filesystem::path& walks_file);

/// Says that queries refuse the index of a graph without held-out interactions, if that is what is asked for.
void warn_of_split_index(Session& session);
/// PPR fingerprints for queries by id, to `index.h5`.
void index_stage(Session& session, const std::filesystem::path& index_file);

/// What ranks items for users.
struct TrainedModel {
  EdgeTypeId edge_type;
  std::string name;
  std::unique_ptr<gnn::Scorer> scorer;
};

/// `embeddings.h5`, or `model.h5` for a model without vectors. Throws `ConfigError` for a model there is none of.
[[nodiscard]] std::string model_file_name(const Config& config);

/// Trains, checkpoints into `checkpoint_directory`, resumes from it when it holds a checkpoint with this identity,
/// writes `embeddings.h5` and its history beside it, or `model.h5`. Parameters start at the vectors of `start`, if
/// any. Throws `Interrupted` after the checkpoint when a stop was asked for.
[[nodiscard]] TrainedModel train_stage(Session& session, const std::filesystem::path& model_file,
                                       const std::filesystem::path& checkpoint_directory, const std::string& identity,
                                       const std::optional<std::filesystem::path>& start);
/// The model of an earlier train stage, from either file.
[[nodiscard]] TrainedModel load_model(Session& session, const std::filesystem::path& model_file);

struct EvaluationFiles {
  std::filesystem::path metrics;
  std::filesystem::path trec_run = {};  ///< the evaluated lists, if named
  std::filesystem::path qrels = {};     ///< the held-out interactions, if named
};

struct EvaluationResult {
  io::publish::Metrics metrics;
  std::vector<gnn::MetricDifference> differences;  ///< from `evaluate.against`, if set
};

/// Full-ranking metrics on `evaluate.test` to `metrics.json`: of all users, by segment, and against another run.
[[nodiscard]] EvaluationResult evaluate_stage(Session& session, const TrainedModel& model,
                                              const EvaluationFiles& files);
/// The same for finished lists: `recommendations.h5`, `ppr.h5`, or those that `embeddings.h5` gives.
[[nodiscard]] EvaluationResult evaluate_lists_stage(Session& session, const std::filesystem::path& lists_file,
                                                    const EvaluationFiles& files);

/// Exact top-k of all users to `recommendations.h5`.
void recommend_stage(Session& session, const TrainedModel& model, const std::filesystem::path& recommendations_file);

/// `delta.h5` in a run: what it changes of the published run of `output`. None when nothing is published, when the two
/// runs share no results, when the published one's cannot be read, or under `publish.delta: false`; one that an earlier
/// attempt left is removed then. The published run itself keeps the one it has.
void delta_stage(Session& session, const std::filesystem::path& output, const std::filesystem::path& run);

}  // namespace rove::jobs
