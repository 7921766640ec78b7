// SPDX-License-Identifier: Apache-2.0
#include "gnn/linear_propagation.hpp"

#include <algorithm>
#include <numeric>
#include <type_traits>

#include "engine/base/isa.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/detail/kernels.hpp"
#include "gnn/detail/noise_kernels.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kLinearPropagationGrain = 512;

template <class From, class To>
void update_rows(const detail::RowUpdate<From, To>& task) {
  pick_isa(detail::avx2::update_rows<From, To>, detail::avx512::update_rows<From, To>)(task);
}

template <class From, class To>
void update(const detail::RowUpdate<From, To>& task) {
  parallel::for_chunks({0, task.count}, kLinearPropagationGrain, [&](IndexRange chunk) {
    auto part = task;
    part.rows += chunk.begin;
    part.count = chunk.size();
    part.from += task.scatter ? chunk.begin * task.width : 0;
    part.to += task.scatter ? 0 : chunk.begin * task.width;
    update_rows(part);
  });
}

}  // namespace

LinearPropagation::LinearPropagation(const exec::Propagation& propagation, VertexTypeId users, VertexTypeId items,
                                     std::vector<float> weights, std::uint32_t width, StateStorage storage)
    : propagation_(&propagation),
      weights_(std::move(weights)),
      width_(width),
      storage_(storage),
      batch_index_(propagation.num_owned()),
      is_active_(propagation.num_local()) {
  sides_[0].type = users;
  sides_[1].type = items;
  if (num_layers() == 0) return;
  if (storage == StateStorage::kBFloat16) {
    halves_ = make_states<BFloat16>(true);
  } else {
    floats_ = make_states<float>(propagation.graph().halo().comm().size() > 1);
  }
}

void LinearPropagation::plan(MemoryPlan& plan, std::uint64_t local_rows, std::uint64_t row_bytes,
                             StateStorage storage) {
  const std::uint64_t floats = 2 * local_rows * row_bytes;
  if (storage == StateStorage::kFloat32) {
    plan.hold("layers", floats);
    return;
  }
  plan.hold("layers in bfloat16", floats / 2);
  plan.hold("layers of published vectors", floats);
}

template <class Stored>
LinearPropagation::States<Stored> LinearPropagation::make_states(bool keep_scaled) const {
  const std::size_t size = std::size_t{propagation_->num_local()} * width_;
  return {HugeBuffer<Stored>(keep_scaled ? size : 0), HugeBuffer<Stored>(size)};
}

template <class Stored>
void LinearPropagation::refresh(States<Stored>& states, const EmbeddingTable& table) const {
  if (states.scaled.empty()) return;
  std::vector<std::uint32_t> rows(table.num_rows());
  std::iota(rows.begin(), rows.end(), 0U);
  detail::RowUpdate<float, Stored> scale{table.values().data(), states.scaled.data(), rows.data(), rows.size(), width_};
  scale.scale = propagation_->before().data();
  update(scale);
}

void LinearPropagation::refresh(const EmbeddingTable& table) {
  refresh(floats_, table);
  refresh(halves_, table);
}

void LinearPropagation::set_active(const ActiveRows& batch) {
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
  for (Side& side : sides_) {
    const IndexRange owned = propagation_->graph().owned_of_type(side.type);
    const auto begin = std::lower_bound(batch.active.begin(), batch.active.end(), owned.begin);
    const auto end = std::lower_bound(begin, batch.active.end(), owned.end);
    side.active = std::span(begin, end);
    side.first = static_cast<std::size_t>(begin - batch.active.begin());
    side.rows = propagation_->select(side.active);
  }
}

/// `results` are sums times `chain`, or times `after` in the last layer: the noise is scaled like the state it joins.
template <class To>
void LinearPropagation::add_noise(const LayerNoise& noise, std::uint32_t layer, std::span<const std::uint32_t> rows,
                                  const float* results, To* to, bool is_last) const {
  detail::NoiseRows<To> task;
  task.rows = rows.data();
  task.count = rows.size();
  task.width = width_;
  task.dim = noise.dim;
  task.first_column = noise.first_column;
  task.results = results;
  task.keys = reinterpret_cast<const std::uint64_t*>(propagation_->graph().owned_keys().data());
  task.scale = is_last ? nullptr : propagation_->before().data();
  task.strength = noise.strength;
  task.random = noise.random;
  task.step = noise.view << 16U | layer;
  task.to = to;
  task.scatter = !is_last;
  pick_isa(detail::avx2::add_noise<To>, detail::avx512::add_noise<To>)(task);
}

template <class Stored, class Output>
void LinearPropagation::pull_first(States<Stored>& states, const EmbeddingTable& table, exec::Propagation::Pull pull,
                                   const Output& output) {
  if constexpr (std::is_same_v<Stored, float>) {
    if (states.scaled.empty()) {
      pull.source_scale = propagation_->before();
      propagation_->pull_local(table.values(), width_, pull, output);
      return;
    }
  }
  propagation_->pull(states.scaled.span(), width_, pull, output);
}

void LinearPropagation::forward(const EmbeddingTable& table, const ActiveRows& batch, float* row_buffer,
                                const LayerNoise* noise, LayerTap<float> tap) {
  set_active(batch);
  detail::RowUpdate<float, float> gather{table.values().data(), row_buffer, batch.active.data(), batch.active.size(),
                                         width_};
  gather.factor = weights_[0];
  update(gather);
  if (num_layers() == 0) return;
  if (storage_ == StateStorage::kBFloat16) {
    forward_in(halves_, table, row_buffer, noise, tap);
  } else {
    forward_in(floats_, table, row_buffer, noise, tap);
  }
}

template <class Stored>
void LinearPropagation::forward_in(States<Stored>& states, const EmbeddingTable& table, float* row_buffer,
                                   const LayerNoise* noise, LayerTap<float> tap) {
  const auto work = states.work.span();
  for (std::uint32_t start = 0; start < 2; ++start) {
    exec::Propagation::Pull pull;
    pull.scale = propagation_->chain();
    for (std::uint32_t k = 1; k < num_layers(); ++k) {
      const Side& side = side_of(start, k);
      pull.source_type = side_of(start, k - 1).type;
      pull.rows = &propagation_->rows_of_type(side.type);
      const auto pull_into = [&](const auto& output) {
        if (k == 1) {
          pull_first(states, table, pull, output);
        } else {
          propagation_->pull(work, width_, pull, output);
        }
      };
      if (noise == nullptr) {
        pull_into(work);
      } else {
        pull_into([&](std::span<const std::uint32_t> rows, const float* results) {
          add_noise(*noise, k, rows, results, work.data(), false);
        });
      }
      detail::RowUpdate<Stored, float> gather{work.data(), row_buffer + side.first * width_, side.active.data(),
                                              side.active.size(), width_};
      gather.scale = propagation_->undo_before().data();
      if (tap.layer == k) {
        gather.to = tap.rows + side.first * width_;
        update(gather);
        gather.to = row_buffer + side.first * width_;
      }
      gather.factor = weights_[k];
      gather.add = true;
      update(gather);
    }
    const Side& side = side_of(start, num_layers());
    pull.source_type = side_of(start, num_layers() - 1).type;
    pull.rows = &side.rows;
    pull.scale = propagation_->after();
    const auto consume = [&](std::span<const std::uint32_t> rows, const float* results) {
      std::array<std::uint32_t, exec::Propagation::kBlockRows> places{};
      for (std::size_t i = 0; i < rows.size(); ++i) places[i] = batch_index_[rows[i]] - 1;
      std::vector<float> perturbed;
      if (noise != nullptr) {
        perturbed.resize(rows.size() * width_);
        add_noise(*noise, num_layers(), rows, results, perturbed.data(), true);
        results = perturbed.data();
      }
      detail::RowUpdate<float, float> task{results, row_buffer, places.data(), rows.size(), width_};
      task.scatter = true;
      if (tap.layer == num_layers()) {
        task.to = tap.rows;
        update_rows(task);
        task.to = row_buffer;
      }
      task.factor = weights_.back();
      task.add = true;
      update_rows(task);
    };
    if (num_layers() == 1) {
      pull_first(states, table, pull, exec::Propagation::BlockConsumer(consume));
    } else {
      propagation_->pull(work, width_, pull, exec::Propagation::BlockConsumer(consume));
    }
  }
}

void LinearPropagation::backward(const float* gradients, const GradientConsumer& consume, LayerTap<const float> tap) {
  if (num_layers() == 0) {
    std::vector<std::uint32_t> rows(propagation_->num_owned());
    std::iota(rows.begin(), rows.end(), 0U);
    parallel::for_chunks({0, rows.size()}, kLinearPropagationGrain, [&](IndexRange chunk) {
      consume(std::span(rows).subspan(chunk.begin, chunk.size()), nullptr);
    });
    return;
  }
  if (propagation_->graph().halo().comm().size() > 1) {
    propagation_->graph().halo().update<std::uint8_t>(is_active_);
  }
  if (storage_ == StateStorage::kBFloat16) {
    backward_in(halves_, gradients, consume, tap);
  } else {
    backward_in(floats_, gradients, consume, tap);
  }
}

template <class Stored>
void LinearPropagation::backward_in(States<Stored>& states, const float* gradients, const GradientConsumer& consume,
                                    LayerTap<const float> tap) {
  const auto work = states.work.span();
  // The adjoint of D^-a A D^-b is D^-b A D^-a: the scalings before and after change places.
  const auto add_gradients = [&](const Side& side, std::uint32_t k) {
    detail::RowUpdate<float, Stored> scatter{gradients + side.first * width_, work.data(), side.active.data(),
                                             side.active.size(), width_};
    scatter.scale = propagation_->after().data();
    scatter.factor = weights_[k];
    scatter.scatter = true;
    scatter.add = k < num_layers();
    update(scatter);
    if (tap.layer != k || k == 0) return;
    scatter.from = tap.rows + side.first * width_;
    scatter.factor = 1.0F;
    scatter.add = true;
    update(scatter);
  };
  for (std::uint32_t start = 0; start < 2; ++start) {
    add_gradients(side_of(start, 0), num_layers());
    for (std::uint32_t hop = 1; hop <= num_layers(); ++hop) {
      const Side& side = side_of(start, hop);
      exec::Propagation::Pull pull;
      pull.source_type = side_of(start, hop - 1).type;
      pull.rows = &propagation_->rows_of_type(side.type);
      if (hop == 1) pull.nonzero = is_active_;
      if (hop == num_layers()) {
        pull.scale = propagation_->before();
        pull.touched = consume.touched();
        propagation_->pull(work, width_, pull, consume.function());
      } else {
        pull.scale = propagation_->chain();
        propagation_->pull(work, width_, pull, work);
        add_gradients(side, num_layers() - hop);
      }
    }
  }
}

void LinearPropagation::forward_all(const EmbeddingTable& table, EmbeddingTable& result) {
  if (storage_ == StateStorage::kFloat32 || num_layers() == 0) return forward_all_in(floats_, table, result);
  States<float> states = make_states<float>(propagation_->graph().halo().comm().size() > 1);
  refresh(states, table);
  forward_all_in(states, table, result);
}

void LinearPropagation::forward_all_in(States<float>& states, const EmbeddingTable& table, EmbeddingTable& result) {
  const auto add_layer = [&](const float* from, IndexRange rows, float weight, std::span<const float> scale, bool add) {
    std::vector<std::uint32_t> list(rows.size());
    std::iota(list.begin(), list.end(), static_cast<std::uint32_t>(rows.begin));
    detail::RowUpdate<float, float> gather{from, result.values().data() + rows.begin * width_, list.data(), list.size(),
                                           width_};
    gather.scale = scale.empty() ? nullptr : scale.data();
    gather.factor = weight;
    gather.add = add;
    update(gather);
  };
  add_layer(table.values().data(), {0, table.num_rows()}, weights_[0], {}, false);
  if (num_layers() == 0) return;
  for (std::uint32_t start = 0; start < 2; ++start) {
    for (std::uint32_t k = 1; k <= num_layers(); ++k) {
      const VertexTypeId type = side_of(start, k).type;
      const bool is_last = k == num_layers();
      exec::Propagation::Pull pull;
      pull.source_type = side_of(start, k - 1).type;
      pull.rows = &propagation_->rows_of_type(type);
      pull.scale = is_last ? propagation_->after() : propagation_->chain();
      if (k == 1) {
        pull_first(states, table, pull, states.work.span());
      } else {
        propagation_->pull(states.work.span(), width_, pull, states.work.span());
      }
      add_layer(states.work.data(), propagation_->graph().owned_of_type(type), weights_[k],
                is_last ? std::span<const float>() : propagation_->undo_before(), true);
    }
  }
}

}  // namespace rove::gnn
