// SPDX-License-Identifier: Apache-2.0
// Row pulls, compiled once per instruction set. A row's sum lives in registers, four blocks of sixteen columns at a
// time. Rows lie at random, so the row of the slot `kAhead` further on is prefetched, across the end of the present
// row. Skipped zero rows change no bit: a running sum that starts at +0 never is -0.
#include "engine/exec/detail/propagation_kernels.hpp"

#include <cstddef>

#include "engine/base/simd.hpp"

namespace rove::exec::detail::ROVE_ISA {
namespace {

using simd::F32x16;

constexpr std::uint32_t kBlocks = 4;

[[gnu::always_inline]] inline std::uint64_t smaller(std::uint64_t a, std::uint64_t b) {
  return a < b ? a : b;
}

/// Every cache line of the row: a block of floats is one, and so are two blocks of halves where rows hold an even
/// number.
template <std::uint32_t blocks, class Stored>
[[gnu::always_inline]] inline void prefetch_row(const Stored* row) {
  constexpr std::uint32_t kStep = sizeof(Stored) == 2 && blocks % 2 == 0 ? 2 : 1;
  for (std::uint32_t b = 0; b < blocks; b += kStep) simd::prefetch(row + b * simd::kLanes);
}

/// Into the second-level cache, where a block's rows have room until its consumer comes.
template <std::uint32_t blocks>
[[gnu::always_inline]] inline void prefetch_touched(const TouchedRows& touched, std::size_t first) {
  for (const float* rows : touched) {
    if (rows == nullptr) return;
    for (std::uint32_t b = 0; b < blocks; ++b) {
      _mm_prefetch(reinterpret_cast<const char*>(rows + first + b * simd::kLanes), _MM_HINT_T1);
    }
  }
}

/// A row's sum while it grows. A value: what is reached by reference could be a row of x for all the compiler knows,
/// and would be stored and loaded again with every slot, ten cycles each.
template <std::uint32_t blocks>
struct RowSum {
  F32x16 block[blocks];
};

template <std::uint32_t blocks>
[[gnu::always_inline]] inline RowSum<blocks> zero_sum() {
  RowSum<blocks> sum;
  for (F32x16& block : sum.block) block = F32x16::zero();
  return sum;
}

template <std::uint32_t blocks, class Stored>
[[gnu::always_inline]] inline void add_row(RowSum<blocks>& sum, const Stored* row) {
  for (std::uint32_t b = 0; b < blocks; ++b) sum.block[b] += F32x16::load_shuffled(row + b * simd::kLanes);
}

template <std::uint32_t blocks, class Stored>
[[gnu::always_inline]] inline void add_scaled_row(RowSum<blocks>& sum, const Stored* row, F32x16 scale) {
  for (std::uint32_t b = 0; b < blocks; ++b) sum.block[b] += scale * F32x16::load_shuffled(row + b * simd::kLanes);
}

/// Sum over the slots [begin, end); entries of `targets` up to `last` may be looked at.
template <std::uint32_t blocks, class Stored>
[[gnu::always_inline]] inline RowSum<blocks> sum_segment(const Stored* x, std::size_t width,
                                                         const std::uint32_t* targets, std::uint64_t begin,
                                                         std::uint64_t end, std::uint64_t last) {
  RowSum<blocks> sum = zero_sum<blocks>();
  for (std::uint64_t i = begin; i < end; ++i) {
    prefetch_row<blocks>(x + targets[smaller(i + kAhead, last)] * width);
    add_row<blocks>(sum, x + targets[i] * width);
  }
  return sum;
}

template <std::uint32_t blocks, class Stored>
[[gnu::always_inline]] inline RowSum<blocks> sum_scaled_segment(const Stored* x, std::size_t width, const float* scale,
                                                                const std::uint32_t* targets, std::uint64_t begin,
                                                                std::uint64_t end, std::uint64_t last) {
  RowSum<blocks> sum = zero_sum<blocks>();
  for (std::uint64_t i = begin; i < end; ++i) {
    prefetch_row<blocks>(x + targets[smaller(i + kAhead, last)] * width);
    add_scaled_row<blocks>(sum, x + targets[i] * width, F32x16::broadcast(scale[targets[i]]));
  }
  return sum;
}

template <std::uint32_t blocks, class Stored>
[[gnu::always_inline]] inline RowSum<blocks> sum_nonzero(const Stored* x, std::size_t width,
                                                         const std::uint8_t* nonzero, const std::uint32_t* targets,
                                                         std::uint64_t begin, std::uint64_t end) {
  constexpr std::uint64_t kWindow = 64;
  std::uint32_t found[kWindow];
  RowSum<blocks> sum = zero_sum<blocks>();
  for (std::uint64_t i = begin; i < end; i += kWindow) {
    const std::uint64_t stop = smaller(i + kWindow, end);
    std::uint32_t count = 0;
    for (std::uint64_t k = i; k < stop; ++k) {
      found[count] = targets[k];
      count += nonzero[targets[k]];
    }
    for (std::uint32_t k = 0; k < count; ++k) add_row<blocks>(sum, x + found[k] * width);
  }
  return sum;
}

/// What rows of x are multiplied by, or which of them are read.
enum class Terms : std::uint8_t { kPlain, kScaled, kNonzero };

template <Terms terms, std::uint32_t blocks, class Stored, class Result>
[[gnu::always_inline]] inline RowSum<blocks> sum_part(const PullTask<Stored, Result>& task, const Stored* x,
                                                      const RowSlots& slots, std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t last = (task.is_sparse ? slots.degree : slots.readable) - 1U;
  if constexpr (terms == Terms::kNonzero) {
    return sum_nonzero<blocks>(x, task.width, task.nonzero, slots.targets, begin, end);
  } else if constexpr (terms == Terms::kScaled) {
    return sum_scaled_segment<blocks>(x, task.width, task.source_scale, slots.targets, begin, end, last);
  } else {
    return sum_segment<blocks>(x, task.width, slots.targets, begin, end, last);
  }
}

/// Of a row with more slots than a segment.
template <Terms terms, std::uint32_t blocks, class Stored, class Result>
[[gnu::noinline]] RowSum<blocks> sum_segments(const PullTask<Stored, Result>& task, const Stored* x,
                                              const RowSlots& slots) {
  RowSum<blocks> total = sum_part<terms, blocks>(task, x, slots, 0, task.segment);
  for (std::uint64_t begin = task.segment; begin < slots.degree; begin += task.segment) {
    const std::uint64_t end = smaller(begin + task.segment, slots.degree);
    const RowSum<blocks> sum = sum_part<terms, blocks>(task, x, slots, begin, end);
    for (std::uint32_t b = 0; b < blocks; ++b) total.block[b] += sum.block[b];
  }
  return total;
}

template <Terms terms, std::uint32_t blocks, class Stored, class Result>
void pull_terms(const PullTask<Stored, Result>& task, std::uint32_t first_column) {
  const Stored* x = task.x + first_column;
  for (std::uint64_t q = 0; q < task.count; ++q) {
    const std::uint32_t row = task.rows[q];
    const RowSlots slots = task.slots[row];
    prefetch_touched<blocks>(task.touched, std::size_t{row} * task.width + first_column);
    if (slots.degree >= task.skip_degree) continue;
    if (terms != Terms::kNonzero && task.is_sparse && q + 1 < task.count) {
      const RowSlots next = task.slots[task.rows[q + 1]];
      for (std::uint64_t i = 0; i < smaller(kAhead, next.degree); ++i) {
        prefetch_row<blocks>(x + next.targets[i] * std::size_t{task.width});
      }
    }
    const RowSum<blocks> total = slots.degree <= task.segment ? sum_part<terms, blocks>(task, x, slots, 0, slots.degree)
                                                              : sum_segments<terms, blocks>(task, x, slots);
    const F32x16 scale = F32x16::broadcast(task.scale == nullptr ? 1.0F : task.scale[row]);
    Result* out = task.out + (task.compact ? q : std::uint64_t{row}) * task.width + first_column;
    for (std::uint32_t b = 0; b < blocks; ++b) (scale * total.block[b].unshuffled(x)).store(out + b * simd::kLanes);
  }
}

template <std::uint32_t blocks, class Stored, class Result>
void pull_columns(const PullTask<Stored, Result>& task, std::uint32_t first_column) {
  if (task.nonzero != nullptr) {
    pull_terms<Terms::kNonzero, blocks>(task, first_column);
  } else if (task.source_scale != nullptr) {
    pull_terms<Terms::kScaled, blocks>(task, first_column);
  } else {
    pull_terms<Terms::kPlain, blocks>(task, first_column);
  }
}

}  // namespace

template <class Stored, class Result>
void pull_rows(const PullTask<Stored, Result>& task) {
  const std::uint32_t blocks = task.width / static_cast<std::uint32_t>(simd::kLanes);
  std::uint32_t block = 0;
  for (; block + kBlocks <= blocks; block += kBlocks) {
    pull_columns<kBlocks>(task, block * static_cast<std::uint32_t>(simd::kLanes));
  }
  const std::uint32_t column = block * static_cast<std::uint32_t>(simd::kLanes);
  switch (blocks - block) {
    case 1:
      return pull_columns<1>(task, column);
    case 2:
      return pull_columns<2>(task, column);
    case 3:
      return pull_columns<3>(task, column);
    default:
      return;
  }
}

template void pull_rows(const PullTask<float, float>& task);
template void pull_rows(const PullTask<BFloat16, BFloat16>& task);
template void pull_rows(const PullTask<BFloat16, float>& task);

}  // namespace rove::exec::detail::ROVE_ISA
