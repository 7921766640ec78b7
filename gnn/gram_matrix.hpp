// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/comm/communicator.hpp"

namespace rove::gnn {

/// **Collective.** Xᵀ X of the rows of all ranks, `width` × `width` in row-major order; `rows` are this rank's, `width`
/// (a multiple of 16) floats each. Entries of X are rounded to 2^-22 of the power of two above the largest; everything
/// after that is exact until the last rounding to float, so the result depends on the multiset of rows alone. It is the
/// Gram matrix of the rounded rows, hence positive semidefinite up to that rounding. Throws `ConfigError` on all ranks
/// when an entry is not finite. Cost: width² / 2 multiply-adds per row; 16 · width² bytes are reduced.
[[nodiscard]] std::vector<float> gram_matrix(const comm::Communicator& comm, std::span<const float> rows,
                                             std::uint32_t width);

/// **Collective.** Xᵀ Y of the pairs of rows (x_i, y_i) of all ranks, `left_width` × `right_width`, both multiples of
/// 16, in row-major order: the gradient of a dense layer. Exact like `gram_matrix`, after each side is rounded to 2^-22
/// of its own bound. All NaN when an entry is not finite. Cost: a multiply-add in double per row and entry; 16 bytes
/// per entry are reduced.
[[nodiscard]] std::vector<float> cross_gram(const comm::Communicator& comm, std::span<const float> left,
                                            std::uint32_t left_width, std::span<const float> right,
                                            std::uint32_t right_width);

}  // namespace rove::gnn
