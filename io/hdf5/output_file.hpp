// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/comm/communicator.hpp"
#include "io/hdf5/types.hpp"

namespace rove::io::hdf5 {

class DatasetDigest;

/// An HDF5 file that all ranks write together through MPI-IO. Every dataset is the ranks' rows in rank order,
/// contiguous and 4 KiB aligned, so its bytes do not depend on the number of ranks, and it can be mapped. Each carries
/// its digest (`DatasetDigest`) as the attribute `xxh3`, and the root that of everything else (`FileStructure`).
///
/// Rows go into `<path>.part`; `commit` makes them durable and moves the file to its name, so a file under its name is
/// complete. Destroyed without `commit`: the `.part` is removed and nothing is published. Every function is
/// **Collective** and takes the same names, types and attribute values on all ranks. A failure on any rank throws the
/// same `IoError` on all. Fault points: io.open, io.write, io.fsync, io.rename.
class OutputFile {
 public:
  struct Options {
    std::uint64_t bytes_per_call = std::uint64_t{1} << 30U;  ///< MPI-IO counts are `int`: below 2 GiB (tests lower it)
  };

  OutputFile(const comm::Communicator& comm, std::filesystem::path path);
  OutputFile(const comm::Communicator& comm, std::filesystem::path path, Options options);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  [[nodiscard]] const comm::Communicator& comm() const { return comm_; }

  /// Makes a group and its parents where they are missing.
  void make_group(const std::string& path);
  /// On a group or dataset that exists; "/" is the root.
  void set_attribute(const std::string& object, const std::string& name, const AttributeValue& value);

  /// One-dimensional dataset of this rank's values after those of the lower ranks. Parent groups are made.
  template <class T>
  void write(const std::string& name, std::span<const T> values) {
    write_rows(name, {element_type_of<T>(), sizeof(T)}, 0, std::as_bytes(values));
  }
  /// Two-dimensional dataset: rows of `width` values.
  template <class T>
  void write_matrix(const std::string& name, std::span<const T> values, std::uint64_t width) {
    write_rows(name, {element_type_of<T>(), sizeof(T)}, width, std::as_bytes(values));
  }
  /// Unsigned 64-bit values as int64, which every reader has. Precondition: below 2^63.
  void write_as_int64(const std::string& name, std::span<const std::uint64_t> values);
  /// Row offsets of ranks, each from 0, as one `indptr` of all rows + 1 entries (int64).
  void write_indptr(const std::string& name, std::span<const std::uint64_t> offsets);
  /// Strings of a fixed width, padded with zero bytes: `bytes` holds `width` bytes for each row.
  void write_fixed_text(const std::string& name, std::span<const char> bytes, std::uint64_t width);
  /// One text (the same on all ranks) as a scalar dataset of any length.
  void write_text(const std::string& name, std::string_view text);

  /// Digest of all datasets written so far (names, types, shapes and bytes; not scalar texts): 32 hexadecimal digits.
  [[nodiscard]] std::string content_digest() const;

  /// Flushes, closes, syncs and moves the file to its name. Nothing may be written afterwards.
  void commit();

 private:
  friend class RowStream;
  struct State;
  /// **Collective.** Makes a dataset and keeps it open until `finish_dataset`.
  void create_dataset(const std::string& name, StoredType type, std::uint64_t width, std::uint64_t total_rows);
  /// **Collective.** Writes this rank's rows, any number of them, at `first_row`.
  void write_slab(const std::string& name, StoredType type, std::uint64_t width, std::uint64_t first_row,
                  std::span<const std::byte> bytes);
  /// **Collective.** Closes the dataset and attaches its digest.
  void finish_dataset(const std::string& name, StoredType type, std::uint64_t width, std::uint64_t total_rows,
                      const DatasetDigest& digest);
  void write_rows(const std::string& name, StoredType type, std::uint64_t width, std::span<const std::byte> bytes);
  /// **Collective.** Makes a collective call of HDF5, after all ranks passed the fault point. An error is this rank's
  /// own and ends the job: others may be waiting for it inside the call.
  void guarded(const char* point, const std::function<void()>& call) const;
  /// Makes a call that may write: after an error the file is given up, and the error says whether space ran out.
  void giving_up_on_error(const std::function<void()>& call) const;

  const comm::Communicator& comm_;
  std::filesystem::path path_;
  std::filesystem::path part_;
  Options options_;
  std::unique_ptr<State> state_;
};

}  // namespace rove::io::hdf5
