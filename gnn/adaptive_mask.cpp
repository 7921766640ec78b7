// SPDX-License-Identifier: Apache-2.0
#include "gnn/adaptive_mask.hpp"

#include "engine/base/isa.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/detail/contrast_kernels.hpp"
#include "gnn/detail/mask_kernels.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kAdaptiveMaskGrain = 64;

}  // namespace

AdaptiveMask::AdaptiveMask(const exec::Propagation& propagation, std::uint32_t width)
    : propagation_(&propagation),
      width_(width),
      result_(std::size_t{propagation.num_owned()} * width),
      inverse_sums_(propagation.num_local()),
      along_(propagation.num_local()) {}

void AdaptiveMask::forward(std::span<const float> x, std::span<const float> units) {
  const detail::MaskRows task{width_, x.data(), units.data(), result_.data(), inverse_sums_.data()};
  detail::MaskForward* const kernel = pick_isa(detail::avx2::mask_forward, detail::avx512::mask_forward);
  parallel::for_each({0, propagation_->num_owned()}, kAdaptiveMaskGrain, [&](std::uint64_t row) {
    const auto targets = propagation_->targets_of(static_cast<std::uint32_t>(row));
    kernel(task, static_cast<std::uint32_t>(row), targets.data(), targets.size());
  });
  propagation_->graph().halo().update<float>(inverse_sums_);
}

void AdaptiveMask::backward(std::span<const float> x, std::span<const float> units, std::span<float> gradients,
                            std::span<float> to_x, std::span<float> to_units) {
  detail::DotRows* const dot = pick_isa(detail::avx2::dot_rows, detail::avx512::dot_rows);
  parallel::for_each({0, propagation_->num_owned()}, kAdaptiveMaskGrain, [&](std::uint64_t row) {
    along_[row] = dot(gradients.data() + row * width_, result_.data() + row * width_, width_);
  });
  propagation_->graph().halo().update<float>(along_);
  propagation_->graph().halo().update<float>(gradients, width_);
  detail::MaskGradients task;
  task.width = width_;
  task.x = x.data();
  task.units = units.data();
  task.gradients = gradients.data();
  task.along = along_.data();
  task.inverse_sums = inverse_sums_.data();
  task.to_x = to_x.data();
  task.to_units = to_units.data();
  detail::MaskBackward* const kernel = pick_isa(detail::avx2::mask_backward, detail::avx512::mask_backward);
  parallel::for_each({0, propagation_->num_owned()}, kAdaptiveMaskGrain, [&](std::uint64_t row) {
    const auto targets = propagation_->targets_of(static_cast<std::uint32_t>(row));
    kernel(task, static_cast<std::uint32_t>(row), targets.data(), targets.size());
  });
}

}  // namespace rove::gnn
