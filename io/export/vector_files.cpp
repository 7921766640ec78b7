// SPDX-License-Identifier: Apache-2.0
#include "io/export/vector_files.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/hdf5/result_files.hpp"
#include "io/text/ordered_writer.hpp"

namespace rove::io {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "npy and fbin are written as they lie in memory");

constexpr std::uint64_t kBytesPerRound = std::uint64_t{16} << 20U;
constexpr std::uint64_t kRowsPerTask = 512;

template <class T>
std::string raw_bytes(std::span<const T> values) {
  std::string bytes(values.size_bytes(), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// NumPy's format 1.0: the header ends at a multiple of 64 bytes.
std::string npy_header(std::string_view dtype, const std::string& shape) {
  std::string dictionary = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", dtype, shape);
  constexpr std::size_t kPreamble = 10;
  dictionary.append((64 - (kPreamble + dictionary.size() + 1) % 64) % 64, ' ');
  dictionary += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dictionary.size() & 0xffU);
  header += static_cast<char>(dictionary.size() >> 8U);
  return header + dictionary;
}

void require_no(std::string_view id, std::string_view forbidden, const char* what) {
  if (id.find_first_of(forbidden) == std::string_view::npos) return;
  throw InputError(
      fmt::format("the id '{}' holds a {}, which the format cannot; choose another --format, or rename it", id, what));
}

/// The rows of one type that this rank writes.
class TypeRows {
 public:
  TypeRows(const comm::Communicator& comm, const fs::path& path, const std::string& type) : comm_(comm), type_(type) {
    comm.agree([&] {
      file_ = std::make_unique<hdf5::InputFile>(path);
      static_cast<void>(read_header(*file_, FileFormat::kEmbeddings));
      info_ = node_type(*file_, type);
      dim_ = checked_cast<std::uint32_t>(file_->attribute<std::int64_t>("/", "dim"), "dim");
      file_->require_columns(info_.group + "/vectors", dim_);
      mine_ = graph::BlockDistribution(info_.count, comm.size()).block(comm.rank());
    });
  }

  [[nodiscard]] std::uint64_t count() const { return info_.count; }
  [[nodiscard]] std::uint32_t dim() const { return dim_; }

  /// **Collective.** One file: a header, then what `format` makes of this rank's rows, some at a time.
  fs::path write(const fs::path& path, const std::string& header, std::uint64_t bytes_per_row,
                 const std::function<std::vector<std::string>(IndexRange)>& format) const {
    const std::uint64_t step = std::max<std::uint64_t>(1, kBytesPerRound / std::max<std::uint64_t>(1, bytes_per_row));
    const std::uint64_t rounds =
        comm_.all_reduce<std::uint64_t>((mine_.size() + step - 1) / step, comm::ReduceOp::kMax);
    text::OrderedWriter file(comm_, path);
    file.append(comm_.is_root() ? std::vector<std::string>{header} : std::vector<std::string>{});
    file.append_rounds(rounds, [&](std::uint64_t round) {
      const std::uint64_t begin = std::min(mine_.begin + round * step, mine_.end);
      std::vector<std::string> pieces;
      comm_.agree([&] { pieces = format({begin, std::min(begin + step, mine_.end)}); });
      return pieces;
    });
    file.finish();
    return path;
  }

  [[nodiscard]] std::vector<float> vectors(IndexRange rows) const {
    std::vector<float> read = file_->read<float>(info_.group + "/vectors", rows);
    if (!std::ranges::all_of(read, [](float x) { return std::isfinite(x); })) {
      require_finite(file_->path(), nodes(rows), read, dim_);
    }
    return read;
  }
  [[nodiscard]] NodeRows nodes(IndexRange rows) const { return read_nodes(*file_, type_, rows); }

 private:
  const comm::Communicator& comm_;
  std::string type_;
  std::unique_ptr<hdf5::InputFile> file_;
  NodeTypeInfo info_;
  std::uint32_t dim_ = 0;
  IndexRange mine_;
};

std::vector<std::string> word2vec_lines(const TypeRows& rows, IndexRange range) {
  const NodeRows nodes = rows.nodes(range);
  const std::vector<float> vectors = rows.vectors(range);
  std::vector<std::string> pieces((range.size() + kRowsPerTask - 1) / kRowsPerTask);
  parallel::for_chunks({0, range.size()}, kRowsPerTask, [&](IndexRange chunk) {
    std::string& text = pieces[chunk.begin / kRowsPerTask];
    for (std::uint64_t row = chunk.begin; row < chunk.end; ++row) {
      require_no(nodes.ids[row], " \t\n\v\f\r", "white space");
      text += nodes.ids[row];
      for (std::uint64_t c = 0; c < rows.dim(); ++c) {
        char digits[32];
        text += ' ';
        text.append(digits, std::to_chars(std::begin(digits), std::end(digits), vectors[row * rows.dim() + c]).ptr);
      }
      text += '\n';
    }
  });
  return pieces;
}

std::string id_lines(const TypeRows& rows, IndexRange range) {
  const NodeRows nodes = rows.nodes(range);
  std::string text;
  for (std::uint64_t row = 0; row < range.size(); ++row) {
    require_no(nodes.ids[row], "\n\r", "line end");
    text += nodes.ids[row];
    text += '\n';
  }
  return text;
}

fs::path with_suffix(const fs::path& out, const char* suffix) {
  return out.string() + suffix;
}

}  // namespace

std::vector<fs::path> export_vectors(const comm::Communicator& comm, const fs::path& embeddings,
                                     const std::string& type, VectorFormat format, const fs::path& out) {
  const TypeRows rows(comm, embeddings, type);
  if (format == VectorFormat::kWord2vec) {
    return {rows.write(with_suffix(out, ".txt"), fmt::format("{} {}\n", rows.count(), rows.dim()),
                       16 * std::uint64_t{rows.dim()}, [&](IndexRange range) { return word2vec_lines(rows, range); })};
  }
  const auto vector_bytes = [&](IndexRange range) {
    return std::vector<std::string>{raw_bytes(std::span<const float>(rows.vectors(range)))};
  };
  std::vector<fs::path> written;
  if (format == VectorFormat::kFbin) {
    comm.agree([&] {
      if (rows.count() <= std::numeric_limits<std::uint32_t>::max()) return;
      throw InputError(fmt::format("fbin counts rows in 32 bits, but there are {} of {}; use npy", rows.count(), type));
    });
    const std::uint32_t shape[] = {static_cast<std::uint32_t>(rows.count()), rows.dim()};
    written.push_back(rows.write(with_suffix(out, ".fbin"), raw_bytes(std::span<const std::uint32_t>(shape)),
                                 4 * std::uint64_t{rows.dim()}, vector_bytes));
  } else {
    written.push_back(rows.write(with_suffix(out, ".npy"),
                                 npy_header("<f4", fmt::format("{}, {}", rows.count(), rows.dim())),
                                 4 * std::uint64_t{rows.dim()}, vector_bytes));
  }
  written.push_back(rows.write(with_suffix(out, ".keys.npy"), npy_header("<i8", fmt::format("{},", rows.count())), 64,
                               [&](IndexRange range) {
                                 std::vector<std::int64_t> keys;
                                 for (const VertexKey key : rows.nodes(range).keys)
                                   keys.push_back(static_cast<std::int64_t>(key.value()));
                                 return std::vector<std::string>{raw_bytes(std::span<const std::int64_t>(keys))};
                               }));
  written.push_back(rows.write(with_suffix(out, ".ids.txt"), "", 64,
                               [&](IndexRange range) { return std::vector<std::string>{id_lines(rows, range)}; }));
  return written;
}

}  // namespace rove::io
