// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// Original ids of chosen rows of one vertex type, fetched from their homes. Immutable.
class IdsOfRows {
 public:
  /// **Collective.** `rows`: any rows of the type, in any order, repeated or not; `home_ids`: of my home block of the
  /// type's `num_rows` rows. Three exchanges; memory: 12 bytes and the id per distinct row.
  IdsOfRows(const comm::Communicator& comm, std::uint64_t num_rows, const IdBlock& home_ids,
            std::vector<std::uint32_t> rows);

  /// Precondition: the row was asked for. O(log rows).
  [[nodiscard]] std::string_view operator[](std::uint64_t row) const;

 private:
  std::vector<std::uint32_t> rows_;  ///< ascending and distinct
  IdBlock ids_;
};

}  // namespace rove::io
