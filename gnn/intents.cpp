// SPDX-License-Identifier: Apache-2.0
#include "gnn/intents.hpp"

#include <algorithm>

#include "engine/base/isa.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/batch_training.hpp"
#include "gnn/dense_weights.hpp"
#include "gnn/detail/contrast_kernels.hpp"
#include "gnn/detail/layer_kernels.hpp"
#include "gnn/gram_matrix.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kIntentsGrain = 128;

}  // namespace

std::span<float> IntentLayer::shares(std::span<const float> x, std::span<const float> matrix) {
  const std::uint64_t count = x.size() / width_;
  grow(shares_, count * std::max(padded_, width_));
  const std::span<float> shares = shares_.span().first(count * padded_);
  multiply_rows(x, count, width_, matrix, padded_, shares);
  detail::SoftmaxRow* const softmax = pick_isa(detail::avx2::softmax_row, detail::avx512::softmax_row);
  parallel::for_each({0, count}, kIntentsGrain,
                     [&](std::uint64_t row) { softmax(shares.data() + row * padded_, intents_, padded_); });
  return shares;
}

void IntentLayer::forward(std::span<const float> x, std::span<const float> matrix, std::span<float> out) {
  const std::span<const float> p = shares(x, matrix);
  multiply_rows(p, x.size() / width_, padded_, transposed(matrix, width_, padded_), width_, out);
}

void IntentLayer::backward(const comm::Communicator& comm, std::span<const float> x, std::span<const float> matrix,
                           std::span<const float> gradients, std::span<float> to_x, std::span<float> to_matrix) {
  const std::uint64_t count = x.size() / width_;
  const std::span<const float> p = shares(x, matrix);
  const auto add = [&](const std::vector<float>& sums) {
    for (std::size_t i = 0; i < sums.size(); ++i) to_matrix[i] += sums[i];
  };
  add(cross_gram(comm, gradients, width_, p, padded_));
  grow(share_gradients_, count * padded_);
  const std::span<float> logits = share_gradients_.span().first(count * padded_);
  multiply_rows(gradients, count, width_, matrix, padded_, logits);
  detail::SoftmaxAdjoint* const adjoint = pick_isa(detail::avx2::softmax_adjoint, detail::avx512::softmax_adjoint);
  parallel::for_each({0, count}, kIntentsGrain, [&](std::uint64_t row) {
    adjoint(p.data() + row * padded_, padded_, logits.data() + row * padded_);
  });
  add(cross_gram(comm, x, width_, logits, padded_));
  // P is not needed any more.
  const std::span<float> through = shares_.span().first(count * width_);
  multiply_rows(logits, count, padded_, transposed(matrix, width_, padded_), width_, through);
  detail::CombineRows* const combine = pick_isa(detail::avx2::combine_rows, detail::avx512::combine_rows);
  parallel::for_each({0, count}, kIntentsGrain, [&](std::uint64_t row) {
    float* to = to_x.data() + row * width_;
    combine(through.data() + row * width_, 1.0F, to, 1.0F, width_, to);
  });
}

}  // namespace rove::gnn
