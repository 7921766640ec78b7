// SPDX-License-Identifier: Apache-2.0
// Writes and publishes small files, for tests that look from outside: kills in the middle, and other readers.
//   file_driver write DIRECTORY        all sample files
//   file_driver nights DIRECTORY       the same, and what they change of those in DIRECTORY/before
//   file_driver publish OUTPUT RUN     what `rove publish` does
//   file_driver verify RUN             prints problems; exit code 3 when there are any
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/comm/environment.hpp"
#include "io/hdf5/delta_file.hpp"
#include "io/publish/publisher.hpp"
#include "tests/io/hdf5/sample_files.hpp"
#include "tests/support/graphs.hpp"

namespace rove::tests {
namespace {

int run(const comm::Communicator& world, const std::vector<std::string>& arguments) {
  if (arguments.size() == 2 && arguments[0] == "write") {
    write_sample_files(world, random_typed(40, 3), arguments[1]);
    return 0;
  }
  if (arguments.size() == 2 && arguments[0] == "nights") {
    const std::filesystem::path directory = arguments[1];
    std::filesystem::create_directory(directory / "before");
    write_sample_files(world, random_typed(30, 3), directory / "before");
    write_sample_files(world, random_typed(40, 3), directory);
    static_cast<void>(
        io::write_delta(world, directory / "delta.h5", directory, directory / "before", {}, sample_provenance()));
    return 0;
  }
  if (arguments.size() == 3 && arguments[0] == "publish") {
    io::publish::PublishOptions options;
    options.keep = 2;
    options.created_utc = "2026-01-31T02:00:00Z";
    options.software_version = "0.0.1-test";
    io::publish::publish_run(world, arguments[1], arguments[2], options, nullptr);
    return 0;
  }
  if (arguments.size() == 2 && arguments[0] == "verify") {
    const std::vector<std::string> problems = io::publish::verify_run(world, arguments[1]);
    if (world.is_root()) std::fputs(fmt::format("{}\n", fmt::join(problems, "\n")).c_str(), stdout);
    return problems.empty() ? 0 : 3;
  }
  throw ConfigError("usage: file_driver write DIRECTORY | nights DIRECTORY | publish OUTPUT RUN | verify RUN");
}

}  // namespace
}  // namespace rove::tests

int main(int argc, char** argv) {
  const rove::comm::Environment environment(&argc, &argv);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return rove::comm::run_to_exit_code(environment.world(),
                                      [&] { return rove::tests::run(environment.world(), arguments); });
}
