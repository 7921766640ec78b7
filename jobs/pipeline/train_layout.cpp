// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/train_layout.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::jobs {

TrainLayoutFit train_layout_fit(const TrainLayoutQuestion& question) {
  if (question.model.step == nullptr) return {};
  const auto bytes = [&](gnn::TrainLayout layout) {
    return question.model.plan(question.share, with_layout(question.options, layout)).total_bytes();
  };
  return {bytes(gnn::TrainLayout::kColumns) <= question.memory_bytes / 2,
          bytes(gnn::TrainLayout::kPartitioned) <= question.memory_bytes};
}

gnn::TrainLayout train_layout(const Config& config, const TrainLayoutQuestion& question) {
  return train_layout(config, question, train_layout_fit(question));
}

gnn::TrainLayout agreed_train_layout(const comm::Communicator& comm, const Config& config,
                                     const TrainLayoutQuestion& question) {
  const auto is_so_everywhere = [&](bool here) {
    return comm.all_reduce(static_cast<std::uint32_t>(here), comm::ReduceOp::kMin) != 0;
  };
  TrainLayoutFit fit = train_layout_fit(question);
  fit.columns = is_so_everywhere(fit.columns);
  fit.whole_rows = is_so_everywhere(fit.whole_rows);
  auto layout = gnn::TrainLayout::kPartitioned;
  comm.agree([&] { layout = train_layout(config, question, fit); });
  // The cost model may see other threads on another rank.
  return is_so_everywhere(layout == gnn::TrainLayout::kColumns) ? gnn::TrainLayout::kColumns
                                                                : gnn::TrainLayout::kPartitioned;
}

gnn::TrainLayout train_layout(const Config& config, const TrainLayoutQuestion& question, TrainLayoutFit fit) {
  using gnn::TrainLayout;
  const std::string asked = config.text("resources.train_layout");
  if (asked == "partitioned") return TrainLayout::kPartitioned;
  if (asked == "columns") {
    if (question.model.step != nullptr) return TrainLayout::kColumns;
    std::vector<std::string_view> names;
    for (const gnn::Model& model : gnn::kModels) {
      if (model.step != nullptr) names.push_back(model.name);
    }
    throw ConfigError(
        fmt::format("resources.train_layout is columns, but train.model '{}' is not trained by columns, only {}; set "
                    "partitioned or auto",
                    question.model.name, fmt::join(names, ", ")));
  }
  const gnn::ModelShare& share = question.share;
  if (question.model.step == nullptr || config.text("resources.layout") == "partitioned") {
    return TrainLayout::kPartitioned;
  }
  if (!fit.columns) return TrainLayout::kPartitioned;
  if (!fit.whole_rows) return TrainLayout::kColumns;
  const gnn::BatchOptions& options = question.options.bpr;
  return gnn::faster_layout(question.model.step(question.options), {.ranks = share.ranks,
                                                                    .threads = share.threads,
                                                                    .dim = options.dim,
                                                                    .batch_size = options.batch_size,
                                                                    .users = question.users,
                                                                    .items = share.items,
                                                                    .interactions = share.interactions,
                                                                    .halo_rows = question.halo_rows});
}

gnn::ModelOptions with_layout(gnn::ModelOptions options, gnn::TrainLayout layout) {
  options.set_batches([&](gnn::BatchOptions& batches) { batches.layout = layout; });
  return options;
}

}  // namespace rove::jobs
