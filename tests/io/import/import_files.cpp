// SPDX-License-Identifier: Apache-2.0
#include "tests/io/import/import_files.hpp"

#include <fstream>

#include "engine/base/error.hpp"
#include "io/import/import_graph.hpp"
#include "tests/support/mpi.hpp"

namespace rove::tests {

std::string put(const SharedTempDirectory& directory, const std::string& name, const std::string& text) {
  const std::string path = (directory / name).string();
  if (world().is_root()) std::ofstream(path, std::ios::binary) << text;
  world().barrier();
  return path;
}

std::string message_of(const io::ImportOptions& options) {
  try {
    static_cast<void>(io::import_graph(world(), options));
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace rove::tests
