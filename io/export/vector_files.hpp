// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"

namespace rove::io {

/// What other tools read vectors from.
enum class VectorFormat : std::uint8_t {
  kNpy,       ///< NumPy: <out>.npy, float32, C order
  kFbin,      ///< the ANN benchmarks': <out>.fbin, uint32 rows, uint32 columns, float32 rows
  kWord2vec,  ///< text: <out>.txt, "rows columns", then an id and its vector per line; gensim, fastText tools
};

/// **Collective.** Writes the vectors of one type of `embeddings.h5`, every rank its rows, with the same bytes for any
/// number of ranks. Beside npy and fbin, in the same order: <out>.keys.npy (int64) and <out>.ids.txt (an id per line).
/// Holds some 16 MiB of vectors per rank at a time. Returns the files written. Throws `InputError` when the file has no
/// such type, for ids that a format cannot hold (line ends; for word2vec any white space) and more rows than it counts;
/// `IoError` when a file cannot be written.
std::vector<std::filesystem::path> export_vectors(const comm::Communicator& comm,
                                                  const std::filesystem::path& embeddings, const std::string& type,
                                                  VectorFormat format, const std::filesystem::path& out);

}  // namespace rove::io
