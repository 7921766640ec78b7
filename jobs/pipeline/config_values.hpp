// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/import/import_options.hpp"
#include "jobs/config/config.hpp"

/// Values of the configuration as options want them.
namespace rove::jobs {

/// What a text stands for that the key table allows.
template <class Enum>
Enum choose(const std::string& text, std::initializer_list<std::pair<const char*, Enum>> choices) {
  for (const auto& [name, value] : choices) {
    if (text == name) return value;
  }
  throw InternalError(fmt::format("the key table allows '{}', which no stage knows", text));
}

/// Empty when the key is not set.
[[nodiscard]] inline std::string optional_text(const Config& config, const std::string& path) {
  return config.has(path) ? config.text(path) : std::string{};
}

[[nodiscard]] inline std::vector<std::string> file_names(const Config& config, const std::string& path) {
  std::vector<std::string> names;
  for (const auto& file : config.paths(path)) names.push_back(file.string());
  return names;
}

/// Whether files have a header, as this key says.
inline void set_header(io::TextLayout& layout, const Config& config, const std::string& path) {
  layout.header = choose<io::Header>(config.text(path),
                                     {{"auto", io::Header::kAuto}, {"yes", io::Header::kYes}, {"no", io::Header::kNo}});
  layout.header_key = path;
}

}  // namespace rove::jobs
