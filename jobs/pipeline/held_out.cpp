// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/held_out.hpp"

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/ids/resolve_interactions.hpp"
#include "jobs/pipeline/training_options.hpp"

namespace rove::jobs {

namespace {

gnn::TestItems at_owners(Session& session, const gnn::Interactions& interactions, const gnn::HeldOutItems& items) {
  return gnn::test_items_of_owners(session.comm(), interactions, items.offsets, items.values);
}

gnn::TestItems read_test_items(Session& session, const gnn::Interactions& interactions) {
  const comm::Communicator& comm = session.comm();
  io::TextLayout layout;
  comm.agree([&] { layout = test_layout(session.config()); });
  const auto index_of = [&](VertexTypeId type) {
    const io::NodeRows& nodes = session.nodes(type);
    return io::IdIndex(comm, nodes.type, type, nodes.ids, nodes.keys, session.overrides());
  };
  const io::ResolvedInteractions test =
      io::resolve_interactions(comm, layout, index_of(interactions.user_type()), index_of(interactions.item_type()));
  if (test.unknown_sources + test.unknown_targets > 0) {
    session.warn(
        fmt::format("evaluate: {} of {} test interactions name a user or item that the graph does not have; left out",
                    test.unknown_sources + test.unknown_targets, test.rows_read));
  }
  comm.agree([&] {
    if (test.kept > 0) return;
    throw InputError(fmt::format("evaluate.test: of {} interactions read none names a user and an item of the graph",
                                 test.rows_read));
  });
  gnn::TestItems items = gnn::test_items_of_owners(comm, interactions, test.offsets, test.targets);
  std::uint64_t trained = 0;
  for (std::uint64_t user = 0; user < interactions.owned_users().size(); ++user) {
    for (std::uint64_t i = items.offsets[user]; i < items.offsets[user + 1]; ++i) {
      trained += interactions.has(user, items.values[i]) ? 1U : 0U;
    }
  }
  trained = comm.all_reduce(trained, comm::ReduceOp::kSum);
  if (trained > 0) {
    session.warn(
        fmt::format("evaluate: {} of {} test interactions are in the graph that was trained on: what users "
                    "have is not recommended, so they count as misses",
                    trained, test.kept));
  }
  return items;
}

bool has_validation(const Session& session) {
  return session.split() && session.split()->validation_pairs > 0;
}

}  // namespace

gnn::TestItems test_items(Session& session, const gnn::Interactions& interactions) {
  if (session.split() && session.split()->test_pairs > 0)
    return at_owners(session, interactions, session.split()->test);
  session.comm().agree([&] {
    if (!session.config().texts("evaluate.test").empty()) return;
    throw InputError("split.method left no test interactions; set split.test higher, or split.test_from earlier");
  });
  return read_test_items(session, interactions);
}

std::optional<gnn::TestItems> items_to_watch(Session& session, const gnn::Interactions& interactions) {
  if (has_validation(session)) return at_owners(session, interactions, session.split()->validation);
  if (!has_test(session.config())) return std::nullopt;
  if (session.config().count("train.patience") > 0) {
    session.warn(
        "train.patience chooses the epoch by the test set, which flatters the metrics; set split.method and "
        "split.validation to choose by interactions held out for it");
  }
  return test_items(session, interactions);
}

gnn::Interactions known_interactions(Session& session, EdgeTypeId type) {
  gnn::Interactions training(session.graph(), type);
  if (!has_validation(session)) return training;
  return {session.graph(), type, at_owners(session, training, session.split()->validation)};
}

}  // namespace rove::jobs
