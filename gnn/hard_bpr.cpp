// SPDX-License-Identifier: Apache-2.0
#include "gnn/hard_bpr.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <tuple>

#include "engine/base/hash.hpp"
#include "engine/base/isa.hpp"
#include "engine/base/math.hpp"
#include "engine/base/random.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/bpr.hpp"
#include "gnn/detail/contrast_kernels.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kTripleGrain = 64;
constexpr std::uint64_t kHardBprGrain = 256;

}  // namespace

HardBpr::HardBpr(const BatchContext& context, const BatchOptions& options)
    : context_(context), seed_(options.seed), candidates_(options.candidates) {}

std::uint32_t HardBpr::choose(const BatchStep& step, std::uint64_t triple, const float* user) const {
  const Batch& batch = step.batch;
  const std::uint32_t local = batch.active[batch.triples[triple].user];
  const std::uint64_t own_user = local - context_.interactions.owned_users().begin;
  const std::uint64_t key = context_.graph.owned_keys()[local].value();
  // Apart from the streams that other negatives are drawn from.
  const RandomStream random(seed_, Purpose::kNegative, mix64(~step.epoch, ~step.step));
  const auto place = static_cast<std::uint32_t>(batch.own_positions[triple] - batch.first_position);
  const auto lacks = [&](std::uint64_t slot) { return !context_.interactions.has(own_user, batch.shared_items[slot]); };
  detail::DotRows* const dot = pick_isa(detail::avx2::dot_rows, detail::avx512::dot_rows);
  std::uint32_t best = kNone;
  float best_score = 0.0F;
  for (std::uint32_t k = 0; k < candidates_; ++k) {
    std::uint64_t slot = 0;
    std::uint32_t attempt = 0;
    do {
      slot = slot_multiply_shift(random.draw(key, place, k << 16U | attempt), pool_.size());
    } while (!lacks(slot) && ++attempt < kAttempts);
    if (attempt == kAttempts) {
      slot = 0;
      while (slot < pool_.size() && !lacks(slot)) ++slot;
      if (slot == pool_.size()) return kNone;
    }
    const float score = dot(user, pool_.row(slot), pool_.width());
    if (best == kNone || score > best_score || (score == best_score && slot < best)) {
      best = static_cast<std::uint32_t>(slot);
      best_score = score;
    }
  }
  return best;
}

void HardBpr::score(const BatchStep& step, const float* rows) {
  const Batch& batch = step.batch;
  const std::uint32_t width = context_.width;
  struct Partial {
    ExactSum loss;
    std::uint64_t failed_position = LossSums::kNone;
  };
  parallel::PerThread<Partial> partial;
  chosen_.resize(batch.triples.size());
  deltas_.resize(batch.num_deltas());
  const auto mean = static_cast<float>(1.0 / static_cast<double>(batch.num_triples));
  detail::DotRows* const dot = pick_isa(detail::avx2::dot_rows, detail::avx512::dot_rows);
  parallel::for_chunks({0, batch.triples.size()}, kTripleGrain, [&](IndexRange chunk) {
    Partial& mine = partial.local();
    for (std::uint64_t t = chunk.begin; t < chunk.end; ++t) {
      const float* user = rows + std::size_t{batch.triples[t].user} * width;
      chosen_[t] = choose(step, t, user);
      deltas_[t] = 0.0F;
      if (chosen_[t] == kNone) continue;
      const float x = dot(user, rows + std::size_t{batch.triples[t].positive} * width, width) -
                      dot(user, pool_.row(chosen_[t]), width);
      deltas_[t] = math::sigmoid(-x) * mean;
      if (std::isfinite(x)) {
        mine.loss.add(math::softplus(-static_cast<double>(x)));
      } else {
        mine.failed_position = std::min(mine.failed_position, batch.own_positions[t]);
      }
    }
  });
  partial.for_each([&](const Partial& mine) {
    (step.is_full ? step.sums.full_bpr : step.sums.short_bpr).merge(mine.loss);
    step.sums.failed_position = std::min(step.sums.failed_position, mine.failed_position);
  });
}

std::vector<HardBpr::Choice> HardBpr::choices_of_own_negatives(const Batch& batch, const BatchSides& sides) const {
  std::vector<Choice> mine;
  for (std::size_t t = 0; t < batch.triples.size(); ++t) {
    if (chosen_[t] == kNone) continue;
    const auto user = std::ranges::lower_bound(sides.users, batch.triples[t].user) - sides.users.begin();
    mine.push_back({chosen_[t], static_cast<std::uint32_t>(users_.positions()[static_cast<std::size_t>(user)]),
                    batch.own_positions[t], std::bit_cast<std::uint32_t>(deltas_[t]), 0});
  }
  std::vector<Choice> choices = context_.comm.all_gather_v(std::span<const Choice>(mine)).data;
  std::erase_if(choices, [&](const Choice& choice) {
    return !std::ranges::binary_search(pool_.positions(), std::uint64_t{choice.negative});
  });
  std::ranges::sort(choices, {}, [](const Choice& c) { return std::tuple(c.negative, c.position); });
  return choices;
}

void HardBpr::run(const BatchStep& step, std::span<float> row_buffer, std::span<float> gradients) {
  const Batch& batch = step.batch;
  const std::uint32_t width = context_.width;
  exchange_rows(context_.comm, batch, row_buffer, width, outgoing_);
  const BatchSides sides = sides_of(batch, context_.interactions);
  pool_.gather(context_.comm, context_.graph, batch, batch.shared_places, row_buffer.data(), width, RowLength::kOwn);
  users_.gather(context_.comm, context_.graph, batch, sides.users, row_buffer.data(), width, RowLength::kOwn);
  score(step, row_buffer.data());
  exchange_deltas(context_.comm, batch, deltas_, outgoing_);
  const std::vector<Choice> choices = choices_of_own_negatives(batch, sides);
  for (const Choice& choice : choices) deltas_.push_back(std::bit_cast<float>(choice.delta_bits));

  const std::uint64_t first_of_pool = batch.num_rows();
  const std::uint64_t first_of_users = first_of_pool + pool_.size();
  grow(rows_, (first_of_users + users_.size()) * width);
  std::copy_n(row_buffer.data(), first_of_pool * width, rows_.data());
  std::copy_n(pool_.rows(), pool_.size() * width, rows_.data() + first_of_pool * width);
  std::copy_n(users_.rows(), users_.size() * width, rows_.data() + first_of_users * width);

  // The batch's terms with the chosen negatives in place of the triples' own.
  const auto zero = static_cast<std::uint32_t>(batch.num_rows() - 1);
  detail::SumTerms* const sum_terms = pick_isa(detail::avx2::sum_terms, detail::avx512::sum_terms);
  parallel::for_chunks({0, batch.active.size()}, kHardBprGrain, [&](IndexRange chunk) {
    std::vector<detail::GradientTerm> terms;
    for (std::uint64_t i = chunk.begin; i < chunk.end; ++i) {
      terms.clear();
      for (std::uint64_t k = batch.term_offsets[i]; k < batch.term_offsets[i + 1]; ++k) {
        detail::GradientTerm term = batch.terms[k];
        if (term.minus == zero) continue;  // a negative that was not used
        if (term.plus != zero) {
          if (chosen_[term.delta] == kNone) continue;
          term.plus = static_cast<std::uint32_t>(first_of_pool) + chosen_[term.delta];
        }
        terms.push_back(term);
      }
      const auto shared = std::ranges::lower_bound(batch.shared_places, static_cast<std::uint32_t>(i));
      if (shared != batch.shared_places.end() && *shared == i) {
        const std::uint64_t negative =
            pool_.positions()[static_cast<std::size_t>(shared - batch.shared_places.begin())];
        const auto [first, last] =
            std::ranges::equal_range(choices, static_cast<std::uint32_t>(negative), {}, &Choice::negative);
        for (auto choice = first; choice != last; ++choice) {
          terms.push_back(
              {static_cast<std::uint32_t>(batch.num_deltas() + static_cast<std::uint64_t>(choice - choices.begin())),
               static_cast<std::uint32_t>(first_of_users) + choice->user, zero});
        }
      }
      sum_terms(rows_.data(), width, terms.data(), terms.size(), deltas_.data(), gradients.data() + i * width);
    }
  });
}

}  // namespace rove::gnn
