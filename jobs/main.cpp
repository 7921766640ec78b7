// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/stop.hpp"
#include "engine/comm/environment.hpp"
#include "jobs/config/schema.hpp"
#include "jobs/verbs/verb.hpp"
#include "jobs/version.hpp"

namespace {

using rove::ExitCode;

/// An integer the launcher left in the environment, or `otherwise`. Needed before MPI starts: usage errors are printed
/// once.
int launcher_value(std::initializer_list<const char*> names, int otherwise) {
  for (const char* name : names) {
    if (const char* text = std::getenv(name)) return std::atoi(text);
  }
  return otherwise;
}

int run_serial(rove::jobs::SerialVerb& verb, bool prints) {
  const int ranks = rove::comm::launched_processes();
  return rove::comm::run_alone(
      [&] {
        if (ranks > 1) {
          throw rove::ConfigError(
              fmt::format("`rove {}` answers from one process, found {} ranks; start it without mpirun or srun",
                          verb.name(), ranks));
        }
        verb.run();
        return static_cast<int>(ExitCode::kSuccess);
      },
      prints);
}

int run_collective(rove::jobs::CollectiveVerb& verb, int argc, char** argv) {
  return rove::comm::run_main(&argc, &argv, [&](rove::comm::Environment& environment) {
    if (verb.stops_on_request()) rove::stop::install_signal_handlers();
    verb.run(environment.world());
    return static_cast<int>(ExitCode::kSuccess);
  });
}

}  // namespace

int main(int argc, char** argv) {
  const bool prints = launcher_value({"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID"}, 0) == 0;

  CLI::App app(
      "Rove: distributed graph engine for recommendation. Tonight's log goes in; verified, reproducible embeddings\n"
      "and neighbour sets come out. Verbs that compute run alone, under `mpirun -n P` and under `srun`; those that\n"
      "answer (lookup, query, serve, info, diff, config) run alone.",
      "rove");
  app.require_subcommand(1);
  app.set_version_flag("--version", rove::jobs::version_text());
  app.get_formatter()->column_width(34);
  app.footer(
      "Start here: rove run examples/gowalla.yaml        Exit codes: 0 good, 2 usage, 3 bad input, 4 file,\n"
      "5 does not fit, 7 gate refused, 70 internal, 75 interrupted with checkpoint (requeue me).");

  const auto verbs = rove::jobs::make_verbs();
  for (const auto& verb : verbs) {
    CLI::App* sub = app.add_subcommand(verb->name(), verb->summary());
    if (const std::string examples = verb->examples(); !examples.empty()) sub->footer("Examples:\n  " + examples);
    verb->declare(*sub);
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (const std::string_view word = argc > 1 ? argv[1] : ""; !word.empty() && word.front() != '-') {
      std::vector<std::string> names;
      for (const auto& verb : verbs) names.push_back(verb->name());
      if (std::ranges::find(names, word) == names.end()) {
        if (prints) {
          fmt::print(stderr,
                     "rove: error: there is no verb '{}'; did you mean '{}'?\nRun with --help for more information.\n",
                     word, rove::jobs::nearest_word(word, names));
        }
        return static_cast<int>(ExitCode::kUsage);
      }
    }
    const bool asked_for_help = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
    if (prints) app.exit(error);
    return static_cast<int>(asked_for_help ? ExitCode::kSuccess : ExitCode::kUsage);
  }

  for (const auto& verb : verbs) {
    if (!app.got_subcommand(verb->name())) continue;
    if (auto* serial = dynamic_cast<rove::jobs::SerialVerb*>(verb.get())) return run_serial(*serial, prints);
    return run_collective(dynamic_cast<rove::jobs::CollectiveVerb&>(*verb), argc, argv);
  }
  return static_cast<int>(ExitCode::kUsage);
}
