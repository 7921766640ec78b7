// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

#include "engine/comm/communicator.hpp"
#include "tests/support/temp_directory.hpp"

namespace rove::tests {

/// One fresh directory that all ranks see; removed when the last of them leaves the scope. Construction and destruction
/// are **Collective**.
class SharedTempDirectory {
 public:
  explicit SharedTempDirectory(const comm::Communicator& comm) : comm_(comm) {
    if (comm_.is_root()) owned_.emplace();
    path_ = comm_.broadcast_text(owned_ ? owned_->path().string() : "", Rank{0});
  }
  ~SharedTempDirectory() { comm_.barrier(); }
  SharedTempDirectory(const SharedTempDirectory&) = delete;
  SharedTempDirectory& operator=(const SharedTempDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  const comm::Communicator& comm_;
  std::optional<TempDirectory> owned_;  ///< on rank 0
  std::filesystem::path path_;
};

}  // namespace rove::tests
