// SPDX-License-Identifier: Apache-2.0
#include "jobs/config/config.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <system_error>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "engine/base/error.hpp"
#include "jobs/config/schema.hpp"

namespace rove::jobs {
namespace {

/// "graph.edges[3].files" -> "graph.edges[].files".
std::string generic_path(std::string_view path) {
  std::string result;
  bool inside = false;
  for (const char c : path) {
    if (c == ']') inside = false;
    if (!inside) result += c;
    if (c == '[') inside = true;
  }
  return result;
}

const ConfigKey* find_key(std::string_view generic) {
  const auto keys = config_keys();
  const auto found = std::ranges::find(keys, generic, &ConfigKey::path);
  return found == keys.end() ? nullptr : &*found;
}

/// Throws `InternalError` when there is no such key.
const ConfigKey& known_key(std::string_view path) {
  if (const ConfigKey* key = find_key(generic_path(path))) return *key;
  throw InternalError(fmt::format("the configuration has no key '{}'", path));
}

[[noreturn]] void throw_not_set(std::string_view path) {
  throw ConfigError(fmt::format("{} is not set; set it in the job file or with --set {}=...", path, path));
}

bool is_section(std::string_view generic) {
  return std::ranges::any_of(config_keys(), [&](const ConfigKey& key) {
    return key.path.size() > generic.size() && key.path.starts_with(generic) &&
           (key.path[generic.size()] == '.' || key.path[generic.size()] == '[');
  });
}

bool is_list_of_maps(std::string_view generic) {
  return std::ranges::any_of(config_keys(),
                             [&](const ConfigKey& key) { return key.path.starts_with(fmt::format("{}[]", generic)); });
}

template <class T>
bool reads_as(const YAML::Node& node) {
  T value;
  return YAML::convert<T>::decode(node, value);
}

/// A layer's origin, for messages and relative paths.
struct Origin {
  std::string name;
  std::filesystem::path base;
  std::function<std::filesystem::path(const std::filesystem::path&)> replacement = {};  ///< of paths; empty: they stay

  [[nodiscard]] std::string at(const YAML::Node& node) const {
    const YAML::Mark mark = node.Mark();
    return mark.is_null() || mark.line < 0 ? name : fmt::format("{}:{}", name, mark.line + 1);
  }
};

const char* expectation(ValueType type) {
  switch (type) {
    case ValueType::kText:
      return "a text";
    case ValueType::kInteger:
      return "a whole number";
    case ValueType::kReal:
      return "a number";
    case ValueType::kBoolean:
      return "true or false";
    case ValueType::kPath:
      return "a path";
    case ValueType::kPathList:
      return "a list of paths";
    case ValueType::kTextList:
      return "a list of texts";
    case ValueType::kIntegerList:
      return "a list of whole numbers";
    case ValueType::kRealList:
      return "a list of numbers";
    case ValueType::kMap:
      return "a map";
  }
  return "a value";
}

bool type_matches(const ConfigKey& key, const YAML::Node& node) {
  const auto all = [&](auto predicate) {
    return node.IsSequence() && std::all_of(node.begin(), node.end(), predicate);
  };
  switch (key.type) {
    case ValueType::kText:
    case ValueType::kPath:
      return node.IsScalar();
    case ValueType::kInteger:
      return node.IsScalar() && reads_as<std::int64_t>(node);
    case ValueType::kReal:
      return node.IsScalar() && reads_as<double>(node);
    case ValueType::kBoolean:
      return node.IsScalar() && reads_as<bool>(node);
    case ValueType::kPathList:
    case ValueType::kTextList:
      return node.IsScalar() || all([](const YAML::Node& n) { return n.IsScalar(); });
    case ValueType::kIntegerList:
      return all([](const YAML::Node& n) { return reads_as<std::int64_t>(n); });
    case ValueType::kRealList:
      return all([](const YAML::Node& n) { return reads_as<double>(n); });
    case ValueType::kMap:
      return node.IsMap();
  }
  return false;
}

std::string shown(const YAML::Node& node) {
  YAML::Emitter out;
  out << YAML::Flow << node;
  return out.c_str();
}

/// What `..` behind the path leads to: out of what a link leads to, as it does for the system.
std::filesystem::path parent_of(const std::filesystem::path& path) {
  std::error_code error;
  const bool is_link = std::filesystem::is_symlink(path, error);
  const std::filesystem::path target = is_link ? std::filesystem::canonical(path, error) : path;
  return (target.empty() ? path : target).parent_path();
}

/// An absolute path without `.`, `..` and slashes at its end, links as they stand.
std::filesystem::path normal_path(const std::filesystem::path& path) {
  std::filesystem::path result;
  for (const std::filesystem::path& part : path) {
    if (part == "..") {
      result = parent_of(result);
    } else if (!part.empty() && part != ".") {
      result /= part;
    }
  }
  return result;
}

/// Checks a value and returns it in canonical form: paths absolute, one-element lists as lists, triples split.
YAML::Node checked_value(const ConfigKey& key, const std::string& path, const YAML::Node& node, const Origin& origin) {
  if (node.IsNull()) return node;
  if (!type_matches(key, node)) {
    throw ConfigError(
        fmt::format("{}: {} is {}, expected {}", origin.at(node), path, shown(node), expectation(key.type)));
  }
  if (!key.choices.empty()) {
    const auto views = split_choices(key.choices);
    const std::vector<std::string> choices(views.begin(), views.end());
    const auto value = node.as<std::string>();
    if (std::ranges::find(choices, value) == choices.end()) {
      throw ConfigError(fmt::format("{}: {} is '{}', expected one of {}; did you mean '{}'?", origin.at(node), path,
                                    value, fmt::join(choices, ", "), nearest_word(value, choices)));
    }
  }
  const auto absolute = [&](const std::string& text) {
    if (text.empty()) return text;
    const std::filesystem::path normal = normal_path(origin.base / text);
    return (origin.replacement ? origin.replacement(normal) : normal).string();
  };
  if (key.type == ValueType::kPath) return YAML::Node(absolute(node.as<std::string>()));
  if (key.type == ValueType::kPathList || key.type == ValueType::kTextList) {
    YAML::Node list(YAML::NodeType::Sequence);
    // As defaults are written, so that a configuration reads back as itself.
    if (key.type == ValueType::kTextList) list.SetStyle(YAML::EmitterStyle::Flow);
    std::vector<std::string> texts;
    if (node.IsScalar()) {
      const auto text = node.as<std::string>();
      if (key.type == ValueType::kPathList) {
        texts.push_back(text);
      } else {
        std::size_t begin = 0;
        while (begin <= text.size()) {
          const std::size_t end = std::min(text.find(',', begin), text.size());
          texts.push_back(text.substr(begin, end - begin));
          begin = end + 1;
        }
      }
    } else {
      texts = node.as<std::vector<std::string>>();
    }
    for (const std::string& text : texts) list.push_back(key.type == ValueType::kPathList ? absolute(text) : text);
    return list;
  }
  return YAML::Clone(node);
}

[[noreturn]] void throw_unknown(const std::string& path, const YAML::Node& node, const Origin& origin) {
  throw ConfigError(fmt::format("{}: unknown key '{}'; did you mean '{}'? (`rove config --template` lists all keys)",
                                origin.at(node), path, nearest_config_key(generic_path(path))));
}

YAML::Node checked_tree(const std::string& path, const YAML::Node& node, const Origin& origin);

YAML::Node checked_entry(const std::string& path, const YAML::Node& node, const Origin& origin) {
  const std::string generic = generic_path(path);
  if (const ConfigKey* key = find_key(generic)) return checked_value(*key, path, node, origin);
  if (is_list_of_maps(generic)) {
    if (node.IsNull()) return YAML::Node(YAML::NodeType::Sequence);
    if (!node.IsSequence()) {
      throw ConfigError(fmt::format("{}: {} is {}, expected a list of maps", origin.at(node), path, shown(node)));
    }
    YAML::Node list(YAML::NodeType::Sequence);
    for (std::size_t i = 0; i < node.size(); ++i) {
      list.push_back(checked_tree(fmt::format("{}[{}]", path, i), node[i], origin));
    }
    return list;
  }
  if (is_section(generic)) return checked_tree(path, node, origin);
  throw_unknown(path, node, origin);
}

YAML::Node checked_tree(const std::string& path, const YAML::Node& node, const Origin& origin) {
  if (node.IsNull()) return YAML::Node(YAML::NodeType::Map);
  if (!node.IsMap()) {
    throw ConfigError(fmt::format("{}: {} is {}, expected a map of keys", origin.at(node),
                                  path.empty() ? "the file" : path, shown(node)));
  }
  YAML::Node result(YAML::NodeType::Map);
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const auto name = entry.first.as<std::string>();
    const std::string entry_path = path.empty() ? name : fmt::format("{}.{}", path, name);
    if (!seen.insert(name).second) {
      throw ConfigError(fmt::format("{}: the key '{}' stands twice", origin.at(entry.first), entry_path));
    }
    const std::string generic = generic_path(entry_path);
    if (find_key(generic) == nullptr && !is_section(generic)) throw_unknown(entry_path, entry.first, origin);
    result[name] = checked_entry(entry_path, entry.second, origin);
  }
  return result;
}

/// Maps are merged key by key, everything else is replaced.
void merge(YAML::Node into, const YAML::Node& from) {
  for (const auto& entry : from) {
    const auto name = entry.first.as<std::string>();
    if (entry.second.IsMap() && into[name].IsDefined() && into[name].IsMap()) {
      merge(into[name], entry.second);
    } else {
      into[name] = entry.second;
    }
  }
}

struct Step {
  std::string name;
  std::optional<std::size_t> entry;
};

std::vector<Step> steps_of(std::string_view path) {
  std::vector<Step> steps;
  while (!path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    std::string_view part = path.substr(0, dot);
    Step step;
    if (const std::size_t bracket = part.find('['); bracket != std::string_view::npos && part.ends_with(']')) {
      std::size_t index = 0;
      const std::string_view digits = part.substr(bracket + 1, part.size() - bracket - 2);
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
      if (error != std::errc{} || end != digits.data() + digits.size()) {
        throw ConfigError(
            fmt::format("'{}' is not the number of a list entry; expected e.g. graph.edges[0].format", digits));
      }
      step.entry = index;
      part = part.substr(0, bracket);
    }
    step.name = part;
    steps.push_back(std::move(step));
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return steps;
}

YAML::Node find_node(const YAML::Node& root, std::string_view path) {
  YAML::Node node = YAML::Clone(root);
  for (const Step& step : steps_of(path)) {
    if (!node.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
    node.reset(node[step.name]);
    if (!node.IsDefined()) return YAML::Node(YAML::NodeType::Undefined);
    if (step.entry) {
      if (!node.IsSequence() || *step.entry >= node.size()) return YAML::Node(YAML::NodeType::Undefined);
      node.reset(node[*step.entry]);
    }
  }
  return node;
}

void assign(YAML::Node node, std::span<const Step> steps, const YAML::Node& value) {
  const Step& step = steps.front();
  if (!step.entry) {
    if (steps.size() == 1) {
      node[step.name] = value;
    } else {
      assign(node[step.name], steps.subspan(1), value);
    }
    return;
  }
  YAML::Node list = node[step.name];
  const std::size_t size = list.IsDefined() && list.IsSequence() ? list.size() : 0;
  if (*step.entry > size) {
    throw ConfigError(fmt::format("'{}[{}]' skips entries: the list has {}", step.name, *step.entry, size));
  }
  if (*step.entry == size) list.push_back(YAML::Node(YAML::NodeType::Map));
  if (steps.size() == 1) {
    list[*step.entry] = value;
  } else {
    assign(list[*step.entry], steps.subspan(1), value);
  }
}

}  // namespace

std::filesystem::path link_target(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::weakly_canonical(path, error);
  return error ? path : target;
}

struct Config::Tree {
  YAML::Node root{YAML::NodeType::Map};

  /// The value at `path`; an entry of a list of maps falls back to the key's default.
  [[nodiscard]] YAML::Node value(std::string_view path) const {
    YAML::Node node = find_node(root, path);
    if (node.IsDefined()) return node;
    return YAML::Load(std::string(known_key(path).default_value));
  }

  template <class T>
  [[nodiscard]] T as(std::string_view path) const {
    const YAML::Node node = value(path);
    if (node.IsNull()) throw_not_set(path);
    return node.as<T>();
  }
};

Config::Config() : tree_(std::make_unique<Tree>()) {
  for (const ConfigKey& key : config_keys()) {
    if (key.path.find('[') != std::string_view::npos || key.default_value == "~") continue;
    const auto steps = steps_of(key.path);
    assign(tree_->root, steps, YAML::Load(std::string(key.default_value)));
  }
  set_text("output", text("output"));
}
Config::~Config() = default;
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(Config&&) noexcept = default;

void Config::add_file(const std::filesystem::path& file, const std::string& text) {
  const Origin origin{file.string(), std::filesystem::absolute(file).parent_path()};
  YAML::Node node;
  try {
    node = YAML::Load(text);
  } catch (const YAML::Exception& error) {
    throw ConfigError(fmt::format("{}:{}:{}: not valid YAML: {}", file.string(), error.mark.line + 1,
                                  error.mark.column + 1, error.msg));
  }
  merge(tree_->root, checked_tree("", node, origin));
}

void Config::set(const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw ConfigError(fmt::format("--set takes section.key=value, found '{}'", assignment));
  }
  const std::string path = assignment.substr(0, equals);
  const Origin origin{fmt::format("--set {}", assignment), std::filesystem::current_path()};
  YAML::Node node;
  try {
    node = YAML::Load(assignment.substr(equals + 1));
  } catch (const YAML::Exception& error) {
    throw ConfigError(fmt::format("--set {}: the value is not valid YAML: {}", assignment, error.msg));
  }
  const std::string generic = generic_path(path);
  // A metric floor may be set by itself: publish.gate.recall@20=0.1.
  if (const std::string prefix = "publish.gate."; path.starts_with(prefix)) {
    if (!reads_as<double>(node)) throw ConfigError(fmt::format("--set {}: expected a number", assignment));
    tree_->root["publish"]["gate"][path.substr(prefix.size())] = node;
    return;
  }
  if (find_key(generic) == nullptr && !is_section(generic)) throw_unknown(path, YAML::Node(), origin);
  const auto steps = steps_of(path);
  assign(tree_->root, steps, checked_entry(path, node, origin));
}

void Config::set_text(std::string_view path, const std::string& value) {
  const std::string name(path);
  const Origin origin{"command line", std::filesystem::current_path()};
  YAML::Node node(value);
  const auto steps = steps_of(path);
  assign(tree_->root, steps, checked_value(known_key(path), name, node, origin));
}

void Config::set_flag(const std::string& path, const std::string& value) {
  const ValueType type = known_key(path).type;
  const bool is_text = type == ValueType::kText || type == ValueType::kPath;
  const bool is_list = type == ValueType::kTextList || type == ValueType::kPathList;
  if (is_text || (is_list && !value.starts_with('['))) {
    set_text(path, value);
  } else {
    set(fmt::format("{}={}", path, value));
  }
}

void Config::replace_paths(const std::function<std::filesystem::path(const std::filesystem::path&)>& replacement) {
  tree_->root.reset(checked_tree("", tree_->root, {"configuration", {}, replacement}));
}

bool Config::has(std::string_view path) const {
  const YAML::Node node = find_node(tree_->root, path);
  return node.IsDefined() && !node.IsNull();
}

std::string Config::text(std::string_view path) const {
  return tree_->as<std::string>(path);
}
std::int64_t Config::integer(std::string_view path) const {
  return tree_->as<std::int64_t>(path);
}

std::uint64_t Config::count(std::string_view path, std::uint64_t minimum) const {
  const std::int64_t value = integer(path);
  if (value < 0 || static_cast<std::uint64_t>(value) < minimum) {
    throw ConfigError(fmt::format("{} is {}, expected at least {}", path, value, minimum));
  }
  return static_cast<std::uint64_t>(value);
}

std::uint64_t Config::at_most(std::string_view path, std::uint64_t value, std::uint64_t maximum) {
  if (value > maximum) throw ConfigError(fmt::format("{} is {}, expected at most {}", path, value, maximum));
  return value;
}

double Config::real(std::string_view path) const {
  return tree_->as<double>(path);
}
bool Config::boolean(std::string_view path) const {
  return tree_->as<bool>(path);
}

std::vector<std::string> Config::texts(std::string_view path) const {
  const YAML::Node node = tree_->value(path);
  return node.IsNull() ? std::vector<std::string>{} : node.as<std::vector<std::string>>();
}

std::vector<std::uint64_t> Config::counts(std::string_view path) const {
  std::vector<std::uint64_t> result;
  for (const std::int64_t value : tree_->as<std::vector<std::int64_t>>(path)) {
    if (value < 1) throw ConfigError(fmt::format("{} holds {}, expected numbers from 1", path, value));
    result.push_back(static_cast<std::uint64_t>(value));
  }
  return result;
}

std::map<std::string, double> Config::reals(std::string_view path) const {
  std::map<std::string, double> result;
  for (const auto& entry : tree_->value(path)) {
    const auto name = entry.first.as<std::string>();
    if (!reads_as<double>(entry.second)) {
      throw ConfigError(fmt::format("{}.{} is {}, expected a number", path, name, shown(entry.second)));
    }
    result[name] = entry.second.as<double>();
  }
  return result;
}

std::optional<std::filesystem::path> Config::path(std::string_view path) const {
  if (!has(path)) return std::nullopt;
  return std::filesystem::path(text(path));
}

std::filesystem::path Config::required_path(std::string_view path) const {
  const std::string value = text(path);
  if (value.empty()) throw_not_set(path);
  return value;
}

std::vector<std::filesystem::path> Config::paths(std::string_view path) const {
  const auto list = texts(path);
  return {list.begin(), list.end()};
}

std::size_t Config::entries(std::string_view list) const {
  const YAML::Node node = find_node(tree_->root, list);
  return node.IsDefined() && node.IsSequence() ? node.size() : 0;
}

std::string Config::effective_yaml(const std::vector<std::string>& sections) const {
  YAML::Emitter out;
  if (sections.empty()) {
    out << tree_->root;
  } else {
    YAML::Node chosen(YAML::NodeType::Map);
    for (const std::string& section : sections) {
      const YAML::Node node = find_node(tree_->root, section);
      if (node.IsDefined()) chosen[section] = node;
    }
    out << chosen;
  }
  return std::string(out.c_str()) + "\n";
}

std::string Config::commented_template() {
  std::string out = "# Job file of Rove. Every key with its default; delete what you do not change.\n";
  std::string open_section;
  std::string open_list;
  for (const ConfigKey& key : config_keys()) {
    const std::string path(key.path);
    const std::size_t bracket = path.find("[].");
    const std::size_t dot = path.find('.');
    const std::string section = dot == std::string::npos ? "" : path.substr(0, dot);
    if (section != open_section) {
      open_section = section;
      open_list.clear();
      out += fmt::format("\n{}:  # {}\n", section, section_help(section));
    }
    std::string indent = section.empty() ? "" : "  ";
    std::string name = section.empty() ? path : path.substr(dot + 1);
    if (bracket != std::string::npos) {
      const std::string list = path.substr(0, bracket);
      name = path.substr(bracket + 3);
      if (list != open_list) {
        open_list = list;
        out += fmt::format("  {}:  # {}\n", list.substr(dot + 1), section_help(list));
        indent = "  # - ";
      } else {
        indent = "  #   ";
      }
    } else {
      open_list.clear();
    }
    const bool unset = key.default_value == "~";
    if (unset && bracket == std::string::npos) indent += "# ";
    const std::string value = unset ? "" : fmt::format(" {}", key.default_value);
    const std::string choices = key.choices.empty() ? "" : fmt::format(" ({})", key.choices);
    const std::string read_by =
        key.read_by.empty() ? "" : fmt::format("{}: ", fmt::join(split_choices(key.read_by), ", "));
    out += fmt::format("{}{}:{}  # {}{}{}\n", indent, name, value, read_by, key.help, choices);
  }
  return out;
}

}  // namespace rove::jobs
