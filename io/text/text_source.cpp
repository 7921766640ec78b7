// SPDX-License-Identifier: Apache-2.0
#include "io/text/text_source.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "engine/base/error.hpp"
#include "engine/base/fault.hpp"

namespace rove::io::text {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

[[noreturn]] void throw_system(const char* what, const std::filesystem::path& path) {
  throw IoError(fmt::format("cannot {} '{}': {}", what, path.string(), std::strerror(errno)));
}

/// An open file descriptor.
class File {
 public:
  explicit File(const std::filesystem::path& path) : path_(path) {
    fault::point("io.open");
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) throw_system("open", path);
  }
  ~File() { ::close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// Reads up to `size` bytes at the offset; less only at the end of the file.
  std::size_t read_at(std::uint64_t offset, char* data, std::size_t size) const {
    fault::point("io.read");
    std::size_t done = 0;
    while (done < size) {
      const ssize_t got = ::pread(descriptor_, data + done, size - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw_system("read", path_);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace

FileInfo inspect(const std::filesystem::path& path) {
  FileInfo info{path, 0, Compression::kNone};
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    throw IoError(fmt::format("'{}' is a directory, expected a file", path.string()));
  }
  const File file(path);
  info.bytes = std::filesystem::file_size(path, error);
  if (error) throw IoError(fmt::format("cannot read '{}': {}", path.string(), error.message()));
  std::array<unsigned char, 4> magic{};
  const std::size_t size = file.read_at(0, reinterpret_cast<char*>(magic.data()), magic.size());
  if (size >= 2 && magic[0] == 0x1F && magic[1] == 0x8B) info.compression = Compression::kGzip;
  if (size == 4 && magic == std::array<unsigned char, 4>{0x28, 0xB5, 0x2F, 0xFD}) info.compression = Compression::kZstd;
  return info;
}

void read_lines(const FileInfo& info, IndexRange bytes, Block& block) {
  block.first_line = 0;
  bytes.end = std::min(bytes.end, info.bytes);
  if (bytes.begin >= bytes.end) return block.text.clear();
  const File file(info.path);
  // A line belongs to the range its first byte lies in: start after the line end at or after begin - 1.
  const std::uint64_t from = bytes.begin == 0 ? 0 : bytes.begin - 1;
  block.text.resize(bytes.end - from);
  block.text.resize(file.read_at(from, block.text.data(), block.text.size()));
  block.byte_offset = from;
  if (bytes.begin > 0) {
    const std::size_t first_end = block.text.find('\n');
    if (first_end == std::string::npos || from + first_end + 1 >= bytes.end) return block.text.clear();
    block.text.erase(0, first_end + 1);
    block.byte_offset = from + first_end + 1;
  } else {
    block.first_line = 1;
  }
  // The last line may end beyond the range.
  std::uint64_t at = bytes.end;
  std::size_t step = 256;
  while (!block.text.empty() && block.text.back() != '\n' && at < info.bytes) {
    const std::size_t before = block.text.size();
    block.text.resize(before + step);
    const std::size_t got = file.read_at(at, block.text.data() + before, step);
    block.text.resize(before + got);
    if (got == 0) break;
    const std::size_t end = block.text.find('\n', before);
    if (end != std::string::npos) block.text.resize(end + 1);
    at += got;
    step = std::min<std::size_t>(2 * step, 1U << 20U);
  }
  // The range may have ended within the mark, or right after it.
  if (bytes.begin == 0 && block.text.starts_with(kByteOrderMark)) block.text.erase(0, kByteOrderMark.size());
}

std::uint64_t line_number_at(const FileInfo& info, std::uint64_t byte_offset) {
  const File file(info.path);
  std::string buffer(1U << 20U, '\0');
  std::uint64_t lines = 1;
  for (std::uint64_t at = 0; at < byte_offset;) {
    const std::size_t got = file.read_at(at, buffer.data(), std::min<std::uint64_t>(buffer.size(), byte_offset - at));
    if (got == 0) break;
    lines += static_cast<std::uint64_t>(std::count(buffer.data(), buffer.data() + got, '\n'));
    at += got;
  }
  return lines;
}

struct BlockStream::Decoder {
  explicit Decoder(const FileInfo& info) : file(info.path), path(info.path), compression(info.compression) {
    if (compression == Compression::kGzip) {
      // 15 + 32: largest window, gzip or zlib header recognised.
      if (inflateInit2(&gzip, 15 + 32) != Z_OK) throw InternalError("zlib cannot be initialised");
    } else if (compression == Compression::kZstd) {
      zstd = ZSTD_createDStream();
      if (zstd == nullptr) throw InternalError("zstd cannot be initialised");
    }
  }
  ~Decoder() {
    if (compression == Compression::kGzip) inflateEnd(&gzip);
    if (zstd != nullptr) ZSTD_freeDStream(zstd);
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  [[noreturn]] void damaged(const std::string& reason) const {
    throw InputError(fmt::format("{}: damaged compressed data near byte {}: {}; copy the file again", path.string(),
                                 offset, reason));
  }

  bool refill() {
    used = 0;
    filled = file.read_at(offset, input.data(), input.size());
    offset += filled;
    return filled > 0;
  }

  /// Appends up to `size` decompressed bytes; false at the end of the file.
  bool append(std::string& out, std::size_t size) {
    const std::size_t before = out.size();
    out.resize(before + size);
    std::size_t done = 0;
    while (done < size) {
      if (used == filled && !refill()) {
        if (inside_frame) damaged("the file ends in the middle of a compressed frame");
        break;
      }
      done += decode(out.data() + before + done, size - done);
    }
    out.resize(before + done);
    return done > 0;
  }

  std::size_t decode(char* out, std::size_t size) {
    switch (compression) {
      case Compression::kNone: {
        const std::size_t taken = std::min(size, filled - used);
        std::memcpy(out, input.data() + used, taken);
        used += taken;
        return taken;
      }
      case Compression::kGzip: {
        gzip.next_in = reinterpret_cast<Bytef*>(input.data() + used);
        gzip.avail_in = static_cast<uInt>(filled - used);
        gzip.next_out = reinterpret_cast<Bytef*>(out);
        gzip.avail_out = static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
        const uInt room = gzip.avail_out;
        const int status = inflate(&gzip, Z_NO_FLUSH);
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
          damaged(gzip.msg != nullptr ? gzip.msg : "inflate failed");
        used = filled - gzip.avail_in;
        inside_frame = status != Z_STREAM_END;
        // Files may be several gzip members, one after the other.
        if (status == Z_STREAM_END) inflateReset(&gzip);
        return room - gzip.avail_out;
      }
      case Compression::kZstd: {
        ZSTD_inBuffer in{input.data(), filled, used};
        ZSTD_outBuffer to{out, size, 0};
        const std::size_t status = ZSTD_decompressStream(zstd, &to, &in);
        if (ZSTD_isError(status) != 0) damaged(ZSTD_getErrorName(status));
        used = in.pos;
        inside_frame = status != 0;
        return to.pos;
      }
    }
    return 0;
  }

  File file;
  std::filesystem::path path;
  Compression compression;
  z_stream gzip{};
  ZSTD_DStream* zstd = nullptr;
  std::string input = std::string(1U << 20U, '\0');
  std::size_t used = 0;
  std::size_t filled = 0;
  std::uint64_t offset = 0;
  bool inside_frame = false;
};

BlockStream::BlockStream(const FileInfo& file, std::uint64_t block_bytes)
    : decoder_(std::make_unique<Decoder>(file)), file_(file), block_bytes_(block_bytes) {}
BlockStream::~BlockStream() = default;

std::uint64_t BlockStream::stored_bytes_read() const {
  return decoder_->offset - (decoder_->filled - decoder_->used);
}

bool BlockStream::next(Block& block) {
  block = {std::move(carry_), next_line_, 0};
  carry_.clear();
  while (!at_end_ && (block.text.size() < block_bytes_ || block.text.find('\n') == std::string::npos)) {
    at_end_ = !decoder_->append(block.text, block_bytes_);
    if (at_start_ && (at_end_ || block.text.size() >= kByteOrderMark.size())) {
      if (block.text.starts_with(kByteOrderMark)) {
        block.text.erase(0, kByteOrderMark.size());
        byte_order_mark_bytes_ = kByteOrderMark.size();
      }
      at_start_ = false;
    }
  }
  if (!at_end_) {
    const std::size_t whole_lines = block.text.rfind('\n') + 1;
    carry_ = block.text.substr(whole_lines);
    block.text.resize(whole_lines);
  }
  next_line_ += static_cast<std::uint64_t>(std::ranges::count(block.text, '\n'));
  return !block.text.empty();
}

}  // namespace rove::io::text
