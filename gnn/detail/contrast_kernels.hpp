// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace rove::gnn::detail {

/// Anchors that a kernel takes at a time.
inline constexpr std::uint32_t kAnchorBlock = 24;
/// Keys are padded to a multiple of this many.
inline constexpr std::uint32_t kKeyPanel = 32;

/// What a pair of rows weighs by their dot product d, and what it adds to the sum.
enum class Attraction : std::uint8_t {
  kExponential,  ///< both exp(sharpness (d - 1))
  kHinge,        ///< 1 where d > margin; max(0, d - margin)
};

/// A block of unit rows against many: with d_ij = <a_i, b_j>, e_ij what the pair weighs and f_ij what it adds,
///   sums[i] = Σ_j factor_j f_ij      out_i = Σ_j factor_j e_ij b_j
/// A dot product and an entry of `out` are one fused chain each, in order of columns and of keys; a sum follows the
/// lane tree. The bits of a row depend on it and the keys alone.
struct AttractTask {
  const float* anchors = nullptr;  ///< kAnchorBlock rows of `width`; those beyond `num_anchors` are zero
  std::uint32_t num_anchors = 0;
  std::uint32_t width = 0;                ///< a multiple of 16
  const float* panels = nullptr;          ///< panel p holds, column by column, keys 32 p ... 32 p + 31
  const float* keys = nullptr;            ///< the same, padded to a whole panel, row by row
  std::uint64_t num_keys = 0;             ///< without padding
  const float* factors = nullptr;         ///< per key, padded; nullptr: 1
  const std::uint64_t* selves = nullptr;  ///< per anchor: the key that goes with it; nullptr: none does
  bool skip_self = false;                 ///< that key counts as 0
  /// Per anchor and one more, into `skips`: further keys that count as 0; nullptr: none.
  const std::uint64_t* skip_offsets = nullptr;
  const std::uint32_t* skips = nullptr;
  Attraction kind = Attraction::kExponential;
  float sharpness = 1.0F;
  float margin = 0.0F;
  float* weights = nullptr;  ///< scratch: kAnchorBlock rows of `padded(num_keys)`
  float* sums = nullptr;     ///< kAnchorBlock
  float* self_dots = nullptr;
  float* out = nullptr;  ///< kAnchorBlock rows of `width`
};
/// A block of rows against one part of their keys by inner product, with logits l_ij = sharpness <a_i, b_j>. With
/// offsets: out_i += Σ_j exp(l_ij - offset_j) b_j. Without: a softmax in one pass over all parts (Milakov and
/// Gimelshein, arXiv 1805.02867), where sums[i] stands for exp(maxima[i]) sums[i] and out_i likewise:
///   maxima[i] grows to the largest logit; sums[i] += Σ_j exp(l_ij - maxima[i]); out_i += Σ_j exp(l_ij - maxima[i]) b_j
/// The bits of a row depend on it, the keys and how they are cut into parts.
struct LogitTask {
  const float* anchors = nullptr;  ///< as in `AttractTask`
  std::uint32_t num_anchors = 0;
  std::uint32_t width = 0;
  const float* panels = nullptr;
  const float* keys = nullptr;
  std::uint64_t num_keys = 0;
  float sharpness = 1.0F;
  const float* offsets = nullptr;  ///< per key, padded
  float* weights = nullptr;        ///< scratch: kAnchorBlock rows of `padded(num_keys)`
  float* part = nullptr;           ///< scratch: kAnchorBlock rows of `width`
  float* maxima = nullptr;         ///< per anchor
  float* sums = nullptr;
  float* out = nullptr;  ///< num_anchors rows of `width`
};
using AttractLogits = void(const LogitTask& task);

[[nodiscard]] constexpr std::uint64_t padded_keys(std::uint64_t keys) {
  return (keys + kKeyPanel - 1) / kKeyPanel * kKeyPanel;
}
using Attract = void(const AttractTask& task);

/// unit = row / max(‖row‖, 1e-12); returns the reciprocal of the divisor.
using NormaliseRow = float(const float* row, std::uint32_t width, float* unit);
/// The adjoint: to += factor · inverse_norm · (g - <g, unit> unit).
using AddNormalisedGradient = void(const float* g, const float* unit, std::uint32_t width, float inverse_norm,
                                   float factor, float* to);
/// to = a · x + b · y, over rows.
using CombineRows = void(const float* x, float a, const float* y, float b, std::uint32_t width, float* to);

/// to = Σ rows[list[k]], in order.
using SumRows = void(const float* rows, std::uint32_t width, const std::uint32_t* list, std::uint64_t count, float* to);
/// <a, b> of two rows.
using DotRows = float(const float* a, const float* b, std::uint32_t width);

#define ROVE_CONTRAST_KERNELS                    \
  Attract attract;                               \
  AttractLogits attract_logits;                  \
  NormaliseRow normalise_row;                    \
  AddNormalisedGradient add_normalised_gradient; \
  CombineRows combine_rows;                      \
  SumRows sum_rows;                              \
  DotRows dot_rows;
namespace avx2 {
ROVE_CONTRAST_KERNELS
}
namespace avx512 {
ROVE_CONTRAST_KERNELS
}
#undef ROVE_CONTRAST_KERNELS

}  // namespace rove::gnn::detail
