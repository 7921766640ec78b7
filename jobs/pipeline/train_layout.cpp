// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/train_layout.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::jobs {

gnn::TrainLayout train_layout(const Config& config, const TrainLayoutQuestion& question) {
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
  const MemoryPlan plan = question.model.plan(share, with_layout(question.options, TrainLayout::kColumns));
  if (plan.total_bytes() > question.memory_bytes / 2) return TrainLayout::kPartitioned;
  const MemoryPlan whole_rows = question.model.plan(share, with_layout(question.options, TrainLayout::kPartitioned));
  if (whole_rows.total_bytes() > question.memory_bytes) return TrainLayout::kColumns;
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
