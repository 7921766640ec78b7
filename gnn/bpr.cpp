// SPDX-License-Identifier: Apache-2.0
#include "gnn/bpr.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/isa.hpp"
#include "engine/base/math.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/detail/kernels.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kTripleGrain = 128;
constexpr std::uint64_t kBprGrain = 256;

std::vector<std::uint64_t> times(std::span<const std::uint64_t> offsets, std::uint64_t width) {
  std::vector<std::uint64_t> scaled(offsets.begin(), offsets.end());
  for (std::uint64_t& offset : scaled) offset *= width;
  return scaled;
}

}  // namespace

void exchange_rows(const comm::Communicator& comm, const Batch& batch, std::span<float> row_buffer, std::uint32_t width,
                   std::vector<float>& outgoing) {
  std::fill_n(row_buffer.data() + (batch.num_rows() - 1) * width, width, 0.0F);
  if (comm.size() == 1) return;
  outgoing.resize(batch.send_rows.size() * width);
  for (std::size_t i = 0; i < batch.send_rows.size(); ++i) {
    std::copy_n(row_buffer.data() + std::size_t{batch.send_rows[i]} * width, width, outgoing.data() + i * width);
  }
  comm.start_exchange<float>(outgoing, times(batch.send_offsets, width),
                             row_buffer.subspan(batch.active.size() * width, batch.num_received_rows() * width),
                             times(batch.receive_offsets, width))
      .wait();
}

void exchange_deltas(const comm::Communicator& comm, const Batch& batch, std::span<float> deltas,
                     std::vector<float>& outgoing) {
  if (comm.size() == 1) return;
  outgoing.resize(batch.delta_sends.size());
  for (std::size_t i = 0; i < outgoing.size(); ++i) outgoing[i] = deltas[batch.delta_sends[i]];
  comm.start_exchange<float>(outgoing, batch.delta_send_offsets, deltas.subspan(batch.triples.size()),
                             batch.delta_receive_offsets)
      .wait();
}

void BprLoss::run(const comm::Communicator& comm, const Batch& batch, std::span<float> row_buffer,
                  std::span<float> gradients, bool is_full_batch, LossSums& sums) {
  exchange_rows(comm, batch, row_buffer, width_, outgoing_);

  struct Partial {
    ExactSum loss;
    std::uint64_t failed_position = LossSums::kNone;
  };
  parallel::PerThread<Partial> partial;
  scores_.resize(batch.triples.size());
  deltas_.resize(batch.num_deltas());
  const auto mean = static_cast<float>(1.0 / static_cast<double>(batch.num_triples));
  detail::ScoreTriples* const score = pick_isa(detail::avx2::score_triples, detail::avx512::score_triples);
  parallel::for_chunks({0, batch.triples.size()}, kTripleGrain, [&](IndexRange chunk) {
    score(row_buffer.data(), width_, batch.triples.data() + chunk.begin, chunk.size(), scores_.data() + chunk.begin);
    Partial& mine = partial.local();
    for (std::uint64_t t = chunk.begin; t < chunk.end; ++t) {
      const float x = scores_[t];
      deltas_[t] = math::sigmoid(-x) * mean;
      if (std::isfinite(x)) {
        mine.loss.add(math::softplus(-static_cast<double>(x)));
      } else {
        mine.failed_position = std::min(mine.failed_position, batch.own_positions[t]);
      }
    }
  });
  partial.for_each([&](Partial& mine) {
    (is_full_batch ? sums.full_bpr : sums.short_bpr).merge(mine.loss);
    sums.failed_position = std::min(sums.failed_position, mine.failed_position);
  });
  exchange_deltas(comm, batch, deltas_, outgoing_);

  detail::SumTerms* const sum_terms = pick_isa(detail::avx2::sum_terms, detail::avx512::sum_terms);
  parallel::for_each({0, batch.active.size()}, kBprGrain, [&](std::uint64_t i) {
    sum_terms(row_buffer.data(), width_, batch.terms.data() + batch.term_offsets[i],
              batch.term_offsets[i + 1] - batch.term_offsets[i], deltas_.data(), gradients.data() + i * width_);
  });
}

}  // namespace rove::gnn
