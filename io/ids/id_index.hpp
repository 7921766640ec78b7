// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/hash.hpp"
#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// "No such vertex" among rows.
inline constexpr std::uint32_t kUnknownRow = std::numeric_limits<std::uint32_t>::max();

/// Finds the rows of original ids of one vertex type across ranks: keys lead to the home block, strings are compared.
/// Refers to the ids and keys it is built from, which must outlive it. Immutable.
class IdIndex {
 public:
  /// **Collective.** `ids` and `keys`: my home block of the type; `overrides`: of all types or of this one, the same on
  /// all ranks.
  IdIndex(const comm::Communicator& comm, std::string_view type_name, VertexTypeId type, const IdBlock& ids,
          std::span<const VertexKey> keys, std::span<const KeyOverride> overrides);

  [[nodiscard]] const std::string& type_name() const { return type_name_; }
  /// Number of vertices of the type.
  [[nodiscard]] std::uint64_t num_rows() const { return first_row_.back(); }

  /// **Collective.** Rows within the type of any ids, in the same order; `kUnknownRow` where there is none.
  /// Cost: one exchange of keys and ids, one of rows, and a binary search per id.
  [[nodiscard]] std::vector<std::uint32_t> rows_of(const comm::Communicator& comm, const IdBlock& ids) const;

 private:
  [[nodiscard]] VertexKey key_of(std::string_view id) const;

  std::string type_name_;
  VertexKeyHasher hasher_;
  const IdBlock* ids_;
  std::span<const VertexKey> keys_;
  std::vector<KeyOverride> overrides_;       ///< of this type, ascending by id
  std::vector<VertexKey> first_key_;         ///< of the ranks that have rows
  std::vector<std::int32_t> rank_of_range_;  ///< the rank each entry of `first_key_` belongs to
  std::vector<std::uint64_t> first_row_;     ///< P + 1: first row of every rank's home block
};

}  // namespace rove::io
