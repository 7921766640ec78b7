// SPDX-License-Identifier: Apache-2.0
#include "io/text/ordered_writer.hpp"

#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "engine/base/error.hpp"
#include "engine/base/fault.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::io::text {
namespace {

int open_file(const std::filesystem::path& path, int flags) {
  fault::point("io.open");
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  if (descriptor < 0) throw_io_error("open", path.c_str());
  return descriptor;
}

std::uint64_t total_size(std::span<const std::string> pieces) {
  std::uint64_t bytes = 0;
  for (const std::string& piece : pieces) bytes += piece.size();
  return bytes;
}

}  // namespace

OrderedWriter::OrderedWriter(const comm::Communicator& comm, std::filesystem::path path)
    : comm_(comm), path_(std::move(path)), part_(path_.string() + ".part") {
  comm_.agree([&] {
    if (comm_.is_root()) descriptor_ = open_file(part_, O_WRONLY | O_CREAT | O_TRUNC);
  });
  try {
    comm_.agree([&] {
      if (!comm_.is_root()) descriptor_ = open_file(part_, O_WRONLY);
    });
  } catch (...) {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (comm_.is_root()) ::unlink(part_.c_str());
    throw;
  }
}

OrderedWriter::~OrderedWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!finished_ && comm_.is_root()) ::unlink(part_.c_str());
}

void OrderedWriter::append(std::span<const std::string> pieces) {
  const std::uint64_t mine = total_size(pieces);
  const std::uint64_t first = bytes_ + comm_.exclusive_scan(mine);
  comm_.agree([&] { write_pieces(pieces, first); });
  bytes_ += comm_.all_reduce(mine, comm::ReduceOp::kSum);
}

void OrderedWriter::append_rounds(std::uint64_t rounds, const Produce& produce) {
  std::uint64_t mine = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) mine += total_size(produce(round));
  std::uint64_t next = bytes_ + comm_.exclusive_scan(mine);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::vector<std::string> pieces = produce(round);
    comm_.agree([&] { write_pieces(pieces, next); });
    next += total_size(pieces);
  }
  bytes_ += comm_.all_reduce(mine, comm::ReduceOp::kSum);
}

void OrderedWriter::write_pieces(std::span<const std::string> pieces, std::uint64_t offset) const {
  std::vector<std::uint64_t> offsets;
  for (const std::string& piece : pieces) {
    offsets.push_back(offset);
    offset += piece.size();
  }
  if (total_size(pieces) > 0) fault::point("io.write");
  parallel::for_each({0, pieces.size()}, 1, [&](std::uint64_t i) { write_at(pieces[i], offsets[i]); });
}

void OrderedWriter::write_at(std::string_view text, std::uint64_t offset) const {
  while (!text.empty()) {
    const ssize_t written = ::pwrite(descriptor_, text.data(), text.size(), static_cast<off_t>(offset));
    if (written < 0 && errno != EINTR) throw_io_error("write", part_.c_str());
    if (written <= 0) continue;
    text.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
}

std::uint64_t OrderedWriter::finish() {
  comm_.agree([&] {
    if (::close(std::exchange(descriptor_, -1)) != 0) throw_io_error("close", part_.c_str());
  });
  comm_.agree([&] {
    if (!comm_.is_root()) return;
    fault::point("io.rename");
    if (std::rename(part_.c_str(), path_.c_str()) != 0) throw_io_error("move into place", path_.c_str());
  });
  finished_ = true;
  return bytes_;
}

}  // namespace rove::io::text
