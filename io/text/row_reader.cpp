// SPDX-License-Identifier: Apache-2.0
#include "io/text/row_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "io/text/line_scan.hpp"
#include "io/text/mirrored_lists.hpp"

namespace rove::io::text {
namespace {

float parse_number(std::string_view text, const char* what) {
  double value = 0;
  const char* last = text.data() + text.size();
  const char* first = text.starts_with('+') ? text.data() + 1 : text.data();
  const auto [end, error] = std::from_chars(first, last, value);
  if (error == std::errc{} && end == last && first != last && std::isfinite(static_cast<float>(value))) {
    return static_cast<float>(value);
  }
  throw ParseError(text.data(), quote(text), fmt::format("a finite number as {}", what));
}

std::int64_t parse_time(std::string_view text) {
  std::int64_t value = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error == std::errc{} && end == last) return value;
  // Whole seconds written as a real number ("978824268.0", "9.78e8").
  double real = 0;
  const auto [real_end, real_error] = std::from_chars(text.data(), last, real);
  constexpr double kLargest = 9007199254740992.0;
  if (real_error == std::errc{} && real_end == last && real >= -kLargest && real <= kLargest &&
      std::trunc(real) == real) {
    return static_cast<std::int64_t>(real);
  }
  throw ParseError(text.data(), quote(text), "a whole number as time");
}

/// Collects rows and hands over full batches.
class Batcher {
 public:
  Batcher(const FileLayout& layout, RowConsumer& consumer) : layout_(layout), consumer_(consumer) {
    batch_.sources.reserve(RowBatch::kCapacity);
    batch_.targets.reserve(RowBatch::kCapacity);
  }

  void push(std::string_view source, std::string_view target) {
    batch_.sources.push_back(source);
    batch_.targets.push_back(target);
  }
  void push_relation(std::string_view relation) { batch_.relations.push_back(relation); }
  void push_weight(float weight) { batch_.weights.push_back(weight); }
  void push_time(std::int64_t time) { batch_.times.push_back(time); }
  void push_feature(float feature) { batch_.features.push_back(feature); }
  void add_balance(std::uint64_t balance) { batch_.balance += balance; }
  void push_vertex(std::string_view vertex) { batch_.vertices.push_back(vertex); }
  void end_row() {
    if (batch_.size() == RowBatch::kCapacity || batch_.vertices.size() == RowBatch::kCapacity) flush();
  }
  void flush() {
    if (batch_.size() > 0 || !batch_.vertices.empty() || batch_.balance != 0) consumer_.consume(batch_);
    batch_.clear();
  }
  [[nodiscard]] std::deque<std::string>& unescaped() { return batch_.unescaped; }
  [[nodiscard]] const FileLayout& layout() const { return layout_; }

 private:
  const FileLayout& layout_;
  RowConsumer& consumer_;
  RowBatch batch_;
};

void parse_adjacency(std::string_view text, Batcher& out) {
  for_each_line(text, [&](std::string_view line) {
    std::string_view source;
    bool has_targets = false;
    for_each_word(line, [&](std::string_view word) {
      if (source.empty()) {
        source = word;
      } else {
        has_targets = true;
        out.push(source, word);
        out.end_row();
      }
    });
    if (!source.empty() && !has_targets) {
      out.push_vertex(source);
      out.end_row();
    }
  });
}

std::string_view non_empty(std::string_view field, const char* what) {
  if (field.empty()) throw ParseError(field.data(), fmt::format("an empty {}", what), fmt::format("a {}", what));
  return field;
}

void require_columns(const FileLayout& layout, const Fields& fields, std::uint32_t needed, std::string_view line) {
  if (fields.count >= needed && (layout.num_columns == 0 || fields.count == layout.num_columns)) return;
  throw ParseError(line.data(),
                   fmt::format("{} column{} in {}", fields.count, fields.count == 1 ? "" : "s", quote(line)),
                   layout.num_columns != 0 ? fmt::format("{} columns, as in the header", layout.num_columns)
                                           : fmt::format("at least {} columns", needed));
}

std::uint32_t columns_needed(const FileLayout& layout) {
  std::uint32_t needed = std::max(layout.source_column, layout.target_column) + 1;
  for (const std::uint32_t column : {layout.relation_column, layout.weight_column, layout.time_column}) {
    if (column != kNoColumn) needed = std::max(needed, column + 1);
  }
  return needed;
}

/// Lines of exactly two fields between single-character delimiters, the bulk of all input, need no table of fields.
bool push_pair(const FileLayout& layout, std::string_view line, Batcher& out) {
  const auto* comma = static_cast<const char*>(std::memchr(line.data(), layout.delimiter, line.size()));
  if (comma == nullptr) return false;
  const auto first_size = static_cast<std::size_t>(comma - line.data());
  const std::string_view first = line.substr(0, first_size);
  const std::string_view second = line.substr(first_size + 1);
  if (first.empty() || second.empty() || std::memchr(second.data(), layout.delimiter, second.size()) != nullptr) {
    return false;
  }
  if (layout.quotes && (first.front() == '"' || second.front() == '"')) return false;
  if (layout.source_column == 0) {
    out.push(first, second);
  } else {
    out.push(second, first);
  }
  out.end_row();
  return true;
}

void parse_columns(std::string_view text, Batcher& out) {
  const FileLayout& layout = out.layout();
  const bool comments = layout.format == TextFormat::kEdgeList;
  const std::uint32_t needed = columns_needed(layout);
  const bool pairs = layout.delimiter != '\0' && !layout.has_long_delimiter() && needed == 2 &&
                     layout.num_columns <= 2 && !layout.has_relations() && !layout.has_weights() && !layout.has_times();
  Fields fields;
  for_each_line(text, [&](std::string_view line) {
    if (line.empty() || (comments && (line.front() == '#' || line.front() == '%'))) return;
    if (pairs && push_pair(layout, line, out)) return;
    split(layout, line, fields, out.unescaped());
    if (fields.count == 0) return;
    require_columns(layout, fields, needed, line);
    // Everything is read before anything is pushed: the columns of a batch stay equally long.
    const std::string_view source = non_empty(fields.values[layout.source_column], "source id");
    const std::string_view target = non_empty(fields.values[layout.target_column], "target id");
    if (layout.has_relations()) out.push_relation(non_empty(fields.values[layout.relation_column], "relation"));
    if (layout.has_weights()) out.push_weight(parse_number(fields.values[layout.weight_column], "weight"));
    if (layout.has_times()) out.push_time(parse_time(fields.values[layout.time_column]));
    out.push(source, target);
    out.end_row();
  });
}

void parse_vertices(std::string_view text, Batcher& out) {
  const FileLayout& layout = out.layout();
  const std::uint32_t columns = std::min(layout.num_columns, kMaxFeatureColumns);
  Fields fields;
  for_each_line(text, [&](std::string_view line) {
    if (line.empty()) return;
    if (layout.format != TextFormat::kRecBole) {
      out.push_vertex(line);
    } else {
      split(layout, line, fields, out.unescaped());
      require_columns(layout, fields, layout.source_column + 1, line);
      out.push_vertex(non_empty(fields.values[layout.source_column], "id"));
      for (std::uint32_t c = 0; c < columns; ++c) {
        if ((layout.feature_columns >> c & 1U) != 0) out.push_feature(parse_number(fields.values[c], "feature"));
      }
    }
    out.end_row();
  });
}

/// A vertex number as matrix-market and metis write them; the text itself is the id, so it must be the only spelling.
std::uint64_t parse_index(std::string_view text, std::uint64_t largest, const char* what) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > largest ||
      text.starts_with('0')) {
    throw ParseError(text.data(), quote(text), fmt::format("{} from 1 to {}", what, largest));
  }
  return value;
}

void parse_matrix_market(std::string_view text, Batcher& out) {
  const FileLayout& layout = out.layout();
  const std::size_t columns = layout.has_weights() ? 3 : 2;
  std::array<std::string_view, 3> words;
  for_each_line(text, [&](std::string_view line) {
    if (line.empty() || line.front() == '%') return;
    std::size_t count = 0;
    for_each_word(line, [&](std::string_view word) {
      if (count < words.size()) words[count] = word;
      ++count;
    });
    if (count == 0) return;
    if (count != columns) {
      throw ParseError(line.data(), fmt::format("{} numbers in {}", count, quote(line)),
                       fmt::format("{} numbers, as the header says", columns));
    }
    parse_index(words[0], layout.num_sources, "a row number");
    parse_index(words[1], layout.num_targets, "a column number");
    if (layout.has_weights()) out.push_weight(parse_number(words[2], "weight"));
    out.push(words[0], words[1]);
    out.end_row();
  });
}

void parse_metis(std::string_view text, std::uint64_t first_row, Batcher& out) {
  const FileLayout& layout = out.layout();
  std::uint64_t row = first_row;
  std::array<char, 24> name{};
  for_each_line(text, [&](std::string_view line) {
    if (line.starts_with('%')) return;
    ++row;
    if (row > layout.num_sources) {
      if (line.find_first_not_of(" \t") == std::string_view::npos) return;
      throw ParseError(line.data(), fmt::format("a line for vertex {}", row),
                       fmt::format("{} vertices, as in the header", layout.num_sources));
    }
    const auto [name_end, error] = std::to_chars(name.data(), name.data() + name.size(), row);
    const std::string_view source(name.data(), static_cast<std::size_t>(name_end - name.data()));
    std::uint32_t skipped = layout.vertex_weights;
    std::string_view neighbor;
    std::uint64_t index = 0;
    for_each_word(line, [&](std::string_view word) {
      if (skipped > 0) {
        --skipped;
        return;
      }
      if (neighbor.empty()) {
        index = parse_index(word, layout.num_sources, "a vertex number");
        neighbor = word;
        if (layout.edge_weights) return;
      }
      const float weight = layout.edge_weights ? parse_number(word, "weight") : 1.0F;
      if (layout.one_direction) out.add_balance(balance_of(row, index, weight));
      if (!layout.one_direction || row <= index) {
        if (layout.edge_weights) out.push_weight(weight);
        out.push(source, neighbor);
        out.end_row();
      }
      neighbor = {};
    });
    if (!neighbor.empty()) throw ParseError(neighbor.data(), "a neighbour without a weight", "neighbour and weight");
    // The row's name lives in this frame: hand over before it changes.
    out.flush();
  });
}

/// A delimiter of one character.
struct Character {
  char value;

  [[nodiscard]] static std::size_t size() { return 1; }
  [[nodiscard]] bool stands_at(const char* at, const char* /*end*/) const { return *at == value; }
  /// The first one from `at` on, or `end`.
  [[nodiscard]] const char* find(const char* at, const char* end) const {
    const auto* found = static_cast<const char*>(std::memchr(at, value, static_cast<std::size_t>(end - at)));
    return found == nullptr ? end : found;
  }
};

/// A longer one.
struct Characters {
  std::string_view value;

  [[nodiscard]] std::size_t size() const { return value.size(); }
  [[nodiscard]] bool stands_at(const char* at, const char* end) const {
    return std::string_view(at, static_cast<std::size_t>(end - at)).starts_with(value);
  }
  [[nodiscard]] const char* find(const char* at, const char* end) const {
    const std::size_t found = std::string_view(at, static_cast<std::size_t>(end - at)).find(value);
    return found == std::string_view::npos ? end : at + found;
  }
};

template <class Delimiter>
void split_at(const Delimiter& delimiter, bool quotes, std::string_view line, Fields& fields,
              std::deque<std::string>& unescaped) {
  const char* at = line.data();
  const char* const end = at + line.size();
  while (true) {
    if (quotes && at != end && *at == '"') {
      const char* begin = ++at;
      std::string* copy = nullptr;
      while (true) {
        const auto* quote = static_cast<const char*>(std::memchr(at, '"', static_cast<std::size_t>(end - at)));
        if (quote == nullptr) {
          throw ParseError(begin - 1, "a quote that is not closed on its line", "a closing double quote");
        }
        const bool doubled = quote + 1 != end && quote[1] == '"';
        if (copy == nullptr && doubled) copy = &unescaped.emplace_back(begin, at);
        if (copy != nullptr) copy->append(at, doubled ? quote + 1 : quote);
        at = quote + (doubled ? 2 : 1);
        if (doubled) continue;
        fields.push(copy != nullptr ? std::string_view(*copy)
                                    : std::string_view(begin, static_cast<std::size_t>(quote - begin)));
        break;
      }
      if (at != end && !delimiter.stands_at(at, end)) {
        throw ParseError(at, fmt::format("{} after a closing quote", quote({at, 1})), "the delimiter");
      }
    } else {
      const char* const stop = delimiter.find(at, end);
      fields.push({at, static_cast<std::size_t>(stop - at)});
      at = stop;
    }
    if (at == end) return;
    at += delimiter.size();
    if (at == end) return fields.push(std::string_view(at, at));
  }
}

}  // namespace

void split(const FileLayout& layout, std::string_view line, Fields& fields, std::deque<std::string>& unescaped) {
  fields.count = 0;
  if (layout.delimiter == '\0') {
    for_each_word(line, [&](std::string_view word) { fields.push(word); });
  } else if (layout.has_long_delimiter()) {
    const std::string_view padded(layout.long_delimiter.data(), layout.long_delimiter.size());
    split_at(Characters{padded.substr(0, padded.find('\0'))}, layout.quotes, line, fields, unescaped);
  } else {
    split_at(Character{layout.delimiter}, layout.quotes, line, fields, unescaped);
  }
}

void parse_rows(const FileLayout& layout, std::string_view text, std::uint64_t first_row, RowConsumer& consumer) {
  Batcher out(layout, consumer);
  if (layout.vertex_list) {
    parse_vertices(text, out);
  } else if (layout.format == TextFormat::kAdjacency) {
    parse_adjacency(text, out);
  } else if (layout.format == TextFormat::kMatrixMarket) {
    parse_matrix_market(text, out);
  } else if (layout.format == TextFormat::kMetis) {
    parse_metis(text, first_row, out);
  } else {
    parse_columns(text, out);
  }
  out.flush();
  consumer.finish();
}

std::uint64_t count_metis_rows(std::string_view text) {
  std::uint64_t rows = 0;
  for_each_line(text, [&](std::string_view line) { rows += line.starts_with('%') ? 0U : 1U; });
  return rows;
}

}  // namespace rove::io::text
