// SPDX-License-Identifier: Apache-2.0
#include "io/import/matrix_file.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <immintrin.h>
#include <zip.h>

#include "engine/base/error.hpp"
#include "engine/base/fault.hpp"
#include "io/hdf5/input_file.hpp"

namespace rove::io {
namespace {

static_assert(std::endian::native == std::endian::little);

/// A NumPy element type: a letter (f, i, u, b) and a width in bytes.
struct NumpyType {
  char kind = 'f';
  std::size_t bytes = 4;
};

/// Header of a .npy file (format 1.0 to 3.0; NumPy Enhancement Proposal 1).
struct NpyHeader {
  NumpyType type;
  std::uint64_t rows = 0;
  std::uint64_t columns = 1;
};

/// Bytes in order, from a file or from a member of an archive.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Fills the span; throws `InputError` at an early end.
  virtual void read(std::span<std::byte> bytes) = 0;
  virtual void skip(std::uint64_t bytes) = 0;
};

[[noreturn]] void fail(const std::string& file, const std::string& found, const std::string& expected) {
  throw InputError(fmt::format("{}: found {}, expected {}", file, found, expected));
}

class FileStream final : public ByteStream {
 public:
  explicit FileStream(std::string path) : path_(std::move(path)) {
    fault::point("io.open");
    file_.open(path_, std::ios::binary);
    if (!file_) throw IoError(fmt::format("cannot open '{}'", path_));
  }
  void read(std::span<std::byte> bytes) override {
    fault::point("io.read");
    file_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!file_) fail(path_, "the end of the file", "more data, as its header says");
  }
  void skip(std::uint64_t bytes) override { file_.seekg(static_cast<std::streamoff>(bytes), std::ios::cur); }

 private:
  std::string path_;
  std::ifstream file_;
};

/// An open zip archive.
class Archive {
 public:
  explicit Archive(const std::string& path) : path_(path) {
    fault::point("io.open");
    int code = 0;
    archive_ = zip_open(path.c_str(), ZIP_RDONLY, &code);
    if (archive_ != nullptr) return;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    if (code == ZIP_ER_NOZIP || code == ZIP_ER_INCONS) fail(path, reason, "a .npz file (a zip archive)");
    throw IoError(fmt::format("cannot open '{}': {}", path, reason));
  }
  ~Archive() { zip_discard(archive_); }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  [[nodiscard]] zip_t* get() const { return archive_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Members without their ".npy".
  [[nodiscard]] std::vector<std::string> members() const {
    std::vector<std::string> names;
    const zip_int64_t count = zip_get_num_entries(archive_, 0);
    for (zip_int64_t i = 0; i < count; ++i) {
      const char* name = zip_get_name(archive_, static_cast<zip_uint64_t>(i), 0);
      std::string_view text = name == nullptr ? "" : name;
      if (text.ends_with(".npy")) text.remove_suffix(4);
      names.emplace_back(text);
    }
    return names;
  }

 private:
  std::string path_;
  zip_t* archive_ = nullptr;
};

class MemberStream final : public ByteStream {
 public:
  MemberStream(const Archive& archive, const std::string& member)
      : name_(fmt::format("{}[{}]", archive.path(), member)),
        file_(zip_fopen(archive.get(), (member + ".npy").c_str(), 0)) {
    if (file_ == nullptr) {
      fail(archive.path(), fmt::format("the members {}", fmt::join(archive.members(), ", ")),
           fmt::format("a member '{}'", member));
    }
  }
  ~MemberStream() override { zip_fclose(file_); }
  MemberStream(const MemberStream&) = delete;
  MemberStream& operator=(const MemberStream&) = delete;

  void read(std::span<std::byte> bytes) override {
    fault::point("io.read");
    while (!bytes.empty()) {
      const zip_int64_t got = zip_fread(file_, bytes.data(), bytes.size());
      if (got <= 0) fail(name_, got < 0 ? zip_file_strerror(file_) : "the end of the data", "more, as its header says");
      bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
  }
  void skip(std::uint64_t bytes) override {
    std::vector<std::byte> buffer(std::min<std::uint64_t>(bytes, 1U << 20U));
    for (; bytes > 0; bytes -= std::min<std::uint64_t>(bytes, buffer.size())) {
      read(std::span(buffer).first(std::min<std::uint64_t>(bytes, buffer.size())));
    }
  }

 private:
  std::string name_;
  zip_file_t* file_;
};

/// The value of a key in the header's Python dictionary, up to the next key.
std::string_view header_value(const std::string& file, std::string_view header, std::string_view key) {
  const std::size_t at = header.find(fmt::format("'{}'", key));
  if (at == std::string_view::npos) fail(file, fmt::format("no '{}' in the .npy header", key), "a .npy file");
  std::string_view value = header.substr(header.find(':', at) + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  return value;
}

NpyHeader read_header(const std::string& file, ByteStream& stream) {
  std::vector<std::byte> start(10);
  stream.read(start);
  if (std::memcmp(start.data(), "\x93NUMPY", 6) != 0) fail(file, "another kind of file", "a .npy file");
  std::size_t length = std::to_integer<std::size_t>(start[8]) | std::to_integer<std::size_t>(start[9]) << 8U;
  if (std::to_integer<int>(start[6]) >= 2) {
    std::vector<std::byte> more(2);
    stream.read(more);
    length |= std::to_integer<std::size_t>(more[0]) << 16U | std::to_integer<std::size_t>(more[1]) << 24U;
  }
  if (length > (1U << 20U)) fail(file, fmt::format("a .npy header of {} bytes", length), "a short one");
  std::string text(length, '\0');
  stream.read(std::as_writable_bytes(std::span(text)));
  NpyHeader header;
  const std::string_view type = header_value(file, text, "descr").substr(0, 5);
  constexpr std::string_view kKinds = "fiub";
  const bool plain =
      type.size() >= 4 && type[0] == '\'' && type[1] != '>' && kKinds.find(type[2]) != std::string_view::npos;
  if (!plain) fail(file, fmt::format("elements of type {}", type), "little-endian numbers (f2, f4, f8, i1 ... u8, b1)");
  header.type = {type[2], static_cast<std::size_t>(type[3] - '0')};
  const std::size_t bytes = header.type.bytes;
  const bool known = bytes == 8 || bytes == 4 || bytes == 2 || (bytes == 1 && header.type.kind != 'f');
  if (!known) fail(file, fmt::format("elements of type {}", type), "little-endian numbers (f2, f4, f8, i1 ... u8, b1)");
  if (header_value(file, text, "fortran_order").starts_with("True")) {
    fail(file, "a matrix in column order", "row order; save numpy.ascontiguousarray(matrix)");
  }
  std::string_view shape = header_value(file, text, "shape");
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 0; i < shape.size() && shape[i] != ')';) {
    if (shape[i] < '0' || shape[i] > '9') {
      ++i;
      continue;
    }
    sizes.emplace_back();
    const char* begin = shape.data() + i;
    i += static_cast<std::size_t>(std::from_chars(begin, shape.data() + shape.size(), sizes.back()).ptr - begin);
  }
  if (sizes.empty() || sizes.size() > 2) {
    fail(file, fmt::format("an array of {} dimensions", sizes.size()), "a vector or a matrix");
  }
  header.rows = sizes[0];
  header.columns = sizes.size() == 2 ? sizes[1] : 1;
  return header;
}

template <class T>
T element(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

double to_double(NumpyType type, const std::byte* at) {
  const std::size_t code = type.kind == 'f' ? type.bytes : type.kind == 'i' ? 10 + type.bytes : 20 + type.bytes;
  switch (code) {
    case 2:
      return static_cast<double>(_cvtsh_ss(element<std::uint16_t>(at)));
    case 4:
      return static_cast<double>(element<float>(at));
    case 8:
      return element<double>(at);
    case 11:
      return element<std::int8_t>(at);
    case 12:
      return element<std::int16_t>(at);
    case 14:
      return element<std::int32_t>(at);
    case 18:
      return static_cast<double>(element<std::int64_t>(at));
    case 21:
      return element<std::uint8_t>(at);
    case 22:
      return element<std::uint16_t>(at);
    case 24:
      return element<std::uint32_t>(at);
    default:
      return static_cast<double>(element<std::uint64_t>(at));
  }
}

float to_feature(const std::string& file, double value, std::uint64_t row, std::uint64_t column) {
  const auto narrow = static_cast<float>(value);
  if (!std::isfinite(narrow)) {
    fail(file, fmt::format("{} in row {}, column {} (from 0)", value, row, column), "finite float32 values");
  }
  return narrow;
}

/// Rows of a dense array that starts behind the header.
std::vector<float> read_dense(const std::string& file, ByteStream& stream, const NpyHeader& header, IndexRange rows) {
  const std::uint64_t row_bytes = header.columns * header.type.bytes;
  stream.skip(rows.begin * row_bytes);
  std::vector<float> values;
  values.reserve(rows.size() * header.columns);
  constexpr std::uint64_t kBlock = std::uint64_t{1} << 22U;
  const std::uint64_t step = std::max<std::uint64_t>(1, kBlock / std::max<std::uint64_t>(1, row_bytes));
  std::vector<std::byte> bytes;
  for (std::uint64_t row = rows.begin; row < rows.end; row += step) {
    const std::uint64_t count = std::min(step, rows.end - row);
    bytes.resize(count * row_bytes);
    stream.read(bytes);
    for (std::uint64_t i = 0; i < count * header.columns; ++i) {
      values.push_back(to_feature(file, to_double(header.type, bytes.data() + i * header.type.bytes),
                                  row + i / header.columns, i % header.columns));
    }
  }
  return values;
}

/// Integers of a one-dimensional member.
std::vector<std::uint64_t> read_integers(const Archive& archive, const std::string& member, IndexRange range) {
  MemberStream stream(archive, member);
  const std::string name = fmt::format("{}[{}]", archive.path(), member);
  const NpyHeader header = read_header(name, stream);
  if (header.type.kind == 'f' || range.end > header.rows) {
    fail(name, fmt::format("{} values", header.rows), fmt::format("at least {} whole numbers", range.end));
  }
  stream.skip(range.begin * header.type.bytes);
  std::vector<std::byte> bytes(range.size() * header.type.bytes);
  stream.read(bytes);
  std::vector<std::uint64_t> values(range.size());
  for (std::uint64_t i = 0; i < values.size(); ++i) {
    const double value = to_double(header.type, bytes.data() + i * header.type.bytes);
    if (value < 0) fail(name, fmt::format("{}", value), "no negative index");
    values[i] = static_cast<std::uint64_t>(value);
  }
  return values;
}

class NpyFile final : public MatrixFile {
 public:
  explicit NpyFile(std::string path) : path_(std::move(path)) {
    FileStream stream(path_);
    header_ = read_header(path_, stream);
  }
  [[nodiscard]] std::uint64_t rows() const override { return header_.rows; }
  [[nodiscard]] std::uint64_t columns() const override { return header_.columns; }
  [[nodiscard]] std::vector<float> read(IndexRange rows) override {
    FileStream stream(path_);
    (void)read_header(path_, stream);
    return read_dense(path_, stream, header_, rows);
  }

 private:
  std::string path_;
  NpyHeader header_;
};

/// A dense member of a .npz.
class NpzMember final : public MatrixFile {
 public:
  NpzMember(std::unique_ptr<Archive> archive, std::string member)
      : archive_(std::move(archive)), member_(std::move(member)) {
    MemberStream stream(*archive_, member_);
    header_ = read_header(archive_->path(), stream);
  }
  [[nodiscard]] std::uint64_t rows() const override { return header_.rows; }
  [[nodiscard]] std::uint64_t columns() const override { return header_.columns; }
  [[nodiscard]] std::vector<float> read(IndexRange rows) override {
    MemberStream stream(*archive_, member_);
    (void)read_header(archive_->path(), stream);
    return read_dense(archive_->path(), stream, header_, rows);
  }

 private:
  std::unique_ptr<Archive> archive_;
  std::string member_;
  NpyHeader header_;
};

/// A CSR matrix as scipy.sparse.save_npz writes it: data, indices, indptr, shape, format.
class NpzCsr final : public MatrixFile {
 public:
  explicit NpzCsr(std::unique_ptr<Archive> archive) : archive_(std::move(archive)) {
    const auto shape = read_integers(*archive_, "shape", {0, 2});
    rows_ = shape[0];
    columns_ = shape[1];
    MemberStream stream(*archive_, "format");
    std::vector<std::byte> start(10);
    stream.read(start);
    std::vector<std::byte> rest(std::to_integer<std::size_t>(start[8]) | std::to_integer<std::size_t>(start[9]) << 8U);
    stream.read(rest);
    // The name itself, as three bytes or three characters of four bytes.
    std::string name;
    std::vector<std::byte> byte(1);
    for (int i = 0; i < 12 && name.size() < 3; ++i) {
      stream.read(byte);
      if (std::to_integer<int>(byte[0]) != 0) name += static_cast<char>(byte[0]);
    }
    if (name != "csr")
      fail(archive_->path(), fmt::format("a sparse matrix of format '{}'", name), "csr; save matrix.tocsr()");
  }
  [[nodiscard]] std::uint64_t rows() const override { return rows_; }
  [[nodiscard]] std::uint64_t columns() const override { return columns_; }
  [[nodiscard]] std::vector<float> read(IndexRange rows) override {
    const auto offsets = read_integers(*archive_, "indptr", {rows.begin, rows.end + 1});
    const IndexRange entries{offsets.front(), offsets.back()};
    if (entries.end < entries.begin) fail(archive_->path(), "descending row offsets", "ascending ones");
    const auto columns = read_integers(*archive_, "indices", entries);
    MemberStream stream(*archive_, "data");
    const std::string name = fmt::format("{}[data]", archive_->path());
    NpyHeader header = read_header(name, stream);
    if (header.rows < entries.end) fail(name, fmt::format("{} values", header.rows), fmt::format("{}", entries.end));
    const std::vector<float> data = read_dense(name, stream, header, entries);
    std::vector<float> values(rows.size() * columns_);
    for (std::uint64_t row = 0; row < rows.size(); ++row) {
      for (std::uint64_t i = offsets[row]; i < offsets[row + 1]; ++i) {
        const std::uint64_t at = i - entries.begin;
        if (i < entries.begin || i >= entries.end || columns[at] >= columns_) {
          fail(archive_->path(), fmt::format("an entry outside the matrix in row {} (from 0)", rows.begin + row),
               fmt::format("columns below {}", columns_));
        }
        // Repeated entries add up, as in scipy.
        values[row * columns_ + columns[at]] += data[at];
      }
    }
    return values;
  }

 private:
  std::unique_ptr<Archive> archive_;
  std::uint64_t rows_ = 0;
  std::uint64_t columns_ = 0;
};

class Hdf5Matrix final : public MatrixFile {
 public:
  Hdf5Matrix(const std::string& path, const std::string& dataset) : file_(path), dataset_(dataset) {
    if (dataset_.empty()) {
      const auto all = file_.datasets();
      if (all.size() != 1) {
        fail(path, fmt::format("the datasets {}", fmt::join(all, ", ")), "one, or its name as `dataset`");
      }
      dataset_ = all.front();
    }
    info_ = file_.info(dataset_);
    if (info_.shape.empty() || info_.shape.size() > 2 || info_.type.element == hdf5::ElementType::kText) {
      fail(path, fmt::format("{} in {}", info_.text(), dataset_), "a vector or a matrix of numbers");
    }
  }
  [[nodiscard]] std::uint64_t rows() const override { return info_.rows(); }
  [[nodiscard]] std::uint64_t columns() const override { return info_.width(); }
  [[nodiscard]] std::vector<float> read(IndexRange rows) override {
    using hdf5::ElementType;
    switch (info_.type.element) {
      case ElementType::kUint8:
        return converted<std::uint8_t>(rows);
      case ElementType::kInt32:
        return converted<std::int32_t>(rows);
      case ElementType::kUint32:
        return converted<std::uint32_t>(rows);
      case ElementType::kInt64:
        return converted<std::int64_t>(rows);
      case ElementType::kUint64:
        return converted<std::uint64_t>(rows);
      case ElementType::kFloat64:
        return converted<double>(rows);
      default:
        return converted<float>(rows);
    }
  }

 private:
  template <class T>
  std::vector<float> converted(IndexRange rows) {
    const std::vector<T> stored = file_.read<T>(dataset_, rows);
    std::vector<float> values(stored.size());
    const std::string name = fmt::format("{}:{}", file_.path().string(), dataset_);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = to_feature(name, static_cast<double>(stored[i]), rows.begin + i / columns(), i % columns());
    }
    return values;
  }

  hdf5::InputFile file_;
  std::string dataset_;
  hdf5::DatasetInfo info_;
};

}  // namespace

std::unique_ptr<MatrixFile> open_matrix(const std::string& path, NodeFormat format, const std::string& dataset) {
  if (format == NodeFormat::kNpy) return std::make_unique<NpyFile>(path);
  if (format == NodeFormat::kHdf5) return std::make_unique<Hdf5Matrix>(path, dataset);
  auto archive = std::make_unique<Archive>(path);
  const std::vector<std::string> members = archive->members();
  const auto has = [&](const char* name) { return std::ranges::find(members, name) != members.end(); };
  if (dataset.empty() && has("indptr") && has("indices") && has("data"))
    return std::make_unique<NpzCsr>(std::move(archive));
  if (dataset.empty() && members.size() != 1) {
    fail(path, fmt::format("the members {}", fmt::join(members, ", ")), "one, or its name as `dataset`");
  }
  std::string member = dataset.empty() ? members.front() : dataset;
  return std::make_unique<NpzMember>(std::move(archive), std::move(member));
}

}  // namespace rove::io
