// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "io/ids/id_index.hpp"
#include "io/import/id_table.hpp"
#include "io/import/import_options.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

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
  /// Whether an edge between these types can be a pair: from users to items, or back.
  [[nodiscard]] bool may_connect(const std::string& source_type, const std::string& destination_type) const;
  /// Whether the edge is a listed pair, either way round; if so, the pair counts as found. Thread-safe.
  [[nodiscard]] bool connects(const std::string& source_type, const std::string& destination_type,
                              std::uint32_t source_row, std::uint32_t destination_row) const;

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

  void set(const std::string& type, std::vector<std::string> ids);
  [[nodiscard]] bool is_pair(std::uint64_t user_row, std::uint64_t item_row) const;

  ForgetOptions options_;
  std::vector<std::string> users_;
  std::vector<std::string> items_;
  std::map<std::string, Listed> listed_;  ///< by vertex type
  std::vector<std::uint64_t> pairs_;      ///< user row, then item row; ascending and distinct
  mutable std::vector<std::uint32_t> pair_found_;
  std::uint64_t unknown_pairs_ = 0;  ///< of all ranks
};

/// What `ForgottenIds::listed` says of one vertex.
[[nodiscard]] inline bool is_listed(const std::vector<std::uint8_t>& flags, std::uint32_t number) {
  return !flags.empty() && flags[number] != 0;
}

/// Rows of all named vertices from those of the ones that stayed: `kUnknownRow` for those taken out.
[[nodiscard]] std::vector<std::uint32_t> spread_rows(std::vector<std::uint32_t> rows,
                                                     const std::vector<std::uint8_t>& taken_out);

}  // namespace rove::io
