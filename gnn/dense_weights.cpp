// SPDX-License-Identifier: Apache-2.0
#include "gnn/dense_weights.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "engine/base/error.hpp"
#include "engine/base/isa.hpp"
#include "engine/base/random.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/detail/layer_kernels.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kDenseWeightsGrain = 96;

}  // namespace

DenseWeights::DenseWeights(const Shape& shape, std::uint32_t count, std::uint64_t seed)
    : shape_(shape),
      values_(count * matrix_size()),
      gradients_(values_.size()),
      accumulated_(values_.size()),
      first_moments_(values_.size()),
      second_moments_(values_.size()),
      rows_(std::size_t{count} * shape.padded_rows) {
  std::iota(rows_.begin(), rows_.end(), 0U);
  // Vertices draw from stream 0.
  const RandomStream random(seed, Purpose::kInitialisation, 1);
  const double bound = std::sqrt(6.0 / (static_cast<double>(shape.rows) + static_cast<double>(shape.columns)));
  for (std::uint32_t m = 0; m < count; ++m) {
    for (std::uint32_t r = 0; r < shape.rows; ++r) {
      for (std::uint32_t c = 0; c < shape.columns; ++c) {
        values_[m * matrix_size() + std::size_t{r} * shape.width + c] =
            static_cast<float>(bound * (2.0 * to_unit(random.draw(r, c, m)) - 1.0));
      }
    }
  }
}

void DenseWeights::accumulate(float share, bool first) {
  for (std::size_t i = 0; i < gradients_.size(); ++i) {
    accumulated_[i] = first ? share * gradients_[i] : std::fma(share, gradients_[i], accumulated_[i]);
    gradients_[i] = accumulated_[i];
  }
}

void DenseWeights::apply(const detail::AdamRows& step) {
  detail::AdamRows task = step;
  task.rows = rows_.data();
  task.count = rows_.size();
  task.width = shape_.width;
  task.results = gradients_.data();
  task.batch_index = nullptr;
  task.parameters = values_.data();
  task.first_moments = first_moments_.data();
  task.second_moments = second_moments_.data();
  task.scaled = {};
  pick_isa(detail::avx2::apply_adam, detail::avx512::apply_adam)(task);
}

void DenseWeights::register_state(exec::CheckpointRegistry& state) {
  const auto add = [&](const char* name, std::vector<float>& values) {
    state.add_bytes(
        name,
        [&values] {
          const auto bytes = std::as_bytes(std::span(values));
          return std::vector<std::byte>(bytes.begin(), bytes.end());
        },
        [&values](std::span<const std::byte> bytes) {
          if (bytes.size() != values.size() * sizeof(float)) {
            throw InputError("checkpoint: the weights have another size");
          }
          std::memcpy(values.data(), bytes.data(), bytes.size());
        });
  };
  add("weights", values_);
  add("weights_accumulated", accumulated_);
  add("weights_first_moments", first_moments_);
  add("weights_second_moments", second_moments_);
}

std::vector<float> transposed(std::span<const float> matrix, std::uint32_t rows, std::uint32_t columns) {
  std::vector<float> result(matrix.size());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) result[c * rows + r] = matrix[r * columns + c];
  }
  return result;
}

void multiply_rows(std::span<const float> rows, std::uint64_t count, std::uint32_t inner, std::span<const float> matrix,
                   std::uint32_t columns, std::span<float> out) {
  detail::MultiplyRows* const kernel = pick_isa(detail::avx2::multiply_rows, detail::avx512::multiply_rows);
  parallel::for_chunks({0, count}, kDenseWeightsGrain, [&](IndexRange chunk) {
    kernel(rows.data() + chunk.begin * inner, chunk.size(), inner, matrix.data(), columns,
           out.data() + chunk.begin * columns);
  });
}

}  // namespace rove::gnn
