// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "engine/base/ids.hpp"
#include "io/hdf5/input_file.hpp"

namespace rove::io::detail {

/// Checks rows of `<group>/keys` against `<group>/ids`: keys ascend, over the row before the first one too, and each is
/// the key of its id for the vertex type. Throws `InputError` for the first breach. Bounded memory.
void verify_keys(const hdf5::InputFile& file, const std::string& group, const std::string& type, IndexRange rows);

}  // namespace rove::io::detail
