// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/hdf5/input_file.hpp"

namespace rove::io::hdf5 {

/// A file whose datasets are used where they lie: mapped read-only, so that opening costs nothing, pages come as they
/// are touched and processes share them. The mapping outlives a rename or removal of the file. Reading is thread-safe;
/// opening and `values` are not (HDF5 is not).
class MappedFile {
 public:
  /// Throws as `InputFile` does, and `IoError` when the system refuses the mapping.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept
      : file_(std::move(other.file_)),
        begin_(std::exchange(other.begin_, nullptr)),
        size_(other.size_),
        copies_(std::move(other.copies_)) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  /// For attributes and small datasets.
  [[nodiscard]] const InputFile& file() const { return file_; }

  /// All values of a dataset (rows x columns). Its element type must be T (int64 is read as uint64 as well). Throws
  /// `InputError` when it is not, or not contiguous, or beyond the end of the file.
  template <class T>
  [[nodiscard]] std::span<const T> values(const std::string& dataset) const {
    const std::span<const std::byte> stored = bytes(dataset, element_type_of<T>());
    return {reinterpret_cast<const T*>(stored.data()), stored.size() / sizeof(T)};
  }
  /// The padded bytes of a fixed-width text dataset.
  [[nodiscard]] std::span<const char> text(const std::string& dataset) const {
    const std::span<const std::byte> stored = bytes(dataset, ElementType::kText);
    return {reinterpret_cast<const char*>(stored.data()), stored.size()};
  }
  /// Asks the system to read the whole file ahead.
  void read_ahead() const;
  /// Maps every page before it is asked for: later reads do not stop for one. Takes as long as reading the file.
  void touch() const;
  /// Throws `InputError` naming the first dataset whose bytes do not have the digest stored with it. Reads the whole
  /// file.
  void verify() const;

 private:
  [[nodiscard]] std::span<const std::byte> bytes(const std::string& dataset, ElementType type) const;

  InputFile file_;
  const std::byte* begin_ = nullptr;
  std::size_t size_ = 0;
  mutable std::list<std::vector<std::byte>> copies_;  ///< of datasets that are not aligned
};

}  // namespace rove::io::hdf5
