// SPDX-License-Identifier: Apache-2.0
// Row pulls, compiled once per instruction set. A row's sum lives in registers, four blocks of sixteen columns at a
// time. Rows lie at random, so the rows of the slots ahead are prefetched: within a row `kAhead` slots ahead, and the
// first slots of the row after next before each row. Skipped zero rows change no bit: a running sum that starts at +0
// never is -0.
#include "engine/exec/detail/propagation_kernels.hpp"

#include <algorithm>
#include <cstddef>

#include "engine/base/simd.hpp"

namespace rove::exec::detail::ROVE_ISA {
namespace {

using simd::F32x16;

constexpr std::uint64_t kAhead = 16;
constexpr std::uint64_t kRowsAhead = 2;
constexpr std::uint32_t kBlocks = 4;

template <std::uint32_t blocks>
[[gnu::always_inline]] inline void prefetch_row(const float* row) {
  for (std::uint32_t b = 0; b < blocks; ++b) simd::prefetch(row + b * simd::kLanes);
}

template <std::uint32_t blocks>
[[gnu::always_inline]] inline void add_row(F32x16 (&sum)[blocks], const float* row) {
  for (std::uint32_t b = 0; b < blocks; ++b) sum[b] += F32x16::load(row + b * simd::kLanes);
}

template <std::uint32_t blocks>
[[gnu::always_inline]] inline void sum_segment(const float* x, std::size_t width, const std::uint32_t* targets,
                                               std::uint64_t begin, std::uint64_t end, F32x16 (&sum)[blocks]) {
  for (F32x16& s : sum) s = F32x16::zero();
  std::uint64_t i = begin;
  for (; i + kAhead < end; ++i) {
    prefetch_row<blocks>(x + targets[i + kAhead] * width);
    add_row<blocks>(sum, x + targets[i] * width);
  }
  for (; i < end; ++i) add_row<blocks>(sum, x + targets[i] * width);
}

template <std::uint32_t blocks>
[[gnu::always_inline]] inline void sum_nonzero(const float* x, std::size_t width, const std::uint8_t* nonzero,
                                               const std::uint32_t* targets, std::uint64_t begin, std::uint64_t end,
                                               F32x16 (&sum)[blocks]) {
  constexpr std::uint64_t kWindow = 64;
  std::uint32_t found[kWindow];
  for (F32x16& s : sum) s = F32x16::zero();
  for (std::uint64_t i = begin; i < end; i += kWindow) {
    const std::uint64_t stop = std::min(i + kWindow, end);
    std::uint32_t count = 0;
    for (std::uint64_t k = i; k < stop; ++k) {
      found[count] = targets[k];
      count += nonzero[targets[k]];
    }
    for (std::uint32_t k = 0; k < count; ++k) add_row<blocks>(sum, x + found[k] * width);
  }
}

template <std::uint32_t blocks>
void pull_columns(const PullTask& task, std::uint32_t first_column) {
  const std::size_t width = task.width;
  const float* x = task.x + first_column;
  for (std::uint64_t q = 0; q < task.count; ++q) {
    const std::uint32_t row = task.rows[q];
    const RowSlots& slots = task.slots[row];
    if (slots.degree >= task.skip_degree) continue;
    if (q + kRowsAhead < task.count && task.nonzero == nullptr) {
      const RowSlots& next = task.slots[task.rows[q + kRowsAhead]];
      for (std::uint64_t i = 0; i < std::min(kAhead, next.degree); ++i)
        prefetch_row<blocks>(x + next.targets[i] * width);
    }
    F32x16 total[blocks];
    std::uint64_t begin = 0;
    do {
      const std::uint64_t end = std::min(begin + task.segment, slots.degree);
      F32x16 sum[blocks];
      if (task.nonzero == nullptr) {
        sum_segment<blocks>(x, width, slots.targets, begin, end, sum);
      } else {
        sum_nonzero<blocks>(x, width, task.nonzero, slots.targets, begin, end, sum);
      }
      for (std::uint32_t b = 0; b < blocks; ++b) total[b] = begin == 0 ? sum[b] : total[b] + sum[b];
      begin = end;
    } while (begin < slots.degree);
    const F32x16 scale = F32x16::broadcast(task.scale == nullptr ? 1.0F : task.scale[row]);
    float* out = task.out + (task.compact ? q : std::uint64_t{row}) * width + first_column;
    for (std::uint32_t b = 0; b < blocks; ++b) (scale * total[b]).store(out + b * simd::kLanes);
  }
}

}  // namespace

void pull_rows(const PullTask& task) {
  const std::uint32_t blocks = task.width / static_cast<std::uint32_t>(simd::kLanes);
  std::uint32_t block = 0;
  for (; block + kBlocks <= blocks; block += kBlocks) {
    pull_columns<kBlocks>(task, block * static_cast<std::uint32_t>(simd::kLanes));
  }
  const std::uint32_t column = block * static_cast<std::uint32_t>(simd::kLanes);
  switch (blocks - block) {
    case 1:
      pull_columns<1>(task, column);
      break;
    case 2:
      pull_columns<2>(task, column);
      break;
    case 3:
      pull_columns<3>(task, column);
      break;
    default:
      break;
  }
}

}  // namespace rove::exec::detail::ROVE_ISA
