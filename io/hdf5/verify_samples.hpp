// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/ids.hpp"
#include "io/hdf5/input_file.hpp"

namespace rove::io::detail {

/// Checks the batches [begin, end) of `samples.h5`: offsets from 0, ascending and as long as their rows; hops within
/// their batch; rows of existing vertices; local numbers of vertices of the same batch; edges that the graph can have.
/// Throws `InputError` for the first breach. Bounded memory.
void verify_samples(const hdf5::InputFile& file, IndexRange batches);

/// Number of batches. Throws `InputError` when the file does not say.
[[nodiscard]] std::uint64_t num_batches(const hdf5::InputFile& file);

}  // namespace rove::io::detail
