// SPDX-License-Identifier: Apache-2.0
// The two copies of every kernel give the same bits, and those of a plain scalar twin.
#include "gnn/detail/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/math.hpp"
#include "engine/base/random.hpp"
#include "gnn/detail/retrieval_kernels.hpp"

namespace rove::gnn::detail {
namespace {

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0;
}

std::vector<float> random_values(std::size_t size, std::uint64_t seed) {
  const RandomStream random(seed, Purpose::kNoise);
  std::vector<float> values(size);
  for (std::size_t i = 0; i < size; ++i) values[i] = static_cast<float>(math::normal_from_draw(random.draw(i, 0, 0)));
  return values;
}

std::vector<TripleRows> random_triples(std::uint32_t rows, std::size_t count) {
  const RandomStream random(5, Purpose::kTrainSample);
  std::vector<TripleRows> triples(count);
  for (std::size_t t = 0; t < count; ++t) {
    const auto row = [&](std::uint32_t k) {
      return static_cast<std::uint32_t>(slot_multiply_shift(random.draw(t, k, 0), rows));
    };
    triples[t] = {row(0), row(1), row(2)};
  }
  return triples;
}

/// Sixteen chains over the columns, then lanes i and i + 8, i + 4, i + 2, i + 1.
float lane_dot(const float* a, const float* b, std::uint32_t width) {
  float lanes[16] = {};
  for (std::uint32_t c = 0; c < width; ++c) lanes[c % 16] = std::fma(a[c], b[c], lanes[c % 16]);
  for (std::uint32_t step = 8; step > 0; step /= 2) {
    for (std::uint32_t i = 0; i < step; ++i) lanes[i] += lanes[i + step];
  }
  return lanes[0];
}

template <class T>
void expect_same(const std::vector<T>& a, const std::vector<T>& b) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(T)), 0);
}

constexpr std::uint32_t kWidth = 48;
constexpr std::uint32_t kRows = 40;

TEST(TrainingKernels, ScoresOfTriples) {
  const std::vector<float> rows = random_values(kRows * kWidth, 1);
  const std::vector<TripleRows> triples = random_triples(kRows, 100);
  std::vector<float> expected(triples.size());
  for (std::size_t t = 0; t < triples.size(); ++t) {
    const float* user = rows.data() + triples[t].user * kWidth;
    expected[t] = lane_dot(user, rows.data() + triples[t].positive * kWidth, kWidth) -
                  lane_dot(user, rows.data() + triples[t].negative * kWidth, kWidth);
  }
  std::vector<float> scores(triples.size());
  avx2::score_triples(rows.data(), kWidth, triples.data(), triples.size(), scores.data());
  expect_same(scores, expected);
  if (!has_avx512()) return;
  avx512::score_triples(rows.data(), kWidth, triples.data(), triples.size(), scores.data());
  expect_same(scores, expected);
}

TEST(TrainingKernels, GradientTerms) {
  const std::vector<float> rows = random_values(kRows * kWidth, 2);
  const std::vector<float> deltas = random_values(20, 3);
  std::vector<GradientTerm> terms;
  for (const TripleRows& t : random_triples(kRows, 20)) {
    terms.push_back({static_cast<std::uint32_t>(terms.size()), t.positive, t.negative});
  }
  std::vector<float> expected(kWidth);
  for (const GradientTerm& term : terms) {
    for (std::uint32_t c = 0; c < kWidth; ++c) {
      expected[c] =
          std::fma(deltas[term.delta], rows[term.plus * kWidth + c] - rows[term.minus * kWidth + c], expected[c]);
    }
  }
  std::vector<float> sum(kWidth);
  avx2::sum_terms(rows.data(), kWidth, terms.data(), terms.size(), deltas.data(), sum.data());
  expect_same(sum, expected);
  if (!has_avx512()) return;
  avx512::sum_terms(rows.data(), kWidth, terms.data(), terms.size(), deltas.data(), sum.data());
  expect_same(sum, expected);
}

struct AdamState {
  std::vector<float> parameters = random_values(kRows * kWidth, 10);
  std::vector<float> first = random_values(kRows * kWidth, 11);
  std::vector<float> second = random_values(kRows * kWidth, 12);
  std::vector<float> scaled = std::vector<float>(kRows * kWidth);
  AdamState() {
    for (float& v : second) v = v * v;
  }
};

class AdamKernel : public testing::TestWithParam<float> {};

TEST_P(AdamKernel, IsPyTorchsUpdate) {
  const float weight_decay = GetParam();
  const std::vector<float> results = random_values(kRows * kWidth, 13);
  const std::vector<float> batch = random_values(2 * kWidth, 14);
  const std::vector<float> scale = random_values(kRows, 15);
  std::vector<std::uint32_t> rows(kRows);
  for (std::uint32_t r = 0; r < kRows; ++r) rows[r] = r;
  std::vector<std::uint32_t> index(kRows);
  index[3] = 1;
  index[9] = 2;
  const std::vector<std::uint32_t> uses = {4, 1};
  const auto run = [&](ApplyAdam* kernel, BFloat16* halves) {
    AdamState state;
    AdamRows task;
    task.rows = rows.data();
    task.count = rows.size();
    task.width = kWidth;
    task.results = results.data();
    task.batch_index = index.data();
    task.batch_gradients = batch.data();
    task.batch_uses = uses.data();
    task.loss_factor = 0.25F;
    task.decay_factor = 0.5F;
    task.parameters = state.parameters.data();
    task.first_moments = state.first.data();
    task.second_moments = state.second.data();
    task.scaled = {halves == nullptr ? state.scaled.data() : nullptr, halves, scale.data()};
    task.step_size = 0.01F;
    task.root_correction = 0.125F;
    task.weight_decay = weight_decay;
    kernel(task);
    return state;
  };
  const auto expect_halves = [&](ApplyAdam* kernel) {
    std::vector<BFloat16> halves(kRows * kWidth);
    const AdamState with_halves = run(kernel, halves.data());
    for (std::uint32_t i = 0; i < kRows * kWidth; ++i) {
      ASSERT_EQ(halves[i].bits, to_bfloat16(scale[i / kWidth] * with_halves.parameters[i]).bits);
    }
  };
  const AdamState state = run(avx2::apply_adam, nullptr);
  const AdamState before;
  for (std::uint32_t i = 0; i < kRows * kWidth; ++i) {
    const std::uint32_t row = i / kWidth;
    double g = static_cast<double>(results[i]);
    if (index[row] > 0) {
      g += 0.25 * static_cast<double>(batch[(index[row] - 1) * kWidth + i % kWidth]);
      g += 0.5 * uses[index[row] - 1] * static_cast<double>(before.parameters[i]);
    }
    g += static_cast<double>(weight_decay) * static_cast<double>(before.parameters[i]);
    const double m = 0.9 * static_cast<double>(before.first[i]) + 0.1 * g;
    const double v = 0.999 * static_cast<double>(before.second[i]) + 0.001 * g * g;
    const double updated = static_cast<double>(before.parameters[i]) - 0.01 * m / (std::sqrt(v) / 0.125 + 1e-8);
    EXPECT_NEAR(state.first[i], m, 1e-5);
    EXPECT_NEAR(state.second[i], v, 1e-5);
    EXPECT_NEAR(state.parameters[i], updated, 1e-5);
    EXPECT_EQ(state.scaled[i], scale[row] * state.parameters[i]);
  }
  expect_halves(avx2::apply_adam);
  if (!has_avx512()) return;
  expect_halves(avx512::apply_adam);
  const AdamState wide = run(avx512::apply_adam, nullptr);
  expect_same(wide.parameters, state.parameters);
  expect_same(wide.first, state.first);
  expect_same(wide.second, state.second);
  expect_same(wide.scaled, state.scaled);
}
INSTANTIATE_TEST_SUITE_P(WeightDecay, AdamKernel, testing::Values(0.0F, 0.75F));

struct Found {
  std::vector<std::tuple<std::uint32_t, std::uint32_t, float>> survivors;
};

std::vector<std::tuple<std::uint32_t, std::uint32_t, float>> scan(ScanPanels* kernel, std::uint32_t num_users,
                                                                  const std::vector<float>& users,
                                                                  const std::vector<float>& panels,
                                                                  std::uint32_t columns, float threshold) {
  Found found;
  std::vector<float> thresholds(kMaxBlockUsers, threshold);
  std::vector<float> scratch(columns * kMaxBlockUsers);
  ScanTask task;
  task.users = users.data();
  task.num_users = num_users;
  task.width = kWidth;
  task.columns = columns;
  task.panels = panels.data();
  task.num_panels = panels.size() / (columns * kPanelItems);
  task.thresholds = thresholds.data();
  task.packed_users = scratch.data();
  task.context = &found;
  task.emit = [](void* context, const Survivor* survivors, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      static_cast<Found*>(context)->survivors.emplace_back(survivors[i].user, survivors[i].item, survivors[i].score);
    }
  };
  kernel(task);
  std::sort(found.survivors.begin(), found.survivors.end());
  return found.survivors;
}

TEST(RetrievalKernel, FindsEveryScoreAtTheThreshold) {
  constexpr std::uint32_t kColumns = 37;
  constexpr std::uint32_t kUsers = 5;
  constexpr std::uint32_t kPanels = 3;
  const std::vector<float> users = random_values(kUsers * kWidth, 20);
  const std::vector<float> panels = random_values(kPanels * kPanelItems * kColumns, 21);
  std::vector<std::tuple<std::uint32_t, std::uint32_t, float>> scores;
  for (std::uint32_t u = 0; u < kUsers; ++u) {
    for (std::uint32_t item = 0; item < kPanels * kPanelItems; ++item) {
      float score = 0;
      for (std::uint32_t c = 0; c < kColumns; ++c) {
        score =
            std::fma(users[u * kWidth + c],
                     panels[item / kPanelItems * kPanelItems * kColumns + c * kPanelItems + item % kPanelItems], score);
      }
      scores.emplace_back(u, item, score);
    }
  }
  const float threshold = std::get<2>(scores[17]);
  std::vector<std::tuple<std::uint32_t, std::uint32_t, float>> expected;
  std::copy_if(scores.begin(), scores.end(), std::back_inserter(expected),
               [&](const auto& score) { return std::get<2>(score) >= threshold; });
  EXPECT_EQ(scan(avx2::scan_panels, kUsers, users, panels, kColumns, threshold), expected);
  if (!has_avx512()) return;
  EXPECT_EQ(scan(avx512::scan_panels, kUsers, users, panels, kColumns, threshold), expected);
}

}  // namespace
}  // namespace rove::gnn::detail
