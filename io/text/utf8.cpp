// SPDX-License-Identifier: Apache-2.0
#include "io/text/utf8.hpp"

#include <cstddef>

#include "io/text/row_reader.hpp"

namespace rove::io::text {

bool is_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned first = byte(i);
    std::size_t length = 1;
    if (first >= 0x80) {
      if (first >= 0xC2 && first <= 0xDF) {
        length = continues(i + 1) ? 2 : 0;
      } else if (first >= 0xE0 && first <= 0xEF) {
        // No overlong forms, no surrogates.
        const bool second = continues(i + 1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF);
        length = second && continues(i + 2) ? 3 : 0;
      } else if (first >= 0xF0 && first <= 0xF4) {
        const bool second = continues(i + 1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF);
        length = second && continues(i + 2) && continues(i + 3) ? 4 : 0;
      } else {
        return false;
      }
      if (length == 0) return false;
    }
    i += length;
  }
  return true;
}

void require_id(std::string_view id) {
  if (id.empty()) throw ParseError(id.data(), "an empty id", "an id");
  if (!is_utf8(id)) {
    throw ParseError(id.data(), "an id that is not UTF-8", "UTF-8 text; convert the file, for instance with iconv");
  }
  if (id.find('\r') != std::string_view::npos) {
    throw ParseError(id.data(), "an id with a carriage return", "lines that end with LF or CRLF");
  }
}

}  // namespace rove::io::text
