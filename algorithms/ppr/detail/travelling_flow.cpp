// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/detail/travelling_flow.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "algorithms/ppr/slot_lists.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms::detail {

namespace {

/// Flow on its way to the owner of the vertex.
struct FlowMessage {
  std::uint32_t source = 0;  ///< index within the batch
  std::uint32_t vertex = 0;  ///< local id there
  std::uint64_t units = 0;
};

/// An answer on its way to the owner of the source.
struct AnswerMessage {
  std::uint32_t source = 0;
  std::uint32_t row = 0;
  std::uint64_t visits = 0;
  std::uint64_t stopped = 0;
};

struct SumsMessage {
  std::uint64_t source = 0;
  FlowSums sums;
};

/// Messages by destination.
template <class T>
class Outbox {
 public:
  explicit Outbox(const comm::Communicator& comm) : messages_(static_cast<std::size_t>(comm.size())) {}
  void add(Rank to, const T& message) { messages_[to.index()].push_back(message); }
  /// **Collective.**
  [[nodiscard]] std::vector<T> exchange(const comm::Communicator& comm) {
    std::vector<T> all;
    std::vector<std::uint64_t> counts;
    for (std::vector<T>& part : messages_) {
      counts.push_back(part.size());
      all.insert(all.end(), part.begin(), part.end());
      part = {};
    }
    return comm.exchange<T>(all, counts).data;
  }

 private:
  std::vector<std::vector<T>> messages_;
};

/// Orders by source and vertex and adds up what is at the same place.
void merge(std::vector<FlowMessage>& flow) {
  parallel::sort(std::span(flow), [](const FlowMessage& a, const FlowMessage& b) {
    return a.source != b.source ? a.source < b.source : a.vertex < b.vertex;
  });
  std::size_t last = 0;
  for (std::size_t i = 1; i < flow.size(); ++i) {
    if (flow[i].source == flow[last].source && flow[i].vertex == flow[last].vertex) {
      flow[last].units += flow[i].units;
    } else {
      flow[++last] = flow[i];
    }
  }
  if (!flow.empty()) flow.resize(last + 1);
}

/// One batch on one rank.
class FlowBatch {
 public:
  FlowBatch(const comm::Communicator& comm, const graph::DistributedGraph& graph, const exec::WalkGraph& walk_graph,
            const FingerprintTable& fingerprints, const TravellingFlowOptions& options,
            std::span<const BatchSource> batch)
      : comm_(comm),
        graph_(graph),
        walk_graph_(walk_graph),
        fingerprints_(fingerprints),
        options_(options),
        rule_(options.restart, options.hops, options.threshold),
        batch_(batch),
        targets_(graph.schema().stable_range(options.targets)),
        sums_(batch.size()) {}

  /// **Collective.** The flow of all sources of the batch; those owned elsewhere are left empty.
  std::vector<SourceFlow> run() {
    std::vector<FlowMessage> now;
    for (std::uint32_t s = 0; s < batch_.size(); ++s) {
      if (batch_[s].owner == comm_.rank().value()) now.push_back({s, batch_[s].vertex, kWholeFlow});
    }
    Outbox<AnswerMessage> answers(comm_);
    std::vector<FlowMessage> kept;
    for (std::uint32_t hop = 0; hop <= options_.hops; ++hop) {
      Outbox<FlowMessage> next(comm_);
      comm_.agree([&] {
        for (const FlowMessage& at : now) hand_on(at, hop, next, answers, kept);
      });
      now = next.exchange(comm_);
      comm_.agree([&] { merge(now); });
      if (comm_.all_reduce(std::uint64_t{now.size()}, comm::ReduceOp::kSum) == 0) break;
    }
    comm_.agree([&] {
      merge(kept);
      answer(kept, answers);
    });
    std::vector<SourceFlow> result(batch_.size());
    const std::vector<AnswerMessage> arrived = answers.exchange(comm_);
    Outbox<SumsMessage> sums(comm_);
    for (std::size_t s = 0; s < batch_.size(); ++s) sums.add(Rank{batch_[s].owner}, {s, sums_[s]});
    const std::vector<SumsMessage> arrived_sums = sums.exchange(comm_);
    comm_.agree([&] {
      for (const AnswerMessage& message : arrived) {
        result[message.source].targets.push_back({message.row, message.visits, message.stopped});
      }
      for (const SumsMessage& message : arrived_sums) result[message.source].sums.add(message.sums);
    });
    return result;
  }

 private:
  void hand_on(const FlowMessage& at, std::uint32_t hop, Outbox<FlowMessage>& next, Outbox<AnswerMessage>& answers,
               std::vector<FlowMessage>& kept) {
    const std::uint64_t degree = walk_graph_.degree(at.vertex);
    const std::uint64_t share = rule_.share(at.units, degree);
    if (degree > 0 && !(rule_.may_hop(hop) && rule_.is_worth_it(share))) {
      kept.push_back(at);
      return;
    }
    const std::uint64_t moves = rule_.moves(at.units);
    const std::uint64_t stable = graph_.index_map().stable_of(LocalVertexId{at.vertex}).value();
    if (targets_.contains(stable)) {
      answers.add(Rank{batch_[at.source].owner},
                  {at.source, static_cast<std::uint32_t>(stable - targets_.begin), 0, at.units - moves});
    }
    if (degree == 0) {
      sums_[at.source].lost += moves;
      return;
    }
    sums_[at.source].unanswered += moves - share * degree;
    const auto give = [&](std::uint32_t target, std::uint64_t units) {
      if (target < walk_graph_.num_rows()) {
        next.add(comm_.rank(), {at.source, target, units});
      } else {
        const exec::WalkGraph::RemoteVertex home = walk_graph_.home_of_ghost(target);
        next.add(home.owner, {at.source, home.local.value(), units});
      }
    };
    give_to_slots(walk_graph_.neighbors(at.vertex), alias_of(walk_graph_, at.vertex), share, give);
  }

  /// `kept` is in order of source.
  void answer(std::span<const FlowMessage> kept, Outbox<AnswerMessage>& answers) {
    const FingerprintView fingerprints(fingerprints_);
    std::vector<std::uint64_t> visits(targets_.size());
    std::vector<std::uint32_t> touched;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      const FlowMessage& at = kept[i];
      for (const exec::VisitCounter::Entry& entry : fingerprints.of(at.vertex)) {
        if (visits[entry.vertex] == 0) touched.push_back(entry.vertex);
        visits[entry.vertex] += at.units * entry.count;
      }
      FlowSums& sums = sums_[at.source];
      sums.lost_walks += at.units * fingerprints.lost[at.vertex];
      sums.cut += at.units * fingerprints.cut[at.vertex];
      sums.largest_share = std::max(sums.largest_share, at.units);
      if (i + 1 < kept.size() && kept[i + 1].source == at.source) continue;
      for (const std::uint32_t row : touched) {
        answers.add(Rank{batch_[at.source].owner}, {at.source, row, visits[row], 0});
        visits[row] = 0;
      }
      touched.clear();
    }
  }

  const comm::Communicator& comm_;
  const graph::DistributedGraph& graph_;
  const exec::WalkGraph& walk_graph_;
  const FingerprintTable& fingerprints_;
  const TravellingFlowOptions& options_;
  FlowRule rule_;
  std::span<const BatchSource> batch_;
  IndexRange targets_;
  std::vector<FlowSums> sums_;
};

/// What one source of a batch may take on one rank in the worst case. `largest_degree`: of any source.
std::uint64_t bytes_of_source(const graph::Schema& schema, const TravellingFlowOptions& options,
                              std::uint64_t largest_degree) {
  const double slots = static_cast<double>(options.hops) / std::max(options.threshold, 0x1.0p-32) + 1.0;
  auto vertices = static_cast<std::uint64_t>(std::min(slots, 0x1.0p40));
  // One hop goes no further than a source's slots, which by weight give to two vertices each.
  if (options.hops == 1) vertices = std::min(vertices, 1 + 2 * largest_degree);
  const std::uint64_t targets = schema.vertex_type(options.targets).count;
  const std::uint64_t answers = std::min(targets, vertices * std::max(1U, options.entries));
  return 3 * sizeof(FlowMessage) * std::min(vertices, 2 * schema.num_edges() + 1) + 3 * sizeof(AnswerMessage) * answers;
}

}  // namespace

void decompose_travelling(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                          const exec::WalkGraph& walk_graph, const FingerprintTable& fingerprints,
                          const TravellingFlowOptions& options, const IsSource& is_source, const ConsumeFlow& consume) {
  const std::string stage = "ppr: decomposition";
  const std::uint64_t num_rows = graph.schema().vertex_type(options.sources).count;
  const std::vector<BatchSource> mine = owned_sources(comm, graph, options.sources, is_source);
  const std::uint64_t budget = comm.all_reduce(options.batch_bytes, comm::ReduceOp::kMin);
  std::uint64_t largest_degree = 0;
  for (const BatchSource& source : mine) largest_degree = std::max(largest_degree, walk_graph.degree(source.vertex));
  largest_degree = comm.all_reduce(largest_degree, comm::ReduceOp::kMax);
  const std::uint64_t rows_per_batch =
      std::max<std::uint64_t>(1, budget / bytes_of_source(graph.schema(), options, largest_degree));
  if (comm.is_root()) options.progress->begin(stage, num_rows, "rows");
  std::size_t next_mine = 0;
  for (std::uint64_t row = 0; row < num_rows; row += rows_per_batch) {
    const std::uint64_t row_end = std::min(num_rows, row + rows_per_batch);
    std::vector<BatchSource> batch_mine;
    while (next_mine < mine.size() && mine[next_mine].row < row_end) batch_mine.push_back(mine[next_mine++]);
    const std::vector<BatchSource> batch = share_batch(comm, std::move(batch_mine));
    if (!batch.empty()) {
      const std::vector<SourceFlow> flows = FlowBatch(comm, graph, walk_graph, fingerprints, options, batch).run();
      comm.agree([&] {
        parallel::for_each({0, batch.size()}, 1, [&](std::uint64_t s) {
          if (batch[s].owner == comm.rank().value()) consume(batch[s], flows[s]);
        });
      });
    }
    if (comm.is_root()) options.progress->update(row_end, "");
    comm.stop_if_asked(fmt::format("{} stopped on request", stage));
  }
  if (comm.is_root()) options.progress->end("");
}

}  // namespace rove::algorithms::detail
