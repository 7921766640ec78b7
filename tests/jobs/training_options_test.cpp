// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/training_options.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "jobs/pipeline/retrieval_plan.hpp"

namespace rove::jobs {
namespace {

/// Of every model trained on batches, in the order of the registry's options.
std::vector<double> own_settings(gnn::ModelOptions models) {
  std::vector<double> values;
  models.set_batches([&](const gnn::BatchOptions& options) {
    for (const double value : {options.learning_rate, options.decay, options.weight_decay, options.initial_deviation,
                               options.loss.temperature, options.loss.positive_temperature, options.loss.correction}) {
      values.push_back(value);
    }
  });
  for (const std::uint32_t layers :
       {models.bpr.layers, models.ssm.layers, models.directau.layers, models.xsimgcl.layers, models.simgcl.layers,
        models.sgl.layers, models.dccf.layers, models.lightgcl.layers}) {
    values.push_back(layers);
  }
  return values;
}

TEST(TrainingOptions, AreTheModelsOwnUnlessSet) {
  const Config config;
  EXPECT_EQ(own_settings(model_options(config)), own_settings(gnn::ModelOptions()));
}

TEST(TrainingOptions, WhatIsSetHoldsForEveryModel) {
  Config config;
  config.set("train.learning_rate=0.5");
  config.set("train.decay=0.25");
  config.set("train.weight_decay=0.625");
  config.set("train.initial_deviation=0.125");
  config.set("train.loss_temperature=0.75");
  config.set("train.loss_positive_temperature=0.0625");
  config.set("train.loss_correction=0.375");
  config.set("train.layers=7");
  gnn::ModelOptions expected;
  expected.set_batches([](gnn::BatchOptions& options) {
    options.learning_rate = 0.5;
    options.decay = 0.25;
    options.weight_decay = 0.625;
    options.initial_deviation = 0.125;
    options.loss.temperature = 0.75;
    options.loss.positive_temperature = 0.0625;
    options.loss.correction = 0.375;
  });
  expected.bpr.layers = expected.ssm.layers = expected.directau.layers = expected.xsimgcl.layers = 7;
  expected.simgcl.layers = expected.sgl.layers = expected.dccf.layers = expected.lightgcl.layers = 7;
  EXPECT_EQ(own_settings(model_options(config)), own_settings(expected));
}

TEST(RetrievalPlan, HoldsTheInterestsOfTheUsers) {
  RetrievalShare share;
  share.rows = 1000;
  share.users = 600;
  share.items = 400;
  share.dim = 64;
  share.top_k = 10;
  const std::uint64_t one_query = plan_retrieval("recommend", share).total_bytes();
  share.interests = 4;
  const std::uint64_t several = plan_retrieval("recommend", share).total_bytes();
  EXPECT_GE(several, one_query + 2 * share.users * share.interests * 64 * 4 + share.rows * (64 + 65) * 4);
  share.ghosts = 500;
  EXPECT_EQ(plan_retrieval("recommend", share).total_bytes(), several + 500 * 65 * 4);
}

}  // namespace
}  // namespace rove::jobs
