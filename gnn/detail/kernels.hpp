// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gnn/state_storage.hpp"

namespace rove::gnn::detail {

/// Rows of a batch (positions in its row buffer) of one triple.
struct TripleRows {
  std::uint32_t user = 0;
  std::uint32_t positive = 0;
  std::uint32_t negative = 0;
};

/// One term of a row's gradient: delta · (row `plus` - row `minus`).
struct GradientTerm {
  std::uint32_t delta = 0;
  std::uint32_t plus = 0;
  std::uint32_t minus = 0;
};

/// Rows are `width` floats, a multiple of 16. Sums run over blocks of sixteen columns with fused steps, then over the
/// lanes by the fixed tree of `F32x16::sum`.

/// scores[t] = <user, positive> - <user, negative>.
using ScoreTriples = void(const float* rows, std::uint32_t width, const TripleRows* triples, std::uint64_t count,
                          float* scores);
/// out = Σ delta · (plus - minus), term by term.
using SumTerms = void(const float* rows, std::uint32_t width, const GradientTerm* terms, std::uint64_t count,
                      const float* deltas, float* out);
/// to[i] = from[rows[i]] · (factor · scale[rows[i]]); with `add`, added to `to[i]` in one fused step. `scale` may be
/// nullptr. The rows of `to` are taken in order when `scatter` is off; when it is on, `from` in order and `to` by
/// rows[i]. One of `From` and `To` may be BFloat16, what is computed is of floats.
template <class From, class To>
struct RowUpdate {
  const From* from = nullptr;
  To* to = nullptr;
  const std::uint32_t* rows = nullptr;
  std::uint64_t count = 0;
  std::uint32_t width = 0;
  const float* scale = nullptr;
  float factor = 1.0F;
  bool add = false;
  bool scatter = false;
};
/// Sum of squares of one row.
using SquaredNorm = float(const float* row, std::uint32_t width);

/// One Adam step on some rows (Kingma and Ba, 2015, as PyTorch computes it):
///   g = results[i] + [the row is in the batch: loss · gradient + decay · uses · parameter] + weight decay · parameter
struct AdamRows {
  const std::uint32_t* rows = nullptr;  ///< owned local ids
  std::uint64_t count = 0;
  std::uint32_t width = 0;
  const float* results = nullptr;              ///< gradients, one row per entry of `rows`; nullptr: zero
  const std::uint32_t* batch_index = nullptr;  ///< per owned row: 1 + its place in the batch, or 0; nullptr: none is
  const float* batch_gradients = nullptr;
  const std::uint32_t* batch_uses = nullptr;
  float loss_factor = 1.0F;
  float decay_factor = 0.0F;
  float* parameters = nullptr;
  float* first_moments = nullptr;
  float* second_moments = nullptr;
  ScaledCopy scaled;
  float beta1 = 0.9F;
  float one_minus_beta1 = 0.1F;
  float beta2 = 0.999F;
  float one_minus_beta2 = 0.001F;
  float step_size = 0.0F;        ///< learning rate / (1 - beta1^t)
  float root_correction = 1.0F;  ///< sqrt(1 - beta2^t)
  float epsilon = 1e-8F;
  float weight_decay = 0.0F;
};
using ApplyAdam = void(const AdamRows& task);
/// The gradients g of `AdamRows` without weight decay, of one batch among several: accumulated[row] += share · g, or =
/// share · g with `first`; `out`, unless nullptr, receives the sums in the order of `rows`.
struct AccumulateRows {
  float* accumulated = nullptr;
  float share = 1.0F;
  bool first = false;
  float* out = nullptr;
};
using AccumulateGradients = void(const AdamRows& gradients, const AccumulateRows& task);

#define ROVE_GNN_KERNELS      \
  ScoreTriples score_triples; \
  SumTerms sum_terms;         \
  SquaredNorm squared_norm;   \
  ApplyAdam apply_adam;       \
  AccumulateGradients accumulate_gradients;
namespace avx2 {
ROVE_GNN_KERNELS
template <class From, class To>
void update_rows(const RowUpdate<From, To>& task);
}  // namespace avx2
namespace avx512 {
ROVE_GNN_KERNELS
template <class From, class To>
void update_rows(const RowUpdate<From, To>& task);
}  // namespace avx512
#undef ROVE_GNN_KERNELS

}  // namespace rove::gnn::detail
