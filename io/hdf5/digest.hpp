// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "engine/base/hash.hpp"
#include "engine/comm/communicator.hpp"

namespace rove::io::hdf5 {

/// Digest of a dataset's bytes, stored with it as the attribute `xxh3`. The rows are cut into blocks of a fixed number
/// of rows; each block's XXH3-128 is mixed with the block's number, and the results are added modulo 2^64 per word.
/// Addition commutes, so ranks and threads digest any blocks in any order and no list of block digests is ever
/// gathered.
class DatasetDigest {
 public:
  /// Rows of one block: as many as fit 64 KiB, at least one. Part of the format.
  [[nodiscard]] static std::uint64_t rows_per_block(std::uint64_t row_bytes);

  /// Adds one whole block (the last one of a dataset may be short).
  void add_block(std::uint64_t block, std::span<const std::byte> bytes);
  /// Adds consecutive rows that start at block `first_block`; only the last block of a dataset may be short.
  void add_blocks(std::uint64_t first_block, std::span<const std::byte> bytes, std::uint64_t row_bytes);
  void merge(const DatasetDigest& other);

  /// 32 hexadecimal digits.
  [[nodiscard]] std::string text() const;
  /// The two sums; those of disjoint blocks may be added.
  [[nodiscard]] Digest128 words() const { return {low_, high_}; }
  [[nodiscard]] static DatasetDigest from_words(Digest128 words);

  /// **Collective.** The sum over ranks.
  [[nodiscard]] DatasetDigest all_reduced(const comm::Communicator& comm) const;
  friend bool operator==(const DatasetDigest&, const DatasetDigest&) = default;

 private:
  std::uint64_t low_ = 0;
  std::uint64_t high_ = 0;
};

/// **Collective.** Digest of a dataset whose rows lie on the ranks in rank order; `bytes` are this rank's. A block cut
/// by a rank boundary is completed by the rank that holds its first row. Cost: one pass, one sparse exchange of under
/// 64 KiB.
[[nodiscard]] DatasetDigest digest_rows(const comm::Communicator& comm, std::span<const std::byte> bytes,
                                        std::uint64_t row_bytes);

}  // namespace rove::io::hdf5
