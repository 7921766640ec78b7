// SPDX-License-Identifier: Apache-2.0
#include "engine/comm/detail/impl.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "engine/base/fault.hpp"
#include "engine/comm/detail/chunking.hpp"
#include "engine/comm/traffic.hpp"

namespace rove::comm {
namespace {

Traffic traffic_of_process;

}  // namespace

Traffic traffic() {
  return traffic_of_process;
}

}  // namespace rove::comm

namespace rove::comm::detail {

namespace {

std::atomic<std::uint64_t> chunk_limit{kDefaultChunkBytes};

std::string text_of(int code) {
  std::string text(MPI_MAX_ERROR_STRING, '\0');
  int length = 0;
  if (MPI_Error_string(code, text.data(), &length) != MPI_SUCCESS) return fmt::format("error code {}", code);
  text.resize(static_cast<std::size_t>(length));
  return text;
}

}  // namespace

std::uint64_t chunk_bytes() {
  return chunk_limit.load(std::memory_order_relaxed);
}
void set_chunk_bytes(std::uint64_t bytes) {
  chunk_limit = std::clamp<std::uint64_t>(bytes, 1, kDefaultChunkBytes);
}

void count_traffic(std::uint64_t messages, std::uint64_t bytes) {
  traffic_of_process.messages += messages;
  traffic_of_process.bytes += bytes;
}

Impl::Impl(MPI_Comm handle, Watchdog* the_watchdog) : comm(handle), watchdog(the_watchdog) {
  check(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN), *this, "MPI_Comm_set_errhandler");
  check(MPI_Comm_rank(comm, &rank), *this, "MPI_Comm_rank");
  check(MPI_Comm_size(comm, &size), *this, "MPI_Comm_size");
}

Impl::~Impl() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized == 0) MPI_Comm_free(&comm);
}

void check(int code, const Impl& impl, const char* operation) {
  if (code == MPI_SUCCESS) return;
  throw CommError(fmt::format("rank {} of {}: {} failed: {}", impl.rank, impl.size, operation, text_of(code)));
}

void abort_job(MPI_Comm comm, int exit_code) {
  std::fflush(stdout);
  std::fflush(stderr);
  // Should the launcher not answer, the alarm ends this process, and the launcher then ends the others.
  std::signal(SIGALRM, SIG_DFL);
  alarm(5);
  MPI_Abort(comm, exit_code);
  _exit(exit_code);
}

Operation::Operation(const Impl& impl, const char* name, std::string_view fault_point) : watchdog_(impl.watchdog) {
  fault::point(fault_point);
  watchdog_->begin(name);
}

Operation::~Operation() {
  watchdog_->end();
}

void Transfers::receive(const Impl& impl, std::span<std::byte> bytes, int source, Tag tag) {
  while (!bytes.empty()) {
    const std::size_t length = std::min<std::size_t>(bytes.size(), chunk_bytes());
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Irecv(bytes.data(), static_cast<int>(length), MPI_BYTE, source, tag, impl.comm, &request), impl,
          "MPI_Irecv");
    requests.push_back(request);
    receive_bytes.push_back(static_cast<int>(length));
    bytes = bytes.subspan(length);
  }
}

void Transfers::send(const Impl& impl, std::span<const std::byte> bytes, int destination, Tag tag) {
  while (!bytes.empty()) {
    const std::size_t length = std::min<std::size_t>(bytes.size(), chunk_bytes());
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Isend(bytes.data(), static_cast<int>(length), MPI_BYTE, destination, tag, impl.comm, &request), impl,
          "MPI_Isend");
    requests.push_back(request);
    count_traffic(1, length);
    bytes = bytes.subspan(length);
  }
}

void Transfers::wait(const Impl& impl, const char* operation) {
  std::vector<MPI_Status> statuses(requests.size());
  const int code =
      MPI_Waitall(checked_cast<int>(requests.size(), "number of messages"), requests.data(), statuses.data());
  if (code == MPI_ERR_IN_STATUS) {
    for (const MPI_Status& status : statuses) {
      if (status.MPI_ERROR != MPI_ERR_PENDING) check(status.MPI_ERROR, impl, operation);
    }
  }
  check(code, impl, operation);
  for (std::size_t i = 0; i < receive_bytes.size(); ++i) {
    int received = 0;
    check(MPI_Get_count(&statuses[i], MPI_BYTE, &received), impl, "MPI_Get_count");
    if (received != receive_bytes[i]) {
      throw CommError(
          fmt::format("rank {} of {}: {} got a message of {} bytes from rank {}, expected {}: both sides must state "
                      "the same counts",
                      impl.rank, impl.size, operation, received, statuses[i].MPI_SOURCE, receive_bytes[i]));
    }
  }
  requests.clear();
  receive_bytes.clear();
}

}  // namespace rove::comm::detail
