// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/row_stream.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"

namespace rove::io::hdf5 {

namespace {

/// A fragment of a block on its way to the rank that digests it.
struct FragmentHeader {
  std::uint64_t begin = 0;  ///< byte of the dataset
  std::uint64_t bytes = 0;
};

}  // namespace

RowStream::RowStream(OutputFile& file, std::string name, StoredType type, std::uint64_t rows, std::uint64_t width)
    : file_(&file), name_(std::move(name)), type_(type), rows_(rows), width_(width) {
  file_->create_dataset(name_, type_, width_, rows_);
}

void RowStream::begin_section(std::uint64_t rows) {
  const comm::Communicator& comm = file_->comm();
  comm.agree([&] {
    if (next_row_ != last_row_) {
      throw InternalError(fmt::format("{}: {} rows of a section were not written", name_, last_row_ - next_row_));
    }
  });
  end_fragment();
  next_row_ = section_end_ + comm.exclusive_scan(rows);
  last_row_ = next_row_ + rows;
  section_end_ += comm.all_reduce(rows, comm::ReduceOp::kSum);
  comm.agree([&] {
    if (section_end_ > rows_) {
      throw InternalError(fmt::format("{}: sections of {} rows, the dataset has {}", name_, section_end_, rows_));
    }
  });
}

void RowStream::write_bytes(std::span<const std::byte> bytes) {
  const std::uint64_t row_bytes = std::max<std::uint64_t>(width_, 1) * type_.bytes;
  file_->comm().agree([&] {
    if (bytes.size() % row_bytes != 0 || bytes.size() / row_bytes > last_row_ - next_row_) {
      throw InternalError(
          fmt::format("{}: {} bytes for the {} rows left of a section", name_, bytes.size(), last_row_ - next_row_));
    }
  });
  file_->write_slab(name_, type_, width_, next_row_, bytes);
  digest(bytes);
  next_row_ += bytes.size() / row_bytes;
}

void RowStream::digest(std::span<const std::byte> bytes) {
  const std::uint64_t row_bytes = std::max<std::uint64_t>(width_, 1) * type_.bytes;
  const std::uint64_t block_bytes = DatasetDigest::rows_per_block(row_bytes) * row_bytes;
  std::uint64_t at = next_row_ * row_bytes;
  while (!bytes.empty()) {
    if (open_.empty() && at % block_bytes == 0 && bytes.size() >= block_bytes) {
      const std::uint64_t whole = bytes.size() / block_bytes * block_bytes;
      digest_.add_blocks(at / block_bytes, bytes.first(whole), row_bytes);
      bytes = bytes.subspan(whole);
      at += whole;
      continue;
    }
    if (open_.empty()) open_begin_ = at;
    const std::uint64_t room = block_bytes - at % block_bytes;
    const std::uint64_t taken = std::min<std::uint64_t>(room, bytes.size());
    open_.insert(open_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
    bytes = bytes.subspan(taken);
    at += taken;
    if (at % block_bytes != 0) continue;
    if (open_.size() == block_bytes) {
      digest_.add_block(open_begin_ / block_bytes, open_);
      open_.clear();
    } else {
      end_fragment();
    }
  }
}

void RowStream::end_fragment() {
  if (open_.empty()) return;
  fragments_.emplace(open_begin_, std::move(open_));
  open_ = {};
}

void RowStream::finish() {
  const comm::Communicator& comm = file_->comm();
  comm.agree([&] {
    if (next_row_ != last_row_ || section_end_ != rows_) {
      throw InternalError(fmt::format("{}: {} of {} rows were written", name_, section_end_, rows_));
    }
  });
  end_fragment();
  const std::uint64_t row_bytes = std::max<std::uint64_t>(width_, 1) * type_.bytes;
  const std::uint64_t block_bytes = DatasetDigest::rows_per_block(row_bytes) * row_bytes;
  const std::uint64_t blocks = (rows_ * row_bytes + block_bytes - 1) / block_bytes;
  // Ascending blocks are digested on ascending ranks, so fragments in order of their bytes are grouped by rank.
  const graph::BlockDistribution digesters(blocks, comm.size());
  std::vector<FragmentHeader> headers;
  std::vector<std::byte> bytes;
  std::vector<std::uint64_t> header_counts(static_cast<std::size_t>(comm.size()));
  std::vector<std::uint64_t> byte_counts(header_counts.size());
  for (const auto& [begin, fragment] : fragments_) {
    const std::size_t to = digesters.home_of(begin / block_bytes).index();
    headers.push_back({begin, fragment.size()});
    bytes.insert(bytes.end(), fragment.begin(), fragment.end());
    ++header_counts[to];
    byte_counts[to] += fragment.size();
  }
  fragments_.clear();
  const comm::Gathered<FragmentHeader> arrived = comm.exchange<FragmentHeader>(headers, header_counts);
  const comm::Gathered<std::byte> contents = comm.exchange<std::byte>(bytes, byte_counts);
  std::map<std::uint64_t, std::span<const std::byte>> ordered;
  std::uint64_t read = 0;
  for (const FragmentHeader& header : arrived.data) {
    ordered[header.begin] = std::span<const std::byte>(contents.data).subspan(read, header.bytes);
    read += header.bytes;
  }
  std::vector<std::byte> block;
  for (auto fragment = ordered.begin(); fragment != ordered.end(); ++fragment) {
    block.insert(block.end(), fragment->second.begin(), fragment->second.end());
    const std::uint64_t number = fragment->first / block_bytes;
    const auto following = std::next(fragment);
    if (following != ordered.end() && following->first / block_bytes == number) continue;
    digest_.add_block(number, block);
    block.clear();
  }
  file_->finish_dataset(name_, type_, width_, rows_, digest_.all_reduced(comm));
}

}  // namespace rove::io::hdf5
