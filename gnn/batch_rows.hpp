// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engine/base/huge_buffer.hpp"
#include "gnn/batch_training.hpp"
#include "gnn/column_batches.hpp"

namespace rove::gnn {

/// A row for every active row of a batch, as two parties see it: propagation, and the losses, which read whole rows of
/// the batch's owners. In the partitioned layout both see the same floats and moving them costs nothing; in the column
/// layout propagation sees this rank's columns of the active rows of all ranks. Pointers hold until the next `grow`.
class BatchRows {
 public:
  /// References of the context must outlive the object.
  explicit BatchRows(const BatchContext& context) : whole_width_(context.width) {
    if (context.columns == nullptr) return;
    width_ = context.columns->width();
    exchange_.emplace(context.comm, *context.columns);
  }

  /// Makes room for a batch. With `whole_buffer` the losses see the batch's row buffer, which begins with its active
  /// rows.
  void grow(const BatchStep& step, bool whole_buffer = false) {
    gnn::grow(whole_, (whole_buffer ? step.batch.num_rows() : step.batch.active.size()) * whole_width_);
    if (exchange_) gnn::grow(columns_, step.active().active.size() * width_);
  }

  [[nodiscard]] float* propagated() { return exchange_ ? columns_.data() : whole_.data(); }
  [[nodiscard]] std::span<float> whole() { return whole_.span(); }

  /// **Collective.** What propagation wrote, for the losses.
  void to_losses(const BatchStep& step) {
    if (exchange_) exchange_->to_rows(*step.columns, columns_.data(), whole_.data());
  }
  /// **Collective.** What the losses wrote, for propagation.
  void to_propagation(const BatchStep& step) {
    if (exchange_) exchange_->to_columns(*step.columns, whole_.data(), columns_.data());
  }

 private:
  std::uint32_t whole_width_;
  std::uint32_t width_ = 0;
  std::optional<ColumnExchange> exchange_;
  HugeBuffer<float> whole_;
  HugeBuffer<float> columns_;
};

}  // namespace rove::gnn
