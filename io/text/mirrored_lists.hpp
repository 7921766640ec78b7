// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "io/text/input_files.hpp"

/// In an undirected metis file every edge stands in the lists of both its vertices, with the same weight.
namespace rove::io::text {

/// What "vertex `from` lists vertex `to`" adds to the balance of a file, modulo 2^64: a hash of the edge, negative from
/// its larger vertex, 0 for a self-loop. The balance of lists that mirror each other is 0; of others it is so by chance
/// alone, 1 in 2^64. Vertex numbers are below 2^32.
[[nodiscard]] std::uint64_t balance_of(std::uint64_t from, std::uint64_t to, float weight);

/// Throws `InputError` for a file whose balance is not 0, at a neighbour in the list of one vertex that does not have
/// it back: of the lowest vertex that takes part in any, with the lowest other vertex. Reads the file three more times
/// on all threads; holds 8 bytes per vertex, then the edges of one vertex.
[[noreturn]] void refuse_unmirrored(const InputFile& file, std::uint64_t block_bytes);

}  // namespace rove::io::text
