// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// The `graph:` section of a job file as plain structs; docs/import.md describes every format and rule.
namespace rove::io {

enum class TextFormat : std::uint8_t { kAdjacency, kEdgeList, kCsv, kTriples, kRecBole, kMatrixMarket, kMetis };

/// Throws `ConfigError` naming the formats there are. Names: adjacency, edgelist, csv, triples, recbole, matrix-market,
/// metis.
[[nodiscard]] TextFormat text_format_of(const std::string& name);
[[nodiscard]] const char* name_of(TextFormat format);

/// Auto: csv and recbole files have one, and a csv file whose first line may as well be a row is refused.
enum class Header : std::uint8_t { kAuto, kYes, kNo };
/// What repeated edges (same source, relation and target) become. First and last: by time where the edges have one,
/// then by line. Sum: weights added, the newest time.
enum class Duplicates : std::uint8_t { kFirst, kLast, kSum, kKeep, kError };
enum class SelfLoops : std::uint8_t { kKeep, kDrop, kError };
/// What rows naming a vertex that the vertex lists of its type do not have become: dropped and counted, refused, or
/// the vertex is added.
enum class Dangling : std::uint8_t { kDrop, kError, kAdd };

/// How rows of text become interactions.
struct TextLayout {
  std::vector<std::string> files;  ///< paths or shell patterns; plain, .gz or .zst, told apart by their first bytes
  TextFormat format = TextFormat::kEdgeList;
  /// Columns by name where the file has a header, by number from 1 where it has none. Empty: the format's own.
  std::string source;
  std::string target;
  std::string weight;    ///< empty: edges have no weight
  std::string time;      ///< empty: edges have no time
  std::string relation;  ///< empty: edges have no relation of their own
  /// Up to 16 bytes that are no word, "tab", "space" (any run of spaces and tabs) or "auto" (a tab, comma, semicolon or
  /// bar in the first line, else blanks).
  std::string delimiter = "auto";
  Header header = Header::kAuto;
  std::string header_key = "header";  ///< what errors call it
  std::uint64_t block_bytes = std::uint64_t{1}
                              << 20U;  ///< text that one thread parses at a time; never changes results
  /// Of links: their two vertex types, by whose names their columns are told apart; empty for others.
  std::string link_source;
  std::string link_target;
};

/// One entry of `graph.edges`.
struct EdgeOptions {
  std::string source_type;
  std::string relation_name;
  std::string destination_type;
  TextLayout layout;
  bool directed = true;       ///< false: each edge is stored in both directions
  bool store_weights = true;  ///< false: the weight serves `min_weight` alone
  Duplicates duplicates = Duplicates::kFirst;
  SelfLoops self_loops = SelfLoops::kKeep;
  std::optional<std::int64_t> time_from;  ///< edges before it are dropped
  std::optional<std::int64_t> time_to;    ///< edges at or after it are dropped
  std::optional<double> min_weight;       ///< edges of less weight are dropped
  std::uint64_t k_core = 0;               ///< 0: off. Vertices of fewer edges are dropped, repeatedly
  std::uint64_t max_degree = 0;           ///< 0: off. Edges kept per source vertex: the newest
};

/// "source type,relation,destination type".
[[nodiscard]] std::string name_of(const EdgeOptions& options);
/// The rules applied to its edges, as the import report states them.
[[nodiscard]] std::string rules_of(const EdgeOptions& options);

enum class NodeFormat : std::uint8_t { kIds, kRecBole, kNpy, kNpz, kHdf5 };
[[nodiscard]] NodeFormat node_format_of(const std::string& name);

/// One entry of `graph.nodes`: a list of the vertices of a type, or a matrix of their features, or both.
struct NodeOptions {
  std::string type;
  std::vector<std::string> files;
  NodeFormat format = NodeFormat::kIds;
  std::vector<std::string> ids;   ///< features: the original id of each row, one a line; empty: row i is the vertex "i"
  std::string name = "features";  ///< of the features
  std::string dataset;            ///< member of a .npz, dataset of an HDF5 file; empty: the only one there is
  Dangling dangling = Dangling::kDrop;
};

/// One entry of `graph.links`: vertices of `type` that are also known by an id of `alias_type`. Such an alias is that
/// vertex wherever it occurs as an endpoint.
struct LinkOptions {
  std::string type;
  std::string alias_type;
  TextLayout layout;  ///< source: id in `type`; target: id in `alias_type`
};

/// One entry of `graph.filters`: which vertices of a type get no row.
struct VertexFilter {
  std::string type;
  std::uint64_t min_occurrences = 0;          ///< those of fewer edges
  std::optional<std::uint64_t> expire_after;  ///< those last seen so long ago, in the unit of the edges' times
};

/// The `forget` lists: what must not be in the graph whatever the files say.
struct ForgetOptions {
  std::string user_type;
  std::string item_type;
  std::vector<std::string> users;  ///< files of ids, one a line
  std::vector<std::string> items;
  TextLayout interactions;  ///< source: user; target: item

  [[nodiscard]] bool empty() const { return users.empty() && items.empty() && interactions.files.empty(); }
};

struct ImportOptions {
  std::vector<EdgeOptions> edges;
  std::vector<NodeOptions> nodes;
  std::vector<VertexFilter> filters;
  std::vector<LinkOptions> links;
  ForgetOptions forget;
  std::string previous;  ///< graph container whose slots are kept (docs/incremental.md); empty: none
};

/// Throws `ConfigError` for what no file can mend: missing names, entries that contradict each other or stand twice.
void require_valid(const ImportOptions& options);

}  // namespace rove::io
