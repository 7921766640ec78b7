// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <mpi.h>

#include "engine/comm/communicator.hpp"
#include "engine/comm/detail/watchdog.hpp"

/// Private to engine/comm: what only its sources may see of MPI.
namespace rove::comm::detail {

/// Message tags, all of them. Collectives of MPI have a space of their own.
enum Tag : int { kTagExchange = 1, kTagGather = 2, kTagFailure = 3 };

struct Impl {
  Impl(MPI_Comm handle, Watchdog* the_watchdog);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  MPI_Comm comm;
  int rank = 0;
  int size = 1;
  Watchdog* watchdog;
};

/// Adds to what `traffic()` reports.
void count_traffic(std::uint64_t messages, std::uint64_t bytes);

/// Throws `CommError` with rank, operation and MPI's text unless `code` is success.
void check(int code, const Impl& impl, const char* operation);

/// Ends the job: flushes the standard streams (some launchers swallow MPI's own explanation), then aborts. Never
/// returns, even when MPI_Abort does.
[[noreturn]] void abort_job(MPI_Comm comm, int exit_code);

/// Marks that this rank is inside an operation, for the watchdog and for `agree`. Nested operations count as the outer.
class Operation {
 public:
  Operation(const Impl& impl, const char* name, std::string_view fault_point);
  ~Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

 private:
  Watchdog* watchdog_;
};

/// Point-to-point transfers under way, cut in chunks. Receives come first in `requests`.
struct Transfers {
  std::vector<MPI_Request> requests;
  std::vector<int> receive_bytes;  ///< expected, per receive request

  void receive(const Impl& impl, std::span<std::byte> bytes, int source, Tag tag);
  void send(const Impl& impl, std::span<const std::byte> bytes, int destination, Tag tag);
  /// Waits for all, and checks that every message had the expected length.
  void wait(const Impl& impl, const char* operation);
};

}  // namespace rove::comm::detail
