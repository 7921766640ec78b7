// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "engine/comm/communicator.hpp"

namespace rove::io::text {

/// One text file written by all ranks at once, each its own byte ranges. Readers see the file only when it is complete:
/// it grows as `<path>.part` and is renamed by `finish`. Errors are `IoError`, agreed on by all ranks. Passes the fault
/// points io.open, io.write and io.rename.
class OrderedWriter {
 public:
  /// **Collective.** Creates `<path>.part`, or empties it.
  OrderedWriter(const comm::Communicator& comm, std::filesystem::path path);
  ~OrderedWriter();
  OrderedWriter(const OrderedWriter&) = delete;
  OrderedWriter& operator=(const OrderedWriter&) = delete;

  /// **Collective.** Appends the pieces of rank 0 in order, then those of rank 1, ...
  void append(std::span<const std::string> pieces);
  /// **Collective.** Moves the file into place. Without it the unfinished file is removed. Returns its bytes.
  std::uint64_t finish();

 private:
  void write_at(std::string_view text, std::uint64_t offset) const;

  const comm::Communicator& comm_;
  std::filesystem::path path_;
  std::filesystem::path part_;
  int descriptor_ = -1;
  std::uint64_t bytes_ = 0;  ///< written by all ranks
  bool finished_ = false;
};

}  // namespace rove::io::text
