// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/exec/checkpoint.hpp"
#include "gnn/detail/kernels.hpp"

namespace rove::gnn {

/// A small matrix that every rank holds whole and that is trained by Adam beside the table: the weights of a dense
/// layer, prototypes of intents. All ranks must write the same gradient (`cross_gram`), so that they keep the same
/// bits. Rows are `width` floats, a multiple of 16; what is padding starts at zero and stays there.
class DenseWeights {
 public:
  /// Xavier uniform over `rows` × `columns` (Glorot and Bengio, 2010), the rest of `padded_rows` × `width` zero; drawn
  /// by row and column from a stream of the seed.
  struct Shape {
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
    std::uint32_t padded_rows = 0;
    std::uint32_t width = 0;
  };
  /// Several matrices of one shape, one after the other.
  DenseWeights(const Shape& shape, std::uint32_t count, std::uint64_t seed);

  [[nodiscard]] std::span<float> values() { return values_; }
  [[nodiscard]] std::span<const float> values() const { return values_; }
  [[nodiscard]] std::span<const float> matrix(std::uint32_t number) const {
    return std::span(values_).subspan(number * matrix_size(), matrix_size());
  }
  /// Where a model's backward pass writes the loss's gradient.
  [[nodiscard]] std::span<float> gradients() { return gradients_; }
  [[nodiscard]] std::span<float> matrix_gradients(std::uint32_t number) {
    return std::span(gradients_).subspan(number * matrix_size(), matrix_size());
  }

  /// Adds share · gradients to what is accumulated, from zero with `first`; the sum takes the gradients' place.
  void accumulate(float share, bool first);
  /// One step of Adam with the numbers of the table's own step.
  void apply(const detail::AdamRows& step);
  void register_state(exec::CheckpointRegistry& state);

 private:
  [[nodiscard]] std::size_t matrix_size() const { return std::size_t{shape_.padded_rows} * shape_.width; }

  Shape shape_;
  std::vector<float> values_;
  std::vector<float> gradients_;
  std::vector<float> accumulated_;
  std::vector<float> first_moments_;
  std::vector<float> second_moments_;
  std::vector<std::uint32_t> rows_;
};

/// The transposed of a row-major matrix.
[[nodiscard]] std::vector<float> transposed(std::span<const float> matrix, std::uint32_t rows, std::uint32_t columns);

/// out = rows · matrix, row by row: `count` rows of `inner` floats, a row-major matrix of `inner` × `columns`, a
/// multiple of 16. An entry is one fused chain over the inner index in order. By all threads.
void multiply_rows(std::span<const float> rows, std::uint64_t count, std::uint32_t inner, std::span<const float> matrix,
                   std::uint32_t columns, std::span<float> out);

}  // namespace rove::gnn
