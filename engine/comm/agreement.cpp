// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <cstdlib>
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

void Communicator::stop_if_asked(const std::string& message) const {
  if (agree_stop()) detail::throw_agreed({detail::ErrorClass::kInterrupted, ExitCode::kInterrupted, message, true});
}

namespace {

void print_failure(const Failure& failure, std::optional<Rank> rank) {
  const char* what = failure.error_class == detail::ErrorClass::kInterrupted ? "stopped" : "error";
  const std::string who = rank ? fmt::format(" (rank {})", rank->value()) : std::string();
  const std::string line = fmt::format("rove: {}{}: {}\n", what, who, failure.message);
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

/// Tells all ranks that an error escaped on this one, so that of several such ranks only the lowest speaks.
class FailureNotices {
 public:
  explicit FailureNotices(const Communicator& comm)
      : handle_(*static_cast<const MPI_Comm*>(comm.native_handle())), rank_(comm.rank().value()) {
    for (int r = 0; r < comm.size(); ++r) {
      MPI_Request request = MPI_REQUEST_NULL;
      // Nobody receives these; they are only looked for, and the job ends with them under way.
      if (r != rank_ && MPI_Isend(nullptr, 0, MPI_BYTE, r, detail::kTagFailure, handle_, &request) == MPI_SUCCESS) {
        MPI_Request_free(&request);
      }
    }
  }

  /// When a lower rank has given notice, waits for its abort.
  void leave_to_lower_rank() const {
    for (int r = 0; r < rank_; ++r) {
      int found = 0;
      if (MPI_Iprobe(r, detail::kTagFailure, handle_, &found, MPI_STATUS_IGNORE) == MPI_SUCCESS && found != 0) {
        std::this_thread::sleep_for(std::chrono::seconds(5));
        return;
      }
    }
  }

 private:
  MPI_Comm handle_;
  int rank_;
};

/// The lowest rank that comes here with a failure; the number of ranks when none does.
struct LowestFailing {
  std::int32_t mine = 0;
  std::int32_t of_all = 0;
};

/// Whether every rank came within the time (no limit: waits). If not, MPI may still read and write `lowest`, which must
/// last until the job is aborted.
bool find_lowest_failing(const Communicator& comm, bool failed, std::optional<std::chrono::milliseconds> limit,
                         LowestFailing& lowest) {
  const auto handle = *static_cast<const MPI_Comm*>(comm.native_handle());
  lowest.mine = failed ? comm.rank().value() : comm.size();
  MPI_Request request = MPI_REQUEST_NULL;
  if (MPI_Iallreduce(&lowest.mine, &lowest.of_all, 1, MPI_INT32_T, MPI_MIN, handle, &request) != MPI_SUCCESS) {
    return false;
  }
  const auto end = std::chrono::steady_clock::now() + limit.value_or(std::chrono::milliseconds(0));
  for (int arrived = 0; arrived == 0;) {
    if (limit && std::chrono::steady_clock::now() > end) return false;
    if (MPI_Test(&request, &arrived, MPI_STATUS_IGNORE) != MPI_SUCCESS) return false;
    if (arrived == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace

int run_to_exit_code(const Communicator& world, const std::function<int()>& program) {
  // Traffic of its own: other ranks may be anywhere in the program when an error escapes here.
  const Communicator last_words = world.duplicate();
  std::optional<Failure> failure;
  int code = 0;
  try {
    code = program();
  } catch (...) {
    failure = describe(std::current_exception());
  }
  // All ranks meet before any of them finalises: mpirun can hang when a job is aborted while ranks are inside
  // MPI_Finalize. A rank whose error was not agreed on cannot count on meeting the others, which may wait for it
  // elsewhere.
  const bool alone = failure && !failure->agreed;
  const auto limit = alone ? std::optional(std::chrono::milliseconds(500)) : std::nullopt;
  std::optional<FailureNotices> notices;
  if (alone) notices.emplace(last_words);
  LowestFailing lowest;
  if (!find_lowest_failing(last_words, failure.has_value(), limit, lowest)) {
    if (!failure)
      failure = Failure{detail::ErrorClass::kComm, ExitCode::kInternal, "MPI failed at the end of the program"};
    if (notices) notices->leave_to_lower_rank();
    print_failure(*failure, world.rank());
    world.abort(static_cast<int>(failure->code));
  }
  if (lowest.of_all == world.size()) return code;
  const Failure shared = share(last_words, failure, Rank{lowest.of_all});
  if (world.is_root()) print_failure(shared, std::nullopt);
  const auto skips_finalize = static_cast<std::uint32_t>(world.leaves_without_finalize());
  if (last_words.all_reduce(skips_finalize, ReduceOp::kMax) != 0) {
    // All ranks have met once more: the message is out before the launcher sees any of them go.
    std::fflush(nullptr);
    std::_Exit(static_cast<int>(shared.code));
  }
  return static_cast<int>(shared.code);
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

int run_alone(const std::function<int()>& program, bool prints) {
  try {
    return program();
  } catch (...) {
    const Failure failure = describe(std::current_exception());
    if (prints) print_failure(failure, std::nullopt);
    return static_cast<int>(failure.code);
  }
}

}  // namespace rove::comm
