// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "algorithms/generators/generator.hpp"
#include "engine/base/assert.hpp"
#include "engine/base/error.hpp"
#include "engine/base/random.hpp"

namespace rove::algorithms {
namespace {

constexpr std::uint64_t kEdgeStream = 0;
constexpr std::uint64_t kVertexStream = 1;
constexpr std::uint32_t kWeightStep = 1;
constexpr std::uint32_t kLevelsPerBlock = 4;

std::uint64_t threshold(double probability) {
  return static_cast<std::uint64_t>(std::llround(probability * 0x1p32));
}

class Rmat final : public EdgeGenerator {
 public:
  explicit Rmat(const RmatSpec& spec)
      : spec_(spec),
        random_(spec.seed, Purpose::kGenerate, kEdgeStream),
        vertices_(spec.seed, Purpose::kGenerate, kVertexStream, std::uint64_t{1} << spec.scale),
        below_a_(threshold(spec.a)),
        below_b_(threshold(spec.a + spec.b)),
        below_c_(threshold(spec.a + spec.b + spec.c)) {
    types_ = {{"vertex", 'v', vertices_.size()}};
    lists_ = {{0, "links", 0, spec.edge_factor << spec.scale, spec.weights, false}};
  }

  void generate(std::size_t list, IndexRange edges, const EdgeSink& sink) const override {
    ROVE_ASSERT_LIGHT(list == 0 && edges.end <= lists_[0].num_edges);
    EdgeBatch batch;
    for (std::uint64_t begin = edges.begin; begin < edges.end; begin += kBatch) {
      const std::uint64_t end = std::min(edges.end, begin + kBatch);
      batch.first = begin;
      batch.sources.clear();
      batch.targets.clear();
      batch.weights.clear();
      for (std::uint64_t edge = begin; edge < end; ++edge) add(edge, batch);
      sink(batch);
    }
  }

 private:
  void add(std::uint64_t edge, EdgeBatch& batch) const {
    std::uint64_t source = 0;
    std::uint64_t target = 0;
    RandomBlock bits{};
    for (std::uint32_t level = 0; level < spec_.scale; ++level) {
      if (level % kLevelsPerBlock == 0) bits = random_.block(edge, level / kLevelsPerBlock, 0);
      const std::uint64_t draw = bits[level % kLevelsPerBlock];
      const bool lower = draw >= below_b_;
      const bool right = lower ? draw >= below_c_ : draw >= below_a_;
      source = 2 * source + (lower ? 1 : 0);
      target = 2 * target + (right ? 1 : 0);
    }
    batch.sources.push_back(vertices_.apply(source));
    batch.targets.push_back(vertices_.apply(target));
    if (spec_.weights) {
      const std::uint32_t draw = random_.block(edge, 0, kWeightStep)[0] >> 8U;
      batch.weights.push_back(static_cast<float>(draw + 1) * 0x1p-24F);
    }
  }

  RmatSpec spec_;
  RandomStream random_;
  KeyedPermutation vertices_;
  std::uint64_t below_a_;
  std::uint64_t below_b_;
  std::uint64_t below_c_;
};

}  // namespace

std::unique_ptr<EdgeGenerator> make_rmat(const RmatSpec& spec) {
  constexpr std::uint32_t kMaxScale = 32;
  if (spec.scale < 1 || spec.scale > kMaxScale) {
    throw ConfigError(fmt::format("R-MAT: found scale {}, expected 1 to {}", spec.scale, kMaxScale));
  }
  if (spec.edge_factor < 1 || spec.edge_factor > (std::uint64_t{1} << 24U)) {
    throw ConfigError(fmt::format("R-MAT: found {} edges per vertex, expected 1 to 2^24", spec.edge_factor));
  }
  const double d = 1.0 - spec.a - spec.b - spec.c;
  if (!(spec.a > 0 && spec.b >= 0 && spec.c >= 0 && d >= -1e-9)) {
    throw ConfigError(fmt::format("R-MAT: found a, b, c = {}, {}, {}, expected a > 0, b, c >= 0 and a + b + c <= 1",
                                  spec.a, spec.b, spec.c));
  }
  return std::make_unique<Rmat>(spec);
}

}  // namespace rove::algorithms
