// SPDX-License-Identifier: Apache-2.0
#include "io/text/file_layout.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/base/error.hpp"
#include "io/text/line_scan.hpp"

namespace rove::io::text {
namespace {

/// The first lines of a file.
class Head {
 public:
  Head(const std::string& file, std::string_view text) : file_(file), text_(text) {
    for_each_line(text, [&](std::string_view line) { lines_.push_back(line); });
  }

  [[nodiscard]] const std::string& file() const { return file_; }
  /// Line i from 0; empty beyond the end.
  [[nodiscard]] std::string_view line(std::size_t i) const {
    return i < lines_.size() ? lines_[i] : std::string_view{};
  }
  /// The first line from `from` on that is neither empty nor starts with one of `comments`.
  [[nodiscard]] std::size_t first_content(std::size_t from, std::string_view comments) const {
    while (from < lines_.size() &&
           (lines_[from].empty() || comments.find(lines_[from].front()) != std::string_view::npos)) {
      ++from;
    }
    return from;
  }
  /// Bytes of the first `count` lines with their line ends.
  [[nodiscard]] std::uint64_t bytes_of(std::uint64_t count) const {
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::size_t end = text_.find('\n', at);
      if (end == std::string_view::npos) return text_.size();
      at = end + 1;
    }
    return at;
  }
  [[noreturn]] void fail(std::size_t line, const std::string& found, const std::string& expected) const {
    throw InputError({file_, line + 1, 1}, found, expected);
  }

 private:
  const std::string& file_;
  std::string_view text_;
  std::vector<std::string_view> lines_;
};

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for_each_word(line, [&](std::string_view word) { words.push_back(word); });
  return words;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::uint64_t header_number(const Head& head, std::size_t line, std::string_view text) {
  const auto value = whole_number(text);
  if (!value) head.fail(line, quote(text), "a whole number in the header");
  return *value;
}

/// Words ("comma", "\t") are misspelt names rather than what separates ids; a quote or a line end cannot separate.
bool may_separate(std::string_view delimiter, TextFormat format) {
  constexpr std::string_view kLineEnds("\r\n\0", 3);
  const bool is_word = delimiter.size() > 1 && std::ranges::all_of(delimiter, [](char c) {
                         return c == '\\' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                       });
  return !delimiter.empty() && delimiter.size() <= kMaxDelimiter && !is_word &&
         delimiter.find_first_of(kLineEnds) == std::string_view::npos &&
         (format != TextFormat::kCsv || delimiter.find('"') == std::string_view::npos);
}

/// Empty: blanks.
std::string_view delimiter_of(const Head& head, const TextLayout& options, std::string_view line) {
  if (options.delimiter == "tab") return "\t";
  if (options.delimiter == "space" || options.delimiter == " ") return {};
  if (options.delimiter != "auto") {
    if (may_separate(options.delimiter, options.format)) return options.delimiter;
    throw ConfigError(
        fmt::format("{}: delimiter {}, expected tab, space, auto, one character, or up to {} bytes that "
                    "are not all letters and digits; neither quotes nor line ends",
                    head.file(), quote(options.delimiter), kMaxDelimiter));
  }
  if (options.format == TextFormat::kRecBole) return "\t";
  // Blanks separate columns of lists and triples; in a csv file they may stand inside of them.
  for (const std::string_view usual : {"\t", ",", ";", "|"}) {
    if (line.find(usual) == std::string_view::npos) continue;
    return usual == "\t" && options.format != TextFormat::kCsv ? std::string_view() : usual;
  }
  return {};
}

void set_delimiter(FileLayout& layout, std::string_view delimiter) {
  layout.delimiter = delimiter.empty() ? '\0' : delimiter.front();
  if (delimiter.size() > 1) std::ranges::copy(delimiter, layout.long_delimiter.begin());
}

/// The name of a RecBole column without its type.
std::string typed_name(const Head& head, std::size_t line, std::string_view field, std::string& type) {
  const std::size_t colon = field.find(':');
  type = colon == std::string_view::npos ? "" : std::string(field.substr(colon + 1));
  if (type != "token" && type != "token_seq" && type != "float" && type != "float_seq") {
    head.fail(line, fmt::format("the column header {}", quote(field)),
              "name:type with type token, token_seq, float or float_seq");
  }
  return std::string(field.substr(0, colon));
}

/// Names of the columns, if the file has a header line.
class Columns {
 public:
  Columns(const Head& head, std::size_t line, std::vector<std::string> names)
      : head_(head), line_(line), names_(std::move(names)) {}

  [[nodiscard]] bool named() const { return !names_.empty(); }
  [[nodiscard]] std::uint32_t find(std::initializer_list<const char*> candidates) const {
    for (const char* name : candidates) {
      const auto found = std::ranges::find(names_, name);
      if (found != names_.end()) return static_cast<std::uint32_t>(found - names_.begin());
    }
    return kNoColumn;
  }
  /// A column by name, or by number from 1.
  [[nodiscard]] std::uint32_t require(const std::string& wanted, const char* what) const {
    const std::uint32_t by_name = find({wanted.c_str()});
    if (std::ranges::count(names_, wanted) > 1) {
      head_.fail(line_, fmt::format("{} columns '{}'", std::ranges::count(names_, wanted), wanted),
                 fmt::format("one to take as {}; name it by its number from 1", what));
    }
    if (by_name != kNoColumn) return by_name;
    const auto number = whole_number(wanted);
    if (number && *number >= 1 && *number <= (named() ? names_.size() : Fields::kMax)) {
      return static_cast<std::uint32_t>(*number - 1);
    }
    if (!named()) {
      throw ConfigError(
          fmt::format("{}: {} is the column '{}', but the file has no header; give its number from 1, or "
                      "set header: yes",
                      head_.file(), what, wanted));
    }
    head_.fail(line_, fmt::format("the columns {}", fmt::join(names_, ", ")),
               fmt::format("a column '{}' as {}", wanted, what));
  }

 private:
  const Head& head_;
  std::size_t line_;
  std::vector<std::string> names_;
};

struct LinkColumns {
  std::uint32_t source = kNoColumn;
  std::uint32_t target = kNoColumn;
};

/// The columns of a link file whose header names both: after its types ("item_id", "entity_id"), or as RecBole does.
/// They may stand in any order.
LinkColumns link_columns(const Columns& columns, const TextLayout& options) {
  if (options.link_source.empty() || !options.source.empty() || !options.target.empty()) return {};
  const std::string source = options.link_source + "_id";
  const std::string target = options.link_target + "_id";
  const LinkColumns link{columns.find({source.c_str(), "item_id"}), columns.find({target.c_str(), "entity_id"})};
  const bool has_both = link.source != kNoColumn && link.target != kNoColumn && link.source != link.target;
  return has_both ? link : LinkColumns{};
}

/// Lower case without what joins words.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c == '_' || c == '-' || c == ' ') continue;
    plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return plain;
}

/// customer_id, productId, "Movie ID": a name that says so, where "david" does not.
bool names_an_id(std::string_view name) {
  for (const std::string_view ending : {"_id", "-id", ".id", " id", "_ID", "-ID", " ID", "Id", "ID"}) {
    if (!name.ends_with(ending)) continue;
    const std::string_view before = name.substr(0, name.size() - ending.size());
    return !before.empty() && std::ranges::all_of(before, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == ' ';
    });
  }
  return false;
}

bool is_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

/// Whether the first line of a csv file names columns beyond doubt: by a name that the job gives or that is usual, or
/// because the row below has a number where it has none. A first row must not be lost as a header.
bool is_surely_header(const Head& head, std::size_t line, const TextLayout& options, const FileLayout& layout,
                      std::span<const std::string> names) {
  constexpr std::array<std::string_view, 24> kUsual{
      "user",   "userid",   "item",   "itemid", "source", "sourceid",  "target",   "targetid",
      "head",   "headid",   "tail",   "tailid", "src",    "dst",       "from",     "to",
      "entity", "entityid", "weight", "rating", "time",   "timestamp", "relation", "relationid"};
  for (const std::string& name : names) {
    if (std::ranges::count(kUsual, plain_name(name)) > 0 || names_an_id(name)) return true;
    for (const std::string* wanted :
         {&options.source, &options.target, &options.weight, &options.time, &options.relation}) {
      if (!wanted->empty() && !is_number(*wanted) && name == *wanted) return true;
    }
  }
  const std::size_t below = head.first_content(line + 1, "");
  Fields fields;
  std::deque<std::string> unescaped;
  split(layout, head.line(below), fields, unescaped);
  for (const std::uint32_t column : {layout.source_column, layout.target_column}) {
    if (column < std::min(fields.count, names.size()) && is_number(fields.values[column]) &&
        !is_number(names[column])) {
      return true;
    }
  }
  return false;
}

void recognise_columns(const Head& head, const TextLayout& options, FileLayout& layout) {
  const bool recbole = layout.format == TextFormat::kRecBole;
  const bool triples = layout.format == TextFormat::kTriples;
  const std::size_t first = layout.format == TextFormat::kEdgeList ? head.first_content(0, "#%") : 0;
  const std::string_view line = head.line(first);
  set_delimiter(layout, delimiter_of(head, options, line));
  layout.quotes = layout.format == TextFormat::kCsv;
  const bool has_header =
      options.header == Header::kAuto ? layout.format == TextFormat::kCsv || recbole : options.header == Header::kYes;
  std::vector<std::string> names;
  std::vector<std::string> types;
  if (has_header) {
    if (line.empty()) head.fail(first, "no header line", "a line that names the columns (or header: no)");
    Fields fields;
    std::deque<std::string> unescaped;
    split(layout, line, fields, unescaped);
    for (const std::string_view field : fields.all()) {
      types.emplace_back();
      names.push_back(recbole ? typed_name(head, first, field, types.back()) : std::string(field));
    }
    layout.header_lines = first + 1;
    // In an edge list the first line may be anything ("81306,1342310,u,graph"): it is passed over.
    if (layout.format != TextFormat::kEdgeList) layout.num_columns = static_cast<std::uint32_t>(names.size());
  }
  const Columns columns(head, first, names);
  const auto pick = [&](const std::string& wanted, const char* what, std::initializer_list<const char*> usual,
                        std::uint32_t otherwise) {
    if (!wanted.empty()) return columns.require(wanted, what);
    const std::uint32_t found = columns.find(usual);
    return found != kNoColumn ? found : otherwise;
  };
  const LinkColumns link = link_columns(columns, options);
  layout.source_column = link.source != kNoColumn
                             ? link.source
                             : pick(options.source, "source", {"source", "source_id", "user_id", "head_id"}, 0);
  layout.target_column = link.target != kNoColumn
                             ? link.target
                             : pick(options.target, "target", {"target", "target_id", "tail_id"}, kNoColumn);
  if (layout.target_column == kNoColumn) {
    const std::uint32_t item = columns.find({"item_id", "entity_id"});
    const std::uint32_t second = triples ? 2 : 1;
    layout.target_column = item != kNoColumn && item != layout.source_column ? item : second;
    if (layout.target_column == layout.source_column) layout.target_column = 0;
  }
  if (triples || !options.relation.empty() || (recbole && columns.find({"relation_id"}) != kNoColumn)) {
    layout.relation_column = pick(options.relation, "relation", {"relation_id", "relation"}, 1);
  }
  if (!options.weight.empty()) layout.weight_column = columns.require(options.weight, "weight");
  if (!options.time.empty()) layout.time_column = columns.require(options.time, "time");
  if (layout.source_column == layout.target_column || layout.relation_column == layout.source_column ||
      layout.relation_column == layout.target_column) {
    throw ConfigError(fmt::format("{}: source, target and relation must be different columns, not {} and {}",
                                  head.file(), layout.source_column + 1, layout.target_column + 1));
  }
  for (const std::uint32_t column : {layout.weight_column, layout.time_column}) {
    if (recbole && column != kNoColumn && types[column].ends_with("_seq")) {
      head.fail(first, fmt::format("the column '{}' of type {}", names[column], types[column]),
                "one number per row as weight or time");
    }
  }
  if (has_header && layout.num_columns == 1) {
    head.fail(first, fmt::format("one column in {}", quote(line)), "two columns or more; check the delimiter");
  }
  if (layout.format == TextFormat::kCsv && options.header == Header::kAuto &&
      !is_surely_header(head, first, options, layout, names)) {
    head.fail(first, fmt::format("{}, which may be a header or the first row", quote(line)),
              fmt::format("a header whose columns are named as source and target, or {} set to yes or no",
                          options.header_key));
  }
}

void recognise_matrix_market(const Head& head, FileLayout& layout) {
  auto banner = words_of(head.line(0));
  std::vector<std::string> words;
  for (const std::string_view word : banner) {
    words.emplace_back(word);
    std::ranges::transform(words.back(), words.back().begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  }
  words.resize(std::max<std::size_t>(words.size(), 5));
  if (words[0] != "%%matrixmarket" || words[1] != "matrix") {
    head.fail(0, quote(head.line(0)), "%%MatrixMarket matrix coordinate <field> <symmetry>");
  }
  if (words[2] != "coordinate") head.fail(0, quote(words[2]), "coordinate (sparse) storage");
  if (words[3] != "pattern" && words[3] != "real" && words[3] != "integer" && words[3] != "double") {
    head.fail(0, quote(words[3]), "pattern, real or integer entries");
  }
  if (words[4] != "general" && words[4] != "symmetric" && words[4] != "skew-symmetric") {
    head.fail(0, quote(words[4]), "general, symmetric or skew-symmetric");
  }
  layout.skew = words[4] == "skew-symmetric";
  layout.symmetric = layout.skew || words[4] == "symmetric";
  const std::size_t line = head.first_content(1, "%");
  const auto sizes = words_of(head.line(line));
  if (sizes.size() != 3) head.fail(line, quote(head.line(line)), "the size line: rows, columns, entries");
  layout.num_sources = header_number(head, line, sizes[0]);
  layout.num_targets = header_number(head, line, sizes[1]);
  layout.num_entries = header_number(head, line, sizes[2]);
  if (layout.symmetric && layout.num_sources != layout.num_targets) {
    head.fail(line, quote(head.line(line)), "as many rows as columns in a symmetric matrix");
  }
  layout.header_lines = line + 1;
  if (words[3] != "pattern") layout.weight_column = 2;
}

void recognise_metis(const Head& head, FileLayout& layout) {
  const std::size_t line = head.first_content(0, "%");
  const auto words = words_of(head.line(line));
  if (words.size() < 2 || words.size() > 4) {
    head.fail(line, quote(head.line(line)), "the header: vertices, edges [, format [, constraints]]");
  }
  layout.num_sources = header_number(head, line, words[0]);
  layout.num_targets = layout.num_sources;
  layout.num_entries = header_number(head, line, words[1]);
  if (words.size() > 2) {
    const std::uint64_t flags = header_number(head, line, words[2]);
    if (flags > 111 || flags % 10 > 1 || flags / 10 % 10 > 1) {
      head.fail(line, quote(words[2]), "a format of up to three digits 0 or 1");
    }
    layout.edge_weights = flags % 10 == 1;
    const bool has_vertex_weights = flags / 10 % 10 == 1;
    const std::uint64_t constraints = words.size() > 3 ? header_number(head, line, words[3]) : 1;
    if (constraints > 64) head.fail(line, quote(words[3]), "at most 64 vertex weights");
    layout.vertex_weights = (has_vertex_weights ? static_cast<std::uint32_t>(constraints) : 0U) + (flags / 100 == 1);
  }
  layout.header_lines = line + 1;
}

}  // namespace

FileLayout recognise(const std::string& file, std::string_view head_text, const TextLayout& options) {
  FileLayout layout;
  layout.format = options.format;
  if (options.format == TextFormat::kAdjacency) return layout;
  const Head head(file, head_text);
  if (options.format == TextFormat::kMatrixMarket) {
    recognise_matrix_market(head, layout);
  } else if (options.format == TextFormat::kMetis) {
    recognise_metis(head, layout);
  } else {
    recognise_columns(head, options, layout);
  }
  layout.header_bytes = head.bytes_of(layout.header_lines);
  return layout;
}

FileLayout recognise_vertex_list(const std::string& file, std::string_view head_text, bool recbole) {
  FileLayout layout;
  layout.vertex_list = true;
  if (!recbole) return layout;
  const Head head(file, head_text);
  layout.format = TextFormat::kRecBole;
  layout.delimiter = '\t';
  Fields fields;
  std::deque<std::string> unescaped;
  split(layout, head.line(0), fields, unescaped);
  layout.source_column = kNoColumn;
  for (std::uint32_t c = 0; c < fields.count; ++c) {
    std::string type;
    const std::string name = typed_name(head, 0, fields.values[c], type);
    const bool is_id = name == "user_id" || name == "item_id" || name == "entity_id";
    if (is_id && layout.source_column == kNoColumn) layout.source_column = c;
    if (type == "float" && !is_id) {
      if (c >= kMaxFeatureColumns) {
        head.fail(0, fmt::format("a float column at position {}", c + 1),
                  fmt::format("features in the first {} columns", kMaxFeatureColumns));
      }
      layout.feature_columns |= std::uint64_t{1} << c;
    }
  }
  if (layout.source_column == kNoColumn) layout.source_column = 0;
  layout.num_columns = static_cast<std::uint32_t>(fields.count);
  layout.header_lines = 1;
  layout.header_bytes = head.bytes_of(1);
  return layout;
}

}  // namespace rove::io::text
