// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "engine/base/exact_sum.hpp"
#include "engine/comm/communicator.hpp"
#include "gnn/batches.hpp"

namespace rove::gnn {

/// This rank's share of an epoch's loss. Full batches and the short last one are kept apart, since a batch's mean
/// divides by its own size.
struct LossSums {
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

  ExactSum full_bpr;
  ExactSum full_decay;
  ExactSum short_bpr;
  ExactSum short_decay;
  std::uint64_t failed_position = kNone;  ///< first triple whose score was not finite; it is not in the sums
};

/// **Collective.** Completes the row buffer of a batch, in which the active rows are filled in, with the rows of other
/// ranks and the row of zeros. `outgoing` is scratch. One message per pair of ranks.
void exchange_rows(const comm::Communicator& comm, const Batch& batch, std::span<float> row_buffer, std::uint32_t width,
                   std::vector<float>& outgoing);

/// **Collective.** Completes the deltas of a batch, of which those of the own triples are filled in, with those of
/// other ranks. One message per pair of ranks: a float per remote item of a triple.
void exchange_deltas(const comm::Communicator& comm, const Batch& batch, std::span<float> deltas,
                     std::vector<float>& outgoing);

/// Bayesian personalised ranking (Rendle et al., arXiv 1205.2618): the mean over the batch of softplus(-(<u,p> -
/// <u,n>)).
class BprLoss {
 public:
  explicit BprLoss(std::uint32_t width) : width_(width) {}

  /// **Collective.** Takes the row buffer of the batch with the active rows filled in, completes it with the rows of
  /// other ranks, and writes the loss's gradient at the active rows to `gradients`. Adds to `sums`. Two messages per
  /// pair of ranks: rows, then one float per remote item of a triple.
  void run(const comm::Communicator& comm, const Batch& batch, std::span<float> row_buffer, std::span<float> gradients,
           bool is_full_batch, LossSums& sums);

 private:
  std::uint32_t width_;
  std::vector<float> scores_;
  std::vector<float> deltas_;
  std::vector<float> outgoing_;
};

}  // namespace rove::gnn
