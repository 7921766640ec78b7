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
  EXPECT_EQ(config.count("train.batch_size"), 2048U);
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
