// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "engine/base/ids.hpp"
#include "io/hdf5/input_file.hpp"

namespace rove::io::detail {

/// Checks what only `delta.h5` has: rows that are new or changed exist and ascend, the removed have ids and keys, and
/// every changed row its vector or list and its likeness. `share_of` cuts that many rows to those to look at. Throws
/// `InputError` for the first breach. Bounded memory. The lists themselves are checked as those of other files.
void verify_delta(const hdf5::InputFile& file, const std::function<IndexRange(std::uint64_t)>& share_of);

}  // namespace rove::io::detail
