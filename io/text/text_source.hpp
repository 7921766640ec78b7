// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "engine/base/ids.hpp"

namespace rove::io::text {

enum class Compression : std::uint8_t { kNone, kGzip, kZstd };

struct FileInfo {
  std::filesystem::path path;
  std::uint64_t bytes = 0;  ///< as stored
  Compression compression = Compression::kNone;
};

/// Size and compression (by the first bytes, whatever the name). Throws `IoError`.
[[nodiscard]] FileInfo inspect(const std::filesystem::path& path);

/// Some whole lines of a file. The last line of the file may lack its line end.
struct Block {
  std::string text;
  std::uint64_t first_line = 0;   ///< number of its first line from 1; 0: not known, see `byte_offset`
  std::uint64_t byte_offset = 0;  ///< in a plain file
};

/// Reads the lines that start in the byte range of a plain file into `block`, whose memory is used again. Ranges that
/// cut a file anywhere give each line once. A byte-order mark at the start of the file is left out. Throws `IoError`.
void read_lines(const FileInfo& info, IndexRange bytes, Block& block);

/// Number from 1 of the line that starts at the byte offset of a plain file; reads the file up to there (used for
/// errors).
[[nodiscard]] std::uint64_t line_number_at(const FileInfo& info, std::uint64_t byte_offset);

/// The lines of a file in order, decompressed, in blocks of about `block_bytes`. Not thread-safe.
class BlockStream {
 public:
  BlockStream(const FileInfo& file, std::uint64_t block_bytes);
  ~BlockStream();
  BlockStream(const BlockStream&) = delete;
  BlockStream& operator=(const BlockStream&) = delete;

  /// False at the end. Throws `IoError` for what cannot be read and `InputError` for damaged compressed data.
  [[nodiscard]] bool next(Block& block);
  /// 3 when the file starts with one, else 0. Known after the first `next`.
  [[nodiscard]] std::uint64_t byte_order_mark_bytes() const { return byte_order_mark_bytes_; }
  /// Of the file, compressed as it may be: what the text so far was made from.
  [[nodiscard]] std::uint64_t stored_bytes_read() const;

 private:
  struct Decoder;
  std::unique_ptr<Decoder> decoder_;
  FileInfo file_;
  std::uint64_t block_bytes_;
  std::uint64_t next_line_ = 1;
  std::uint64_t byte_order_mark_bytes_ = 0;
  std::string carry_;
  bool at_start_ = true;
  bool at_end_ = false;
};

}  // namespace rove::io::text
