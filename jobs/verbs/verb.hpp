// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "jobs/verbs/command_line.hpp"

namespace rove::jobs {

/// One word after `rove`. A verb declares its options, then runs either alone (no MPI) or on all ranks.
class Verb {
 public:
  virtual ~Verb() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual std::string summary() const = 0;
  /// Shown at the end of `rove VERB --help`: an example or two.
  [[nodiscard]] virtual std::string examples() const { return {}; }
  virtual void declare(CLI::App& app) = 0;
};

/// Runs in one process and starts without MPI: answers at once on a login node.
class SerialVerb : public Verb {
 public:
  virtual void run() = 0;
};

/// Runs on all ranks; every rank ends when one fails.
class CollectiveVerb : public Verb {
 public:
  /// **Collective.**
  virtual void run(const comm::Communicator& world) = 0;
  /// Whether SIGTERM and SIGUSR1 ask it to stop where nothing is lost (exit code 75); other verbs they end at once, and
  /// files half written stay under their temporary names.
  [[nodiscard]] virtual bool stops_on_request() const { return false; }
};

/// All verbs, in the order `rove --help` lists them.
[[nodiscard]] std::vector<std::unique_ptr<Verb>> make_verbs();

}  // namespace rove::jobs
