// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "engine/base/ids.hpp"
#include "io/import/import_options.hpp"

namespace rove::io::text {

inline constexpr std::uint32_t kNoColumn = std::numeric_limits<std::uint32_t>::max();
/// Bytes of a delimiter at most.
inline constexpr std::size_t kMaxDelimiter = 16;
/// Only the first columns of a file can be features.
inline constexpr std::uint32_t kMaxFeatureColumns = 64;

/// How one file is laid out, as its first lines and the options say; needed before its middle can be read. Made by one
/// rank and copied to the others byte by byte.
struct FileLayout {
  TextFormat format = TextFormat::kEdgeList;
  bool vertex_list = false;    ///< a vertex a line (or a row with feature columns) rather than edges
  char delimiter = '\0';       ///< '\0': runs of spaces and tabs
  bool quotes = false;         ///< fields may stand in double quotes (csv)
  bool symmetric = false;      ///< matrix-market: one triangle is stored
  bool skew = false;           ///< matrix-market: the other triangle has the opposite sign
  bool edge_weights = false;   ///< metis
  bool one_direction = false;  ///< metis: give each edge once, from its smaller endpoint
  /// A delimiter of several bytes, padded with zeros; `delimiter` is its first. All zeros: `delimiter` alone is it.
  std::array<char, kMaxDelimiter> long_delimiter{};
  std::uint32_t source_column = 0;
  std::uint32_t target_column = 1;
  std::uint32_t relation_column = kNoColumn;
  std::uint32_t weight_column = kNoColumn;
  std::uint32_t time_column = kNoColumn;
  std::uint32_t num_columns = 0;      ///< of the header; 0 when there is none
  std::uint32_t vertex_weights = 0;   ///< metis: numbers to pass over at the start of a line
  std::uint64_t feature_columns = 0;  ///< bit c: column c is a feature (vertex lists of recbole)
  std::uint64_t header_lines = 0;     ///< lines before the first row
  std::uint64_t header_bytes = 0;     ///< their bytes, with a byte-order mark unless the file is streamed
  std::uint64_t num_sources = 0;      ///< matrix-market, metis: declared vertices of the source type
  std::uint64_t num_targets = 0;      ///< matrix-market: of the target type
  std::uint64_t num_entries = 0;      ///< matrix-market: entries; metis: undirected edges

  [[nodiscard]] bool has_long_delimiter() const { return long_delimiter[0] != '\0'; }
  [[nodiscard]] bool has_relations() const { return relation_column != kNoColumn; }
  [[nodiscard]] bool has_weights() const { return weight_column != kNoColumn || edge_weights; }
  [[nodiscard]] bool has_times() const { return time_column != kNoColumn; }
};

/// Reads the layout of a file of edges from its head: whole lines from its start without byte-order mark, enough of
/// them to hold the header. Throws `InputError`.
[[nodiscard]] FileLayout recognise(const std::string& file, std::string_view head, const TextLayout& options);

/// The layout of a list of vertices: one id a line, or the typed columns of a RecBole file.
[[nodiscard]] FileLayout recognise_vertex_list(const std::string& file, std::string_view head, bool recbole);

}  // namespace rove::io::text
