// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "engine/base/huge_buffer.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/batch_options.hpp"
#include "gnn/batches.hpp"
#include "gnn/bpr.hpp"
#include "gnn/column_batches.hpp"
#include "gnn/column_layout.hpp"
#include "gnn/dense_weights.hpp"
#include "gnn/embedding_table.hpp"
#include "gnn/gradient_consumer.hpp"
#include "gnn/interactions.hpp"
#include "gnn/training.hpp"

namespace rove::gnn {

/// A step as a model sees it. References hold during the step.
struct BatchStep {
  const EmbeddingTable& table;
  const Batch& batch;
  std::uint64_t epoch;  ///< from 1
  std::uint64_t step;   ///< of the epoch, from 0
  bool is_full;         ///< the batch has `batch_size` triples
  LossSums& sums;
  /// This rank's share of the losses other than BPR, as a mean per batch. What a rank adds must not depend on the
  /// partition: terms of single rows.
  ExactSum& extra_loss;
  const ColumnBatch* columns = nullptr;  ///< in the column layout

  /// The rows that propagation and the optimiser take part in.
  [[nodiscard]] const ActiveRows& active() const {
    if (columns != nullptr) return *columns;
    return batch;
  }
};

/// The loss's gradient at the active rows, and where the optimiser finds what goes with it.
struct BatchGradients {
  const std::uint32_t* batch_index;  ///< per row of the table: 1 + its place among `BatchStep::active()`, or 0
  const float* at_active;            ///< gradients at the final representations of those
  float factor;                      ///< how much of them reaches the row itself: weight of layer 0
  ScaledCopy scaled;
};

/// From parameters to a loss and back: what one model adds to training on batches. All calls are **collective**.
class BatchModel {
 public:
  virtual ~BatchModel() = default;
  /// A new epoch's operators, where a model draws them.
  virtual void begin_epoch(std::uint64_t /*epoch*/) {}
  /// The parameters changed other than by `BatchGradients::scaled`.
  virtual void refresh(const EmbeddingTable& table) = 0;
  /// Forward pass and losses of a batch. What the result points to holds until the next call.
  virtual BatchGradients losses(const BatchStep& step) = 0;
  /// The backward pass: hands over every row of the table of the two types once, and writes the gradient of `weights`.
  virtual void backward(const GradientConsumer& consume) = 0;
  /// What is trained beside the table, if anything.
  [[nodiscard]] virtual DenseWeights* weights() { return nullptr; }
  /// Final representations of all rows of the table.
  virtual void embed(const EmbeddingTable& table, EmbeddingTable& result) = 0;
  /// Slots of this rank pulled or skipped per step.
  [[nodiscard]] virtual std::uint64_t slots_per_step() const = 0;
  /// Whether the model minimises something of its own, not `BatchOptions::loss`.
  [[nodiscard]] virtual bool has_own_loss() const { return false; }
  /// Whether the model propagates on `BatchContext::propagated()` and moves rows by `BatchRows`.
  [[nodiscard]] virtual bool knows_columns() const { return false; }
  /// Whether the model propagates, and does so in `BatchOptions::storage`.
  [[nodiscard]] virtual bool knows_storage() const { return false; }
};

/// Makes room for at least `size` floats; what was there is lost when it had to grow.
inline void grow(HugeBuffer<float>& buffer, std::size_t size) {
  if (buffer.size() < size) buffer = HugeBuffer<float>(size + size / 4);
}

/// The graph that a model propagates on, and what of its rows.
struct PropagatedColumns {
  const graph::DistributedGraph& graph;
  EdgeTypeId edge_type;
  std::uint32_t width;         ///< floats of a row of the table
  std::uint32_t first_column;  ///< of the table within whole rows
};

/// What a model is made of: the graph whose owners compute the losses, on whole rows; what is propagated differs from
/// it in the column layout.
struct BatchContext {
  const comm::Communicator& comm;
  const graph::DistributedGraph& graph;
  const Interactions& interactions;
  std::uint32_t width;                    ///< floats of a whole row
  const ColumnLayout* columns = nullptr;  ///< nullptr: the partitioned layout

  [[nodiscard]] PropagatedColumns propagated() const {
    if (columns == nullptr) return {graph, interactions.edge_type(), width, 0};
    return {columns->whole_graph(), ColumnLayout::edge_type(), columns->width(), columns->first_column()};
  }
};

/// **Collective.** Trains a table of one row per vertex of the edge type's two types: triples from a `TripleSampler`,
/// Adam on every row, L2 on the layer-0 rows of a batch. The contract of `run_epochs`; `ConfigError` names epoch, step
/// and row when a score is not finite.
[[nodiscard]] TrainResult train_on_batches(
    const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type, const BatchOptions& options,
    const TrainHooks& hooks, const std::function<std::unique_ptr<BatchModel>(const BatchContext&)>& make_model);

/// The rows of a table on one rank in the layout that the options name.
struct PlannedRows {
  std::uint64_t owned = 0;
  std::uint64_t ghosts = 0;
  std::uint64_t interactions = 0;
  std::uint64_t row_bytes = 0;
};
[[nodiscard]] PlannedRows planned_rows(const ModelShare& share, const BatchOptions& options);

/// What every model trained on batches holds on one rank; the model adds its own.
[[nodiscard]] MemoryPlan plan_batches(const ModelShare& share, const BatchOptions& options);

}  // namespace rove::gnn
