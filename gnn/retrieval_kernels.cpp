// SPDX-License-Identifier: Apache-2.0
// The scoring kernel of exact retrieval, compiled once per instruction set. A tile of users × items lives in registers:
// 14 × 32 with 32 registers of 512 bits, 6 × 16 with 16 of 256; every score is the same fused chain in both. Scores are
// compared with the thresholds in registers and never stored; only survivors leave.
#include "gnn/detail/retrieval_kernels.hpp"

#include <cstddef>

#include "engine/base/simd.hpp"
#include "gnn/detail/product_tile.hpp"

namespace rove::gnn::detail::ROVE_ISA {
namespace {

#ifdef __AVX512F__
constexpr std::uint32_t kUsers = 14;
constexpr std::uint32_t kVectors = 2;
#else
constexpr std::uint32_t kUsers = 6;
constexpr std::uint32_t kVectors = 1;
#endif
static_assert(kUsers <= kMaxBlockUsers && kPanelItems % (kVectors * kLanes) == 0);
constexpr std::uint32_t kTilesPerPanel = kPanelItems / (kVectors * static_cast<std::uint32_t>(kLanes));

[[gnu::always_inline]] inline ProductTile<kUsers, kVectors> score_tile(const float* users, const float* items,
                                                                       std::uint32_t columns) {
  return product_tile<kUsers, kVectors>([&](std::uint32_t u, std::uint64_t c) { return users[c * kUsers + u]; }, items,
                                        kPanelItems, columns);
}

void pack_users(const ScanTask& task) {
  for (std::uint32_t c = 0; c < task.columns; ++c) {
    for (std::uint32_t u = 0; u < kUsers; ++u) {
      task.packed_users[c * kUsers + u] = u < task.num_users ? task.users[std::size_t{u} * task.width + c] : 0.0F;
    }
  }
  for (std::uint32_t u = task.num_users; u < kMaxBlockUsers; ++u) {
    task.thresholds[u] = __builtin_inff();
  }
}

}  // namespace

std::uint32_t block_users() {
  return kUsers;
}

void scan_panels(const ScanTask& task) {
  pack_users(task);
  Survivor survivors[std::size_t{kUsers} * kVectors * kLanes];
  for (std::uint64_t p = 0; p < task.num_panels; ++p) {
    for (std::uint32_t t = 0; t < kTilesPerPanel; ++t) {
      const auto tile =
          score_tile(task.packed_users,
                     task.panels + p * kPanelItems * task.columns + std::uint64_t{t} * kVectors * kLanes, task.columns);
      std::uint32_t count = 0;
      for (std::uint32_t u = 0; u < kUsers; ++u) {
        const F32x16 threshold = F32x16::broadcast(task.thresholds[u]);
        for (std::uint32_t v = 0; v < kVectors; ++v) {
          std::uint32_t mask = mask_not_less(tile.sums[u][v], threshold);
          if (mask == 0) continue;
          float lanes[kLanes];
          tile.sums[u][v].store(lanes);
          const auto first = static_cast<std::uint32_t>(p * kPanelItems + (t * kVectors + v) * kLanes);
          for (; mask != 0; mask &= mask - 1) {
            const auto lane = static_cast<std::uint32_t>(__builtin_ctz(mask));
            survivors[count++] = {u, first + lane, lanes[lane]};
          }
        }
      }
      if (count > 0) task.emit(task.context, survivors, count);
    }
  }
}

float peak_flops(std::uint64_t repetitions, const float* data) {
  float total = 0.0F;
  for (std::uint64_t r = 0; r < repetitions; ++r) {
    const auto tile = score_tile(data, data + std::size_t{kUsers} * 64, 64);
    F32x16 sum = F32x16::zero();
    for (std::uint32_t u = 0; u < kUsers; ++u) {
      for (std::uint32_t v = 0; v < kVectors; ++v) sum += tile.sums[u][v];
    }
    total += sum.sum();
  }
  return total;
}

}  // namespace rove::gnn::detail::ROVE_ISA
