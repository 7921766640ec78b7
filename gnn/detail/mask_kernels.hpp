// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rove::gnn::detail {

/// Neighbours weighed by likeness: with unit rows u, a_ij = (<u_i, u_j> + 1) / 2, S_i = Σ_j a_ij over i's slots,
///   out_i = Σ_j a_ij x_j / S_i
/// by local row, `width` (a multiple of 16) floats each. Sums run over the slots in order, columns by fused steps.
struct MaskRows {
  std::uint32_t width = 0;
  const float* x = nullptr;
  const float* units = nullptr;
  float* out = nullptr;
  float* inverse_sums = nullptr;  ///< 1 / S_i, 0 where nothing weighs
};
using MaskForward = void(const MaskRows& task, std::uint32_t row, const std::uint32_t* targets, std::uint64_t degree);

/// The adjoint at one row, given g = ∂L/∂out and <g, out> of all local rows. a_ij weighs in row i and in row j:
///   to_x += Σ_j a_ij / S_j g_j
///   to_units = Σ_j ½ ((<g_i, x_j> - <g_i, out_i>) / S_i + (<g_j, x_i> - <g_j, out_j>) / S_j) u_j
struct MaskGradients {
  std::uint32_t width = 0;
  const float* x = nullptr;
  const float* units = nullptr;
  const float* gradients = nullptr;
  const float* along = nullptr;  ///< <g, out>
  const float* inverse_sums = nullptr;
  float* to_x = nullptr;      ///< by owned row
  float* to_units = nullptr;  ///< by owned row
};
using MaskBackward = void(const MaskGradients& task, std::uint32_t row, const std::uint32_t* targets,
                          std::uint64_t degree);

#define ROVE_MASK_KERNELS   \
  MaskForward mask_forward; \
  MaskBackward mask_backward;
namespace avx2 {
ROVE_MASK_KERNELS
}
namespace avx512 {
ROVE_MASK_KERNELS
}
#undef ROVE_MASK_KERNELS

}  // namespace rove::gnn::detail
