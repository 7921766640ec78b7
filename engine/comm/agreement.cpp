// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "engine/base/hash.hpp"
#include "engine/base/stop.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/comm/detail/failure.hpp"
#include "engine/comm/detail/impl.hpp"
#include "engine/comm/environment.hpp"

namespace rove::comm {

using detail::check;
using detail::describe;
using detail::Failure;
using detail::Operation;

namespace {

std::uint64_t fingerprint_of(const Failure& failure) {
  const std::uint64_t text = digest128(std::as_bytes(std::span(failure.message))).low;
  return mix64(text, static_cast<std::uint64_t>(failure.error_class));
}

/// The failure of rank `lowest` on every rank, with the rank's number unless all ranks failed alike.
Failure share(const Communicator& comm, const std::optional<Failure>& mine, Rank lowest) {
  const std::uint64_t fingerprint = mine ? fingerprint_of(*mine) : 0;
  const bool failed_alike =
      comm.all_reduce(static_cast<std::uint32_t>(!mine), ReduceOp::kMax) == 0 &&
      comm.all_reduce(fingerprint, ReduceOp::kMin) == comm.all_reduce(fingerprint, ReduceOp::kMax);
  Failure shared;
  shared.error_class = comm.broadcast(mine ? mine->error_class : shared.error_class, lowest);
  shared.code = comm.broadcast(mine ? mine->code : shared.code, lowest);
  shared.message = comm.broadcast_text(mine ? mine->message : std::string(), lowest);
  if (!failed_alike) shared.message = fmt::format("rank {}: {}", lowest.value(), shared.message);
  return shared;
}

}  // namespace

void Communicator::agree(const std::function<void()>& work) const {
  const std::uint64_t operations_before = impl_->watchdog->num_operations();
  std::optional<Failure> failure;
  try {
    work();
  } catch (...) {
    failure = describe(std::current_exception());
    // Others may be inside the communication that `work` began: only the end of the job can reach them there.
    if (!failure->agreed && size() > 1 && impl_->watchdog->num_operations() != operations_before) throw;
  }
  const Operation operation(*impl_, "agree", "comm.collective");
  const std::int32_t lowest = all_reduce(failure ? impl_->rank : impl_->size, ReduceOp::kMin);
  if (lowest != impl_->size) detail::throw_agreed(share(*this, failure, Rank{lowest}));
}

bool Communicator::agree_stop() const {
  const Operation operation(*impl_, "agree_stop", "comm.collective");
  return all_reduce(static_cast<std::uint32_t>(stop::requested()), ReduceOp::kMax) != 0;
}

namespace {

void print_failure(const Failure& failure, std::optional<Rank> rank) {
  const char* what = failure.error_class == detail::ErrorClass::kInterrupted ? "stopped" : "error";
  const std::string who = rank ? fmt::format(" (rank {})", rank->value()) : std::string();
  const std::string line = fmt::format("rove: {}{}: {}\n", what, who, failure.message);
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

/// Whether every rank comes here within the time.
bool all_arrive_within(const Communicator& comm, std::chrono::milliseconds limit) {
  const auto handle = *static_cast<const MPI_Comm*>(comm.native_handle());
  MPI_Request request = MPI_REQUEST_NULL;
  if (MPI_Ibarrier(handle, &request) != MPI_SUCCESS) return false;
  const auto end = std::chrono::steady_clock::now() + limit;
  int arrived = 0;
  while (arrived == 0 && std::chrono::steady_clock::now() < end) {
    if (MPI_Test(&request, &arrived, MPI_STATUS_IGNORE) != MPI_SUCCESS) return false;
    if (arrived == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return arrived != 0;
}

}  // namespace

int run_to_exit_code(const Communicator& world, const std::function<int()>& program) {
  // Traffic of its own: other ranks may be anywhere in the program when an error escapes here.
  const Communicator last_words = world.duplicate();
  try {
    return program();
  } catch (...) {
    Failure failure = describe(std::current_exception());
    if (world.size() > 1 && !failure.agreed) {
      // An error that no `agree` raised may still have escaped everywhere (a wrong command line): then one message will
      // do.
      if (!all_arrive_within(last_words, std::chrono::milliseconds(500))) {
        std::this_thread::sleep_for(std::chrono::duration<double>(detail::turn_delay_s(world.rank().value())));
        print_failure(failure, world.rank());
        world.abort(static_cast<int>(failure.code));
      }
      failure = share(last_words, failure, Rank{0});
    }
    if (world.is_root()) print_failure(failure, std::nullopt);
    return static_cast<int>(failure.code);
  }
}

int run_main(int* argc, char*** argv, const std::function<int(Environment&)>& program) {
  std::unique_ptr<Environment> environment;
  try {
    environment = std::make_unique<Environment>(argc, argv);
  } catch (...) {
    const Failure failure = describe(std::current_exception());
    print_failure(failure, std::nullopt);
    return static_cast<int>(failure.code);
  }
  return run_to_exit_code(environment->world(), [&] { return program(*environment); });
}

}  // namespace rove::comm
