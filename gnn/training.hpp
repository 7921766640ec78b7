// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/progress.hpp"
#include "engine/exec/checkpoint.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "gnn/column_layout.hpp"
#include "gnn/embedding_table.hpp"
#include "gnn/metrics.hpp"

namespace rove::gnn {

/// What every model's training takes and gives.

/// What every model's training reads; each family of models adds its own.
struct LoopOptions {
  std::uint64_t seed = 42;
  std::uint32_t dim = 64;
  std::uint64_t epochs = 20;           ///< at most
  std::uint64_t evaluate_every = 0;    ///< epochs; 0: never
  std::uint64_t checkpoint_every = 0;  ///< epochs; 0: only when asked to stop
  std::uint64_t patience = 0;          ///< evaluations without a better `stop_metric` until training stops; 0: never
  std::string stop_metric = "recall@20";
};

/// One rank's share of a graph, as memory plans count it.
struct ModelShare {
  std::uint64_t owned_rows = 0;
  std::uint64_t ghost_rows = 0;
  std::uint64_t owned_interactions = 0;
  std::uint32_t threads = 1;
  std::uint64_t items = 0;  ///< of all ranks
  std::int32_t ranks = 1;
  std::uint64_t vertices = 0;      ///< of all ranks
  std::uint64_t interactions = 0;  ///< of all ranks
};

struct EpochRecord {
  std::uint64_t epoch = 0;  ///< from 1
  /// Models that minimise BPR: sum of the batches' means over floor(triples / batch size) + 1, as LightGCN's authors
  /// report it.
  std::optional<double> bpr_loss;
  double loss = 0;  ///< what is minimised, with the regulariser: mean over the batches; beside `bpr_loss` as there
  double seconds = 0;
  double edges_per_second = 0;  ///< slots pulled or skipped
  std::optional<Evaluation> evaluation;
};

/// Collective; changes initial parameters: one row per owned vertex, drawn at random.
using StartRows = std::function<void(EmbeddingTable&)>;

struct TrainHooks {
  ProgressSink* progress = nullptr;  ///< nullptr: none is shown
  /// Where parameters start, if not at random; not called when a checkpoint was restored.
  StartRows start;
  /// Per owned vertex, 1: its parameters stay where they start. nullptr on all ranks: all are trained. For models
  /// trained on batches; the others throw `ConfigError`.
  const std::vector<std::uint8_t>* frozen = nullptr;
  /// Items near each owned user, rows of the item type, nearest first: what hard negatives are drawn from.
  const graph::NeighborLists* ranked_items = nullptr;
  /// Collective; called with the final representations after every `evaluate_every`-th epoch and the last.
  std::function<Evaluation(const EmbeddingTable&)> evaluate;
  /// Collective; writes a checkpoint of the registry. Without it a request to stop ends the run with nothing saved.
  std::function<void(const exec::CheckpointRegistry&, std::uint64_t epochs)> save_checkpoint;
  /// Where to go on from; nullptr: from the start.
  exec::CheckpointSource* resume = nullptr;

  [[nodiscard]] ProgressSink& sink() const { return progress == nullptr ? no_progress() : *progress; }
};

struct TrainResult {
  EmbeddingTable embeddings;  ///< what is scored; with `patience`, as the best epoch left it
  EmbeddingTable parameters;  ///< what is trained, as the last epoch left it
  std::vector<EpochRecord> history;
  std::uint64_t best_epoch = 0;  ///< with `patience`: the epoch of `embeddings`
};

/// A history as a checkpoint holds it.
[[nodiscard]] std::vector<std::byte> pack_history(std::span<const EpochRecord> history);
/// Throws `InputError` when the bytes are cut short.
[[nodiscard]] std::vector<EpochRecord> unpack_history(std::span<const std::byte> bytes);

/// The value named "recall@20": a metric of `RankingMetrics` and one of the evaluated cutoffs. Throws `ConfigError`.
[[nodiscard]] double metric_of(const Evaluation& evaluation, std::string_view name);

/// Registers the table's rows, padding included, as "<name>/<vertex type>". The values must stay where they are.
void register_rows(exec::CheckpointRegistry& state, const std::string& name, const graph::DistributedGraph& graph,
                   std::span<float> values, std::uint32_t width);

/// The same block from this rank's columns of all rows.
void register_columns(exec::CheckpointRegistry& state, const std::string& name, const ColumnLayout& layout,
                      std::span<float> values);

/// One line for the progress display: loss, recall where it was measured, edges per second.
[[nodiscard]] std::string describe(const EpochRecord& record);

}  // namespace rove::gnn
