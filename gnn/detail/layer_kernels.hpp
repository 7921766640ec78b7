// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rove::gnn::detail {

/// out = rows · matrix: `count` rows of `inner` floats, a matrix of `inner` × `columns` (a multiple of 16), row-major.
/// An entry is one fused chain over the inner index in order.
using MultiplyRows = void(const float* rows, std::uint64_t count, std::uint32_t inner, const float* matrix,
                          std::uint32_t columns, float* out);

/// row = softmax of its first `used` entries, the rest of `width` (a multiple of 16) zero. The sum follows the lane
/// tree.
using SoftmaxRow = void(float* row, std::uint32_t used, std::uint32_t width);
/// Its adjoint: gradients = shares ⊙ (gradients - <gradients, shares>).
using SoftmaxAdjoint = void(const float* shares, std::uint32_t width, float* gradients);

#define ROVE_LAYER_KERNELS    \
  MultiplyRows multiply_rows; \
  SoftmaxRow softmax_row;     \
  SoftmaxAdjoint softmax_adjoint;
namespace avx2 {
ROVE_LAYER_KERNELS
}
namespace avx512 {
ROVE_LAYER_KERNELS
}
#undef ROVE_LAYER_KERNELS

}  // namespace rove::gnn::detail
