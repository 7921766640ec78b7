// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Texts and numbers of the report. The same for the same values, whatever the locale.
namespace rove::jobs::html {

/// For element content and quoted attributes; control characters that HTML forbids become "?".
[[nodiscard]] std::string escape(std::string_view text);

/// "29,858".
[[nodiscard]] std::string count(std::uint64_t value);
/// "0.0988", "12.41", "1.2e-05"; "not a number".
[[nodiscard]] std::string real(double value);
/// "0 s", "35 ms", "9.2 s", "4 min 10 s".
[[nodiscard]] std::string duration(double seconds);
/// A share as "18.5 %".
[[nodiscard]] std::string percent(double share);
/// "+0.0021", "−1.2e-05", "±0".
[[nodiscard]] std::string difference(double now, double before);
/// "+2.1 %"; empty when `before` is 0 or either is not finite.
[[nodiscard]] std::string relative_difference(double now, double before);

}  // namespace rove::jobs::html
