// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "gnn/batch_contrast.hpp"
#include "gnn/batch_loss.hpp"

namespace rove::gnn {

/// BPR with dynamic negatives (DNS, Zhang et al., SIGIR 2013): of `candidates` items that the user lacks, drawn for
/// each triple from the batch's shared negatives, the one that scores highest under the parameters as they are; of
/// equal scores the first row. A triple whose user has all shared negatives counts as 0. Draws are functions of (seed,
/// epoch, step, user key, place in the batch). Cost: the rows of the shared negatives and of the batch's users, and 24
/// bytes per triple, go to every rank.
class HardBpr final : public BatchLoss {
 public:
  /// The context's references must outlive this.
  HardBpr(const BatchContext& context, const BatchOptions& options);

  void run(const BatchStep& step, std::span<float> row_buffer, std::span<float> gradients) override;

  /// Draws per candidate before the first shared negative that the user lacks is taken.
  static constexpr std::uint32_t kAttempts = 32;

 private:
  /// What a triple adds to the gradient of the negative that it chose.
  struct Choice {
    std::uint32_t negative = 0;    ///< position among the shared negatives
    std::uint32_t user = 0;        ///< position among the batch's users
    std::uint64_t position = 0;    ///< of the triple
    std::uint32_t delta_bits = 0;  ///< of the float
    std::uint32_t unused = 0;
  };
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  /// The shared negative that a triple trains on, or `kNone`.
  [[nodiscard]] std::uint32_t choose(const BatchStep& step, std::uint64_t triple, const float* user) const;
  void score(const BatchStep& step, const float* rows);
  [[nodiscard]] std::vector<Choice> choices_of_own_negatives(const Batch& batch, const BatchSides& sides) const;

  const BatchContext context_;
  std::uint64_t seed_;
  std::uint32_t candidates_;
  UnitRows pool_;
  UnitRows users_;
  HugeBuffer<float> rows_;             ///< the row buffer, the shared negatives, the users
  std::vector<std::uint32_t> chosen_;  ///< per own triple
  std::vector<float> deltas_;          ///< of the batch, then of the choices
  std::vector<float> outgoing_;
};

}  // namespace rove::gnn
