// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "algorithms/ppr/fingerprint_index.hpp"
#include "algorithms/ppr/ppr.hpp"
#include "algorithms/walks/walk_corpus.hpp"
#include "gnn/models.hpp"
#include "gnn/split.hpp"
#include "io/import/import_options.hpp"
#include "jobs/config/config.hpp"
#include "jobs/pipeline/session.hpp"
#include "partition/partitioner.hpp"

namespace rove::jobs {

/// The configuration's sections as the options of the folders that do the work. All throw `ConfigError` naming the key.
[[nodiscard]] io::ImportOptions import_options(const Config& config);
/// The lists of `forget.*`; users and items are those of training.
[[nodiscard]] io::ForgetOptions forget_options(const Config& config);
/// How held-out interactions are read (`evaluate.*`).
[[nodiscard]] io::TextLayout test_layout(const Config& config);
[[nodiscard]] gnn::SplitOptions split_options(const Config& config);
/// Whether there is something to evaluate on: `evaluate.test`, or a test part of the split; never both.
[[nodiscard]] bool has_test(const Config& config);
[[nodiscard]] partition::PartitionOptions partition_options(const Session& session);
/// The edges that walks move along, as files state them: "all, both", "rates likes, out".
[[nodiscard]] std::string ppr_edges_text(const Session& session);
/// With the first type of `ppr.targets`.
[[nodiscard]] algorithms::PprOptions ppr_options(Session& session);
[[nodiscard]] algorithms::WalkCorpusOptions walk_options(Session& session);
/// Memory for a batch of a corpus's walks: a quarter of a rank's, at most 1 GiB.
[[nodiscard]] std::uint64_t walk_batch_bytes(const MemoryLimit& memory);
[[nodiscard]] algorithms::FingerprintIndexOptions index_options(Session& session);
[[nodiscard]] gnn::ModelOptions model_options(const Config& config);
/// The edge type that connects `train.users` with `train.items` (`train.relation` where there are several).
[[nodiscard]] EdgeTypeId training_edge_type(const Session& session);
[[nodiscard]] std::vector<std::uint32_t> cutoffs(const Config& config);

}  // namespace rove::jobs
