// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/session.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sched.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/log.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/hdf5/result_files.hpp"
#include "jobs/config/schema.hpp"
#include "jobs/config/unread_settings.hpp"
#include "jobs/pipeline/training_options.hpp"
#include "jobs/version.hpp"

namespace rove::jobs {
namespace {

std::uint32_t configured_threads(const Config& config) {
  const std::string text = config.text("resources.threads");
  if (text == "auto") return 0;
  std::uint32_t threads = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), threads);
  if (error != std::errc{} || end != text.data() + text.size() || threads == 0) {
    throw ConfigError(fmt::format("resources.threads is '{}', expected a number from 1 or auto", text));
  }
  constexpr std::uint32_t kMostThreads = 1024;
  if (threads > kMostThreads) {
    throw ConfigError(fmt::format("resources.threads is {}, expected at most {}", threads, kMostThreads));
  }
  return threads;
}

/// Hash of the processors this process may run on.
std::uint64_t affinity_digest() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 0;
  const Digest128 digest = digest128(std::as_bytes(std::span(&allowed, 1)));
  return digest.low;
}

/// **Collective.** Threads of a rank under `auto`: what it may use, shared among the ranks that may use the same
/// processors (mpirun without binding). A number given per rank, by ROVE_THREADS or Slurm, is taken as it is.
std::uint32_t automatic_threads(const comm::Communicator& comm) {
  const comm::Communicator node = comm.split_node();
  const std::vector<std::uint64_t> digests = node.all_gather(affinity_digest());
  if (std::getenv("ROVE_THREADS") != nullptr || std::getenv("SLURM_CPUS_PER_TASK") != nullptr) return 0;
  const auto sharing = static_cast<std::uint32_t>(std::ranges::count(digests, digests[node.rank().index()]));
  return std::max(1U, parallel::concurrency() / sharing);
}

MemoryLimit configured_memory(const Config& config, const comm::Communicator& comm) {
  const comm::Communicator node = comm.split_node();
  const std::string text = config.text("resources.memory");
  if (text == "auto") return detect_memory_limit(static_cast<std::uint32_t>(node.size()));
  return {parse_bytes(text), "resources.memory"};
}

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

}  // namespace

std::filesystem::path agreed_link_target(const comm::Communicator& comm, const std::filesystem::path& path) {
  const bool looks = comm.is_root() && !path.empty();
  return comm.broadcast_text(looks ? link_target(path).string() : std::string{}, Rank{0});
}

void follow_links(const comm::Communicator& comm, Config& config) {
  std::string targets;  // one after the other; a path holds no zero byte
  comm.agree([&] {
    if (!comm.is_root()) return;
    config.replace_paths([&](const std::filesystem::path& path) {
      std::filesystem::path target = link_target(path);
      targets += target.string() + '\0';
      return target;
    });
  });
  targets = comm.broadcast_text(targets, Rank{0});
  comm.agree([&] {
    if (comm.is_root()) return;
    std::size_t at = 0;
    config.replace_paths([&](const std::filesystem::path& /*path*/) {
      const std::size_t end = targets.find('\0', at);
      std::filesystem::path target = targets.substr(at, end - at);
      at = end + 1;
      return target;
    });
  });
}

Session::Session(const comm::Communicator& comm, Config config, ProgressSink& progress)
    : comm_(comm), config_(std::move(config)), progress_(progress) {
  follow_links(comm, config_);
  std::uint32_t threads = 0;
  comm.agree([&] {
    threads = configured_threads(config_);
    static_cast<void>(seed());
  });
  if (threads == 0) threads = automatic_threads(comm);
  threads_.emplace(threads);
  memory_ = configured_memory(config_, comm);
  created_utc_ = comm.broadcast_text(utc_now(), Rank{0});
}

std::uint64_t Session::seed() const {
  return config_.count("seed");
}

io::FileProvenance Session::provenance() const {
  io::FileProvenance provenance;
  provenance.software_version = software_version();
  provenance.commit = software_commit();
  provenance.seed = seed();
  provenance.graph_digest = graph_digest_;
  provenance.created_utc = created_utc_;
  provenance.config_yaml = config_.effective_yaml();
  return provenance;
}

void Session::require_fits(const MemoryPlan& plan) const {
  comm_.agree([&] { plan.require_fits(memory_.bytes, memory_.source); });
}

void Session::warn(const std::string& message) {
  if (std::ranges::find(warnings_, message) != warnings_.end()) return;
  warnings_.push_back(message);
  log::warning("{}", message);
}

void Session::warn_of_unread(std::string_view section) {
  if (const auto message = unread_settings(config_, section)) warn(*message);
}

void Session::set_graph(graph::GraphBlocks blocks, std::vector<io::NodeRows> nodes,
                        std::vector<io::KeyOverride> overrides, std::string digest) {
  graph_.reset();
  assignment_.reset();
  blocks_ = std::make_unique<graph::GraphBlocks>(std::move(blocks));
  nodes_ = std::move(nodes);
  overrides_ = std::move(overrides);
  graph_digest_ = std::move(digest);
  hold_out();
}

void Session::drop_graph() {
  graph_.reset();
  assignment_.reset();
  split_.reset();
  blocks_.reset();
  nodes_ = {};
  overrides_ = {};
  graph_digest_ = {};
}

void Session::hold_out() {
  split_.reset();
  if (blocks_->edges.empty()) return;  // `rove estimate` sets a schema alone
  gnn::SplitOptions options;
  EdgeTypeId type;
  comm_.agree([&] {
    options = split_options(config_);
    if (options.method != gnn::SplitMethod::kNone) type = training_edge_type(*this);
  });
  if (options.method == gnn::SplitMethod::kNone) return;
  const PhaseTimer timer(times_, "split");
  split_ = gnn::split_interactions(comm_, *blocks_, type, options);
  const graph::EdgeType& training = schema().edge_type(type);
  for (std::size_t e = 0; e < schema().edge_types().size(); ++e) {
    const graph::EdgeType& other = schema().edge_types()[e];
    const bool connects = (other.source == training.source && other.destination == training.destination) ||
                          (other.source == training.destination && other.destination == training.source);
    if (e == type.index() || !connects) continue;
    warn(fmt::format("split: edges of {} also connect {} and {}; they stay in the graph, held-out pairs among them",
                     schema().name_of(EdgeTypeId{static_cast<std::uint16_t>(e)}),
                     schema().vertex_type(training.source).name, schema().vertex_type(training.destination).name));
  }
}

void Session::load_graph(const std::filesystem::path& file) {
  const PhaseTimer timer(times_, "read graph");
  io::GraphFile read = io::read_graph(comm_, file);
  std::vector<io::NodeRows> nodes;
  for (const graph::VertexType& type : read.blocks.schema.vertex_types()) {
    nodes.push_back(io::read_nodes(comm_, file, type.name));
  }
  std::vector<io::KeyOverride> overrides;
  comm_.agree([&] {
    const io::hdf5::InputFile input(file);
    for (std::size_t t = 0; t < nodes.size(); ++t) {
      for (auto& entry : io::read_key_overrides(input, VertexTypeId{static_cast<std::uint16_t>(t)}))
        overrides.push_back(std::move(entry));
    }
  });
  set_graph(std::move(read.blocks), std::move(nodes), std::move(overrides), read.header.provenance.graph_digest);
}

VertexTypeId Session::vertex_type(const std::string& config_key) const {
  return vertex_type_named(config_key, config_.text(config_key));
}

VertexTypeId Session::vertex_type_named(const std::string& config_key, const std::string& name) const {
  if (const auto type = schema().find_vertex_type(name)) return *type;
  std::vector<std::string> names;
  for (const graph::VertexType& type : schema().vertex_types()) names.push_back(type.name);
  throw ConfigError(fmt::format("{} is '{}', but the graph has the vertex types {}; did you mean '{}'?", config_key,
                                name, fmt::join(names, ", "), nearest_word(name, names)));
}

io::IdIndex Session::id_index(VertexTypeId type) const {
  const io::NodeRows& rows = nodes(type);
  return {comm_, rows.type, type, rows.ids, rows.keys, overrides_};
}

void Session::set_assignment(graph::Assignment assignment) {
  graph_.reset();
  assignment_ = std::move(assignment);
}

void Session::load_partition(const std::filesystem::path& file) {
  const PhaseTimer timer(times_, "read partition");
  set_assignment(io::read_partition(comm_, file, schema()).assignment);
}

const graph::DistributedGraph& Session::graph() {
  if (!graph_) {
    const PhaseTimer timer(times_, "distribute graph");
    graph_ = std::make_unique<graph::DistributedGraph>(graph::DistributedGraph::build(comm_, blocks(), assignment()));
  }
  return *graph_;
}

}  // namespace rove::jobs
