// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <deque>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "io/text/row_reader.hpp"
#include "io/text/utf8.hpp"

/// Cutting text into lines and lines into fields.
namespace rove::io::text {

[[nodiscard]] inline std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// Calls `visit(line)` for every line, without its line end.
template <class Visit>
void for_each_line(std::string_view text, const Visit& visit) {
  while (!text.empty()) {
    const auto* end = static_cast<const char*>(std::memchr(text.data(), '\n', text.size()));
    const std::size_t size = end == nullptr ? text.size() : static_cast<std::size_t>(end - text.data()) + 1;
    visit(without_line_end(text.substr(0, size)));
    text.remove_prefix(size);
  }
}

[[nodiscard]] inline bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/// Calls `visit(word)` for the words of a line, cut by runs of spaces and tabs.
template <class Visit>
void for_each_word(std::string_view line, const Visit& visit) {
  const char* at = line.data();
  const char* const end = at + line.size();
  while (true) {
    while (at != end && is_blank(*at)) ++at;
    if (at == end) return;
    const char* const begin = at;
    while (at != end && !is_blank(*at)) ++at;
    visit(std::string_view(begin, static_cast<std::size_t>(at - begin)));
  }
}

/// A piece of input as messages show it: UTF-8, with other bytes as numbers.
[[nodiscard]] inline std::string quote(std::string_view text) {
  std::size_t size = std::min<std::size_t>(text.size(), 60);
  // Not within a character.
  while (size > 0 && size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80) --size;
  const bool is_text = is_utf8(text.substr(0, size));
  std::string shown;
  for (const char c : text.substr(0, size)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || (!is_text && static_cast<unsigned char>(c) >= 0x80)) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      shown += c;
    }
  }
  return size == text.size() ? fmt::format("'{}'", shown) : fmt::format("'{}...'", shown);
}

/// Fields of one line.
struct Fields {
  static constexpr std::size_t kMax = 1024;
  std::array<std::string_view, kMax> values;
  std::size_t count = 0;

  void push(std::string_view value) {
    if (count == kMax) {
      throw ParseError(value.data(), "a line with more than 1024 columns", "at most 1024 columns; check the delimiter");
    }
    values[count++] = value;
  }
  [[nodiscard]] std::span<const std::string_view> all() const { return std::span(values).first(count); }
};

/// Cuts a line into fields as the layout says. Doubled quotes inside quoted fields are undone into `unescaped`.
void split(const FileLayout& layout, std::string_view line, Fields& fields, std::deque<std::string>& unescaped);

}  // namespace rove::io::text
