// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/memory_plan.hpp"
#include "engine/base/progress.hpp"
#include "engine/base/timer.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/assignment.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/split.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/ids/id_index.hpp"
#include "io/imported_graph.hpp"
#include "jobs/config/config.hpp"

namespace rove::jobs {

/// **Collective.** What the links of a path lead to as rank 0 sees them now, the same on all ranks: links such as
/// `latest` move between one opening and the next. An empty path stays.
[[nodiscard]] std::filesystem::path agreed_link_target(const comm::Communicator& comm,
                                                       const std::filesystem::path& path);
/// **Collective.** The same of every path in a configuration that is alike on all ranks.
void follow_links(const comm::Communicator& comm, Config& config);

/// What the stages of one job share on one rank: configuration, progress, limits, and the graph in its two forms (home
/// blocks, distributed), each made once and kept as long as a later stage needs it. Every function that makes something
/// is
/// **Collective**.
class Session {
 public:
  /// Follows the links in the configuration's paths.
  Session(const comm::Communicator& comm, Config config, ProgressSink& progress);

  [[nodiscard]] const comm::Communicator& comm() const { return comm_; }
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] ProgressSink& progress() { return progress_; }
  [[nodiscard]] PhaseTimes& times() { return times_; }
  [[nodiscard]] const MemoryLimit& memory() const { return memory_; }
  [[nodiscard]] std::uint64_t seed() const;
  /// The header of every file this job writes.
  [[nodiscard]] io::FileProvenance provenance() const;

  /// Tells the user, once, of something that is no error.
  void warn(const std::string& message);
  /// Of settings of this section that change nothing, as the section's method is chosen.
  void warn_of_unread(std::string_view section);
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

  /// Throws `DoesNotFitError` on all ranks when the plan does not fit on one.
  void require_fits(const MemoryPlan& plan) const;

  /// **Collective.** Takes over what import produced and `graph.h5` holds, less what `split.method` holds out: no stage
  /// sees that but through `split()`.
  void set_graph(graph::GraphBlocks blocks, std::vector<io::NodeRows> nodes, std::vector<io::KeyOverride> overrides,
                 std::string digest);
  /// **Collective.** Reads `graph.h5`.
  void load_graph(const std::filesystem::path& file);
  /// Lets go of the graph and all that was made from it.
  void drop_graph();
  /// What was held out; nothing under `split.method: none`.
  [[nodiscard]] const std::optional<gnn::InteractionSplit>& split() const { return split_; }
  [[nodiscard]] bool has_graph() const { return blocks_ != nullptr; }
  [[nodiscard]] const graph::GraphBlocks& blocks() const { return *blocks_; }
  [[nodiscard]] const graph::Schema& schema() const { return blocks_->schema; }
  [[nodiscard]] const io::NodeRows& nodes(VertexTypeId type) const { return nodes_[type.index()]; }
  /// Vertices whose key is not the hash of their id.
  [[nodiscard]] const std::vector<io::KeyOverride>& overrides() const { return overrides_; }
  /// The type of this name. Throws `ConfigError` naming the key and the types there are.
  [[nodiscard]] VertexTypeId vertex_type(const std::string& config_key) const;
  /// The same for one name in a list of them.
  [[nodiscard]] VertexTypeId vertex_type_named(const std::string& config_key, const std::string& name) const;

  /// **Collective.** Finds rows of a type by original id. Refers to this session.
  [[nodiscard]] io::IdIndex id_index(VertexTypeId type) const;

  void set_assignment(graph::Assignment assignment);
  /// **Collective.** Reads `partition.h5`.
  void load_partition(const std::filesystem::path& file);
  [[nodiscard]] const graph::Assignment& assignment() const { return *assignment_; }
  [[nodiscard]] bool has_assignment() const { return assignment_.has_value(); }
  /// **Collective** on first use. The graph cut by the assignment, whose parts must equal the ranks.
  [[nodiscard]] const graph::DistributedGraph& graph();

 private:
  void hold_out();

  const comm::Communicator& comm_;
  Config config_;
  ProgressSink& progress_;
  PhaseTimes times_;
  MemoryLimit memory_;
  std::optional<parallel::ConcurrencyLimit> threads_;
  std::string created_utc_;
  std::string graph_digest_;
  std::unique_ptr<graph::GraphBlocks> blocks_;
  std::optional<gnn::InteractionSplit> split_;
  std::vector<io::NodeRows> nodes_;
  std::vector<io::KeyOverride> overrides_;
  std::vector<std::string> warnings_;
  std::optional<graph::Assignment> assignment_;
  std::unique_ptr<graph::DistributedGraph> graph_;
};

}  // namespace rove::jobs
