// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "io/text/file_layout.hpp"
#include "io/text/row_batch.hpp"

namespace rove::io::text {

/// Where in a block parsing failed, so that file and line can be named.
class ParseError : public std::runtime_error {
 public:
  ParseError(const char* at, const std::string& found, const std::string& expected)
      : std::runtime_error(found), at_(at), expected_(expected) {}
  [[nodiscard]] const char* at() const { return at_; }
  [[nodiscard]] const std::string& expected() const { return expected_; }

 private:
  const char* at_;
  std::string expected_;
};

/// Parses whole lines after the header. `first_row` counts the data lines before the block (used by metis, whose rows
/// are known by their position). Empty lines are passed over (metis: they are vertices without edges); lines that start
/// with # or % are comments in edge lists, with % in matrix-market and metis. CRLF is accepted. Throws `ParseError`.
void parse_rows(const FileLayout& layout, std::string_view text, std::uint64_t first_row, RowConsumer& consumer);

/// Lines of `text` that are rows of a metis file (not comments).
[[nodiscard]] std::uint64_t count_metis_rows(std::string_view text);

}  // namespace rove::io::text
