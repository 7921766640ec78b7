// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rove::gnn::detail {

/// Items that the kernel takes at a time: lists are padded to a multiple of it by items of weight 0.
inline constexpr std::uint32_t kItemLanes = 16;

/// A user's row u against a list of items' rows, with x_k = <u, rows[items[k]]>:
///   loss = Σ |a_k| softplus(sign(a_k) x_k)     derivatives[k] = a_k σ(sign(a_k) x_k)
/// so that items of positive weight a_k are pushed away and those of negative weight drawn near. `gradient` becomes
/// Σ derivatives[k] · rows[items[k]], one fused chain per column in order of k; the loss follows the lane tree. The
/// bits depend on the rows and weights alone. Rows are `width` floats, a multiple of 16.
struct LogisticTerms {
  const float* user = nullptr;
  const float* rows = nullptr;
  std::uint32_t width = 0;
  const std::uint32_t* items = nullptr;
  const float* weights = nullptr;
  std::uint64_t count = 0;  ///< with the padding
  float* derivatives = nullptr;
  float* gradient = nullptr;
};
/// Returns the loss.
using SumLogisticTerms = float(const LogisticTerms& task);

/// One term of a row's gradient: weight · rows[row].
struct RowTerm {
  std::uint32_t row = 0;
  float weight = 0.0F;
};
/// out = decay · parameters + Σ weight · rows[row], one fused chain per column in order. Returns ‖parameters‖².
struct DecayedTerms {
  const RowTerm* terms = nullptr;
  std::uint64_t count = 0;
  const float* rows = nullptr;
  std::uint32_t width = 0;
  const float* parameters = nullptr;
  float decay = 0.0F;
  float* out = nullptr;
};
using SumDecayedTerms = float(const DecayedTerms& task);

namespace avx2 {
SumLogisticTerms sum_logistic_terms;
SumDecayedTerms sum_decayed_terms;
}  // namespace avx2
namespace avx512 {
SumLogisticTerms sum_logistic_terms;
SumDecayedTerms sum_decayed_terms;
}  // namespace avx512

}  // namespace rove::gnn::detail
