// SPDX-License-Identifier: Apache-2.0
//
// What the ranks of a job must see alike. Every process has a /proc/self of its own: a link that leads each rank
// elsewhere, as `latest` may while another job publishes.
#include "jobs/pipeline/session.hpp"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/config/config.hpp"
#include "jobs/pipeline/train_layout.hpp"
#include "tests/support/mpi.hpp"

namespace rove::jobs {
namespace {

using tests::world;

void expect_alike(const std::string& mine) {
  for (const std::string& other : world().all_gather_text(mine)) EXPECT_EQ(other, mine);
}

TEST(Links, LeadAllRanksToTheSameFile) {
  const std::string target = agreed_link_target(world(), "/proc/self/status").string();
  expect_alike(target);
  if (world().is_root()) {
    EXPECT_EQ(target, link_target("/proc/self/status").string());
  }
  EXPECT_EQ(agreed_link_target(world(), {}).string(), "");
  EXPECT_EQ(agreed_link_target(world(), "nowhere/graph.h5").string(), "nowhere/graph.h5");
}

TEST(Links, InAConfigurationLeadAllRanksToTheSameFiles) {
  Config config;
  config.add_file("/jobs/job.yaml",
                  "graph: {file: /proc/self/status, edges: [{type: [user, rates, item], files: [/proc/self/maps, "
                  "/proc/self/stat]}]}\nserve: {blocks: ''}\n");
  follow_links(world(), config);
  expect_alike(config.effective_yaml());
  if (world().is_root()) {
    EXPECT_EQ(config.text("graph.file"), link_target("/proc/self/status").string());
  }
  EXPECT_THAT(config.paths("graph.edges[0].files").at(0).string(), testing::EndsWith("/maps"));
  EXPECT_THAT(config.paths("graph.edges[0].files").at(1).string(), testing::EndsWith("/stat"));
}

TEST(TrainLayout, IsColumnsWhereWholeRowsDoNotFitOneRank) {
  const gnn::Model& model = gnn::find_model("lightgcn");
  gnn::ModelOptions options;
  options.set_loop({.dim = 16});  // one block of columns: by speed, several ranks keep whole rows
  gnn::ModelShare share{1000, 0, 4000, 1, 1000, world().size(), 3000, 12000};
  constexpr std::uint64_t kMemory = std::uint64_t{1} << 30U;
  const auto layout = [&](std::uint64_t memory) {
    return agreed_train_layout(world(), Config(), {model, options, share, 2000, 0, memory});
  };
  const gnn::TrainLayout by_speed = layout(kMemory);
  if (world().is_root()) share.ghost_rows = kMemory;
  EXPECT_EQ(layout(kMemory), gnn::TrainLayout::kColumns);
  // Columns must fit every rank.
  EXPECT_EQ(layout(world().is_root() ? std::uint64_t{1024} : kMemory), gnn::TrainLayout::kPartitioned);
  share.ghost_rows = 0;
  EXPECT_EQ(layout(kMemory), by_speed);
}

}  // namespace
}  // namespace rove::jobs
