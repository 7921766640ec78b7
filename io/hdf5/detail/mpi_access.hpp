// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/comm/communicator.hpp"
#include "io/hdf5/detail/handle.hpp"

namespace rove::io::hdf5::detail {

/// File access through MPI-IO by the ranks of `comm`, with collective metadata.
[[nodiscard]] Handle mpi_file_access(const comm::Communicator& comm);

}  // namespace rove::io::hdf5::detail
