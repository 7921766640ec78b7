// SPDX-License-Identifier: Apache-2.0
#include "jobs/version.hpp"

#include <fmt/format.h>

#include "jobs/build_info.hpp"

namespace rove::jobs {

std::string software_version() {
  return kVersion;
}
std::string software_commit() {
  return kCommit;
}

std::string version_text() {
  return fmt::format("rove {} (commit {}, METIS index {} bits)", kVersion, kCommit, kMetisIndexBits);
}

}  // namespace rove::jobs
