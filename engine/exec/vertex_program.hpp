// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/exec/adjacency_view.hpp"
#include "engine/exec/aggregates.hpp"
#include "engine/exec/edge_selection.hpp"

namespace rove::exec {

/// The one way to write a superstep algorithm: what an owned vertex publishes to its neighbours is a function of what
/// it published before and of what its neighbours published in the last superstep (a synchronous pull). All private
/// state lives in the program, in arrays by local id of owned vertices, and `compute(v)` writes only entry v.
///
/// A program has
///  - `Value`: what is published; travels to ghosts, is compared to see whether it changed;
///  - `edges()`: along which edges it reads;
///  - `aggregates()`: the global numbers it uses;
///  - `initial(v, aggregates)`: the value before the first superstep;
///  - `begin_superstep(superstep, previous)`: sees the aggregates of the superstep before (of `initial` for superstep
///  0), the
///    same on all ranks; returns false to end the run;
///  - `compute(v, own, neighbors, aggregates)`: the new value;
///  - `kAlwaysActive`: true computes every vertex in every superstep and ends only through `begin_superstep`; false
///  computes
///    the vertices some neighbour of which changed (all of them in superstep 0) and ends also when nothing changes;
///  - optionally `register_state(registry, prefix)`: puts private state that outlives a superstep into the checkpoints.
///
/// `compute` and `initial` run on several threads at once. Determinism (docs/determinism.md) asks that `compute` be a
/// pure function of its arguments and of state written by the same vertex, that real sums over neighbours go through
/// `Neighborhood::sum` or slot order, that ties be broken by stable id, and that a vertex none of whose inputs changed
/// would compute what it had.
template <class P>
concept VertexProgram =
    comm::Message<typename P::Value> && std::equality_comparable<typename P::Value> &&
    std::same_as<decltype(P::kAlwaysActive), const bool> &&
    requires(P program, const P& constant, LocalVertexId vertex, const typename P::Value& own,
             const Neighborhood<typename P::Value>& neighbors, Aggregates& aggregates, std::uint64_t superstep) {
      { constant.edges() } -> std::convertible_to<EdgeSelection>;
      { constant.aggregates() } -> std::convertible_to<AggregateShape>;
      { program.initial(vertex, aggregates) } -> std::same_as<typename P::Value>;
      { program.begin_superstep(superstep, static_cast<const Aggregates&>(aggregates)) } -> std::same_as<bool>;
      { program.compute(vertex, own, neighbors, aggregates) } -> std::same_as<typename P::Value>;
    };

/// Inherit for the common answers: activity follows change, no aggregates, runs until nothing changes.
struct ProgramDefaults {
  static constexpr bool kAlwaysActive = false;
  [[nodiscard]] AggregateShape aggregates() const { return {}; }
  bool begin_superstep(std::uint64_t /*superstep*/, const Aggregates& /*previous*/) { return true; }
};

}  // namespace rove::exec
