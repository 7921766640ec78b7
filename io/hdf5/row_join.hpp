// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/ids.hpp"
#include "io/hdf5/input_file.hpp"
#include "io/hdf5/mapped_file.hpp"
#include "io/hdf5/node_rows.hpp"

/// Two files row by row, matched by key: what `rove diff` and `delta.h5` are made of. Nothing here is collective.
namespace rove::io {

/// Values of a dataset that are visited in ascending order of rows: one chunk in memory.
template <class T>
class RowReader {
 public:
  /// Throws `InputError` unless the dataset has this many columns.
  RowReader(const hdf5::InputFile& file, std::string dataset, std::uint64_t columns = 1)
      : file_(file), dataset_(std::move(dataset)), info_(file.info(dataset_)) {
    file_.require_columns(dataset_, columns);
  }

  [[nodiscard]] std::uint64_t rows() const { return info_.rows(); }
  /// Valid until the next call. Throws `InputError` for rows that the dataset does not have.
  std::span<const T> row(std::uint64_t row) { return rows({row, row + 1}); }
  std::span<const T> rows(IndexRange range) {
    file_.require_rows(dataset_, info_, range);
    if (range.begin < loaded_.begin || range.end > loaded_.end) {
      constexpr std::uint64_t kChunkBytes = std::uint64_t{4} << 20U;
      const std::uint64_t chunk =
          std::max<std::uint64_t>(1, kChunkBytes / std::max<std::uint64_t>(1, info_.row_bytes()));
      loaded_ = {range.begin, std::min(info_.rows(), range.begin + std::max(chunk, range.size()))};
      values_ = file_.read<T>(dataset_, loaded_);
    }
    return std::span<const T>(values_).subspan((range.begin - loaded_.begin) * info_.width(),
                                               range.size() * info_.width());
  }

 private:
  const hdf5::InputFile& file_;
  std::string dataset_;
  hdf5::DatasetInfo info_;
  IndexRange loaded_;
  std::vector<T> values_;
};

struct JoinVisitor {
  std::function<void(std::uint64_t first, std::uint64_t second)> both;
  std::function<void(std::uint64_t)> first_only = [](std::uint64_t) {};
  std::function<void(std::uint64_t)> second_only = [](std::uint64_t) {};
};

/// A type's rows of one file.
struct KeyedRows {
  const hdf5::InputFile& file;
  std::string group;  ///< "/nodes/<type>"
  IndexRange rows;
};
[[nodiscard]] KeyedRows all_rows(const hdf5::InputFile& file, const std::string& group);
/// Those with keys in [begin, end). O(log rows) small reads.
[[nodiscard]] KeyedRows rows_with_keys(const hdf5::InputFile& file, const std::string& group, std::uint64_t begin,
                                       std::uint64_t end);

/// Walks the ascending keys of both.
void join_rows(const KeyedRows& first, const KeyedRows& second, const JoinVisitor& visit);

/// A ranked list's rows, visited in ascending order. The keys of the target type are read where they lie.
class ListReader {
 public:
  ListReader(const hdf5::MappedFile& file, const std::string& group);

  [[nodiscard]] std::uint64_t rows() const { return indptr_.rows() - 1; }
  IndexRange slots(std::uint64_t row);
  /// Keys of the targets, best first.
  std::vector<std::uint64_t> targets(std::uint64_t row);
  /// Valid until the next call.
  std::span<const float> scores(std::uint64_t row) { return scores_.rows(slots(row)); }

 private:
  RowReader<std::uint64_t> indptr_;
  RowReader<std::uint64_t> indices_;
  RowReader<float> scores_;
  std::span<const std::uint64_t> keys_;
};

/// Added up in the order of the columns; 1 for two rows of zeros, 0 for one.
[[nodiscard]] double cosine(std::span<const float> a, std::span<const float> b);
/// Shared targets over the longer list; 1 for two empty lists.
[[nodiscard]] double overlap(std::vector<std::uint64_t> a, std::vector<std::uint64_t> b);

}  // namespace rove::io
