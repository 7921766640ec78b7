// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rove::gnn::detail {

/// Rows of a Gram matrix that are quantised and multiplied at a time.
inline constexpr std::uint64_t kGramBlock = 64;
/// Entries are rounded to multiples of 2^-kGramBits of the bound of all.
inline constexpr int kGramBits = 22;

/// sums += Σ qᵀ q over `count` rows (at most 512, or sums of 2^44-sized products would not stay exact), where q is the
/// row times `scale` rounded to whole numbers of at most 2^22. `sums` is `width` × `width`; only entries with
/// column >= row are meant. `work`: kGramBlock · width doubles. Every addition is exact, so order does not matter.
using AddGram = void(const float* rows, std::uint64_t count, std::uint32_t width, float scale, double* work,
                     double* sums);
/// The same of pairs of rows: sums += Σ qᵀ r, `left_width` × `right_width`. `work`: kGramBlock · (left_width +
/// right_width) doubles.
struct CrossGram {
  const float* left = nullptr;
  const float* right = nullptr;
  std::uint64_t count = 0;
  std::uint32_t left_width = 0;
  std::uint32_t right_width = 0;
  float left_scale = 1.0F;
  float right_scale = 1.0F;
  double* work = nullptr;
  double* sums = nullptr;
};
using AddCrossGram = void(const CrossGram& task);

/// Rows [begin, end) of one side's normal equations, solved by conjugate gradients from where the rows are:
///   (gram + Σ alpha y yᵀ) x = Σ (alpha + [first slot of the pair]) y       over the slots of the row, in slot order.
/// Slots of a pair lie together (gnn/grouped_slots.hpp). Rows without slots become zero.
struct IalsRows {
  const float* gram = nullptr;    ///< width × width, regularisation on its diagonal
  const float* others = nullptr;  ///< rows of the other side, by target
  float* rows = nullptr;          ///< row 0 of the side
  const std::uint64_t* offsets = nullptr;
  const std::uint32_t* targets = nullptr;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t width = 0;
  float alpha = 1.0F;
  std::uint32_t steps = 3;
  float* work = nullptr;        ///< 3 · width
  double* objective = nullptr;  ///< per row of the chunk: the part of the loss that depends on the row
};
using SolveIalsRows = void(const IalsRows& task);

namespace avx2 {
AddGram add_gram;
AddCrossGram add_cross_gram;
SolveIalsRows solve_ials_rows;
}  // namespace avx2
namespace avx512 {
AddGram add_gram;
AddCrossGram add_cross_gram;
SolveIalsRows solve_ials_rows;
}  // namespace avx512

}  // namespace rove::gnn::detail
