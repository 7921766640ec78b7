// SPDX-License-Identifier: Apache-2.0
// The models of item scores against their definitions on dense matrices in double.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <Eigen/Dense>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/top_k.hpp"
#include "gnn/inverse.hpp"
#include "gnn/metrics.hpp"
#include "gnn/models.hpp"
#include "gnn/truncated_svd.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using tests::same_bytes;
using tests::world;

constexpr EdgeTypeId kRates{0};
constexpr VertexTypeId kUsers{0};
constexpr VertexTypeId kItems{1};

graph::GraphBlocks small_graph() {
  return tests::random_bipartite(70, 90, 800, 3);
}

/// How often each user interacted with each item.
MatrixXd counts_of(const graph::GraphBlocks& whole) {
  MatrixXd counts = MatrixXd::Zero(static_cast<Index>(whole.schema.vertex_type(kUsers).count),
                                   static_cast<Index>(whole.schema.vertex_type(kItems).count));
  const graph::AdjacencyBlock& block = whole.edges[0].by_source;
  for (Index u = 0; u < counts.rows(); ++u) {
    for (std::uint64_t i = block.offsets[static_cast<std::size_t>(u)];
         i < block.offsets[static_cast<std::size_t>(u) + 1]; ++i) {
      counts(u, static_cast<Index>(block.targets[i])) += 1;
    }
  }
  return counts;
}

Eigen::VectorXd power_of(const Eigen::VectorXd& degrees, double exponent) {
  return degrees.unaryExpr([=](double d) { return d > 0 ? std::pow(d, exponent) : 0.0; });
}

MatrixXd normalised(const MatrixXd& counts) {
  return power_of(counts.rowwise().sum(), -0.5).asDiagonal() * counts *
         power_of(counts.colwise().sum().transpose(), -0.5).asDiagonal();
}

ModelOptions small_options() {
  ModelOptions options;
  options.item_knn.neighbors = 7;
  options.item_knn.shrinkage = 2.5;
  options.ease = {3.0, 32};
  options.gf_cf.rank = 6;
  options.gf_cf.svd_iterations = 200;
  options.bspm.rank = 5;
  options.bspm.svd_iterations = 200;
  options.bspm.sharpening_time = 1.3;
  return options;
}

/// Scores of all items for every user, in stable order on every rank, and the weights.
struct Fitted {
  std::vector<float> scores;
  std::vector<float> weights;
  std::vector<std::uint64_t> neighbors;
};

Fitted fit(const comm::Communicator& comm, const graph::GraphBlocks& whole, tests::Spread spread, std::string_view name,
           const ModelOptions& options) {
  const graph::DistributedGraph graph = tests::distribute(comm, whole, spread);
  const Interactions interactions(graph, kRates);
  const Model& model = find_model(name);
  ModelWeights weights = model.fit(comm, graph, kRates, options, no_progress());
  Fitted fitted;
  for (const ModelWeights::Table& table : weights.tables) {
    const auto all = comm.all_gather_v<float>(table.values).data;
    fitted.weights.insert(fitted.weights.end(), all.begin(), all.end());
  }
  for (const ModelWeights::Lists& lists : weights.lists) {
    fitted.weights = comm.all_gather_v<float>(lists.lists.scores).data;
    fitted.neighbors = comm.all_gather_v<std::uint64_t>(lists.lists.targets).data;
  }
  const auto scorer = model.make_scorer(comm, graph, kRates, std::move(weights));
  RetrievalOptions everything;
  everything.top_k = static_cast<std::uint32_t>(interactions.num_items());
  everything.mask_seen = false;
  const graph::NeighborLists lists = recommend(comm, interactions, *scorer, everything);
  std::vector<float> mine(lists.num_rows() * interactions.num_items());
  for (std::uint64_t user = 0; user < lists.num_rows(); ++user) {
    const auto targets = lists.targets_of(user);
    const auto scores = lists.scores_of(user);
    EXPECT_EQ(targets.size(), interactions.num_items());
    for (std::size_t i = 0; i < targets.size(); ++i) {
      mine[user * interactions.num_items() + targets[i]] = scores[i];
      if (i > 0) {
        EXPECT_TRUE(ranks_before({scores[i - 1], targets[i - 1]}, {scores[i], targets[i]}));
      }
    }
  }
  fitted.scores = comm.all_gather_v<float>(mine).data;
  return fitted;
}

void expect_near(const std::vector<float>& found, const MatrixXd& expected, double tolerance) {
  ASSERT_EQ(found.size(), static_cast<std::size_t>(expected.size()));
  for (Index u = 0; u < expected.rows(); ++u) {
    for (Index i = 0; i < expected.cols(); ++i) {
      ASSERT_NEAR(static_cast<double>(found[static_cast<std::size_t>(u * expected.cols() + i)]), expected(u, i),
                  tolerance)
          << "user " << u << ", item " << i;
    }
  }
}

TEST(Baselines, GiveTheSameBytesOnAnyRanksAndThreads) {
  const graph::GraphBlocks whole = small_graph();
  const comm::Communicator self = tests::alone(world());
  ModelOptions options = small_options();
  options.gf_cf.svd_iterations = options.bspm.svd_iterations = 5;
  for (const std::string_view name : {"item-knn", "ease", "gf-cf", "bspm"}) {
    const Fitted expected = fit(self, whole, tests::Spread::kBlock, name, options);
    for (const tests::Spread spread : tests::kSpreads) {
      const Fitted found = fit(world(), whole, spread, name, options);
      EXPECT_TRUE(same_bytes(found.weights, expected.weights)) << name << ", " << name_of(spread);
      EXPECT_TRUE(same_bytes(found.scores, expected.scores)) << name << ", " << name_of(spread);
      EXPECT_EQ(found.neighbors, expected.neighbors) << name << ", " << name_of(spread);
    }
  }
}

TEST(Baselines, BitsAreFrozen) {
  // The same on every number of ranks and threads and on both instruction sets (ROVE_THREADS, ROVE_ISA). Whoever
  // changes these numbers changes published lists: raise `numerics_version`.
  const graph::GraphBlocks whole = tests::random_bipartite(300, 400, 6000, 3);
  ModelOptions options;
  options.gf_cf.rank = options.bspm.rank = 40;
  const auto digest = [&](std::string_view name) {
    const Fitted fitted = fit(world(), whole, tests::Spread::kScattered, name, options);
    return digest128(std::as_bytes(std::span(fitted.scores))).low;
  };
  EXPECT_EQ(digest("item-knn"), 2490011215822979395ULL);
  EXPECT_EQ(digest("ease"), 16467799164538649094ULL);
  EXPECT_EQ(digest("gf-cf"), 17993336181020091197ULL);
  EXPECT_EQ(digest("bspm"), 15402336697689348886ULL);
}

/// Lists and scores of a graph by item-knn against the definition.
void expect_likest_items(const graph::GraphBlocks& whole) {
  const MatrixXd counts = counts_of(whole);
  const MatrixXd gram = counts.transpose() * counts;
  const ModelOptions options = small_options();
  const Index items = counts.cols();
  MatrixXd kept = MatrixXd::Zero(items, items);
  std::vector<float> similarities;
  for (Index i = 0; i < items; ++i) {
    std::vector<Scored> row;
    for (Index j = 0; j < items; ++j) {
      if (j == i || gram(i, j) == 0) continue;
      row.push_back({static_cast<float>(gram(i, j) /
                                        (std::sqrt(gram(i, i)) * std::sqrt(gram(j, j)) + options.item_knn.shrinkage)),
                     static_cast<std::uint64_t>(j)});
    }
    std::sort(row.begin(), row.end(), ranks_before);
    row.resize(std::min<std::size_t>(row.size(), options.item_knn.neighbors));
    for (const Scored& neighbor : row) {
      kept(i, static_cast<Index>(neighbor.id)) = static_cast<double>(neighbor.score);
      similarities.push_back(neighbor.score);
    }
  }
  const Fitted fitted = fit(world(), whole, tests::Spread::kScattered, "item-knn", options);
  EXPECT_TRUE(same_bytes(fitted.weights, similarities));
  expect_near(fitted.scores, counts * kept, 1e-5);
}

TEST(ItemKnn, ListsAndSumsTheLikestItems) {
  expect_likest_items(small_graph());
}

TEST(ItemKnn, CountsRepeatsWhereTheirSlotsLieApart) {
  graph::GraphBlocks whole = small_graph();
  tests::scatter_slots(whole);
  expect_likest_items(whole);
}

TEST(ItemKnn, AveragesOverAnItemsNeighbours) {
  const graph::GraphBlocks whole = small_graph();
  const MatrixXd counts = counts_of(whole);
  const MatrixXd gram = counts.transpose() * counts;
  ModelOptions options = small_options();
  options.item_knn.prediction = KnnPrediction::kAverage;
  const Index items = counts.cols();
  const Eigen::VectorXd means = counts.colwise().mean().transpose();
  MatrixXd expected = means.transpose().replicate(counts.rows(), 1);
  for (Index j = 0; j < items; ++j) {
    std::vector<Scored> row;
    for (Index i = 0; i < items; ++i) {
      if (i == j || gram(i, j) == 0) continue;
      row.push_back({static_cast<float>(gram(i, j) /
                                        (std::sqrt(gram(i, i)) * std::sqrt(gram(j, j)) + options.item_knn.shrinkage)),
                     static_cast<std::uint64_t>(i)});
    }
    std::sort(row.begin(), row.end(), ranks_before);
    row.resize(std::min<std::size_t>(row.size(), options.item_knn.neighbors));
    double total = 0;
    for (const Scored& neighbor : row) total += static_cast<double>(neighbor.score);
    for (const Scored& neighbor : row) {
      const auto i = static_cast<Index>(neighbor.id);
      const double weight = static_cast<double>(neighbor.score) / total;
      expected.col(j) += weight * (counts.col(i).array() - means(i)).matrix();
    }
  }
  const Fitted fitted = fit(world(), whole, tests::Spread::kScattered, "item-knn", options);
  expect_near(fitted.scores, expected, 1e-5);
  const Fitted alone = fit(tests::alone(world()), whole, tests::Spread::kBlock, "item-knn", options);
  EXPECT_TRUE(same_bytes(fitted.scores, alone.scores));
  EXPECT_EQ(fitted.neighbors, alone.neighbors);
}

TEST(Ease, SolvesTheRegularisedRegressionWithoutDiagonal) {
  const graph::GraphBlocks whole = small_graph();
  const MatrixXd counts = counts_of(whole);
  const ModelOptions options = small_options();
  const Index items = counts.cols();
  const MatrixXd inverse =
      (counts.transpose() * counts + options.ease.regularisation * MatrixXd::Identity(items, items)).inverse();
  MatrixXd weights(items, items);
  for (Index i = 0; i < items; ++i) {
    for (Index j = 0; j < items; ++j) weights(i, j) = i == j ? 0.0 : -inverse(i, j) / inverse(j, j);
  }
  const Fitted fitted = fit(world(), whole, tests::Spread::kScattered, "ease", options);
  expect_near(fitted.weights, weights.transpose(), 2e-5);
  expect_near(fitted.scores, counts * weights, 1e-4);
}

TEST(GraphFilter, IsTheFilterOfTheDefinition) {
  const graph::GraphBlocks whole = small_graph();
  const MatrixXd counts = counts_of(whole);
  const MatrixXd rating = normalised(counts);
  const MatrixXd gram = rating.transpose() * rating;
  const Eigen::VectorXd degrees = counts.colwise().sum().transpose();
  const auto low_pass = [&](Index rank) -> MatrixXd {
    const Eigen::JacobiSVD<MatrixXd> svd(rating, Eigen::ComputeThinU | Eigen::ComputeThinV);
    const MatrixXd v = svd.matrixV().leftCols(rank);
    return power_of(degrees, -0.5).asDiagonal() * v * v.transpose() * power_of(degrees, 0.5).asDiagonal();
  };
  ModelOptions options = small_options();
  expect_near(fit(world(), whole, tests::Spread::kScattered, "gf-cf", options).scores,
              counts * (gram + options.gf_cf.low_pass_weight * low_pass(options.gf_cf.rank)), 2e-4);

  // The solver's steps on the state itself, as the process is defined.
  const auto sharpen = [&](MatrixXd state, const GraphFilterOptions& filter) {
    const double h = filter.sharpening_time / filter.sharpening_steps;
    for (std::uint32_t s = 0; s < filter.sharpening_steps; ++s) {
      const MatrixXd k1 = -state * gram;
      if (filter.solver == SharpeningSolver::kEuler) {
        state += h * k1;
        continue;
      }
      const MatrixXd k2 = -(state + h / 2 * k1) * gram;
      const MatrixXd k3 = -(state + h / 2 * k2) * gram;
      const MatrixXd k4 = -(state + h * k3) * gram;
      state += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    }
    return state;
  };
  for (const bool early : {true, false}) {
    for (const bool average : {true, false}) {
      for (const SharpeningSolver solver : {SharpeningSolver::kEuler, SharpeningSolver::kRungeKutta4}) {
        GraphFilterOptions& filter = options.bspm;
        filter.merge = early ? LowPassMerge::kEarly : LowPassMerge::kLate;
        filter.average_blurred = average;
        filter.solver = solver;
        filter.sharpening_steps = solver == SharpeningSolver::kEuler ? 2 : 1;
        const MatrixXd blurred = counts * gram;
        const MatrixXd ideal = filter.low_pass_weight * counts * low_pass(filter.rank);
        MatrixXd sharpened = sharpen(early ? MatrixXd(blurred + ideal) : blurred, filter);
        if (average) sharpened = (sharpened + blurred) / 2;
        if (!early) sharpened += ideal;
        expect_near(fit(world(), whole, tests::Spread::kScattered, "bspm", options).scores, sharpened, 2e-4);
      }
    }
  }
}

TEST(TruncatedSvd, FindsTheLargestTriplets) {
  const graph::GraphBlocks whole = small_graph();
  const MatrixXd rating = normalised(counts_of(whole));
  const Eigen::JacobiSVD<MatrixXd> expected(rating, Eigen::ComputeThinU | Eigen::ComputeThinV);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  const exec::Propagation propagation(graph, {{kRates}});
  SvdOptions options;
  options.rank = 6;
  options.oversampling = 10;
  options.iterations = 200;
  const TruncatedSvd svd = truncated_svd(world(), propagation, kUsers, kItems, options);
  for (std::size_t t = 0; t < options.rank; ++t) {
    EXPECT_NEAR(svd.singular_values[t], expected.singularValues()[static_cast<Index>(t)], 1e-5);
  }
  const std::vector<float> rows = tests::whole_table(world(), graph, svd.vectors);
  const Index users = rating.rows();
  MatrixXd u(users, options.rank);
  MatrixXd v(rating.cols(), options.rank);
  for (Index r = 0; r < users + rating.cols(); ++r) {
    for (Index c = 0; c < options.rank; ++c) {
      const auto value =
          static_cast<double>(rows[static_cast<std::size_t>(r) * svd.vectors.width() + static_cast<std::size_t>(c)]);
      (r < users ? u(r, c) : v(r - users, c)) = value;
    }
  }
  const MatrixXd identity = MatrixXd::Identity(options.rank, options.rank);
  EXPECT_LT((v.transpose() * v - identity).cwiseAbs().maxCoeff(), 1e-5);
  EXPECT_LT((u.transpose() * u - identity).cwiseAbs().maxCoeff(), 1e-5);
  Eigen::VectorXd values(options.rank);
  for (std::size_t t = 0; t < options.rank; ++t)
    values[static_cast<Index>(t)] = static_cast<double>(svd.singular_values[t]);
  EXPECT_LT((rating * v - u * values.asDiagonal()).cwiseAbs().maxCoeff(), 1e-4);
}

TEST(TruncatedSvd, LeavesTripletsBeyondTheRankZero) {
  // Three users and four items: the rank is at most three.
  const graph::GraphBlocks whole = tests::random_bipartite(3, 4, 6, 1);
  const Eigen::JacobiSVD<MatrixXd> expected(normalised(counts_of(whole)));
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  const exec::Propagation propagation(graph, {{kRates}});
  SvdOptions options;
  options.rank = 10;
  const TruncatedSvd svd = truncated_svd(world(), propagation, kUsers, kItems, options);
  for (std::size_t t = 0; t < options.rank; ++t) {
    const double value = t < 3 ? expected.singularValues()[static_cast<Index>(t)] : 0.0;
    EXPECT_NEAR(svd.singular_values[t], value, 1e-4) << t;
  }
  for (const float value : svd.vectors.values()) EXPECT_TRUE(std::isfinite(value));
}

TEST(SymmetricMatrix, BecomesTheNegativeOfItsInverse) {
  constexpr std::uint64_t kSize = 300;
  std::srand(7);
  const MatrixXd random = MatrixXd::Random(kSize, kSize);
  const MatrixXd positive = random * random.transpose() / static_cast<double>(kSize) + MatrixXd::Identity(kSize, kSize);
  const auto inverted = [&](const comm::Communicator& comm) {
    SymmetricMatrix matrix(comm, kSize, 32);
    for (std::uint64_t r = matrix.rows().begin; r < matrix.rows().end; ++r) {
      for (std::uint64_t c = 0; c < kSize; ++c) {
        matrix.row(r)[c] =
            static_cast<float>(positive(static_cast<Index>(std::max(r, c)), static_cast<Index>(std::min(r, c))));
      }
    }
    matrix.invert([](std::uint64_t, std::uint64_t) {});
    return comm.all_gather_v<float>(matrix.take_rows()).data;
  };
  const std::vector<float> found = inverted(world());
  EXPECT_TRUE(same_bytes(found, inverted(tests::alone(world()))));
  expect_near(found, -positive.inverse(), 1e-5);
}

TEST(Baselines, RefuseOptionsOutOfRange) {
  const graph::GraphBlocks whole = small_graph();
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  const auto message = [&](std::string_view name, const ModelOptions& options) {
    try {
      (void)find_model(name).fit(world(), graph, kRates, options, no_progress());
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  ModelOptions options = small_options();
  options.item_knn.shrinkage = -1;
  options.ease.regularisation = 0;
  options.gf_cf.rank = 0;
  options.bspm.sharpening_time = std::nan("");
  EXPECT_NE(message("item-knn", options).find("train.shrinkage is -1"), std::string::npos);
  EXPECT_NE(message("ease", options).find("train.ease_regularisation is 0"), std::string::npos);
  EXPECT_NE(message("gf-cf", options).find("train.rank is 0"), std::string::npos);
  EXPECT_NE(message("bspm", options).find("train.sharpening_time is nan"), std::string::npos);
}

TEST(Baselines, EvaluateLikeTheirLists) {
  const graph::GraphBlocks whole = small_graph();
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  const Interactions interactions(graph, kRates);
  const Model& model = find_model("item-knn");
  const auto scorer =
      model.make_scorer(world(), graph, kRates, model.fit(world(), graph, kRates, small_options(), no_progress()));
  // Every user's test item is the best of the own list, so all are hit at rank one.
  RetrievalOptions options;
  options.top_k = 1;
  const graph::NeighborLists best =
      scorer->top_items(world(), interactions, options, [](std::uint64_t) { return true; });
  TestItems test;
  test.offsets = best.offsets;
  test.values.assign(best.targets.begin(), best.targets.end());
  const std::uint32_t cutoffs[] = {5};
  const Evaluation evaluation = evaluate(world(), interactions, *scorer, test, cutoffs);
  EXPECT_EQ(evaluation.num_users, 70U);
  EXPECT_EQ(evaluation.at[0].recall, 1.0);
  EXPECT_EQ(evaluation.at[0].mrr, 1.0);
}

}  // namespace
}  // namespace rove::gnn
