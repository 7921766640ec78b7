// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "engine/comm/communicator.hpp"

namespace rove::comm {

/// Initialises MPI (thread level FUNNELED or fails) and finalises it. One per process, in `main`.
class Environment {
 public:
  Environment(int* argc, char*** argv);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  /// All ranks. Named here and in the tests' main only; everything else is handed a `Communicator`.
  [[nodiscard]] const Communicator& world() const { return *world_; }

 private:
  std::unique_ptr<Communicator> world_;
};

/// Runs `program` and turns its outcome into the process's end: an error that all ranks agreed on is printed once (by rank 0) and
/// its code returned on all; one that escaped on this rank alone is printed with its rank and aborts the whole job
/// within seconds. Nobody is left waiting.
int run_to_exit_code(const Communicator& world, const std::function<int()>& program);

}  // namespace rove::comm
