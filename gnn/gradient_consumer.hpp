// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>

#include "engine/exec/propagation.hpp"

namespace rove::gnn {

/// Takes the gradients that arrive through propagation: called from several threads with disjoint owned rows and one
/// gradient row for each (nullptr: all zero). `touched` names the arrays it reads at those rows, so that they can be
/// fetched while the gradients are summed.
class GradientConsumer {
 public:
  using Function = std::function<void(std::span<const std::uint32_t> rows, const float* results)>;

  template <std::convertible_to<Function> F>
  GradientConsumer(F&& function, exec::Propagation::TouchedRows touched = {})
      : function_(std::forward<F>(function)), touched_(touched) {}

  void operator()(std::span<const std::uint32_t> rows, const float* results) const { function_(rows, results); }
  [[nodiscard]] const Function& function() const { return function_; }
  [[nodiscard]] const exec::Propagation::TouchedRows& touched() const { return touched_; }

 private:
  Function function_;
  exec::Propagation::TouchedRows touched_;
};

}  // namespace rove::gnn
