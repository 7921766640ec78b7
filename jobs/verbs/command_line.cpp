// SPDX-License-Identifier: Apache-2.0
#include "jobs/verbs/command_line.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::jobs {
namespace {

std::string read_text(const std::string& file) {
  if (std::filesystem::is_directory(file)) {
    throw IoError(fmt::format("'{}' is a directory, expected a job file", file));
  }
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw IoError(fmt::format("cannot read the job file '{}': {}", file, std::strerror(errno)));
  return text.str();
}

}  // namespace

void CommandLine::declare_common(CLI::App& app) {
  if (app.get_option_no_throw("JOB") == nullptr) {
    app.add_option("-c,--config", job_file_, "Job file (YAML); `rove config --template` prints all keys")
        ->type_name("JOB.yaml");
  }
  app.add_option("--set", assignments_, "Set one configuration key: --set train.dim=128 (may be repeated)")
      ->type_name("KEY=VALUE")
      ->take_all();
  app.add_flag("-q,--quiet", quiet_, "No progress display");
  declare_key(app, "--threads", "resources.threads", "Threads per rank, or auto");
  declare_key(app, "--memory", "resources.memory", "Memory per rank, such as 16GiB, or auto");
  declare_key(app, "--seed", "seed", "Seed of every random draw");
}

void CommandLine::declare_job_file(CLI::App& app) {
  app.add_option("JOB", job_file_, "Job file (YAML)")->required()->type_name("JOB.yaml");
}

CLI::Option* CommandLine::declare_key(CLI::App& app, const std::string& names, const std::string& key,
                                      const std::string& help) {
  auto& value = key_values_.emplace_back(key, "").second;
  return app.add_option(names, value, fmt::format("{} [{}]", help, key));
}

Config CommandLine::layered(const std::filesystem::path& name, const std::string& job_text) const {
  Config config;
  if (!name.empty()) config.add_file(name, job_text);
  for (const auto& [key, value] : key_values_) {
    if (!value.empty()) config.set_flag(key, value);
  }
  for (const std::string& assignment : assignments_) config.set(assignment);
  return config;
}

Config CommandLine::configuration(const comm::Communicator& comm) const {
  std::string text;
  comm.agree([&] {
    if (comm.is_root() && !job_file_.empty()) text = read_text(job_file_);
  });
  text = comm.broadcast_text(text, Rank{0});
  Config config;
  comm.agree([&] { config = layered(job_file_, text); });
  return config;
}

Config CommandLine::configuration() const {
  return layered(job_file_, job_file_.empty() ? "" : read_text(job_file_));
}

Config CommandLine::configuration_over(const std::filesystem::path& name, const std::string& yaml) const {
  return layered(name, yaml);
}

}  // namespace rove::jobs
