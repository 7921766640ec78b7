// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove {

/// `value` as a `To`. Throws `InternalError` naming `what` when it does not fit: no count is ever cut short silently.
template <std::integral To, std::integral From>
[[nodiscard]] constexpr To checked_cast(From value, const char* what = "count") {
  if (!std::in_range<To>(value)) {
    throw InternalError(fmt::format("{} {} does not fit a {}-bit integer", what, value, sizeof(To) * 8));
  }
  return static_cast<To>(value);
}

}  // namespace rove
