// SPDX-License-Identifier: Apache-2.0
// Noise of contrastive views, compiled once per instruction set with the same bits.
#include "gnn/detail/noise_kernels.hpp"

#include <cstddef>

#include "engine/base/simd.hpp"

namespace rove::gnn::detail::ROVE_ISA {
namespace {

using simd::F32x16;
using simd::kLanes;

constexpr std::uint32_t kMaxWidth = 1024;

/// Columns [16 c, 16 c + 16) of r.
template <class To>
[[gnu::always_inline]] inline void draw_columns(const NoiseRows<To>& task, std::uint64_t key, std::uint32_t c,
                                                float* r) {
  const RandomBlock block = task.random->block(key, c, task.step);
  std::uint8_t bytes[kLanes];
  __builtin_memcpy(bytes, block.data(), kLanes);
  for (std::size_t k = 0; k < kLanes; ++k) r[k] = (static_cast<float>(bytes[k]) + 0.5F) * 0x1p-8F;
  for (std::size_t k = task.dim - c * kLanes; k < kLanes; ++k) r[k] = 0.0F;
}

}  // namespace

template <class To>
void add_noise(const NoiseRows<To>& task) {
  if (task.width == 0) return;
  alignas(64) float r[kMaxWidth];
  for (std::uint64_t i = 0; i < task.count; ++i) {
    const std::size_t row = task.rows[i];
    const float* x = task.results + i * task.width;
    To* to = task.to + (task.scatter ? row : i) * task.width;
    F32x16 squares = F32x16::zero();
    for (std::uint32_t c = 0; c * kLanes < task.dim; ++c) {
      draw_columns(task, task.keys[row], c, r + c * kLanes);
      const F32x16 drawn = F32x16::load(r + c * kLanes);
      squares = fma(drawn, drawn, squares);
    }
    const float length = task.scale == nullptr ? task.strength : task.strength * task.scale[row];
    const F32x16 factor = F32x16::broadcast(length / __builtin_sqrtf(squares.sum()));
    const F32x16 zero = F32x16::zero();
    for (std::size_t c = 0; c < task.width; c += kLanes) {
      const F32x16 value = F32x16::load(x + c);
      const F32x16 noise = copy_sign(factor * F32x16::load(r + task.first_column + c), value);
      select_less(zero, abs(value), value + noise, value).store(to + c);
    }
  }
}

template void add_noise(const NoiseRows<float>& task);
template void add_noise(const NoiseRows<BFloat16>& task);

}  // namespace rove::gnn::detail::ROVE_ISA
