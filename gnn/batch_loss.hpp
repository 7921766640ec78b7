// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "engine/base/exact_sum.hpp"
#include "gnn/batch_training.hpp"

namespace rove::gnn {

/// What models trained on batches minimise, on the final representations h of the batch's rows.
///
/// kBpr (Rendle et al., UAI 2009): mean of softplus(-(<h_u, h_p> - <h_u, h_n>)); with dynamic negatives
///   gnn/hard_bpr.hpp.
/// kSoftmax (Wu et al., "On the effectiveness of sampled softmax loss", arXiv 2201.02327): mean over the pairs (u, p)
/// of
///   (1 - cos(u, p)) / τ⁺ + log Σ_j f_j exp((cos(u, j) - 1) / τ) over the batch's distinct positives j. f_j = Q_j^-c
///   with Q_j the chance that j is in the batch, as the sampler draws positives: c = 1 is the logQ correction of Yi et
///   al. (RecSys 2019). τ⁺ is τ unless set, which makes it BSL (Wu et al., ICDE 2024, arXiv 2312.12882). Negatives are
///   not read.
/// kAlignment (DirectAU, Wang et al., KDD 2022): mean of ‖û - p̂‖² + γ/2 (uniformity of the distinct users + of the
///   distinct positives), where uniformity is log mean_{i<j} exp(-2 ‖x̂_i - x̂_j‖²). Negatives are not read.
/// kCosineContrastive (SimpleX, Mao et al., CIKM 2021, arXiv 2109.12613): mean over the pairs (u, p) of
///   1 - cos(u, p) + w / n_u Σ_j max(0, cos(u, j) - margin) over the n_u shared negatives j that u lacks.
class BatchLoss {
 public:
  virtual ~BatchLoss() = default;
  /// **Collective.** Takes the row buffer with the active rows filled in; may complete it. Writes the gradient at the
  /// active rows, and adds to the step's sums.
  virtual void run(const BatchStep& step, std::span<float> row_buffer, std::span<float> gradients) = 0;
};

/// **Collective.** References of the context must outlive the result.
[[nodiscard]] std::unique_ptr<BatchLoss> make_loss(const BatchContext& context, const BatchOptions& options);

}  // namespace rove::gnn
