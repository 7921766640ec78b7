// SPDX-License-Identifier: Apache-2.0
#include "io/text/input_files.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <mutex>

#include <fmt/format.h>
#include <glob.h>

#include "engine/base/error.hpp"
#include "engine/base/random.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/text/row_reader.hpp"

namespace rove::io::text {
namespace {

constexpr std::uint64_t kHeadBytes = std::uint64_t{1} << 16U;

/// First bytes of the shares in the concatenation of all files, compressed ones counted by what they will become.
class Shares {
 public:
  Shares(const std::vector<InputFile>& files, std::int32_t num_ranks) : ranks_(static_cast<std::uint64_t>(num_ranks)) {
    for (const InputFile& file : files) {
      begins_.push_back(total_);
      constexpr std::uint64_t kTypicalCompression = 4;
      const bool compressed = file.info.compression != Compression::kNone;
      total_ += file.info.bytes * (compressed ? kTypicalCompression : 1);
    }
  }
  [[nodiscard]] std::uint64_t begin_of(std::size_t file) const { return begins_[file]; }
  [[nodiscard]] std::uint64_t share_begin(std::uint64_t rank) const {
    // total * rank / ranks without overflow.
    return total_ / ranks_ * rank + total_ % ranks_ * rank / ranks_;
  }
  [[nodiscard]] bool owns(Rank rank, std::uint64_t position) const {
    const std::uint64_t r = rank.index();
    return position >= share_begin(r) && (r + 1 == ranks_ || position < share_begin(r + 1));
  }

 private:
  std::uint64_t ranks_;
  std::uint64_t total_ = 0;
  std::vector<std::uint64_t> begins_;
};

/// Keeps the error of the first block that fails, whatever the order in which threads meet errors.
class FirstError {
 public:
  /// Blocks after a failed one need not be read.
  [[nodiscard]] bool is_beyond(std::uint64_t block) const { return block > first_.load(std::memory_order_relaxed); }
  void record(std::uint64_t block, std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (block >= first_) return;
    first_ = block;
    error_ = std::move(error);
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::mutex mutex_;
  std::atomic<std::uint64_t> first_{std::numeric_limits<std::uint64_t>::max()};
  std::exception_ptr error_;
};

[[noreturn]] void throw_located(const InputFile& file, const Block& block, const ParseError& error) {
  const char* const begin = block.text.data();
  SourcePosition where{file.info.path.string(), 0, 0};
  // An unescaped copy of a field lies elsewhere.
  if (std::less_equal<>{}(begin, error.at()) && std::less_equal<>{}(error.at(), begin + block.text.size())) {
    where.line = block.first_line != 0 ? block.first_line : line_number_at(file.info, block.byte_offset);
    const char* line = begin;
    for (const char* at = begin; at != error.at(); ++at) {
      if (*at != '\n') continue;
      ++where.line;
      line = at + 1;
    }
    where.column = static_cast<std::uint64_t>(error.at() - line) + 1;
  }
  throw InputError(where, error.what(), error.expected());
}

class ShareReader {
 public:
  ShareReader(std::uint64_t block_bytes, const MakeConsumer& make_consumer, ProgressSink& progress)
      : block_bytes_(block_bytes), make_consumer_(make_consumer), progress_(progress) {}

  void read_range(const InputFile& file, IndexRange bytes) {
    const std::uint64_t first_block = next_block_;
    const std::uint64_t num_blocks = (bytes.size() + block_bytes_ - 1) / block_bytes_;
    next_block_ += num_blocks;
    const std::uint64_t per_round = std::uint64_t{64} * parallel::concurrency();
    for (std::uint64_t round = 0; round < num_blocks; round += per_round) {
      parallel::for_each({round, std::min(round + per_round, num_blocks)}, 1, [&](std::uint64_t b) {
        const std::uint64_t begin = bytes.begin + b * block_bytes_;
        attempt(first_block + b, [&] {
          Block& block = buffers_.local();
          read_lines(file.info, {begin, std::min(begin + block_bytes_, bytes.end)}, block);
          if (!block.text.empty()) parse(file, block, 0, first_block + b);
        });
      });
      const std::uint64_t done = std::min((round + per_round) * block_bytes_, bytes.size());
      advance(done - round * block_bytes_);
    }
  }
  /// Bytes that belong to the share but hold no rows.
  void skip(std::uint64_t bytes) { advance(bytes); }

  /// One task decompresses the next blocks while the others parse the present ones.
  void read_stream(const InputFile& file) {
    struct Numbered {
      Block block;
      std::uint64_t first_row = 0;
    };
    BlockStream stream(file.info, block_bytes_);
    std::uint64_t rows = 0;
    std::uint64_t header_bytes = file.layout.header_bytes;
    bool more = true;
    const std::size_t per_round = parallel::concurrency();
    std::vector<Numbered> present;
    std::vector<Numbered> following;
    const auto fill = [&](std::vector<Numbered>& blocks) {
      std::size_t used = 0;
      blocks.resize(per_round);
      while (more && used < per_round) {
        Numbered& next = blocks[used];
        more = stream.next(next.block);
        if (!more) break;
        skip_header(next.block, header_bytes);
        next.first_row = rows;
        if (file.layout.format == TextFormat::kMetis) rows += count_metis_rows(next.block.text);
        ++used;
      }
      blocks.resize(used);
    };
    fill(present);
    while (!present.empty()) {
      const std::uint64_t first_block = next_block_;
      next_block_ += present.size();
      std::vector<std::function<void()>> tasks;
      tasks.emplace_back([&] { attempt(first_block + present.size(), [&] { fill(following); }); });
      for (std::size_t i = 0; i < present.size(); ++i) {
        tasks.emplace_back([&, i] {
          attempt(first_block + i, [&] { parse(file, present[i].block, present[i].first_row, first_block + i); });
        });
      }
      parallel::invoke(tasks);
      error_.rethrow();
      std::swap(present, following);
      following.clear();
    }
    if (file.layout.format == TextFormat::kMetis && rows < file.layout.num_sources) {
      throw InputError({file.info.path.string(), 0, 0}, fmt::format("lines for {} vertices", rows),
                       fmt::format("{} vertices, as in the header", file.layout.num_sources));
    }
    advance(file.info.bytes);
  }

  void finish() const { error_.rethrow(); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  /// Takes what is left of the header off the front of a block.
  static void skip_header(Block& block, std::uint64_t& header_bytes) {
    const auto taken = std::min<std::uint64_t>(header_bytes, block.text.size());
    const auto end = block.text.begin() + static_cast<std::ptrdiff_t>(taken);
    block.first_line += static_cast<std::uint64_t>(std::count(block.text.begin(), end, '\n'));
    block.text.erase(block.text.begin(), end);
    header_bytes -= taken;
  }

  void parse(const InputFile& file, const Block& block, std::uint64_t first_row, std::uint64_t number) {
    const auto consumer = make_consumer_(file, number);
    try {
      parse_rows(file.layout, block.text, first_row, *consumer);
    } catch (const ParseError& error) {
      throw_located(file, block, error);
    }
  }

  template <class Work>
  void attempt(std::uint64_t block, const Work& work) {
    if (error_.is_beyond(block)) return;
    try {
      work();
    } catch (...) {
      error_.record(block, std::current_exception());
    }
  }

  void advance(std::uint64_t bytes) {
    bytes_ += bytes;
    progress_.update(bytes_, {});
  }

  std::uint64_t block_bytes_;
  const MakeConsumer& make_consumer_;
  ProgressSink& progress_;
  parallel::PerThread<Block> buffers_;
  FirstError error_;
  std::uint64_t next_block_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::vector<std::string> expand_patterns(const std::vector<std::string>& patterns) {
  std::vector<std::string> paths;
  for (const std::string& pattern : patterns) {
    std::error_code error;
    if (pattern.find_first_of("*?[") == std::string::npos || std::filesystem::exists(pattern, error)) {
      paths.push_back(pattern);
      continue;
    }
    glob_t found{};
    const int status = ::glob(pattern.c_str(), 0, nullptr, &found);
    for (std::size_t i = 0; status == 0 && i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
    ::globfree(&found);
    if (status != 0) throw IoError(fmt::format("no file matches '{}'", pattern));
  }
  return paths;
}

InputFile open_input(const std::string& path, const Recognise& recognise) {
  InputFile file{inspect(path), {}};
  Block head;
  BlockStream stream(file.info, kHeadBytes);
  (void)stream.next(head);
  try {
    file.layout = recognise(path, head.text);
  } catch (const ParseError& error) {
    throw_located(file, head, error);
  }
  // Ranges of a plain file begin after the header, which the mark is part of; without a header the first row begins
  // with it, and `read_lines` takes it off, as a stream does.
  if (!file.streamed() && file.layout.header_bytes > 0) file.layout.header_bytes += stream.byte_order_mark_bytes();
  return file;
}

std::vector<InputFile> open_inputs(const comm::Communicator& comm, const std::vector<std::string>& paths,
                                   const Recognise& recognise) {
  std::vector<InputFile> files;
  std::string names;
  comm.agree([&] {
    if (!comm.is_root()) return;
    for (const std::string& path : expand_patterns(paths)) {
      files.push_back(open_input(path, recognise));
      names += path;
      names += '\0';
    }
  });
  // A path holds no zero byte.
  const std::string all_names = comm.broadcast_text(names, Rank{0});
  const std::uint64_t count = comm.broadcast(std::uint64_t{files.size()}, Rank{0});
  files.resize(count);
  std::vector<std::uint64_t> numbers(2 * count);
  std::vector<FileLayout> layouts(count);
  for (std::size_t i = 0; i < count; ++i) {
    numbers[2 * i] = files[i].info.bytes;
    numbers[2 * i + 1] = static_cast<std::uint64_t>(files[i].info.compression);
    layouts[i] = files[i].layout;
  }
  comm.broadcast(std::span(numbers), Rank{0});
  comm.broadcast(std::span(layouts), Rank{0});
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t end = all_names.find('\0', at);
    files[i] = {{all_names.substr(at, end - at), numbers[2 * i], static_cast<Compression>(numbers[2 * i + 1])},
                layouts[i]};
    at = end + 1;
  }
  return files;
}

std::uint64_t read_share(const std::vector<InputFile>& files, Rank rank, std::int32_t num_ranks,
                         std::uint64_t block_bytes, const MakeConsumer& make_consumer, ProgressSink& progress) {
  const Shares shares(files, num_ranks);
  ShareReader reader(block_bytes, make_consumer, progress);
  const std::uint64_t my_begin = shares.share_begin(rank.index());
  const std::uint64_t my_end = shares.share_begin(rank.index() + 1);
  progress.begin(files.empty() ? std::string("read") : fmt::format("read {}", files[0].info.path.filename().string()),
                 0, "bytes");
  for (std::size_t f = 0; f < files.size(); ++f) {
    const InputFile& file = files[f];
    const std::uint64_t begin = shares.begin_of(f);
    if (file.streamed()) {
      if (shares.owns(rank, begin)) reader.read_stream(file);
      continue;
    }
    const std::uint64_t first = std::max(my_begin, begin);
    const std::uint64_t last = std::min(my_end, begin + file.info.bytes);
    if (first >= last) continue;
    const IndexRange rows{std::max(first - begin, file.layout.header_bytes),
                          std::max(last - begin, file.layout.header_bytes)};
    reader.skip(last - first - rows.size());
    reader.read_range(file, rows);
  }
  reader.finish();
  progress.end({});
  return reader.bytes();
}

void reread_block(const std::vector<InputFile>& files, Rank rank, std::int32_t num_ranks, std::uint64_t block_bytes,
                  std::uint64_t block, const MakeConsumer& make_consumer) {
  struct Idle final : RowConsumer {
    void consume(const RowBatch& /*batch*/) override {}
  };
  (void)read_share(
      files, rank, num_ranks, block_bytes,
      [&](const InputFile& file, std::uint64_t number) -> std::unique_ptr<RowConsumer> {
        if (number == block) return make_consumer(file, number);
        return std::make_unique<Idle>();
      },
      no_progress());
}

}  // namespace rove::io::text
