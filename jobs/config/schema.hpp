// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rove::jobs {

enum class ValueType { kText, kInteger, kReal, kBoolean, kPath, kPathList, kTextList, kIntegerList, kRealList, kMap };

/// Groups of models as readers of keys.
inline constexpr std::string_view kVectorModels = "models of vectors";
inline constexpr std::string_view kBatchModels = "models trained on batches";

/// One key of the job file. The table of keys is the single source of the defaults, the checks, the template and the
/// list of what may be set.
struct ConfigKey {
  std::string_view path;  ///< "train.dim"; "[]" marks a list of maps: "graph.edges[].files"
  ValueType type;
  std::string_view default_value;  ///< YAML text; "~" when the key has no default
  std::string_view choices;        ///< "a|b|c", or empty
  std::string_view help;
  /// Values of the section's choices (of method, model, loss, ...) under which alone the key means something:
  /// "walks|power"; or a group of models, below. Empty: always.
  std::string_view read_by = {};
};

/// All keys, grouped by section, in the order the template prints them.
[[nodiscard]] std::span<const ConfigKey> config_keys();

/// "a|b|c" as a, b, c.
[[nodiscard]] std::vector<std::string_view> split_choices(std::string_view choices);

/// The known key most like `path` (edit distance), for error messages.
[[nodiscard]] std::string_view nearest_config_key(std::string_view path);
/// The member of `candidates` most like `word`.
[[nodiscard]] std::string nearest_word(std::string_view word, std::span<const std::string> candidates);

/// What the template says about a section ("train: ..."), or an empty text.
[[nodiscard]] std::string_view section_help(std::string_view section);

}  // namespace rove::jobs
