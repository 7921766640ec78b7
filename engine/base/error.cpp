// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.hpp"

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

namespace rove {
namespace {

std::string position_prefix(const SourcePosition& where) {
  std::string prefix = where.file;
  if (where.line != 0) prefix += fmt::format(":{}", where.line);
  if (where.line != 0 && where.column != 0) prefix += fmt::format(":{}", where.column);
  if (!prefix.empty()) prefix += ": ";
  return prefix;
}

}  // namespace

void require_config(bool holds, const std::string& message) {
  if (!holds) throw ConfigError(message);
}

void throw_io_error(const char* what, const char* path) {
  const int reason = errno;
  throw IoError(fmt::format("cannot {} {}: {}", what, path, std::generic_category().message(reason)));
}

InputError::InputError(const SourcePosition& where, const std::string& found, const std::string& expected)
    : InputError(fmt::format("{}found {}, expected {}", position_prefix(where), found, expected)) {}

}  // namespace rove
