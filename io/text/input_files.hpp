// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "io/text/file_layout.hpp"
#include "io/text/row_batch.hpp"
#include "io/text/text_source.hpp"

/// The files of one input, shared out over ranks and threads.
namespace rove::io::text {

struct InputFile {
  FileInfo info;
  FileLayout layout;

  /// Read from its start to its end by one rank: what is compressed, and metis, whose rows are known by their position.
  [[nodiscard]] bool streamed() const {
    return info.compression != Compression::kNone || layout.format == TextFormat::kMetis;
  }
};

/// Recognises a file from its head.
using Recognise = std::function<FileLayout(const std::string& file, std::string_view head)>;

/// Paths and shell patterns as paths, patterns expanded in ascending order. Throws `IoError` for a pattern without
/// match.
[[nodiscard]] std::vector<std::string> expand_patterns(const std::vector<std::string>& patterns);

/// A file with size, compression and layout. Throws `IoError`, and `InputError` for a bad header.
[[nodiscard]] InputFile open_input(const std::string& path, const Recognise& recognise);

/// **Collective.** The files that the paths and shell patterns name, patterns expanded in ascending order, with size,
/// compression and layout as rank 0 sees them. Throws `IoError` for a file that cannot be read or a pattern without
/// match.
[[nodiscard]] std::vector<InputFile> open_inputs(const comm::Communicator& comm, const std::vector<std::string>& paths,
                                                 const Recognise& recognise);

/// Makes the consumer of one block. Blocks are numbered in the order of the input: files in order, then position.
using MakeConsumer = std::function<std::unique_ptr<RowConsumer>(const InputFile& file, std::uint64_t block)>;

/// Reads this rank's share: plain files in byte ranges, streamed ones whole, blocks parsed by all threads; the ranks'
/// shares follow each other in the order of the input. A bad line throws `InputError` with file, line and column: the
/// first one of the share. `block_bytes`: text per block. Progress is in stored bytes of the share. Returns the stored
/// bytes read. Not collective.
std::uint64_t read_share(const std::vector<InputFile>& files, Rank rank, std::int32_t num_ranks,
                         std::uint64_t block_bytes, const MakeConsumer& make_consumer, ProgressSink& progress);

/// Reads this rank's share again for the sake of an error that shows only after it was read: one block alone is
/// consumed, and what its consumer throws ends the reading as in `read_share`. Not collective.
void reread_block(const std::vector<InputFile>& files, Rank rank, std::int32_t num_ranks, std::uint64_t block_bytes,
                  std::uint64_t block, const MakeConsumer& make_consumer);

/// Text per block: a few times the level-two cache at most, so that parsing reads what was just read or decompressed.
inline constexpr std::uint64_t kBlockBytes = std::uint64_t{1} << 20U;

}  // namespace rove::io::text

template <>
inline constexpr bool rove::comm::allow_padding<rove::io::text::FileLayout> = true;
