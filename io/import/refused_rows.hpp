// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "engine/comm/communicator.hpp"
#include "io/import/edge_reader.hpp"
#include "io/text/row_reader.hpp"

/// Rows that a rule refuses once all ids are known. The text is gone by then: it is read again as far as the row.
namespace rove::io {

/// An edge by its place among those that a rank read.
struct EdgePlace {
  std::size_t list = 0;   ///< of `ReadEdges::lists`
  std::size_t index = 0;  ///< in that list, as it was read
};

/// Makes the error of a row, at one of its two ids.
using DescribeRow = std::function<text::ParseError(std::string_view source, std::string_view target)>;

/// Throws `InputError` with file, line and column of the edge. Not collective.
[[noreturn]] void throw_at_edge(const comm::Communicator& comm, const EdgeInput& input, EdgePlace place,
                                const DescribeRow& describe);

}  // namespace rove::io
