// SPDX-License-Identifier: Apache-2.0
#include "jobs/config/config.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "jobs/config/schema.hpp"
#include "jobs/config/unread_settings.hpp"
#include "tests/support/temp_directory.hpp"

namespace rove::jobs {
namespace {

using testing::HasSubstr;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no ConfigError";
}

TEST(Config, LayersOverrideEachOther) {
  Config config;
  EXPECT_EQ(config.count("train.dim"), 64U);

  config.add_file("/jobs/job.yaml", "train: {dim: 32, layers: 2}\n");
  config.set("train.dim=128");

  EXPECT_EQ(config.count("train.dim"), 128U);
  EXPECT_EQ(config.count("train.layers"), 2U);
  EXPECT_EQ(config.count("train.accumulate"), 1U);
}

TEST(Config, PathsOfAFileAreRelativeToIt) {
  Config config;
  config.add_file("/jobs/night/job.yaml",
                  "output: ../runs\ngraph:\n  edges:\n    - {type: [user, rates, item], files: [a.txt, /b.txt]}\n");

  EXPECT_EQ(*config.path("output"), "/jobs/runs");
  EXPECT_EQ(config.entries("graph.edges"), 1U);
  EXPECT_THAT(config.paths("graph.edges[0].files"), testing::ElementsAre("/jobs/night/a.txt", "/b.txt"));
  EXPECT_THAT(config.texts("graph.edges[0].type"), testing::ElementsAre("user", "rates", "item"));
}

TEST(Config, LinksStandUntilTheyAreFollowed) {
  const tests::TempDirectory temporary;
  const std::filesystem::path directory = std::filesystem::canonical(temporary.path());
  std::filesystem::create_directories(directory / "one" / "jobs");
  std::filesystem::create_directory_symlink(directory / "one" / "jobs", directory / "jobs");
  std::filesystem::create_symlink("loop", directory / "loop");
  Config config;
  config.add_file(directory / "jobs" / "job.yaml",
                  "output: ../runs/\nserve: {blocks: ./blocks.txt}\ngraph: {file: ../../loop/graph.h5, edges: "
                  "[{type: [user, rates, item], files: [log.txt]}]}\n");

  // `..` leads out of what the link leads to, as it does for the system.
  EXPECT_EQ(*config.path("output"), directory / "one" / "runs");
  EXPECT_EQ(*config.path("serve.blocks"), directory / "jobs" / "blocks.txt");

  config.follow_links();
  EXPECT_EQ(*config.path("output"), directory / "one" / "runs");
  EXPECT_EQ(*config.path("serve.blocks"), directory / "one" / "jobs" / "blocks.txt");
  EXPECT_THAT(config.paths("graph.edges[0].files"), testing::ElementsAre(directory / "one" / "jobs" / "log.txt"));
  EXPECT_EQ(*config.path("graph.file"), directory / "loop" / "graph.h5") << "it cannot be looked up";
}

TEST(Config, FollowingLinksChangesNothingElse) {
  Config config;
  config.add_file("/jobs/job.yaml",
                  "graph: {edges: [{type: [user, rates, item], files: a.txt}]}\ntrain: {dim: 32}\n"
                  "evaluate: {at: [5]}\nppr: {pixie_bias: {de: 4}}\n");
  config.set("publish.gate.recall@20=0.1");
  const std::string yaml = config.effective_yaml();

  config.follow_links();

  EXPECT_EQ(config.effective_yaml(), yaml);
}

TEST(Config, APathThatMustBeSetIsNamed) {
  Config config;
  EXPECT_EQ(config.required_path("output"), std::filesystem::current_path() / "runs" / "rove");
  for (const char* blank : {"output=", "output=~", "output=''"}) {
    config.set(blank);
    EXPECT_THAT(error_of([&] { static_cast<void>(config.required_path("output")); }), HasSubstr("output is not set"));
  }
}

TEST(Config, FlagsTakeTextsAndPathsAsTheyStand) {
  Config config;
  const std::filesystem::path here = std::filesystem::current_path();
  for (const char* file : {"*.csv", "night #3.csv", "a: b.csv"}) {
    config.set_flag("graph.edges[0].files", file);
    EXPECT_THAT(config.paths("graph.edges[0].files"), testing::ElementsAre(here / file));
    config.set_flag("ppr.source_list", file);
    EXPECT_EQ(*config.path("ppr.source_list"), here / file);
  }
  config.set_flag("graph.edges[0].files", "[a.csv, 'b #2.csv']");
  EXPECT_THAT(config.paths("graph.edges[0].files"), testing::ElementsAre(here / "a.csv", here / "b #2.csv"));
  config.set_flag("graph.edges[0].source", "@id");
  EXPECT_EQ(config.text("graph.edges[0].source"), "@id");
  config.set_flag("graph.edges[0].type", "user,rates,item");
  EXPECT_EQ(config.texts("graph.edges[0].type").size(), 3U);
  config.set_flag("sample.fanouts", "[15, all]");
  EXPECT_THAT(config.texts("sample.fanouts"), testing::ElementsAre("15", "all"));
  config.set_flag("evaluate.at", "[10, 20]");
  EXPECT_THAT(config.counts("evaluate.at"), testing::ElementsAre(10U, 20U));
  config.set_flag("train.dim", "128");
  EXPECT_EQ(config.count("train.dim"), 128U);
  EXPECT_THAT(error_of([&] { config.set_flag("partition.method", "metsi"); }), HasSubstr("did you mean 'metis'?"));

  Config again;
  again.add_file("/elsewhere/effective.yaml", config.effective_yaml());
  EXPECT_EQ(again.text("graph.edges[0].source"), "@id");
  EXPECT_EQ(*again.path("ppr.source_list"), here / "a: b.csv");
}

TEST(Config, EntriesOfListsFallBackToDefaults) {
  Config config;
  config.add_file("job.yaml", "graph:\n  edges:\n    - {type: 'user,rates,item', files: a.txt}\n");

  EXPECT_EQ(config.text("graph.edges[0].format"), "edgelist");
  EXPECT_TRUE(config.boolean("graph.edges[0].directed"));
  EXPECT_FALSE(config.has("graph.edges[0].time_from"));
}

TEST(Config, UnknownKeyNamesTheNearestWithFileAndLine) {
  Config config;
  const std::string message = error_of([&] { config.add_file("/jobs/job.yaml", "name: x\ntrain:\n  dimm: 32\n"); });

  EXPECT_THAT(message, HasSubstr("/jobs/job.yaml:3"));
  EXPECT_THAT(message, HasSubstr("'train.dimm'"));
  EXPECT_THAT(message, HasSubstr("'train.dim'"));
}

TEST(Config, WrongTypesAndChoicesAreErrors) {
  Config config;
  EXPECT_THAT(error_of([&] { config.set("train.dim=wide"); }), HasSubstr("expected a whole number"));
  EXPECT_THAT(error_of([&] { config.set("partition.method=metsi"); }), HasSubstr("did you mean 'metis'?"));
  EXPECT_THAT(error_of([&] { config.set("train.dim"); }), HasSubstr("section.key=value"));
  EXPECT_THAT(error_of([&] { config.set("graph.edges[1].format=csv"); }), HasSubstr("skips entries"));
  EXPECT_THAT(error_of([&] { config.add_file("j.yaml", "train: {dim: 1, dim: 2}\n"); }), HasSubstr("stands twice"));
  EXPECT_THAT(error_of([&] { config.add_file("j.yaml", "train: [\n"); }), HasSubstr("not valid YAML"));
}

TEST(Config, SetReachesEntriesOfLists) {
  Config config;
  config.set("graph.edges[0].format=csv");
  config.set("graph.edges[0].type=user,buys,item");
  config.set("publish.gate.recall@20=0.1");

  EXPECT_EQ(config.text("graph.edges[0].format"), "csv");
  EXPECT_EQ(config.texts("graph.edges[0].type").size(), 3U);
  EXPECT_DOUBLE_EQ(config.reals("publish.gate").at("recall@20"), 0.1);
}

TEST(Config, EffectiveYamlReadsBackAsItself) {
  Config config;
  config.add_file("/jobs/job.yaml", "train: {dim: 32}\nevaluate: {at: [5]}\n");
  const std::string yaml = config.effective_yaml();

  Config again;
  again.add_file("/elsewhere/effective.yaml", yaml);

  EXPECT_EQ(again.effective_yaml(), yaml);
  EXPECT_EQ(config.effective_yaml({"seed"}), "seed: 42\n");
}

TEST(Config, TemplateIsAValidJobFile) {
  Config config;
  config.add_file("/jobs/template.yaml", Config::commented_template());

  EXPECT_EQ(config.count("train.dim"), 64U);
  for (const char* section : {"partition", "ppr", "walk", "train"}) {
    EXPECT_EQ(unread_settings(config, section), std::nullopt);
  }
}

TEST(UnreadSettings, ThoseOfOtherModelsLossesAndMethodsAreNamed) {
  Config config;
  config.add_file("/jobs/job.yaml",
                  "train: {noise: 0.2, layers: 2, margin: 0.9, rank: 8, negatives: dynamic, candidates: 4}\n"
                  "ppr: {method: walks, walks: 10, pixie_bias: {de: 2}, previous: old.h5}\n");

  const auto train = unread_settings(config, "train");
  ASSERT_TRUE(train);
  EXPECT_EQ(*train,
            "set, but not read: train.rank (read by gf-cf, bspm, lightgcl), train.noise (read by xsimgcl, simgcl); "
            "train.model is lightgcn, train.loss is auto, train.negatives is dynamic");
  const auto ppr = unread_settings(config, "ppr");
  ASSERT_TRUE(ppr);
  EXPECT_THAT(*ppr, AllOf(HasSubstr("ppr.pixie_bias (read by pixie)"), HasSubstr("ppr.previous (read by maintained)"),
                          Not(HasSubstr("ppr.walks"))));

  config.set("train.model=xsimgcl");
  config.set("train.rank=0");
  EXPECT_EQ(unread_settings(config, "train"), std::nullopt);
}

TEST(UnreadSettings, ThoseOfOtherGroupsOfModelsAreNamed) {
  Config config;
  config.add_file("/jobs/job.yaml", "train: {epochs: 5, learning_rate: 1e-2, negatives: popularity, decay: 1e-3}\n");
  const auto unread = [&](const char* model) {
    config.set(std::string("train.model=") + model);
    return unread_settings(config, "train").value_or("");
  };
  EXPECT_EQ(unread("lightgcn"), "");
  EXPECT_EQ(unread("simplex"), "");
  EXPECT_THAT(unread("lightgcl"), AllOf(HasSubstr("train.decay"), Not(HasSubstr("train.negatives ("))));
  EXPECT_THAT(unread("ultragcn"),
              AllOf(HasSubstr("train.decay"), HasSubstr("train.negatives ("), Not(HasSubstr("train.learning_rate"))));
  EXPECT_THAT(unread("ials"),
              AllOf(HasSubstr("train.learning_rate (read by models trained on batches)"), Not(HasSubstr("epochs"))));
  EXPECT_THAT(unread("ease"), HasSubstr("train.epochs (read by models of vectors)"));
}

TEST(UnreadSettings, WhatAutoMayChooseIsRead) {
  Config config;
  config.add_file("/jobs/job.yaml",
                  "ppr: {walks: 10, target_error: 1e-3, item_walks: 20, item_entries: 30, verd_hops: 1}\n");
  EXPECT_EQ(unread_settings(config, "ppr"), std::nullopt);
  config.set("ppr.method=maintained");
  EXPECT_THAT(unread_settings(config, "ppr").value_or(""),
              AllOf(HasSubstr("ppr.target_error"), Not(HasSubstr("ppr.item_entries"))));
}

TEST(UnreadSettings, EveryReaderIsAChoice) {
  for (const ConfigKey& key : config_keys()) {
    for (const std::string_view reader : split_choices(key.read_by)) {
      if (reader == kVectorModels || reader == kBatchModels) continue;
      EXPECT_TRUE(std::ranges::any_of(config_keys(),
                                      [&](const ConfigKey& other) {
                                        const auto choices = split_choices(other.choices);
                                        return std::ranges::find(choices, reader) != choices.end() &&
                                               other.path.substr(0, other.path.find('.')) ==
                                                   key.path.substr(0, key.path.find('.'));
                                      }))
          << key.path << ": " << reader;
    }
  }
}

}  // namespace
}  // namespace rove::jobs
