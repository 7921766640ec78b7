// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rove::jobs {

/// What a path's links lead to now; the path itself where that cannot be looked up.
[[nodiscard]] std::filesystem::path link_target(const std::filesystem::path& path);

/// The layered configuration: built-in defaults < job file < `--set`. Every layer is checked against the key table when
/// it is added; an unknown key is a `ConfigError` that names the nearest valid one, with file and line.
/// Relative paths of a job file are relative to that file; those of `--set` and flags to the working directory. All are
/// kept absolute, links in them as they stand until `follow_links`.
class Config {
 public:
  /// Built-in defaults.
  Config();
  ~Config();
  Config(Config&&) noexcept;
  Config& operator=(Config&&) noexcept;

  /// Adds a job file's text. `file` names it in messages and anchors its relative paths.
  void add_file(const std::filesystem::path& file, const std::string& text);
  /// Adds one `--set section.key=value`; the value is YAML. Elements of lists of maps: `graph.edges[0].format=csv`.
  void set(const std::string& assignment);
  /// Sets one key to a text as it stands, without YAML interpretation.
  void set_text(std::string_view path, const std::string& value);
  /// Sets one key as a flag has it: texts and paths as they stand, lists of them too unless written `[a, b]`, and other
  /// values as `set`.
  void set_flag(const std::string& path, const std::string& value);
  /// Puts in place of every path what its links lead to now: a job's files must not change while it runs. A path that
  /// cannot be looked up stays: whoever reads it says why.
  void follow_links() { replace_paths(link_target); }
  /// Puts in place of every path what `replacement` says of it, in an order that the configuration alone decides.
  void replace_paths(const std::function<std::filesystem::path(const std::filesystem::path&)>& replacement);

  [[nodiscard]] bool has(std::string_view path) const;
  [[nodiscard]] std::string text(std::string_view path) const;
  [[nodiscard]] std::int64_t integer(std::string_view path) const;
  /// An integer that must be at least `minimum`.
  [[nodiscard]] std::uint64_t count(std::string_view path, std::uint64_t minimum = 0) const;
  /// The same, which must fit a narrower type.
  template <std::integral To>
  [[nodiscard]] To count_as(std::string_view path, std::uint64_t minimum = 0) const {
    return static_cast<To>(
        at_most(path, count(path, minimum), static_cast<std::uint64_t>(std::numeric_limits<To>::max())));
  }
  [[nodiscard]] double real(std::string_view path) const;
  [[nodiscard]] bool boolean(std::string_view path) const;
  [[nodiscard]] std::vector<std::string> texts(std::string_view path) const;
  [[nodiscard]] std::vector<std::uint64_t> counts(std::string_view path) const;
  template <std::unsigned_integral To>
  [[nodiscard]] std::vector<To> counts_as(std::string_view path) const {
    std::vector<To> result;
    for (const std::uint64_t value : counts(path))
      result.push_back(static_cast<To>(at_most(path, value, std::numeric_limits<To>::max())));
    return result;
  }
  [[nodiscard]] std::map<std::string, double> reals(std::string_view path) const;
  /// A path, or nothing when the key is not set.
  [[nodiscard]] std::optional<std::filesystem::path> path(std::string_view path) const;
  /// A path that must be set, or a `ConfigError`.
  [[nodiscard]] std::filesystem::path required_path(std::string_view path) const;
  [[nodiscard]] std::vector<std::filesystem::path> paths(std::string_view path) const;
  /// Number of entries of a list of maps ("graph.edges"); read entry i as "graph.edges[i].files".
  [[nodiscard]] std::size_t entries(std::string_view list) const;

  /// The effective configuration as YAML; with `sections`, only these top-level keys, for a stage's content hash.
  [[nodiscard]] std::string effective_yaml(const std::vector<std::string>& sections = {}) const;

  /// The commented template that `rove config --template` prints.
  [[nodiscard]] static std::string commented_template();

 private:
  /// `value`, or a `ConfigError` when it is larger than `maximum`.
  static std::uint64_t at_most(std::string_view path, std::uint64_t value, std::uint64_t maximum);

  struct Tree;
  std::unique_ptr<Tree> tree_;
};

}  // namespace rove::jobs
