// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "engine/comm/communicator.hpp"
#include "jobs/config/config.hpp"

namespace rove::jobs {

/// What every verb shares on the command line: the job file, `--set`, and flags that are sugar over configuration keys.
class CommandLine {
 public:
  /// Declares `--config`, `--set`, `--quiet` on the verb's application.
  void declare_common(CLI::App& app);
  /// The job file as a required positional argument (`rove run JOB.yaml`).
  void declare_job_file(CLI::App& app);
  /// A flag that sets one configuration key: `declare_key(app, "-k,--top-k", "ppr.top_k", "neighbours per source")`.
  CLI::Option* declare_key(CLI::App& app, const std::string& names, const std::string& key, const std::string& help);

  [[nodiscard]] bool quiet() const { return quiet_; }
  [[nodiscard]] const std::string& job_file() const { return job_file_; }

  /// **Collective.** Defaults, job file (read by rank 0, handed to all), flags, `--set`.
  [[nodiscard]] Config configuration(const comm::Communicator& comm) const;
  /// The same for verbs that run in one process.
  [[nodiscard]] Config configuration() const;
  /// The same with this text, called `name`, in place of a job file.
  [[nodiscard]] Config configuration_over(const std::filesystem::path& name, const std::string& yaml) const;

 private:
  [[nodiscard]] Config layered(const std::filesystem::path& name, const std::string& job_text) const;

  std::string job_file_;
  std::vector<std::string> assignments_;
  std::deque<std::pair<std::string, std::string>> key_values_;  ///< CLI11 keeps pointers to the values
  bool quiet_ = false;
};

}  // namespace rove::jobs
