// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "engine/base/memory_plan.hpp"
#include "engine/base/progress.hpp"
#include "gnn/ease.hpp"
#include "gnn/graph_filter.hpp"
#include "gnn/item_knn.hpp"
#include "gnn/model_weights.hpp"
#include "gnn/scorer.hpp"
#include "gnn/train_dccf.hpp"
#include "gnn/train_ials.hpp"
#include "gnn/train_lightgcl.hpp"
#include "gnn/train_lightgcn.hpp"
#include "gnn/train_sgl.hpp"
#include "gnn/train_simgcl.hpp"
#include "gnn/train_simplex.hpp"
#include "gnn/train_ultragcn.hpp"
#include "gnn/train_xsimgcl.hpp"

namespace rove::gnn {

/// What a model leaves for evaluation, retrieval and publishing.
enum class ModelOutput : std::uint8_t {
  kVectors,     ///< a row per user and item, scored by inner product: `embeddings.h5`
  kItemScores,  ///< scores of all items for any user, without vectors: `model.h5`
};

/// LightGCN's propagation under a loss over the pairs of a batch (gnn/batch_loss.hpp), every interaction once an epoch.
struct PairLossOptions : TrainOptions {
  explicit PairLossOptions(LossKind kind) {
    loss.kind = kind;
    sampler = SamplerKind::kEdgeUniform;
  }
};

/// Sampled softmax (Wu et al., arXiv 2201.02327) by the settings that docs/results.md measures: one layer, small rows
/// at the start and small steps. A loss of cosines overfits with more of either (docs/decisions/0189).
struct SampledSoftmaxOptions : PairLossOptions {
  SampledSoftmaxOptions() : PairLossOptions(LossKind::kSoftmax) {
    layers = 1;
    learning_rate = 2e-4;
    decay = 1e-5;
    initial_deviation = 5e-3;
    loss.temperature = 0.12;
    loss.correction = 0;
  }
};

/// The options of every family of models; a model reads its own.
struct ModelOptions {
  TrainOptions bpr;
  SampledSoftmaxOptions ssm;
  PairLossOptions directau{LossKind::kAlignment};
  ContrastOptions xsimgcl;
  SimGclOptions simgcl;
  SglOptions sgl;
  SimpleXOptions simplex;
  DccfOptions dccf;
  LightGclOptions lightgcl;
  UltraGcnOptions ultragcn;
  IalsOptions ials;
  ItemKnnOptions item_knn;
  EaseOptions ease;
  GraphFilterOptions gf_cf;
  GraphFilterOptions bspm = bspm_defaults();

  /// What every model trained on batches reads.
  template <class Set>
  void set_batches(const Set& set) {
    set(bpr);
    set(ssm);
    set(directau);
    set(xsimgcl);
    set(simgcl);
    set(sgl);
    set(simplex);
    set(dccf);
    set(lightgcl);
    set(ultragcn);
  }
  /// Sets what every model reads.
  void set_loop(const LoopOptions& loop) {
    set_batches([&](BatchOptions& options) { static_cast<LoopOptions&>(options) = loop; });
    static_cast<LoopOptions&>(ials) = loop;
  }
};

/// A model by the name that `train.model` gives it.
struct Model {
  std::string_view name;
  ModelOutput output;
  bool trains_on_batches;  ///< by Adam (`BatchOptions`)
  bool has_unit_vectors;   ///< all vectors have length one: scored by cosine
  /// **Collective.** The contract of `train_lightgcn`: the same bytes on any ranks, interrupted or not.
  TrainResult (*train)(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                       const ModelOptions& options, const TrainHooks& hooks);
  MemoryPlan (*plan)(const ModelShare& share, const ModelOptions& options);
  /// Models of item scores, instead of `train`. **Collective.** The same bytes on any ranks; progress is reported on
  /// rank 0.
  ModelWeights (*fit)(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                      const ModelOptions& options, ProgressSink& progress) = nullptr;
  /// **Collective.** What scores by these weights, fitted now or read back; it refers to the graph.
  std::unique_ptr<Scorer> (*make_scorer)(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                         EdgeTypeId type, ModelWeights weights) = nullptr;
  /// Models that can be trained by columns: what their step moves.
  StepShape (*step)(const ModelOptions& options) = nullptr;
};

namespace detail {
/// `Train` and `Plan` with the member of `ModelOptions` that they read.
template <auto Options, auto Train>
TrainResult train_with(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                       const ModelOptions& options, const TrainHooks& hooks) {
  return Train(comm, graph, type, options.*Options, hooks);
}
template <auto Options, auto Plan>
MemoryPlan plan_with(const ModelShare& share, const ModelOptions& options) {
  return Plan(share, options.*Options);
}
template <auto Options, auto Step>
StepShape step_with(const ModelOptions& options) {
  return Step(options.*Options);
}
template <auto Options>
inline constexpr bool trains_on_batches =
    std::is_base_of_v<BatchOptions, std::remove_cvref_t<decltype(std::declval<ModelOptions>().*Options)>>;
template <auto Options, auto Train, auto Plan>
consteval Model vectors(std::string_view name, bool has_unit_vectors = false) {
  return {name,
          ModelOutput::kVectors,
          trains_on_batches<Options>,
          has_unit_vectors,
          train_with<Options, Train>,
          plan_with<Options, Plan>};
}
/// With the cost of a step: models that know the column layout.
template <auto Options, auto Train, auto Plan, auto Step>
consteval Model vectors(std::string_view name) {
  Model model = vectors<Options, Train, Plan>(name);
  model.step = step_with<Options, Step>;
  return model;
}
template <auto Options, auto Fit>
ModelWeights fit_with(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                      const ModelOptions& options, ProgressSink& progress) {
  return Fit(comm, graph, type, options.*Options, comm.is_root() ? progress : no_progress());
}
template <auto Options, auto Fit, auto MakeScorer, auto Plan>
consteval Model item_scores(std::string_view name) {
  return {name,      ModelOutput::kItemScores, false, false, nullptr, plan_with<Options, Plan>, fit_with<Options, Fit>,
          MakeScorer};
}
}  // namespace detail

/// All models: one line each, the default first (docs/adding_a_model.md).
inline constexpr auto kModels = std::to_array<Model>({
    detail::vectors<&ModelOptions::bpr, train_lightgcn, plan_lightgcn, lightgcn_step>("lightgcn"),
    detail::vectors<&ModelOptions::bpr, train_mf, plan_mf, mf_step>("mf"),
    detail::vectors<&ModelOptions::xsimgcl, train_xsimgcl, plan_xsimgcl, xsimgcl_step>("xsimgcl"),
    detail::vectors<&ModelOptions::simgcl, train_simgcl, plan_simgcl, simgcl_step>("simgcl"),
    detail::vectors<&ModelOptions::sgl, train_sgl, plan_sgl, sgl_step>("sgl"),
    detail::vectors<&ModelOptions::lightgcl, train_lightgcl, plan_lightgcl>("lightgcl"),
    detail::vectors<&ModelOptions::ultragcn, train_ultragcn, plan_ultragcn>("ultragcn"),
    detail::vectors<&ModelOptions::ssm, train_lightgcn, plan_lightgcn, lightgcn_step>("ssm"),
    detail::vectors<&ModelOptions::directau, train_lightgcn, plan_lightgcn, lightgcn_step>("directau"),
    detail::vectors<&ModelOptions::dccf, train_dccf, plan_dccf>("dccf"),
    detail::vectors<&ModelOptions::simplex, train_simplex, plan_simplex>("simplex", true),
    detail::vectors<&ModelOptions::ials, train_ials, plan_ials>("ials"),
    detail::item_scores<&ModelOptions::item_knn, fit_item_knn, make_item_knn_scorer, plan_item_knn>("item-knn"),
    detail::item_scores<&ModelOptions::ease, fit_ease, make_ease_scorer, plan_ease>("ease"),
    detail::item_scores<&ModelOptions::gf_cf, fit_graph_filter, make_graph_filter_scorer, plan_graph_filter>("gf-cf"),
    detail::item_scores<&ModelOptions::bspm, fit_graph_filter, make_graph_filter_scorer, plan_graph_filter>("bspm"),
});

namespace detail {
inline constexpr std::size_t kModelChoicesSize = [] {
  std::size_t size = kModels.size() - 1;
  for (const Model& model : kModels) size += model.name.size();
  return size;
}();
inline constexpr auto kModelChoicesText = [] {
  std::array<char, kModelChoicesSize> text{};
  auto out = text.begin();
  for (const Model& model : kModels) {
    if (out != text.begin()) *out++ = '|';
    out = std::ranges::copy(model.name, out).out;
  }
  return text;
}();
}  // namespace detail

/// The names as the table of configuration keys wants them: "lightgcn|mf|...".
inline constexpr std::string_view kModelChoices{detail::kModelChoicesText.data(), detail::kModelChoicesText.size()};

/// Throws `ConfigError` naming the choices.
[[nodiscard]] const Model& find_model(std::string_view name);

}  // namespace rove::gnn
