// SPDX-License-Identifier: Apache-2.0
#include "gnn/linear_propagation.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "engine/base/isa.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/detail/kernels.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kGrain = 512;

void update(detail::RowUpdate task) {
  detail::UpdateRows* const kernel = pick_isa(detail::avx2::update_rows, detail::avx512::update_rows);
  parallel::for_chunks({0, task.count}, kGrain, [&](IndexRange chunk) {
    detail::RowUpdate part = task;
    part.rows += chunk.begin;
    part.count = chunk.size();
    part.from += task.scatter ? chunk.begin * task.width : 0;
    part.to += task.scatter ? 0 : chunk.begin * task.width;
    kernel(part);
  });
}

}  // namespace

LinearPropagation::LinearPropagation(const exec::Propagation& propagation, std::vector<float> weights,
                                     std::uint32_t width)
    : propagation_(&propagation),
      weights_(std::move(weights)),
      width_(width),
      scaled_(weights_.size() > 1 ? std::size_t{propagation.num_local()} * width : 0),
      even_(scaled_.size()),
      odd_(scaled_.size()),
      batch_index_(propagation.num_owned()),
      is_active_(propagation.num_local()),
      is_read_(propagation.num_local()) {}

void LinearPropagation::refresh(const EmbeddingTable& table) {
  if (num_layers() == 0) return;
  std::vector<std::uint32_t> rows(propagation_->num_owned());
  std::iota(rows.begin(), rows.end(), 0U);
  update({table.values().data(), scaled_.data(), rows.data(), rows.size(), width_, propagation_->before().data()});
}

void LinearPropagation::set_active(const Batch& batch) {
  for (const std::uint32_t row : indexed_rows_) {
    batch_index_[row] = 0;
    is_active_[row] = 0;
  }
  indexed_rows_ = batch.active;
  for (std::uint32_t i = 0; i < batch.active.size(); ++i) {
    batch_index_[batch.active[i]] = i + 1;
    is_active_[batch.active[i]] = 1;
  }
  if (num_layers() == 0) return;
  active_rows_ = propagation_->select(is_active_);
  if (num_layers() == 1) return;
  propagation_->mark_sources(batch.active, is_read_);
  read_rows_ = propagation_->select(is_read_);
}

void LinearPropagation::forward(const EmbeddingTable& table, const Batch& batch, float* row_buffer) {
  set_active(batch);
  detail::RowUpdate gather{table.values().data(), row_buffer, batch.active.data(), batch.active.size(), width_};
  gather.factor = weights_[0];
  update(gather);
  if (num_layers() == 0) return;

  gather.add = true;
  gather.scale = propagation_->undo_before().data();
  HugeBuffer<float>* current = &scaled_;
  for (std::uint32_t k = 1; k < num_layers(); ++k) {
    HugeBuffer<float>* next = k % 2 == 1 ? &odd_ : &even_;
    exec::Propagation::Pull pull;
    if (k + 1 == num_layers()) pull.rows = &read_rows_;
    pull.scale = propagation_->chain();
    propagation_->pull(current->span(), width_, pull, next->span());
    gather.from = next->data();
    gather.factor = weights_[k];
    update(gather);
    current = next;
  }
  detail::UpdateRows* const kernel = pick_isa(detail::avx2::update_rows, detail::avx512::update_rows);
  exec::Propagation::Pull last;
  last.rows = &active_rows_;
  last.scale = propagation_->after();
  propagation_->pull(current->span(), width_, last, [&](std::span<const std::uint32_t> rows, const float* results) {
    std::array<std::uint32_t, exec::Propagation::kBlockRows> places{};
    for (std::size_t i = 0; i < rows.size(); ++i) places[i] = batch_index_[rows[i]] - 1;
    detail::RowUpdate task{results, row_buffer, places.data(), rows.size(), width_};
    task.factor = weights_.back();
    task.add = true;
    task.scatter = true;
    kernel(task);
  });
}

void LinearPropagation::clear_unmarked_rows(float* x) {
  parallel::for_each({0, propagation_->num_owned()}, kGrain, [&](std::uint64_t row) {
    if (is_read_[row] == 0) std::fill_n(x + row * width_, width_, 0.0F);
  });
}

void LinearPropagation::backward(const Batch& batch, const float* gradients, const GradientConsumer& consume) {
  if (num_layers() == 0) {
    std::vector<std::uint32_t> rows(propagation_->num_owned());
    std::iota(rows.begin(), rows.end(), 0U);
    parallel::for_chunks({0, rows.size()}, kGrain, [&](IndexRange chunk) {
      consume(std::span(rows).subspan(chunk.begin, chunk.size()), nullptr);
    });
    return;
  }
  // The adjoint of D^-a A D^-b is D^-b A D^-a: the scalings before and after change places.
  detail::RowUpdate scatter{gradients, even_.data(), batch.active.data(), batch.active.size(), width_};
  scatter.scale = propagation_->after().data();
  scatter.factor = weights_.back();
  scatter.scatter = true;
  update(scatter);
  if (propagation_->graph().halo().comm().size() > 1) propagation_->graph().halo().update<std::uint8_t>(is_active_);

  scatter.add = true;
  HugeBuffer<float>* current = &even_;
  bool is_sparse = true;
  for (std::uint32_t k = num_layers() - 1; k >= 1; --k) {
    HugeBuffer<float>* next = current == &even_ ? &odd_ : &even_;
    exec::Propagation::Pull pull;
    pull.scale = propagation_->chain();
    if (is_sparse) {
      pull.rows = &read_rows_;
      pull.nonzero = is_active_;
    }
    propagation_->pull(current->span(), width_, pull, next->span());
    if (is_sparse) clear_unmarked_rows(next->data());
    scatter.to = next->data();
    scatter.factor = weights_[k];
    update(scatter);
    current = next;
    is_sparse = false;
  }
  exec::Propagation::Pull last;
  last.scale = propagation_->before();
  if (is_sparse) last.nonzero = is_active_;
  propagation_->pull(current->span(), width_, last, consume);
}

void LinearPropagation::forward_all(const EmbeddingTable& table, EmbeddingTable& result) {
  std::vector<std::uint32_t> rows(propagation_->num_owned());
  std::iota(rows.begin(), rows.end(), 0U);
  detail::RowUpdate gather{table.values().data(), result.values().data(), rows.data(), rows.size(), width_};
  gather.factor = weights_[0];
  update(gather);
  gather.add = true;
  gather.scale = propagation_->undo_before().data();
  HugeBuffer<float>* current = &scaled_;
  for (std::uint32_t k = 1; k <= num_layers(); ++k) {
    HugeBuffer<float>* next = k % 2 == 1 ? &odd_ : &even_;
    exec::Propagation::Pull pull;
    const bool is_last = k == num_layers();
    pull.scale = is_last ? propagation_->after() : propagation_->chain();
    propagation_->pull(current->span(), width_, pull, next->span());
    gather.from = next->data();
    gather.factor = weights_[k];
    if (is_last) gather.scale = nullptr;
    update(gather);
    current = next;
  }
}

}  // namespace rove::gnn
