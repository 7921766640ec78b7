// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/ids.hpp"
#include "io/import/import_options.hpp"

namespace rove::io {

/// A matrix of numbers in a .npy, .npz (dense, or CSR as scipy.sparse.save_npz writes it) or HDF5 file; a vector counts
/// as one column. Elements: floating point of 16, 32 or 64 bits, integers, booleans. Opened by each rank for its own
/// rows. Not thread-safe.
class MatrixFile {
 public:
  virtual ~MatrixFile() = default;
  [[nodiscard]] virtual std::uint64_t rows() const = 0;
  [[nodiscard]] virtual std::uint64_t columns() const = 0;
  /// The rows as float32, row-major. Throws `InputError` naming row and column of what is not a finite float32.
  [[nodiscard]] virtual std::vector<float> read(IndexRange rows) = 0;
};

/// Throws `IoError`, or `InputError` for a file of another kind. `dataset`: see `NodeOptions`.
[[nodiscard]] std::unique_ptr<MatrixFile> open_matrix(const std::string& path, NodeFormat format,
                                                      const std::string& dataset);

}  // namespace rove::io
