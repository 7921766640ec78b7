// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "io/ids/id_index.hpp"
#include "io/import/edge_list.hpp"
#include "io/import/id_table.hpp"
#include "io/import/import_options.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// A listed pair by its rows, or by those of aliases.
struct ForgottenPair {
  std::uint32_t user = 0;
  std::uint32_t item = 0;
  std::uint32_t listed = 0;  ///< number of the listed pair that it is
  friend auto operator<=>(const ForgottenPair&, const ForgottenPair&) = default;
};

/// The pairs that edges from one vertex type to another can be, ascending: from users to items, and back.
struct ForgottenPairs {
  std::span<const ForgottenPair> forward;
  std::span<const ForgottenPair> backward;
  [[nodiscard]] bool empty() const { return forward.empty() && backward.empty(); }
};

/// What the `forget` lists ask an import to leave out, before anything is numbered, counted or capped: the graph is
/// that of a log without the rows that name a listed vertex or pair. Other vertices that only such rows named stay,
/// without edges. A request is small against a graph: every rank holds it whole.
class ForgottenIds {
 public:
  /// **Collective.** Reads the lists of users and items, as `graph.nodes` lists.
  ForgottenIds(const comm::Communicator& comm, const ForgetOptions& options);

  /// **Collective.** Adds ids of a type, each rank its own: other names of what is listed. They are not counted.
  void add(const comm::Communicator& comm, const std::string& type, const IdBlock& ids);

  /// Which of the named vertices are listed, by number; empty if there are none of this type.
  [[nodiscard]] std::vector<std::uint8_t> listed(const std::string& type, const NamedVertices& named) const;
  /// The same, and takes them out of `named`, whose other vertices keep their order.
  [[nodiscard]] std::vector<std::uint8_t> take_out(const std::string& type, NamedVertices& named);

  /// **Collective.** Reads the list of pairs, whose ids are looked up among the vertices numbered by now.
  void find_pairs(const comm::Communicator& comm, const IdIndex& users, const IdIndex& items);
  /// **Collective.** Aliases of a pair's vertex of `type` stand for it in the pair. `links`: rows of `type` and of
  /// `alias_type`, each rank its own.
  void add_aliases(const comm::Communicator& comm, const std::string& type, const std::string& alias_type,
                   std::span<const EdgeList> links);
  /// The pairs that an edge between these types can be, as long as none are added.
  [[nodiscard]] ForgottenPairs between(const std::string& source_type, const std::string& destination_type) const;
  /// Whether the edge is one of the pairs, either way round; if so, the listed pair counts as found. Thread-safe.
  [[nodiscard]] bool connects(const ForgottenPairs& pairs, std::uint32_t source_row,
                              std::uint32_t destination_row) const;

  /// **Collective.** What was found, the same on all ranks; complete once all edges were asked about.
  [[nodiscard]] ForgottenCounts counts(const comm::Communicator& comm) const;

 private:
  /// Listed ids of one type. Ids are compared as texts where their keys meet.
  struct Listed {
    std::vector<std::string> ids;                                              ///< ascending and distinct
    std::vector<std::pair<VertexKey, std::uint32_t>> by_key;                   ///< ascending; index of the id
    std::vector<std::uint32_t> found;                                          ///< per id, 1: named on this rank
    [[nodiscard]] std::size_t find(VertexKey key, std::string_view id) const;  ///< `ids.size()`: not listed
  };

  using TypePair = std::pair<std::string, std::string>;

  void set(const std::string& type, std::vector<std::string> ids);
  [[nodiscard]] bool find(std::span<const ForgottenPair> pairs, std::uint32_t user, std::uint32_t item) const;

  ForgetOptions options_;
  std::vector<std::string> users_;
  std::vector<std::string> items_;
  std::map<std::string, Listed> listed_;                  ///< by vertex type
  std::map<TypePair, std::vector<ForgottenPair>> pairs_;  ///< by the types of their two ends; ascending
  mutable std::vector<std::uint32_t> pair_found_;         ///< per listed pair, 1: met on this rank
  std::uint64_t unknown_pairs_ = 0;                       ///< of all ranks
};

/// What `ForgottenIds::listed` says of one vertex.
[[nodiscard]] inline bool is_listed(const std::vector<std::uint8_t>& flags, std::uint32_t number) {
  return !flags.empty() && flags[number] != 0;
}

/// Rows of all named vertices from those of the ones that stayed: `kUnknownRow` for those taken out.
[[nodiscard]] std::vector<std::uint32_t> spread_rows(std::vector<std::uint32_t> rows,
                                                     const std::vector<std::uint8_t>& taken_out);

}  // namespace rove::io
