// SPDX-License-Identifier: Apache-2.0
#include "engine/comm/environment.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <sched.h>

#include "engine/base/error.hpp"
#include "engine/base/fault.hpp"
#include "engine/base/stop.hpp"
#include "engine/comm/detail/impl.hpp"

namespace rove::comm {

namespace {

std::optional<double> number_in_environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  double value = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

int cores_of_this_process() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  return sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 0;
}

/// A rank that mpirun bound to cores of its own shares them with nobody. Otherwise all ranks of the node share the
/// cores this one may use. Yielding costs a microsecond per wait; not yielding when cores are short costs milliseconds.
bool ranks_exceed_cores() {
  if (std::getenv("OMPI_MCA_orte_bound_at_launch") != nullptr) return false;
  std::optional<double> ranks = number_in_environment("OMPI_COMM_WORLD_LOCAL_SIZE");
  if (!ranks) ranks = number_in_environment("SLURM_NTASKS_PER_NODE");
  const int cores = cores_of_this_process();
  return ranks && cores > 0 && *ranks > cores;
}

bool started_by_launcher() {
  return std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr || std::getenv("PMIX_RANK") != nullptr;
}

/// What launchers other than mpirun say of the processes that they started together, when these are several.
struct Company {
  const char* variable = nullptr;
  double processes = 1;
};
std::optional<Company> find_company() {
  for (const char* name : {"SLURM_STEP_NUM_TASKS", "PMI_SIZE"}) {
    const std::optional<double> processes = number_in_environment(name);
    if (processes && *processes > 1) return Company{name, *processes};
  }
  return std::nullopt;
}

/// A launcher whose processes cannot find each other gives as many worlds of one rank, each writing the same files.
void refuse_blind_launcher() {
  const std::optional<Company> company = find_company();
  if (!company) return;
  throw ConfigError(fmt::format(
      "{} says that {} processes were started, but Open MPI cannot see the others; start with mpirun, or with srun "
      "--mpi=pmix",
      company->variable, company->processes));
}

double stall_timeout() {
  const char* text = std::getenv("ROVE_STALL_TIMEOUT");
  if (text == nullptr) return 0;
  const std::optional<double> seconds = number_in_environment("ROVE_STALL_TIMEOUT");
  if (!seconds || *seconds < 0) {
    throw ConfigError(fmt::format("ROVE_STALL_TIMEOUT is '{}', expected a number of seconds, 0 for no limit", text));
  }
  return *seconds;
}

}  // namespace

int launched_processes() {
  // mpirun's own count first: its daemons are a job step of Slurm's, whose count their children inherit.
  if (const std::optional<double> ranks = number_in_environment("OMPI_COMM_WORLD_SIZE")) {
    return static_cast<int>(*ranks);
  }
  const std::optional<Company> company = find_company();
  return company ? static_cast<int>(company->processes) : 1;
}

Environment::Environment(int* argc, char*** argv) {
  const double timeout_s = stall_timeout();
  if (!started_by_launcher()) {
    refuse_blind_launcher();
    // Without this a single process starts a daemon of its own.
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    // Shared file pointers, which nobody here uses, would lie in a directory that all such processes share: one that
    // ends takes it from the others, whose files then fail to open.
    setenv("OMPI_MCA_sharedfp", "^sm", 0);
  }
  if (ranks_exceed_cores()) setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);

  int provided = MPI_THREAD_SINGLE;
  {
    const stop::HeldSignals held;  // from the threads that MPI starts
    if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
      throw CommError("MPI_Init_thread failed");
    }
  }
  if (provided < MPI_THREAD_FUNNELED) {
    throw CommError(fmt::format("MPI provides thread level {}, expected at least MPI_THREAD_FUNNELED ({})", provided,
                                static_cast<int>(MPI_THREAD_FUNNELED)));
  }
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  fault::set_rank(rank);
  watchdog_ = std::make_unique<detail::Watchdog>(rank);
  watchdog_->set_timeout(timeout_s);
  MPI_Comm world = MPI_COMM_NULL;
  if (MPI_Comm_dup(MPI_COMM_WORLD, &world) != MPI_SUCCESS) throw CommError("MPI_Comm_dup of the world failed");
  world_.reset(new Communicator(std::make_unique<detail::Impl>(world, watchdog_.get())));
}

void Environment::set_stall_timeout(double seconds) {
  watchdog_->set_timeout(seconds);
}

Environment::~Environment() {
  // Finalising waits for all ranks; an error that unwinds this one alone would leave them waiting for each other.
  if (std::uncaught_exceptions() > 0) detail::abort_job(MPI_COMM_WORLD, static_cast<int>(ExitCode::kInternal));
  world_.reset();
  watchdog_->begin("finalize");
  MPI_Finalize();
  watchdog_->end();
}

}  // namespace rove::comm
