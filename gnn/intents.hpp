// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/comm/communicator.hpp"

namespace rove::gnn {

/// Rows seen through prototypes: P = softmax(X W) by row, O = P Wᵀ for a replicated matrix W of `width` × `padded`
/// intents, of which the first `intents` count. `width` and `padded` are multiples of 16. Keeps nothing between calls
/// but scratch of 2 rows of `padded` floats per row.
class IntentLayer {
 public:
  IntentLayer(std::uint32_t width, std::uint32_t intents, std::uint32_t padded)
      : width_(width), intents_(intents), padded_(padded) {}

  /// O of all rows of x.
  void forward(std::span<const float> x, std::span<const float> matrix, std::span<float> out);
  /// **Collective.** The adjoint given ∂L/∂O: adds to `to_x`, and the same sum over all ranks to `to_matrix` on each.
  void backward(const comm::Communicator& comm, std::span<const float> x, std::span<const float> matrix,
                std::span<const float> gradients, std::span<float> to_x, std::span<float> to_matrix);

 private:
  /// P, into the first scratch.
  [[nodiscard]] std::span<float> shares(std::span<const float> x, std::span<const float> matrix);

  std::uint32_t width_;
  std::uint32_t intents_;
  std::uint32_t padded_;
  HugeBuffer<float> shares_;
  HugeBuffer<float> share_gradients_;
};

}  // namespace rove::gnn
