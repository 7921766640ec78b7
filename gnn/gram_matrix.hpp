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

}  // namespace rove::gnn
