// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "engine/comm/communicator.hpp"

namespace rove::comm {

namespace detail {
class Watchdog;
}

/// Initialises MPI (thread level FUNNELED or fails) and finalises it. One per process, in `main`.
/// - Started without mpirun or srun it is a world of one rank.
/// - Started by a launcher whose ranks MPI cannot see (srun without --mpi=pmix), it throws `ConfigError` rather than
///   let every process believe that it is alone.
/// - When more ranks share the node than it has cores, waiting ranks yield (Open MPI's mpi_yield_when_idle, unless set
///   by the user): busy waiting makes small collectives a thousand times slower there.
/// - Never wait for ever: with ROVE_STALL_TIMEOUT=<seconds>, or `set_stall_timeout`, a rank that waits longer than that
/// inside one
///   operation prints its rank, the operation and the phase, and ends the job with exit code 70. Off by default: a rank
///   may rightly wait long for another one that partitions.
class Environment {
 public:
  Environment(int* argc, char*** argv);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  /// All ranks. Named here and in the tests' main only; everything else is handed a `Communicator`.
  [[nodiscard]] const Communicator& world() const { return *world_; }

  /// 0 switches the watch off. Precondition: seconds >= 0.
  void set_stall_timeout(double seconds);

 private:
  std::unique_ptr<detail::Watchdog> watchdog_;
  std::unique_ptr<Communicator> world_;
};

/// How many processes the launcher (mpirun, srun) says that it started together, this one among them; 1 without one.
/// For programs that start no MPI.
[[nodiscard]] int launched_processes();

/// **Collective.** Runs `program` and turns its outcome into the process's end, on the standard error stream: an error
/// that all ranks agreed on (`Communicator::agree`), or that escaped on all of them, is printed once, by rank 0, and
/// its code returned on all; one that escaped on this rank alone is printed with its rank and aborts the whole job
/// within seconds with its code. Nobody is left waiting.
int run_to_exit_code(const Communicator& world, const std::function<int()>& program);

/// The whole of a `main`: an `Environment`, `run_to_exit_code`, and the end of MPI. An environment that cannot be set
/// up is reported the same way.
int run_main(int* argc, char*** argv, const std::function<int(Environment&)>& program);

/// The same for a program of one process that starts no MPI. Its error is printed if `prints`.
int run_alone(const std::function<int()>& program, bool prints);

}  // namespace rove::comm
