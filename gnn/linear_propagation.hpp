// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/exec/propagation.hpp"
#include "gnn/batches.hpp"
#include "gnn/embedding_table.hpp"

namespace rove::gnn {

/// H = w_0 X + w_1 Â X + ... + w_K Â^K X for a table X, and its gradient by Horner's rule without stored activations
/// (LightGCN, arXiv 2002.02126; K = 0 is matrix factorisation). Per batch only what it needs is computed, with the bits
/// of the full computation: the last layer at the batch's rows, the one before at what they read; backwards the first
/// hop reads the batch's rows only.
///
/// Keeps D^-b X beside X: whoever changes X calls `refresh`, or writes both (the fused optimiser step). All calls are
/// for the thread that drives the rank. Memory: 3 rows of the table's width per local vertex.
class LinearPropagation {
 public:
  /// `weights`: w_0 ... w_K. Refers to the propagation.
  LinearPropagation(const exec::Propagation& propagation, std::vector<float> weights, std::uint32_t width);

  [[nodiscard]] std::uint32_t num_layers() const { return static_cast<std::uint32_t>(weights_.size()) - 1; }
  /// D^-b X of owned rows, to be kept up to date with X; scales are `scaled_by`.
  [[nodiscard]] float* scaled() { return scaled_.data(); }
  [[nodiscard]] const float* scaled_by() const { return propagation_->before().data(); }
  void refresh(const EmbeddingTable& table);

  /// **Collective.** H of the batch's active rows into the first rows of the row buffer.
  void forward(const EmbeddingTable& table, const Batch& batch, float* row_buffer);
  /// Called from several threads with disjoint rows: `results` is the gradient that arrives through propagation
  /// (nullptr: none), to which w_0 · gradient is still to be added for active rows.
  using GradientConsumer = std::function<void(std::span<const std::uint32_t> rows, const float* results)>;
  /// **Collective.** Hands over ∂L/∂X of all owned rows, given ∂L/∂H of the active rows of the batch that `forward` saw
  /// last.
  void backward(const Batch& batch, const float* gradients, const GradientConsumer& consume);
  /// Per owned row: 1 + its place among the active rows of the present batch, or 0.
  [[nodiscard]] const std::uint32_t* batch_index() const { return batch_index_.data(); }
  [[nodiscard]] float first_weight() const { return weights_[0]; }

  /// **Collective.** H of all owned rows.
  void forward_all(const EmbeddingTable& table, EmbeddingTable& result);

 private:
  void set_active(const Batch& batch);
  void clear_unmarked_rows(float* x);

  const exec::Propagation* propagation_;
  std::vector<float> weights_;
  std::uint32_t width_;
  HugeBuffer<float> scaled_;
  HugeBuffer<float> even_;  ///< layers alternate between two buffers
  HugeBuffer<float> odd_;
  std::vector<std::uint32_t> batch_index_;
  std::vector<std::uint32_t> indexed_rows_;
  std::vector<std::uint8_t> is_active_;  ///< by local row
  std::vector<std::uint8_t> is_read_;    ///< by local row: an active row, or one it reads
  exec::Propagation::Rows active_rows_;
  exec::Propagation::Rows read_rows_;
};

}  // namespace rove::gnn
