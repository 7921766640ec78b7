// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gnn/embedding_table.hpp"
#include "gnn/model_weights.hpp"
#include "gnn/warm_start.hpp"
#include "io/hdf5/result_files.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// Trained models between files, whose rows lie by key, and the owners of the session's vertices. All **Collective**.

/// Rows of one type at their home block, without padding.
[[nodiscard]] std::vector<float> home_vectors(Session& session, const gnn::EmbeddingTable& table, VertexTypeId type);

/// Writes `embeddings.h5` of the edge type's two vertex types. Throws `ConfigError` naming the first vertex whose
/// vector is not finite: training diverged.
void write_vectors(Session& session, EdgeTypeId type, const gnn::EmbeddingTable& embeddings,
                   const io::EmbeddingsInfo& info, const std::filesystem::path& file,
                   const io::FileProvenance& provenance);

/// Writes `model.h5`: weights of a model without vectors, with the types that they name.
void write_weights(Session& session, EdgeTypeId type, const std::string& model, const gnn::ModelWeights& weights,
                   const std::filesystem::path& file, const io::FileProvenance& provenance);

struct KnownEmbeddings {
  gnn::KnownRows rows;
  std::uint64_t dropped = 0;  ///< rows of the file whose vertices the graph does not have
};
/// The rows of `embeddings.h5` for the graph's vertices of the edge type's two types, matched by key; the graph may
/// have others and lack some. Every rank reads the rows of its home blocks' key ranges. Throws `ConfigError` when the
/// file's rows do not have `dim` columns.
[[nodiscard]] KnownEmbeddings read_known_rows(Session& session, EdgeTypeId type, const std::filesystem::path& file,
                                              std::uint32_t dim);

/// Per owned vertex, 1 where the vertex is of one of these types and `embeddings.h5` has a row for it.
[[nodiscard]] std::vector<std::uint8_t> read_known_flags(Session& session, std::span<const VertexTypeId> types,
                                                         const std::filesystem::path& file);

}  // namespace rove::jobs
