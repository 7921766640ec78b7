// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/digest.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "engine/parallel/parallel.hpp"

namespace rove::io::hdf5 {

namespace {
constexpr std::uint64_t kBlockBytes = std::uint64_t{64} * 1024;
}

std::uint64_t DatasetDigest::rows_per_block(std::uint64_t row_bytes) {
  return std::max<std::uint64_t>(1, kBlockBytes / std::max<std::uint64_t>(1, row_bytes));
}

void DatasetDigest::add_block(std::uint64_t block, std::span<const std::byte> bytes) {
  const Digest128 digest = digest128(bytes);
  low_ += mix64(digest.low, block);
  high_ += mix64(digest.high, ~block);
}

void DatasetDigest::add_blocks(std::uint64_t first_block, std::span<const std::byte> bytes, std::uint64_t row_bytes) {
  if (bytes.empty()) return;
  const std::uint64_t block_bytes = rows_per_block(row_bytes) * row_bytes;
  const std::uint64_t blocks = (bytes.size() + block_bytes - 1) / block_bytes;
  parallel::PerThread<DatasetDigest> partial;
  parallel::for_chunks({0, blocks}, 16, [&](IndexRange chunk) {
    DatasetDigest& digest = partial.local();
    for (std::uint64_t i = chunk.begin; i < chunk.end; ++i) {
      const std::uint64_t begin = i * block_bytes;
      digest.add_block(first_block + i, bytes.subspan(begin, std::min(block_bytes, bytes.size() - begin)));
    }
  });
  partial.for_each([&](const DatasetDigest& digest) { merge(digest); });
}

void DatasetDigest::merge(const DatasetDigest& other) {
  low_ += other.low_;
  high_ += other.high_;
}

std::string DatasetDigest::text() const {
  return fmt::format("{:016x}{:016x}", high_, low_);
}

DatasetDigest DatasetDigest::from_words(Digest128 words) {
  DatasetDigest digest;
  digest.low_ = words.low;
  digest.high_ = words.high;
  return digest;
}

DatasetDigest DatasetDigest::all_reduced(const comm::Communicator& comm) const {
  std::array<std::uint64_t, 2> words{low_, high_};
  comm.all_reduce(std::span<std::uint64_t>(words), comm::ReduceOp::kSum);
  return from_words({words[0], words[1]});
}

DatasetDigest digest_rows(const comm::Communicator& comm, std::span<const std::byte> bytes, std::uint64_t row_bytes) {
  if (row_bytes == 0) return {};
  const std::uint64_t block_bytes = DatasetDigest::rows_per_block(row_bytes) * row_bytes;
  const std::vector<std::uint64_t> sizes = comm.all_gather<std::uint64_t>(bytes.size());
  std::vector<std::uint64_t> begin_of(sizes.size() + 1, 0);
  for (std::size_t r = 0; r < sizes.size(); ++r) begin_of[r + 1] = begin_of[r] + sizes[r];
  const std::uint64_t begin = begin_of[comm.rank().index()];
  const std::uint64_t end = begin + bytes.size();

  // My head belongs to a block that starts on a lower rank: send it there. That rank is the one whose range holds the
  // block's first byte.
  const std::uint64_t first_whole = (begin + block_bytes - 1) / block_bytes * block_bytes;
  const std::uint64_t head = std::min(end, first_whole) - begin;
  std::vector<std::uint64_t> counts(sizes.size(), 0);
  if (head > 0) {
    const std::uint64_t block_begin = begin / block_bytes * block_bytes;
    const auto after = std::upper_bound(begin_of.begin(), begin_of.end(), block_begin);
    counts[static_cast<std::size_t>(after - begin_of.begin()) - 1] = head;
  }
  // Heads arrive in rank order, which is the order of their rows; all belong to my last block.
  const comm::Gathered<std::byte> tail = comm.exchange(bytes.first(head), counts);

  DatasetDigest digest;
  const std::span<const std::byte> mine = bytes.subspan(head);
  const std::uint64_t whole = mine.size() / block_bytes * block_bytes;
  digest.add_blocks(first_whole / block_bytes, mine.first(whole), row_bytes);
  if (mine.size() > whole) {
    std::vector<std::byte> last(mine.begin() + static_cast<std::ptrdiff_t>(whole), mine.end());
    last.insert(last.end(), tail.data.begin(), tail.data.end());
    digest.add_block((first_whole + whole) / block_bytes, last);
  }
  return digest.all_reduced(comm);
}

}  // namespace rove::io::hdf5
