// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
  /// Pieces of one round, in order.
  using Produce = std::function<std::vector<std::string>(std::uint64_t round)>;
  /// **Collective.** Appends what `produce` gives on rank 0 in all rounds, then what it gives on rank 1, ..., while
  /// only one round is in memory: every round is produced twice, first for its length. `rounds` is the same on all
  /// ranks, and `produce` may be collective.
  void append_rounds(std::uint64_t rounds, const Produce& produce);
  /// **Collective.** Moves the file into place. Without it the unfinished file is removed. Returns its bytes.
  std::uint64_t finish();

 private:
  void write_pieces(std::span<const std::string> pieces, std::uint64_t offset) const;
  void write_at(std::string_view text, std::uint64_t offset) const;

  const comm::Communicator& comm_;
  std::filesystem::path path_;
  std::filesystem::path part_;
  int descriptor_ = -1;
  std::uint64_t bytes_ = 0;  ///< written by all ranks
  bool finished_ = false;
};

}  // namespace rove::io::text
