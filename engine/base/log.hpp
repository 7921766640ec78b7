// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <fmt/core.h>

/// Messages of library code to whoever runs it. Libraries never print: without a sink everything is dropped, and
/// `jobs/` sets the one that writes the log file and the terminal. A result or a count belongs in a return value, not
/// here.
namespace rove::log {

enum class Level { kInfo, kWarning, kError };

/// Receives finished lines. Called from any thread, one call at a time.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(Level level, std::string_view message) = 0;
};

/// Makes `sink` (nullptr: none) receive all further messages and returns the one before. The caller keeps it alive
/// until it sets another. Thread-safe.
Sink* set_sink(Sink* sink);

/// Formats and hands on one message; does not format when there is no sink.
void write(Level level, fmt::string_view format, fmt::format_args arguments);

template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kInfo, format, fmt::make_format_args(args...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarning, format, fmt::make_format_args(args...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, format, fmt::make_format_args(args...));
}

}  // namespace rove::log
