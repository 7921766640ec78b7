// SPDX-License-Identifier: Apache-2.0
#include "gnn/batch_options.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/math.hpp"

namespace rove::gnn {

void require_valid(const BatchOptions& options) {
  if (options.dim == 0) throw ConfigError("train.dim is 0, expected at least 1");
  if (options.batch_size == 0) throw ConfigError("train.batch_size is 0, expected at least 1");
  if (options.accumulate == 0) throw ConfigError("train.accumulate is 0, expected at least 1");
  if (!(options.learning_rate > 0)) {
    throw ConfigError(fmt::format("train.learning_rate is {}, expected a positive number", options.learning_rate));
  }
  if (!(options.initial_deviation >= 0) || !std::isfinite(options.initial_deviation)) {
    throw ConfigError(fmt::format("train.initial_deviation is {}, expected 0 or more", options.initial_deviation));
  }
  if (!(options.decay >= 0) || !std::isfinite(options.decay)) {
    throw ConfigError(fmt::format("train.decay is {}, expected 0 or more", options.decay));
  }
  if (!(options.weight_decay >= 0) || !std::isfinite(options.weight_decay)) {
    throw ConfigError(fmt::format("train.weight_decay is {}, expected 0 or more", options.weight_decay));
  }
  const LossOptions& loss = options.loss;
  if (!(loss.temperature >= kLeastTemperature) || !std::isfinite(loss.temperature)) {
    throw ConfigError(
        fmt::format("train.loss_temperature is {}, expected at least {}", loss.temperature, kLeastTemperature));
  }
  if (loss.positive_temperature != 0 &&
      !(loss.positive_temperature >= kLeastTemperature && std::isfinite(loss.positive_temperature))) {
    throw ConfigError(fmt::format("train.loss_positive_temperature is {}, expected at least {}, or ~ for that of all",
                                  loss.positive_temperature, kLeastTemperature));
  }
  if (!(loss.correction >= 0 && loss.correction <= 1)) {
    throw ConfigError(fmt::format("train.loss_correction is {}, expected 0 to 1", loss.correction));
  }
  if (!(loss.uniformity >= 0) || !std::isfinite(loss.uniformity)) {
    throw ConfigError(fmt::format("train.uniformity is {}, expected at least 0", loss.uniformity));
  }
  if (!(loss.margin >= -1 && loss.margin < 1)) {
    throw ConfigError(fmt::format("train.margin is {}, expected at least -1 and below 1", loss.margin));
  }
  if (!(loss.negative_weight >= 0) || !std::isfinite(loss.negative_weight)) {
    throw ConfigError(fmt::format("train.negative_weight is {}, expected at least 0", loss.negative_weight));
  }
  if (reads_shared_negatives(options) && options.shared_negatives == 0) {
    throw ConfigError("train.shared_negatives is 0, expected at least 1 for a loss over shared negatives");
  }
  if (options.negatives == NegativeKind::kDynamic) {
    if (loss.kind != LossKind::kBpr) {
      throw ConfigError("train.negatives is dynamic, which is a choice of BPR's negatives; the loss is another one");
    }
    if (options.candidates == 0 || options.candidates > 0xFFFF) {
      throw ConfigError(fmt::format("train.candidates is {}, expected 1 to 65535", options.candidates));
    }
  }
  if (options.negatives == NegativeKind::kListed) {
    if (options.hard_first >= options.hard_last) {
      throw ConfigError(fmt::format("train.hard_first is {}, expected below train.hard_last ({})", options.hard_first,
                                    options.hard_last));
    }
    if (!(options.hard_share >= 0 && options.hard_share <= 1)) {
      throw ConfigError(fmt::format("train.hard_share is {}, expected 0 to 1", options.hard_share));
    }
  }
  if (!(options.final_rate > 0 && options.final_rate <= 1)) {
    throw ConfigError(fmt::format("train.final_rate is {}, expected a share in (0, 1]", options.final_rate));
  }
}

double rate_factor(const BatchOptions& options, std::uint64_t step, std::uint64_t total_steps) {
  const auto t = static_cast<double>(step);
  if (step <= options.warmup_steps) return t / static_cast<double>(options.warmup_steps);
  const std::uint64_t scheduled = total_steps > options.warmup_steps ? total_steps - options.warmup_steps : 1;
  const double done = std::min(1.0, (t - static_cast<double>(options.warmup_steps)) / static_cast<double>(scheduled));
  switch (options.schedule) {
    case Schedule::kConstant:
      break;
    case Schedule::kLinear:
      return 1.0 - done * (1.0 - options.final_rate);
    case Schedule::kExponential:
      return math::pow(options.final_rate, done);
  }
  return 1.0;
}

}  // namespace rove::gnn
