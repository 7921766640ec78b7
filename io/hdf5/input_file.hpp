// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.hpp"
#include "io/hdf5/types.hpp"

namespace rove::io::hdf5 {

/// An HDF5 file opened for reading by this process alone, without MPI: lookups and inspection need no other rank, and
/// in a parallel job every rank opens the file and reads its own rows (wrap that in `Communicator::agree`). Missing
/// objects, wrong types and ranges outside the dataset throw `InputError`; what the system or HDF5 cannot read throws
/// `IoError`. Fault points: io.open, io.read. Not thread-safe: HDF5 is not.
class InputFile {
 public:
  explicit InputFile(std::filesystem::path path);
  InputFile(InputFile&&) noexcept;
  InputFile& operator=(InputFile&&) noexcept;
  ~InputFile();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  [[nodiscard]] bool contains(const std::string& object) const;
  [[nodiscard]] bool is_group(const std::string& object) const;
  /// Names of a group's members, in ascending order; empty when there is no such group.
  [[nodiscard]] std::vector<std::string> members(const std::string& group) const;
  /// Full names ("/nodes/user/keys") of all datasets, in ascending order.
  [[nodiscard]] std::vector<std::string> datasets() const { return walk().datasets; }
  /// Full names of all groups but the root, in ascending order.
  [[nodiscard]] std::vector<std::string> groups() const { return walk().groups; }

  [[nodiscard]] std::vector<std::string> attribute_names(const std::string& object) const;
  /// Throws `InputError` for an attribute of a kind that Rove never writes: an array, or of another type.
  [[nodiscard]] std::optional<AttributeValue> find_attribute(const std::string& object, const std::string& name) const;
  /// The attribute, which must exist with this type.
  template <class T>
  [[nodiscard]] T attribute(const std::string& object, const std::string& name) const;

  [[nodiscard]] DatasetInfo info(const std::string& dataset) const;
  /// Throws `InputError` unless the dataset has this many values in a row.
  void require_columns(const std::string& dataset, std::uint64_t columns) const;
  /// Throws `InputError` unless the dataset, which is as `found` says, has these rows.
  void require_rows(const std::string& dataset, const DatasetInfo& found, IndexRange rows) const;
  /// Where the bytes of a contiguous dataset begin in the file. Throws `InputError` for another storage.
  [[nodiscard]] std::uint64_t offset(const std::string& dataset) const;

  /// Values of the rows (all columns). The dataset's element type must be T; int64 is read as uint64 as well, when no
  /// value is negative.
  template <class T>
  [[nodiscard]] std::vector<T> read(const std::string& dataset, IndexRange rows) const {
    std::vector<T> values(element_count(dataset, element_type_of<T>(), rows));
    read_rows(dataset, element_type_of<T>(), rows, std::as_writable_bytes(std::span(values)));
    return values;
  }
  template <class T>
  [[nodiscard]] std::vector<T> read(const std::string& dataset) const {
    return read<T>(dataset, {0, info(dataset).rows()});
  }
  /// The stored bytes of the rows, whatever the type.
  [[nodiscard]] std::vector<std::byte> read_bytes(const std::string& dataset, IndexRange rows) const;
  /// Rows of a fixed-width text dataset without their padding.
  [[nodiscard]] std::vector<std::string> read_fixed_text(const std::string& dataset, IndexRange rows) const;
  /// A scalar text.
  [[nodiscard]] std::string read_text(const std::string& dataset) const;

 private:
  struct State;
  struct Objects {
    std::vector<std::string> groups;
    std::vector<std::string> datasets;
  };
  [[nodiscard]] Objects walk() const;
  /// Before HDF5 reads a text of variable length; looks once.
  void require_sound_texts() const;
  /// Values in the rows of a dataset that has them, of this type.
  [[nodiscard]] std::uint64_t element_count(const std::string& dataset, ElementType type, IndexRange rows) const;
  /// Precondition: the dataset has the rows; `bytes` are as many as they take.
  void read_rows(const std::string& dataset, std::optional<ElementType> type, IndexRange rows,
                 std::span<std::byte> bytes) const;
  [[noreturn]] void fail_attribute(const std::string& object, const std::string& name, std::string_view problem) const;

  std::filesystem::path path_;
  std::unique_ptr<State> state_;
};

template <class T>
T InputFile::attribute(const std::string& object, const std::string& name) const {
  const auto value = find_attribute(object, name);
  if (!value) fail_attribute(object, name, "is missing");
  const T* typed = std::get_if<T>(&*value);
  if (typed == nullptr) fail_attribute(object, name, "has another type than expected");
  return *typed;
}

/// A name as a link name in a file: "/" and "%" are written as %2F and %25, and "." alone as %2E.
[[nodiscard]] std::string escape_name(std::string_view name);

}  // namespace rove::io::hdf5
