// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gnn/state_storage.hpp"
#include "gnn/training.hpp"
#include "gnn/triple_sampler.hpp"

namespace rove::gnn {

/// Where rows lie while a model is trained. Never changes results.
enum class TrainLayout : std::uint8_t {
  kPartitioned,  ///< whole rows at the vertices' owners: propagation exchanges ghosts
  /// Some columns of all rows on every rank, by cluster: losses exchange the rows of a batch (gnn/column_layout.hpp).
  kColumns,
};

/// How the learning rate moves from `learning_rate` to `learning_rate * final_rate` over the steps of a run.
enum class Schedule : std::uint8_t { kConstant, kLinear, kExponential };

/// What a batch minimises (gnn/batch_loss.hpp).
enum class LossKind : std::uint8_t { kBpr, kSoftmax, kAlignment, kCosineContrastive };
struct LossOptions {
  LossKind kind = LossKind::kBpr;
  double temperature = 0.1;         ///< softmax: divides the cosines
  double positive_temperature = 0;  ///< softmax: divides the cosine of a pair itself (BSL); 0: `temperature`
  double correction = 1.0;          ///< softmax: exponent of the logQ correction; 0: none
  double uniformity = 1.0;          ///< alignment: weight of uniformity against alignment
  double margin = 0.9;              ///< cosine contrastive: a negative counts above this cosine
  double negative_weight = 150;     ///< cosine contrastive: weight of the negatives' mean against the positive
};

/// Below it the exponential of opposite rows' cosine, exp(-2 / temperature), is no normal float any more, and a softmax
/// may be left with nothing.
inline constexpr double kLeastTemperature = 0.025;

/// How a triple's negative is drawn among the items that the user lacks.
enum class NegativeKind : std::uint8_t {
  kUniform,
  kPopularity,  ///< gnn/popular_negatives.hpp
  kDynamic,     ///< the best of some shared negatives, for BPR (gnn/hard_bpr.hpp)
  kListed,      ///< some from `TrainHooks::ranked_items` (gnn/listed_negatives.hpp), the rest uniform
};

/// What models trained on batches of (user, positive, negative) triples by Adam read.
struct BatchOptions : LoopOptions {
  std::uint64_t batch_size = 2048;
  /// Batches per step of the optimiser, whose gradients are averaged by their triples (the last of an epoch may be
  /// fewer). BPR over n batches of b differs from one batch of n b in the last bits only; losses over the pairs of a
  /// batch see the pairs within each.
  std::uint64_t accumulate = 1;
  double learning_rate = 1e-3;
  double decay = 1e-4;  ///< λ of λ/(2B) Σ ‖x⁰‖² over the rows of a batch
  /// λ of λ/2 ‖θ‖² over all parameters that are not frozen, the rows and a model's own weights, with every step of the
  /// optimiser: PyTorch's `Adam(weight_decay)`. Like there, no part of the losses reported.
  double weight_decay = 0.0;
  double initial_deviation = 0.1;
  SamplerKind sampler = SamplerKind::kUserStratified;
  NegativeKind negatives = NegativeKind::kUniform;
  std::uint64_t shared_negatives = 1000;  ///< per batch, where the loss, the negatives or the model read them
  std::uint32_t candidates = 8;           ///< dynamic: shared negatives per triple, of which the best is taken
  std::uint64_t hard_first = 20;          ///< listed: ranks [first, last) of a user's list
  std::uint64_t hard_last = 100;
  double hard_share = 0.5;              ///< listed: share of the triples in the last epoch, from 0 in the first
  bool model_shares_negatives = false;  ///< the model reads shared negatives, whatever its loss
  LossOptions loss;
  Schedule schedule = Schedule::kConstant;
  double final_rate = 0.01;        ///< where a schedule ends, as a share of the learning rate
  std::uint64_t warmup_steps = 0;  ///< the first steps, over which the learning rate rises from 0
  TrainLayout layout = TrainLayout::kPartitioned;
  /// Columns: bytes of a cluster of rows, about; what a core's second-level cache holds. A quarter or half of it does
  /// as well (docs/decisions/0196).
  std::uint64_t cluster_bytes = 1U << 20U;
  StateStorage storage = StateStorage::kFloat32;  ///< of what is propagated; refused by models that propagate otherwise
};

/// Whether batches have shared negatives (gnn/shared_negatives.hpp).
[[nodiscard]] inline bool reads_shared_negatives(const BatchOptions& options) {
  return options.model_shares_negatives || options.loss.kind == LossKind::kCosineContrastive ||
         options.negatives == NegativeKind::kDynamic;
}

/// Learning rate of a step of the optimiser (from 1 over the whole run) as a share of `learning_rate`. A function of
/// its arguments alone.
[[nodiscard]] double rate_factor(const BatchOptions& options, std::uint64_t step, std::uint64_t total_steps);

/// Throws `ConfigError`, naming the key, where an option is out of range or two of them contradict each other.
void require_valid(const BatchOptions& options);

}  // namespace rove::gnn
