// SPDX-License-Identifier: Apache-2.0
#include "gnn/training.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::gnn {
namespace {

/// An epoch's fixed part in a checkpoint, followed by its metrics.
struct PackedEpoch {
  std::uint64_t epoch;
  double bpr_loss;  ///< not a number: none
  double loss;
  double seconds;
  double edges_per_second;
  std::uint64_t evaluated_users;
  std::uint64_t num_metrics;
};

template <class T>
void append(std::vector<std::byte>& bytes, const T& value) {
  const auto raw = std::as_bytes(std::span<const T>(&value, 1));
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}

template <class T>
T take(std::span<const std::byte>& bytes) {
  if (bytes.size() < sizeof(T)) throw InputError("checkpoint: the training history is cut short");
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes = bytes.subspan(sizeof(T));
  return value;
}

}  // namespace

std::vector<std::byte> pack_history(std::span<const EpochRecord> history) {
  std::vector<std::byte> bytes;
  for (const EpochRecord& record : history) {
    append(bytes,
           PackedEpoch{record.epoch, record.bpr_loss.value_or(std::numeric_limits<double>::quiet_NaN()), record.loss,
                       record.seconds, record.edges_per_second, record.evaluation ? record.evaluation->num_users : 0,
                       record.evaluation ? record.evaluation->at.size() : 0});
    if (!record.evaluation) continue;
    for (const RankingMetrics& at : record.evaluation->at) append(bytes, at);
  }
  return bytes;
}

std::vector<EpochRecord> unpack_history(std::span<const std::byte> bytes) {
  std::vector<EpochRecord> history;
  while (!bytes.empty()) {
    const auto packed = take<PackedEpoch>(bytes);
    EpochRecord record{packed.epoch, {}, packed.loss, packed.seconds, packed.edges_per_second, {}};
    if (!std::isnan(packed.bpr_loss)) record.bpr_loss = packed.bpr_loss;
    if (packed.num_metrics > 0) {
      record.evaluation = Evaluation{packed.evaluated_users, {}};
      for (std::uint64_t m = 0; m < packed.num_metrics; ++m) {
        record.evaluation->at.push_back(take<RankingMetrics>(bytes));
      }
    }
    history.push_back(std::move(record));
  }
  return history;
}

double metric_of(const Evaluation& evaluation, std::string_view name) {
  for (const RankingMetrics& at : evaluation.at) {
    const auto is = [&](std::string_view metric) { return name == fmt::format("{}@{}", metric, at.cutoff); };
    if (is("recall")) return at.recall;
    if (is("ndcg")) return at.ndcg;
    if (is("precision")) return at.precision;
    if (is("hit_rate")) return at.hit_rate;
    if (is("mrr")) return at.mrr;
    if (is("map")) return at.map;
  }
  std::string cutoffs;
  for (const RankingMetrics& at : evaluation.at) cutoffs += fmt::format("{}{}", cutoffs.empty() ? "" : ", ", at.cutoff);
  throw ConfigError(fmt::format(
      "train.stop_metric is '{}', expected recall, ndcg, precision, hit_rate, mrr or map, then @ and one of "
      "the cut-offs in evaluate.at ({})",
      name, cutoffs));
}

void register_rows(exec::CheckpointRegistry& state, const std::string& name, const graph::DistributedGraph& graph,
                   std::span<float> values, std::uint32_t width) {
  for (std::uint16_t t = 0; t < graph.schema().vertex_types().size(); ++t) {
    const IndexRange owned = graph.owned_of_type(VertexTypeId{t});
    state.add_row_bytes(fmt::format("{}/{}", name, graph.schema().vertex_type(VertexTypeId{t}).name), graph,
                        VertexTypeId{t}, width * sizeof(float), [values, owned, width] {
                          return std::as_writable_bytes(values.subspan(owned.begin * width, owned.size() * width));
                        });
  }
}

void register_columns(exec::CheckpointRegistry& state, const std::string& name, const ColumnLayout& layout,
                      std::span<float> values) {
  const graph::Schema& schema = layout.whole_graph().schema();
  for (std::uint16_t t = 0; t < schema.vertex_types().size(); ++t) {
    const VertexTypeId type{t};
    state.add_home_rows(
        fmt::format("{}/{}", name, schema.vertex_type(type).name), schema.vertex_type(type).count,
        layout.whole_width() * sizeof(float),
        [&layout, type, values] {
          const std::vector<float> home = layout.to_home(type, values);
          const auto bytes = std::as_bytes(std::span(home));
          return std::vector<std::byte>(bytes.begin(), bytes.end());
        },
        [&layout, type, values](std::span<const std::byte> bytes) {
          std::vector<float> home(bytes.size() / sizeof(float));
          if (!home.empty()) std::memcpy(home.data(), bytes.data(), bytes.size());
          layout.from_home(type, home, values);
        });
  }
}

std::string describe(const EpochRecord& record) {
  std::string text = fmt::format("loss {:.4f}", record.loss);
  if (record.evaluation) {
    for (const RankingMetrics& at : record.evaluation->at)
      text += fmt::format(" recall@{} {:.4f}", at.cutoff, at.recall);
  }
  return text + fmt::format(" {:.2f}G edges/s", record.edges_per_second * 1e-9);
}

}  // namespace rove::gnn
