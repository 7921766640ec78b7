// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/comm/communicator.hpp"

namespace rove::tests {

/// All ranks of a multi-rank test program (tests/support/mpi_main.cpp). Every test runs on every rank; a test that
/// fails on one rank and returns early while others communicate is ended by the stall limit, with its message.
[[nodiscard]] const comm::Communicator& world();

}  // namespace rove::tests
