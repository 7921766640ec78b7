// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/hdf5/digest.hpp"
#include "io/hdf5/output_file.hpp"
#include "io/hdf5/types.hpp"

namespace rove::io::hdf5 {

/// One dataset of an `OutputFile` that is written piece by piece, for what never lies in memory as a whole. Its rows
/// are sections, one after another; within a section the ranks' rows lie in rank order. So the bytes do not depend on
/// the number of ranks or on how sections are cut into pieces. Every function is **Collective** and fails as those of
/// the file, which must outlive the stream. Holds less than 128 KiB per section and rank until the end.
class RowStream {
 public:
  /// Makes the dataset, of `rows` rows over all sections and ranks. `width` as in `OutputFile::write_matrix`; 0 makes
  /// it one-dimensional.
  RowStream(OutputFile& file, std::string name, StoredType type, std::uint64_t rows, std::uint64_t width = 0);
  /// Starts a section; this rank will write `rows` of its rows. The section before must be complete.
  void begin_section(std::uint64_t rows);
  /// My next row, counted over the dataset.
  [[nodiscard]] std::uint64_t next_row() const { return next_row_; }

  /// Appends to my rows of the section; a rank may have none left.
  template <class T>
  void write(std::span<const T> values) {
    write_bytes(std::as_bytes(values));
  }
  void write_bytes(std::span<const std::byte> bytes);

  /// Writes the digest. Throws `InternalError` when rows are missing.
  void finish();

 private:
  void digest(std::span<const std::byte> bytes);
  void end_fragment();

  OutputFile* file_;
  std::string name_;
  StoredType type_;
  std::uint64_t rows_;
  std::uint64_t width_;
  std::uint64_t section_end_ = 0;  ///< of all ranks' rows so far
  std::uint64_t next_row_ = 0;
  std::uint64_t last_row_ = 0;  ///< end of my rows of the section
  DatasetDigest digest_;        ///< of my whole blocks
  /// Parts of blocks that others complete, by their first byte; the last one may grow.
  std::map<std::uint64_t, std::vector<std::byte>> fragments_;
  std::uint64_t open_begin_ = 0;  ///< where `open_` begins
  std::vector<std::byte> open_;   ///< bytes of the block being filled
};

}  // namespace rove::io::hdf5
