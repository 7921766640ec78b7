// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace rove::io::text {

/// Whether the text is well-formed UTF-8 (Unicode 15, table 3-7).
[[nodiscard]] bool is_utf8(std::string_view text);

/// Throws `ParseError` when the text cannot be an original id: it is empty, not UTF-8, or has a carriage return, which
/// is a line end of another system.
void require_id(std::string_view id);

}  // namespace rove::io::text
