// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/comm/communicator.hpp"
#include "engine/exec/checkpoint.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/training.hpp"

namespace rove::gnn {

/// What a model does in an epoch. All calls are **collective** and made by the thread that drives the rank. Epochs
/// count from 1, steps of an epoch from 0.
class EpochModel {
 public:
  virtual ~EpochModel() = default;
  /// Registers what the next step needs. Called first, once; what is registered must stay where it is.
  virtual void register_state(exec::CheckpointRegistry& state) = 0;
  /// Parameters of a fresh start, changed by `start` when there is one; not called when a checkpoint was restored.
  virtual void initialise(const StartRows& start) = 0;
  /// The parameters stand, new or restored: computes what is derived from them.
  virtual void refresh() = 0;
  /// Prepares an epoch; returns its steps, at least 1. After a restored checkpoint steps need not start at 0.
  virtual std::uint64_t begin_epoch(std::uint64_t epoch) = 0;
  virtual void step(std::uint64_t epoch, std::uint64_t step) = 0;
  /// Throws the same `ConfigError` on all ranks when a number stopped being finite on any of them, naming epoch, step
  /// and row.
  virtual void require_finite(std::uint64_t epoch) = 0;
  /// Sets `loss`, `bpr_loss` where that is minimised, and as `edges_per_second` the edges of the last `steps` steps.
  virtual void end_epoch(std::uint64_t steps, EpochRecord& record) = 0;
  /// What is scored now.
  virtual EmbeddingTable embeddings() = 0;
  /// Gives the parameters away: the last call.
  virtual EmbeddingTable take_parameters() = 0;
};

/// **Collective.** Runs epochs until there are `options.epochs`, or until `options.patience` evaluations in a row had
/// no better `options.stop_metric`: records and evaluates them, reports progress, asks for failures and requests to
/// stop every few steps, and writes checkpoints, from which a run goes on to the same bytes on any ranks. Throws
/// `Interrupted` after the checkpoint when any rank was asked to stop, `ConfigError` when there is a patience but
/// nothing to evaluate before the last epoch, or not that metric.
[[nodiscard]] TrainResult run_epochs(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                     EpochModel& model, const LoopOptions& options, const TrainHooks& hooks);

/// Bytes of rows that the loop itself holds.
[[nodiscard]] std::uint64_t loop_bytes(std::uint64_t owned_rows, const LoopOptions& options);

}  // namespace rove::gnn
