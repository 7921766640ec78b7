// SPDX-License-Identifier: Apache-2.0
#include "jobs/config/schema.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <utility>

#include "gnn/models.hpp"

namespace rove::jobs {
namespace {

using enum ValueType;

/// The models trained on batches that minimise `train.loss`.
constexpr std::string_view kLossModels = "lightgcn|mf|xsimgcl|simgcl|sgl|lightgcl|ssm|directau|dccf|simplex";

constexpr auto kKeys = std::to_array<ConfigKey>({
    {"name", kText, "rove", "", "name of the job, in reports and logs"},
    {"output", kPath, "runs/rove", "", "where numbered run directories go; `latest` points to the newest good one"},
    {"seed", kInteger, "42", "", "seed of every random draw"},

    {"graph.file", kPath, "~", "", "use this finished graph.h5 instead of importing"},
    {"graph.previous", kPath, "~", "", "yesterday's graph.h5: its slots are kept (docs/incremental.md)"},
    {"graph.edges[].type", kTextList, "~", "", "canonical triple [source type, relation, destination type]"},
    {"graph.edges[].files", kPathList, "~", "", "input files, plain or .gz or .zst; shell patterns allowed"},
    {"graph.edges[].format", kText, "edgelist", "adjacency|edgelist|csv|triples|recbole|matrix-market|metis",
     "layout of the files"},
    {"graph.edges[].source", kText, "~", "", "column name of the source id (csv, recbole)"},
    {"graph.edges[].target", kText, "~", "", "column name of the target id (csv, recbole)"},
    {"graph.edges[].weight", kText, "~", "", "column name of the weight"},
    {"graph.edges[].time", kText, "~", "", "column name of the timestamp"},
    {"graph.edges[].relation_column", kText, "~", "", "column name of the relation (triples with a header)"},
    {"graph.edges[].delimiter", kText, "auto", "", "what separates columns: `,` or `::`, `tab`, `space` or `auto`"},
    {"graph.edges[].header", kText, "auto", "auto|yes|no",
     "whether the first line names the columns (auto: of csv and recbole)"},
    {"graph.edges[].directed", kBoolean, "true", "", "false stores each edge in both directions"},
    {"graph.edges[].duplicates", kText, "first", "first|last|sum|keep|error",
     "what repeated edges become (weights summed, first or last kept, all kept, refused)"},
    {"graph.edges[].self_loops", kText, "keep", "keep|drop|error", "what edges from a vertex to itself become"},
    {"graph.edges[].time_from", kInteger, "~", "", "drop edges before this time"},
    {"graph.edges[].time_to", kInteger, "~", "", "drop edges at or after this time"},
    {"graph.edges[].min_weight", kReal, "~", "", "drop edges of less weight (rating threshold)"},
    {"graph.edges[].k_core", kInteger, "0", "", "keep only vertices with at least this many edges, repeatedly"},
    {"graph.edges[].max_degree", kInteger, "0", "", "cap per source vertex (0: none); the newest edges stay"},
    {"graph.nodes[].type", kText, "~", "", "vertex type"},
    {"graph.nodes[].files", kPathList, "~", "", "vertex lists or feature files (.npy, .npz, .h5)"},
    {"graph.nodes[].format", kText, "ids", "ids|npy|npz|hdf5|recbole", "layout of the files"},
    {"graph.nodes[].ids", kPathList, "~", "", "file with the original id of each feature row"},
    {"graph.nodes[].name", kText, "features", "", "name of the features"},
    {"graph.nodes[].dataset", kText, "~", "", "dataset inside a .npz or .h5 file"},
    {"graph.nodes[].dangling", kText, "drop", "drop|error|add",
     "what edges to vertices that the list does not have become (dropped ones are counted)"},
    {"graph.filters[].type", kText, "~", "", "vertex type whose rare or stale vertices get no row"},
    {"graph.filters[].min_occurrences", kInteger, "0", "",
     "leave out vertices of fewer edges, of all types; once (compare k_core)"},
    {"graph.filters[].expire_after", kInteger, "~", "",
     "leave out vertices whose newest edge is older than the newest of all by more than this, in the times' unit"},
    {"graph.links[].type", kTextList, "~", "",
     "[type, alias type]: vertices of the first also known by an id of the second"},
    {"graph.links[].files", kPathList, "~", "", "two columns: id of the type, id of the alias type"},
    {"graph.links[].source", kText, "~", "", "column name of the id of the type"},
    {"graph.links[].target", kText, "~", "", "column name of the id of the alias type"},
    {"graph.links[].format", kText, "edgelist", "edgelist|csv|recbole", "layout of the files"},
    {"graph.links[].header", kText, "auto", "auto|yes|no", "as in graph.edges"},

    {"split.method", kText, "none", "none|ratio|leave-one-out|time",
     "what is held out of the graph before anything is computed (docs/evaluation.md)"},
    {"split.test", kReal, "0.1", "", "share of the interactions for test; leave-one-out: 0 for none"},
    {"split.validation", kReal, "0.1", "", "share for early stopping, never trained on; leave-one-out: 0 for none"},
    {"split.test_from", kInteger, "~", "", "time: test begins here, instead of a share"},
    {"split.validation_from", kInteger, "~", "", "time: validation begins here, instead of a share"},

    {"partition.method", kText, "metis", "metis|fennel|hash|block|random|file", "how vertices are cut"},
    {"partition.parts", kInteger, "0", "", "number of parts; 0: the number of ranks"},
    {"partition.imbalance", kReal, "0.03", "",
     "allowed excess over perfect balance, per vertex type and for its edges"},
    {"partition.objective", kText, "cut", "cut|volume", "what METIS minimises", "metis"},
    {"partition.tries", kInteger, "1", "", "METIS runs; the best is kept", "metis"},
    {"partition.cuts", kInteger, "1", "", "partitionings METIS makes within one run, of which it keeps the best",
     "metis"},
    {"partition.contiguous", kBoolean, "false", "", "ask METIS for connected parts", "metis"},
    {"partition.min_connectivity", kBoolean, "false", "", "ask METIS for parts with few neighbouring parts", "metis"},
    {"partition.files", kPathList, "~", "", "part files, one per vertex type (method: file)", "file"},

    {"ppr.enabled", kBoolean, "true", "", "run the stage in `rove run`"},
    {"ppr.sources", kText, "user", "", "vertex type of the sources"},
    {"ppr.source_list", kPath, "~", "", "file of ids, one a line: only these sources"},
    {"ppr.seed_sets", kPathList, "~", "",
     "lines `set seed`: each set is one source, of ppr.seed_type; written under the type seed_set"},
    {"ppr.seed_type", kText, "~", "",
     "vertex type of the seeds of ppr.seed_sets (default: ppr.targets, if that is one)"},
    {"ppr.seed_weight", kText, "~", "", "column of ppr.seed_sets that holds the seed's weight, such as 3"},
    {"ppr.targets", kTextList, "[item]", "", "vertex types of the targets; each has lists of its own"},
    {"ppr.edges", kTextList, "[]", "", "relations that walks move along; none: all edge types"},
    {"ppr.direction", kText, "both", "both|out|in", "along edges, against them (in), or both ways"},
    {"ppr.weighted", kBoolean, "false", "", "walks move in proportion to the weights of edges (not pixie)"},
    {"ppr.restart", kReal, "0.15", "", "restart probability per visited vertex (1 - damping)"},
    {"ppr.top_k", kInteger, "100", "", "neighbours kept per source"},
    {"ppr.exclude_linked", kBoolean, "true", "",
     "leave out targets the source is linked to by edges that walks move along (ppr.edges, ppr.direction)"},
    {"ppr.exclude_targets", kPathList, "~", "", "files of ids, one a line: targets that are never listed"},
    {"ppr.allow_targets", kPathList, "~", "", "files of ids, one a line: only these targets are listed"},
    {"ppr.exclude_pairs", kPathList, "~", "", "files of pairs: targets that a source (or seed set) must not be shown"},
    {"ppr.exclude_type", kText, "~", "", "vertex type of those targets (default: ppr.targets, if that is one)"},
    {"ppr.exclude_format", kText, "edgelist", "adjacency|edgelist|csv", "layout of ppr.exclude_pairs"},
    {"ppr.exclude_source", kText, "~", "", "column name of their source id (csv)"},
    {"ppr.exclude_target", kText, "~", "", "column name of their target id (csv)"},
    {"ppr.exclude_header", kText, "auto", "auto|yes|no", "as in graph.edges"},
    {"ppr.method", kText, "auto", "auto|item-index|verd|walks|power|pixie|maintained", "how (docs/ppr.md)"},
    {"ppr.walks", kInteger, "10000", "", "walks per source", "walks|auto"},
    {"ppr.target_error", kReal, "0", "",
     "largest error of a listed score, in place of a budget; walks double until it holds (0: none)",
     "walks|power|auto"},
    {"ppr.item_walks", kInteger, "4000", "", "walks per item", "item-index|auto"},
    {"ppr.item_entries", kInteger, "300", "", "entries kept per vertex", "item-index|verd|maintained|auto"},
    {"ppr.verd_walks", kInteger, "1000", "", "walks per vertex", "verd|auto"},
    {"ppr.verd_hops", kInteger, "2", "", "exact steps before fingerprints answer", "verd|auto"},
    {"ppr.verd_threshold", kReal, "1e-4", "", "a vertex hands its flow on if each slot gets at least this share",
     "verd|auto"},
    {"ppr.pixie_moves", kInteger, "100000", "", "moves per source or seed set, shared out over its seeds", "pixie"},
    {"ppr.pixie_enough_vertices", kInteger, "2000", "",
     "a seed's walks end when more targets than this are visited often enough; 0: never", "pixie"},
    {"ppr.pixie_enough_visits", kInteger, "4", "", "what often enough is", "pixie"},
    {"ppr.pixie_features", kPathList, "~", "", "lines `id feature`, for ppr.pixie_bias", "pixie"},
    {"ppr.pixie_feature_type", kText, "~", "", "vertex type of those ids (default: ppr.targets, if that is one)",
     "pixie"},
    {"ppr.pixie_bias", kMap, "{}", "",
     "how much likelier a step to a vertex of a feature is, such as {de: 4}; 1 for all others", "pixie"},
    {"ppr.pixie_boost", kBoolean, "true", "", "prefer what several seeds lead to", "pixie"},
    {"ppr.maintained_walks", kInteger, "100", "", "walks kept per item", "maintained"},
    {"ppr.previous", kPath, "~", "", "yesterday's maintained_walks.h5, to refresh (with graph.previous)", "maintained"},
    {"ppr.tolerance", kReal, "1e-10", "", "residual at which the iteration stops", "power"},

    {"walk.sources", kTextList, "[]", "", "vertex types walks start from; none: all"},
    {"walk.walks", kInteger, "10", "", "walks per source"},
    {"walk.length", kInteger, "80", "", "moves of a walk at most"},
    {"walk.restart", kReal, "0", "", "probability to end at each visited vertex"},
    {"walk.kind", kText, "uniform", "uniform|node2vec|temporal",
     "any edge; by return and in-out parameter; or in order of time"},
    {"walk.p", kReal, "1", "", "the higher, the rarer a step back", "node2vec"},
    {"walk.q", kReal, "1", "", "the higher, the rarer a step away from the neighbourhood", "node2vec"},
    {"walk.weights", kText, "none", "none|alias|rejection|inverse", "how edge weights are used (docs/walks.md)"},
    {"walk.edges", kTextList, "[]", "", "relations that walks move along; none: all edge types"},
    {"walk.direction", kText, "both", "both|out|in", "along edges, against them (in), or both ways"},
    {"walk.path", kTextList, "[]", "",
     "meta-path to repeat, relation by relation: [rates, rev_rates]; rev_ goes against an edge's direction"},
    {"walk.mixture", kMap, "{}", "", "instead of a path: relations with coefficients, drawn before the edge"},
    {"walk.format", kText, "hdf5", "hdf5|text", "walks.h5, or lines of ids for word2vec tools"},
    {"index.enabled", kBoolean, "false", "",
     "run the stage in `rove run`: fingerprints for `rove query` and `rove serve`"},
    {"index.types", kTextList, "~", "", "vertex types with fingerprints (default: all)"},
    {"index.targets", kTextList, "~", "", "vertex types that queries may ask for (default: all)"},
    {"index.walks", kInteger, "4000", "", "walks per vertex, with ppr.restart"},
    {"index.entries", kInteger, "300", "", "entries kept per vertex and target type"},

    {"query.hops", kInteger, "1", "", "exact steps before fingerprints answer"},
    {"query.boost", kBoolean, "false", "",
     "baskets: prefer what several ids lead to (Pixie's multi-hit booster); scores are no probabilities then"},
    {"query.threshold", kReal, "1e-4", "", "a vertex hands its flow on if each slot gets at least this share"},

    {"serve.host", kText, "127.0.0.1", "",
     "address to listen on; other machines reach 0.0.0.0 (then set serve.token_file)"},
    {"serve.port", kInteger, "8470", "", "port to listen on; 0: any free one, which is printed"},
    {"serve.threads", kInteger, "64", "", "connections served at a time"},
    {"serve.token_file", kPath, "~", "", "file whose first line every request must bring: Authorization: Bearer TOKEN"},
    {"serve.allow_lists", kPathList, "~", "", "candidate lists: a file of ids each, asked for by the file's name"},
    {"serve.blocks", kPath, "~", "", "lines `source target target ...`: targets that a source is never shown"},
    {"serve.max_body", kText, "1MiB", "", "largest request accepted"},
    {"serve.max_batch", kInteger, "1000", "", "requests in one /v1/batch"},
    {"serve.max_top_k", kInteger, "1000", "", "neighbours one request may ask for"},
    {"serve.timeout", kInteger, "5", "", "seconds to receive a request, to send an answer, and to wait for the next"},
    {"serve.watch", kInteger, "2", "", "look for a newly published index every so many seconds (0: on SIGHUP only)"},

    {"train.enabled", kBoolean, "true", "", "run the stage in `rove run`"},
    {"train.model", kText, "lightgcn", gnn::kModelChoices,
     "model (docs/models.md); item-knn, ease, gf-cf, bspm score without vectors: model.h5"},
    {"train.users", kText, "user", "", "vertex type of the users"},
    {"train.items", kText, "item", "", "vertex type of the items"},
    {"train.relation", kText, "~", "", "relation to train on, when several connect users and items"},
    {"train.dim", kInteger, "64", "", "embedding width", kVectorModels},
    {"train.layers", kInteger, "~", "", "propagation layers (~: 3; ssm 1; lightgcl, dccf 2)",
     "lightgcn|ssm|directau|xsimgcl|simgcl|sgl|dccf|lightgcl"},
    {"train.epochs", kInteger, "20", "", "passes over the interactions", kVectorModels},
    {"train.learning_rate", kReal, "~", "", "Adam's step (~: 1e-3; ssm 2e-4, ultragcn 1e-4)", kBatchModels},
    {"train.decay", kReal, "~", "", "L2 on the layer-0 rows of a batch (~: 1e-4; ssm 1e-5)",
     "lightgcn|mf|xsimgcl|simgcl|sgl|ssm|directau|dccf|simplex"},
    {"train.weight_decay", kReal, "0", "", "L2 on all parameters with every step, PyTorch's Adam(weight_decay)",
     kBatchModels},
    {"train.initial_deviation", kReal, "~", "",
     "standard deviation of the parameters at the start (~: 0.1; ials 0.01, ssm 5e-3, ultragcn 1e-4)", kVectorModels},
    {"train.batch_size", kInteger, "~", "", "triples per batch (~: 2048; ultragcn 512, lightgcl 4096)", kBatchModels},
    {"train.storage", kText, "float32", "float32|bfloat16",
     "what propagated states are stored and sent as; bfloat16 halves what a step gathers and changes the last bits",
     kBatchModels},
    {"train.accumulate", kInteger, "1", "", "batches per step of the optimiser, their gradients averaged",
     kBatchModels},
    {"train.alpha", kReal, "20", "", "an interaction counts 1 + alpha times as much as a pair without one", "ials"},
    {"train.regularisation", kReal, "~", "", "L2 on every row (0.01, 1e-7, 1e-4)", "ials|lightgcl|ultragcn"},
    {"train.neighbors", kInteger, "200", "", "likest items kept per item", "item-knn"},
    {"train.shrinkage", kReal, "10", "", "damps similarities of items with few users in common", "item-knn"},
    {"train.prediction", kText, "sum", "sum|average",
     "sum of the similarities of the own items, or average over an item's neighbours, corrected for popularity",
     "item-knn"},
    {"train.ease_regularisation", kReal, "300", "", "L2 on the item weights", "ease"},
    {"train.rank", kInteger, "0", "",
     "singular vectors of the low-pass part; lightgcl: of the contrasted view (0: 256, 448, 5)", "gf-cf|bspm|lightgcl"},
    {"train.low_pass_weight", kReal, "~", "", "weight of the low-pass part (~: 0.3, 0.2)", "gf-cf|bspm"},
    {"train.sharpening_time", kReal, "2.5", "", "how long the sharpening process runs", "bspm"},
    {"train.sharpening_steps", kInteger, "1", "", "steps of its solver", "bspm"},
    {"train.sharpening_solver", kText, "rk4", "rk4|euler", "solver of the sharpening process", "bspm"},
    {"train.low_pass_merge", kText, "early", "early|late", "low-pass part before the sharpening or after it", "bspm"},
    {"train.average_blurred", kBoolean, "false", "", "average blurred and sharpened scores", "bspm"},
    {"train.sampler", kText, "auto", "auto|stratified|uniform|edge",
     "stratified: every user equally often; uniform: users at random; edge: every interaction once; auto: the model's",
     kBatchModels},
    {"train.negatives", kText, "uniform", "uniform|popularity|dynamic|ppr",
     "items that the user lacks: all alike; by (interactions)^0.75; the best-scoring of some (BPR); some near the user "
     "by PPR, the rest alike; losses over the batch's or shared items have their own",
     kLossModels},
    {"train.candidates", kInteger, "8", "", "shared negatives drawn per triple, of which the best is taken", "dynamic"},
    {"train.ppr_file", kPath, "~", "", "neighbours of the users (~: the run's own ppr.h5)", "ppr"},
    {"train.hard_first", kInteger, "20", "", "nearest neighbours that are passed over", "ppr"},
    {"train.hard_last", kInteger, "100", "", "rank where the window of hard negatives ends", "ppr"},
    {"train.hard_share", kReal, "0.5", "", "share of hard negatives in the last epoch, from 0 in the first", "ppr"},
    {"train.loss", kText, "auto", "auto|bpr|softmax|alignment|ccl",
     "of models trained on batches (docs/models.md): pairwise, softmax over the batch's items, DirectAU's, SimpleX's; "
     "auto: the model's",
     kLossModels},
    {"train.loss_temperature", kReal, "~", "", "what divides the cosines (~: 0.1; ssm 0.12)", "softmax|ssm"},
    {"train.loss_positive_temperature", kReal, "~", "",
     "what divides the cosine of a pair itself (~: loss_temperature)", "softmax|ssm"},
    {"train.loss_correction", kReal, "~", "",
     "logQ correction for how often items are in a batch, 1: full, 0: none (~: 1; ssm 0)", "softmax|ssm"},
    {"train.margin", kReal, "0.9", "", "a negative counts above this cosine", "ccl|simplex"},
    {"train.negative_weight", kReal, "~", "",
     "weight of the negatives' mean against the positive (~: 150; simplex 250, ultragcn 300)", "ccl|simplex|ultragcn"},
    {"train.shared_negatives", kInteger, "1000", "", "items that all triples of a batch share as negatives",
     "ccl|simplex|dynamic"},
    {"train.intents", kInteger, "128", "", "intent prototypes of the users and of the items", "dccf"},
    {"train.intent_decay", kReal, "5e-3", "", "L2 on the prototypes", "dccf"},
    {"train.own_share", kReal, "0.8", "", "weight of a user's own row against the mean of its items", "simplex"},
    {"train.uniformity", kReal, "1", "", "weight of uniformity against alignment", "alignment|directau"},
    {"train.contrast", kReal, "~", "", "weight of the contrast of views (their authors': 0.2, 0.5, 0.1, 0.1, 0.2)",
     "xsimgcl|simgcl|sgl|dccf|lightgcl"},
    {"train.temperature", kReal, "~", "", "what divides the cosines or products (0.15, 0.2, 0.2, 1, 0.2)",
     "xsimgcl|simgcl|sgl|dccf|lightgcl"},
    {"train.noise", kReal, "~", "", "length of the noise in every layer (0.2, 0.1)", "xsimgcl|simgcl"},
    {"train.contrast_layer", kInteger, "1", "", "layer that the final representation is contrasted with", "xsimgcl"},
    {"train.drop", kReal, "0.1", "", "chance that an edge is missing in a view", "sgl"},
    {"train.negatives_per_positive", kInteger, "1500", "", "items drawn per interaction", "ultragcn"},
    {"train.positive_base", kReal, "1e-6", "", "w1 of w1 + w2 beta, the weight of an interaction", "ultragcn"},
    {"train.positive_degree", kReal, "1", "", "w2", "ultragcn"},
    {"train.negative_base", kReal, "1e-6", "", "w3 of w3 + w4 beta, the weight of a negative", "ultragcn"},
    {"train.negative_degree", kReal, "1", "", "w4", "ultragcn"},
    {"train.item_neighbors", kInteger, "10", "", "strongest items per item that its users are drawn to", "ultragcn"},
    {"train.item_weight", kReal, "5e-4", "", "weight of the pull to the items' neighbours", "ultragcn"},
    {"train.schedule", kText, "constant", "constant|linear|exponential", "how the learning rate falls over the run",
     kBatchModels},
    {"train.final_rate", kReal, "0.01", "", "where the schedule ends, as a share of the learning rate", kBatchModels},
    {"train.warmup_steps", kInteger, "0", "", "first steps, over which the learning rate rises from 0", kBatchModels},
    {"train.warm_start", kText, "none", "none|latest|file",
     "where parameters start: at random; at the vectors of the newest published run of `output`, by id; of a file"},
    {"train.warm_start_file", kPath, "~", "", "embeddings.h5 to start from (train.warm_start: file)"},
    {"train.freeze", kTextList, "[]", "",
     "vertex types whose known rows stay where the warm start puts them; new ids of these types are trained"},
    {"train.evaluate_every", kInteger, "0", "",
     "evaluate every so many epochs while training (0: never; `evaluate` comes after training)", kVectorModels},
    {"train.patience", kInteger, "0", "",
     "stop after so many evaluations without a better stop_metric and keep the best epoch (0: run all epochs)",
     kVectorModels},
    {"train.stop_metric", kText, "recall@20", "", "metric that patience watches, one of evaluate.at", kVectorModels},
    {"train.checkpoint_every", kInteger, "10", "", "checkpoint every so many epochs (0: on a stop signal only)",
     kVectorModels},

    {"evaluate.test", kPathList, "~", "", "held-out interactions; no files: the stage is skipped"},
    {"evaluate.format", kText, "adjacency", "adjacency|edgelist|csv|recbole", "layout of the files"},
    {"evaluate.source", kText, "~", "", "column name of the user id (csv, recbole)"},
    {"evaluate.target", kText, "~", "", "column name of the item id (csv, recbole)"},
    {"evaluate.header", kText, "auto", "auto|yes|no", "as in graph.edges"},
    {"evaluate.at", kIntegerList, "[10, 20]", "", "cut-offs k of the metrics"},
    {"evaluate.cold", kInteger, "5", "", "users and items with fewer training interactions are a segment of their own"},
    {"evaluate.groups", kInteger, "4", "", "segments of the other users by activity, and items by popularity"},
    {"evaluate.against", kPath, "~", "", "a run or file to compare with, by paired bootstrap over users"},
    {"evaluate.resamples", kInteger, "1000", "", "resamples of that comparison"},

    {"forget.users", kPathList, "~", "",
     "files of user ids, one a line: import leaves them out, `rove forget` unlearns them"},
    {"forget.items", kPathList, "~", "", "the same of items"},
    {"forget.interactions", kPathList, "~", "", "files of pairs (user, item) to forget"},
    {"forget.format", kText, "edgelist", "adjacency|edgelist|csv|recbole", "layout of those files"},
    {"forget.header", kText, "auto", "auto|yes|no", "as in graph.edges"},
    {"forget.epochs", kInteger, "200", "", "epochs of reverse BPR at most; it ends when the pairs look never seen"},
    {"forget.learning_rate", kReal, "0.02", "", "Adam's step, as a share of the vectors' root mean square"},
    {"forget.warm_start", kText, "unlearn", "unlearn|cold",
     "`rove run` on a night when the vectors it would go on from know something listed: unlearn it, or start cold"},
    {"forget.retain", kInteger, "4", "", "retained interactions trained on per forgotten one"},

    {"fold_in.method", kText, "auto", "auto|propagation|least-squares",
     "where rows of unseen users and items come from (docs/fold_in.md); auto: the model's own"},
    {"fold_in.passes", kInteger, "2", "", "users, then items, so many times: folded rows count as neighbours"},

    {"recommend.enabled", kBoolean, "true", "", "run the stage in `rove run`"},
    {"recommend.top_k", kInteger, "100", "", "items per user, seen items masked"},
    {"recommend.interests", kInteger, "0", "",
     "0: by the user's vector; else kNN-Embed: by so many interests of the user at most (docs/retrieval.md)"},
    {"recommend.clusters", kInteger, "0", "", "interests: clusters of items (0: the root of their number)"},
    {"recommend.neighbors", kInteger, "10", "", "interests: likest users that smooth a user's mixture"},
    {"recommend.smoothing", kReal, "0.5", "", "interests: their share in it"},

    {"sample.method", kText, "neighbor", "neighbor|ladies|shadow|shadow-ppr|pinsage",
     "how (docs/sampling.md): fan-outs, layers of fixed size, one induced subgraph per seed, or most visited by walks"},
    {"sample.seeds", kText, "user", "", "vertex type whose vertices are the seeds"},
    {"sample.relations", kTextList, "[]", "",
     "edge types whose edges are the seeds instead, in equal shares: [\"user,rates,item\"]"},
    {"sample.quotas", kIntegerList, "[]", "", "edges per epoch of each relation; none: as many as the smallest has"},
    {"sample.mix", kText, "stratified", "stratified|mixed", "equal shares in every batch, or one shuffle of all"},
    {"sample.negatives", kInteger, "0", "", "vertices without a link to the source, per edge"},
    {"sample.negative_distribution", kText, "uniform", "uniform|popularity", "popularity: (edges in)^0.75"},
    {"sample.batch_size", kInteger, "1024", "", "seeds, or edges, per batch"},
    {"sample.epochs", kInteger, "1", "", "passes over the seeds, each drawn anew"},
    {"sample.batches", kInteger, "0", "", "batches per epoch (0: all)"},
    {"sample.shuffle", kBoolean, "true", "", "seeds in random order, anew in each epoch"},
    {"sample.fanouts", kTextList, "[15, 10]", "", "neighbours per vertex and link at each hop; a number or all",
     "neighbor|shadow"},
    {"sample.links[].type", kTextList, "~", "", "edge type to follow; no links: all types, both ways",
     "neighbor|ladies|shadow|shadow-ppr"},
    {"sample.links[].direction", kText, "both", "in|out|both", "in: from a destination to its sources",
     "neighbor|ladies|shadow|shadow-ppr"},
    {"sample.links[].fanouts", kTextList, "[]", "", "its own fan-outs (none: sample.fanouts)", "neighbor|shadow"},
    {"sample.replace", kBoolean, "false", "", "independent draws", "neighbor|shadow"},
    {"sample.weighted", kBoolean, "false", "", "draw in proportion to the edges' weights",
     "neighbor|ladies|shadow-ppr|pinsage"},
    {"sample.temporal", kText, "none", "none|uniform|last", "see only edges not later than the seed", "neighbor"},
    {"sample.at", kInteger, "~", "", "time of the seeds, for vertices sampled by time", "neighbor"},
    {"sample.disjoint", kBoolean, "false", "", "every seed has a subgraph of its own", "neighbor"},
    {"sample.layer_sizes", kIntegerList, "[512, 256]", "", "vertices per layer and vertex type", "ladies"},
    {"sample.scope_size", kInteger, "100", "", "vertices per seed", "shadow-ppr"},
    {"sample.restart", kReal, "0.15", "", "restart probability", "shadow-ppr"},
    {"sample.tolerance", kReal, "1e-4", "", "residual per edge at which the push stops", "shadow-ppr"},
    {"sample.path", kTextList, "[]", "",
     "relations of one traversal, back to the type it starts from, such as [rev_rates, rates] (none: the only way)",
     "pinsage"},
    {"sample.random_walks", kInteger, "200", "", "walks per vertex", "pinsage"},
    {"sample.traversals", kInteger, "3", "", "traversals of the path in one walk, at most", "pinsage"},
    {"sample.termination", kReal, "0.5", "", "probability that a walk ends before each further traversal", "pinsage"},
    {"sample.neighbors", kInteger, "10", "", "most visited vertices kept per vertex", "pinsage"},
    {"sample.layers", kInteger, "2", "", "layers of neighbours around the seeds", "pinsage"},

    {"publish.enabled", kBoolean, "true", "", "move `latest` when the gate lets the run pass"},
    {"publish.keep", kInteger, "7", "", "published runs to keep"},
    {"publish.delta", kBoolean, "true", "", "write delta.h5: what changes of the published run"},
    {"publish.delta_tolerance", kReal, "0", "",
     "leave out of it vectors and lists whose cosine or overlap falls by no more than this"},
    {"publish.gate", kMap, "{}", "", "metric floors: {\"recall@20\": 0.10}; below one the run is not published"},

    {"resources.threads", kText, "auto", "", "threads per rank, or `auto`"},
    {"resources.memory", kText, "auto", "", "memory per rank (\"16GiB\"), or `auto`"},
    {"resources.layout", kText, "auto", "auto|partitioned|replicated", "where the graph lives; never changes results"},
    {"resources.train_layout", kText, "auto", "auto|partitioned|columns",
     "how rows lie while training: whole at their owners, or some columns of all on every rank, by cluster"},
});

struct SectionHelp {
  std::string_view section;
  std::string_view help;
};
constexpr auto kSections = std::to_array<SectionHelp>({
    {"graph", "what goes in"},
    {"graph.edges", "one entry per edge type"},
    {"graph.nodes", "vertex lists and features"},
    {"graph.filters", "rare and stale ids, one entry per vertex type"},
    {"graph.links", "id spaces to merge (item = entity)"},
    {"split", "training, validation and test parts of the interactions"},
    {"partition", "how the graph is cut across ranks; never changes results"},
    {"ppr", "Personalized PageRank neighbour sets"},
    {"walk", "corpora of random walks, for `rove walk`"},
    {"index", "PPR fingerprints that answer queries by id"},
    {"query", "how the index is asked"},
    {"serve", "the index behind HTTP"},
    {"train", "embeddings"},
    {"evaluate", "full-ranking metrics on held-out interactions"},
    {"forget", "what must be unlearnt (docs/unlearning.md)"},
    {"fold_in", "vectors of users and items that a model has not seen, for `rove fold-in`"},
    {"recommend", "exact top-k for all users"},
    {"sample", "batches of sampled neighbourhoods (`rove sample`)"},
    {"sample.links", "one entry per edge type to follow"},
    {"publish", "gate, publish, retire"},
    {"resources", "what to run on; never changes results"},
});

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, substituted}));
    }
  }
  return row.back();
}

}  // namespace

std::span<const ConfigKey> config_keys() {
  return kKeys;
}

std::string_view nearest_config_key(std::string_view path) {
  std::string_view best;
  std::size_t best_distance = std::numeric_limits<std::size_t>::max();
  for (const ConfigKey& key : kKeys) {
    const std::size_t distance = edit_distance(path, key.path);
    if (distance < best_distance) {
      best_distance = distance;
      best = key.path;
    }
  }
  return best;
}

std::string nearest_word(std::string_view word, std::span<const std::string> candidates) {
  if (candidates.empty()) return {};
  return *std::ranges::min_element(candidates, {}, [&](const std::string& c) { return edit_distance(word, c); });
}

std::vector<std::string_view> split_choices(std::string_view choices) {
  std::vector<std::string_view> result;
  while (!choices.empty()) {
    const std::size_t bar = std::min(choices.find('|'), choices.size());
    result.push_back(choices.substr(0, bar));
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return result;
}

std::string_view section_help(std::string_view section) {
  const auto found = std::ranges::find(kSections, section, &SectionHelp::section);
  return found == kSections.end() ? std::string_view{} : found->help;
}

}  // namespace rove::jobs
