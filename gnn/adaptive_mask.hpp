// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/exec/propagation.hpp"

namespace rove::gnn {

/// Neighbours' rows x averaged by how alike two vertices are in another table: the adaptive mask of DCCF (Ren et al.,
/// SIGIR 2023, arXiv 2305.02759). With unit rows u,
///   a_ij = (<u_i, u_j> + 1) / 2,   y_i = Σ_j a_ij x_j / Σ_j a_ij   over the slots of i.
/// Tables have a row of `width` floats per local vertex, owned rows first. Rows are written by their owners, in slot
/// order: the bits do not depend on ranks or threads. Refers to the propagation.
class AdaptiveMask {
 public:
  AdaptiveMask(const exec::Propagation& propagation, std::uint32_t width);

  /// **Collective.** y of all owned rows; the ghosts of `x` and `units` are up to date.
  void forward(std::span<const float> x, std::span<const float> units);
  [[nodiscard]] std::span<const float> result() const { return result_.span(); }
  /// **Collective.** The adjoint at x and units as `forward` saw them, given ∂L/∂y of all owned rows, whose ghosts it
  /// brings up to date. Adds to `to_x`, writes `to_units`; both by owned row.
  void backward(std::span<const float> x, std::span<const float> units, std::span<float> gradients,
                std::span<float> to_x, std::span<float> to_units);

  /// Bytes held.
  [[nodiscard]] static std::uint64_t plan_bytes(std::uint64_t owned_rows, std::uint64_t local_rows,
                                                std::uint32_t width) {
    return owned_rows * width * sizeof(float) + local_rows * 2 * sizeof(float);
  }

 private:
  const exec::Propagation* propagation_;
  std::uint32_t width_;
  HugeBuffer<float> result_;
  std::vector<float> inverse_sums_;  ///< per local row
  std::vector<float> along_;         ///< per local row
};

}  // namespace rove::gnn
