// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "engine/base/huge_buffer.hpp"
#include "gnn/detail/kernels.hpp"
#include "gnn/embedding_table.hpp"

namespace rove::gnn {

struct AdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;  ///< λ of λ/2 ‖θ‖²: λ θ is a part of every gradient, as in PyTorch's Adam
};

/// Dense Adam (Kingma and Ba, 2015; bias correction as PyTorch does it): rows without a gradient move by their
/// momentum. The moments lie with the row's owner. The step number is part of the state.
class Adam {
 public:
  Adam(const AdamOptions& options, const EmbeddingTable& table);

  [[nodiscard]] std::span<float> first_moments() { return first_.span(); }
  [[nodiscard]] std::span<float> second_moments() { return second_.span(); }
  [[nodiscard]] std::uint64_t& steps() { return steps_; }

  /// Starts the next step: everything its row kernel needs besides the gradients. The kernel may then run on
  /// disjoint rows from several threads.
  [[nodiscard]] detail::AdamRows begin_step(EmbeddingTable& table);

 private:
  AdamOptions options_;
  HugeBuffer<float> first_;
  HugeBuffer<float> second_;
  std::uint64_t steps_ = 0;
};

}  // namespace rove::gnn
