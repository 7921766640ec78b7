// SPDX-License-Identifier: Apache-2.0
// Row kernels of training, compiled once per instruction set with the same bits.
#include "gnn/detail/kernels.hpp"

#include <cstddef>

#include "engine/base/simd.hpp"

namespace rove::gnn::detail::ROVE_ISA {

using simd::F32x16;
using simd::kLanes;

void score_triples(const float* rows, std::uint32_t width, const TripleRows* triples, std::uint64_t count,
                   float* scores) {
  for (std::uint64_t t = 0; t < count; ++t) {
    const float* user = rows + std::size_t{triples[t].user} * width;
    const float* positive = rows + std::size_t{triples[t].positive} * width;
    const float* negative = rows + std::size_t{triples[t].negative} * width;
    F32x16 with_positive = F32x16::zero();
    F32x16 with_negative = F32x16::zero();
    for (std::size_t c = 0; c < width; c += kLanes) {
      const F32x16 u = F32x16::load(user + c);
      with_positive = fma(u, F32x16::load(positive + c), with_positive);
      with_negative = fma(u, F32x16::load(negative + c), with_negative);
    }
    scores[t] = with_positive.sum() - with_negative.sum();
  }
}

void sum_terms(const float* rows, std::uint32_t width, const GradientTerm* terms, std::uint64_t count,
               const float* deltas, float* out) {
  for (std::size_t c = 0; c < width; c += kLanes) {
    F32x16 sum = F32x16::zero();
    for (std::uint64_t k = 0; k < count; ++k) {
      const F32x16 plus = F32x16::load(rows + std::size_t{terms[k].plus} * width + c);
      const F32x16 minus = F32x16::load(rows + std::size_t{terms[k].minus} * width + c);
      sum = fma(F32x16::broadcast(deltas[terms[k].delta]), plus - minus, sum);
    }
    sum.store(out + c);
  }
}

template <class T>
[[gnu::always_inline]] inline void prefetch_row(const T* row, std::uint32_t width) {
  for (std::size_t c = 0; c < width; c += kLanes) simd::prefetch(row + c);
}

template <class From, class To>
void update_rows(const RowUpdate<From, To>& task) {
  constexpr std::uint64_t kAhead = 8;
  for (std::uint64_t i = 0; i < task.count; ++i) {
    if (i + kAhead < task.count) {
      const std::size_t next = std::size_t{task.rows[i + kAhead]} * task.width;
      if (!task.scatter) prefetch_row(task.from + next, task.width);
      if (task.scatter && task.add) prefetch_row(task.to + next, task.width);
    }
    const std::size_t row = task.rows[i];
    const From* from = task.from + (task.scatter ? i : row) * task.width;
    To* to = task.to + (task.scatter ? row : i) * task.width;
    const F32x16 factor = F32x16::broadcast(task.scale == nullptr ? task.factor : task.factor * task.scale[row]);
    for (std::size_t c = 0; c < task.width; c += kLanes) {
      const F32x16 x = F32x16::load(from + c);
      (task.add ? fma(factor, x, F32x16::load(to + c)) : factor * x).store(to + c);
    }
  }
}

template void update_rows(const RowUpdate<float, float>& task);
template void update_rows(const RowUpdate<BFloat16, float>& task);
template void update_rows(const RowUpdate<float, BFloat16>& task);

float squared_norm(const float* row, std::uint32_t width) {
  F32x16 sum = F32x16::zero();
  for (std::size_t c = 0; c < width; c += kLanes) {
    const F32x16 x = F32x16::load(row + c);
    sum = fma(x, x, sum);
  }
  return sum.sum();
}

void apply_adam(const AdamRows& task) {
  const F32x16 beta1 = F32x16::broadcast(task.beta1);
  const F32x16 one_minus_beta1 = F32x16::broadcast(task.one_minus_beta1);
  const F32x16 beta2 = F32x16::broadcast(task.beta2);
  const F32x16 one_minus_beta2 = F32x16::broadcast(task.one_minus_beta2);
  const F32x16 step_size = F32x16::broadcast(task.step_size);
  const F32x16 correction = F32x16::broadcast(1.0F / task.root_correction);
  const F32x16 epsilon = F32x16::broadcast(task.epsilon);
  const F32x16 loss = F32x16::broadcast(task.loss_factor);
  const F32x16 weight_decay = F32x16::broadcast(task.weight_decay);
  const bool decays_weights = task.weight_decay != 0.0F;
  for (std::uint64_t i = 0; i < task.count; ++i) {
    const std::size_t row = task.rows[i];
    const std::uint32_t index = task.batch_index == nullptr ? 0 : task.batch_index[row];
    float* parameters = task.parameters + row * task.width;
    float* first = task.first_moments + row * task.width;
    float* second = task.second_moments + row * task.width;
    const float* batch = index == 0 ? nullptr : task.batch_gradients + std::size_t{index - 1} * task.width;
    const F32x16 decay =
        F32x16::broadcast(index == 0 ? 0.0F : task.decay_factor * static_cast<float>(task.batch_uses[index - 1]));
    for (std::size_t c = 0; c < task.width; c += kLanes) {
      F32x16 g = task.results == nullptr ? F32x16::zero() : F32x16::load(task.results + i * task.width + c);
      const F32x16 p = F32x16::load(parameters + c);
      if (batch != nullptr) g = fma(decay, p, fma(loss, F32x16::load(batch + c), g));
      if (decays_weights) g = fma(weight_decay, p, g);
      const F32x16 m = fma(one_minus_beta1, g, beta1 * F32x16::load(first + c));
      const F32x16 v = fma(one_minus_beta2 * g, g, beta2 * F32x16::load(second + c));
      const F32x16 updated = p - step_size * (m / fma(sqrt(v), correction, epsilon));
      m.store(first + c);
      v.store(second + c);
      updated.store(parameters + c);
      const std::size_t at = row * task.width + c;
      if (task.scaled.floats != nullptr) {
        (F32x16::broadcast(task.scaled.scale[row]) * updated).store(task.scaled.floats + at);
      } else if (task.scaled.halves != nullptr) {
        (F32x16::broadcast(task.scaled.scale[row]) * updated).store(task.scaled.halves + at);
      }
    }
  }
}

void accumulate_gradients(const AdamRows& gradients, const AccumulateRows& task) {
  const F32x16 share = F32x16::broadcast(task.share);
  const F32x16 loss = F32x16::broadcast(gradients.loss_factor);
  for (std::uint64_t i = 0; i < gradients.count; ++i) {
    const std::size_t row = gradients.rows[i];
    const std::uint32_t index = gradients.batch_index[row];
    const float* batch = index == 0 ? nullptr : gradients.batch_gradients + std::size_t{index - 1} * gradients.width;
    const F32x16 decay = F32x16::broadcast(
        index == 0 ? 0.0F : gradients.decay_factor * static_cast<float>(gradients.batch_uses[index - 1]));
    for (std::size_t c = 0; c < gradients.width; c += kLanes) {
      const std::size_t at = row * gradients.width + c;
      const std::size_t in_order = i * gradients.width + c;
      F32x16 g = gradients.results == nullptr ? F32x16::zero() : F32x16::load(gradients.results + in_order);
      if (batch != nullptr)
        g = fma(decay, F32x16::load(gradients.parameters + at), fma(loss, F32x16::load(batch + c), g));
      const F32x16 total = task.first ? share * g : fma(share, g, F32x16::load(task.accumulated + at));
      total.store(task.accumulated + at);
      if (task.out != nullptr) total.store(task.out + in_order);
    }
  }
}

}  // namespace rove::gnn::detail::ROVE_ISA
