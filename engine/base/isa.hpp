// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace rove {

/// Instruction sets that kernels are compiled for: x86-64-v3 is the baseline of the whole program, x86-64-v4 optional.
enum class Isa { kAvx2, kAvx512 };

/// What this process runs: the best the processor has, or what the environment variable `ROVE_ISA` (avx2, avx512) asks
/// for. Never changes a result. Throws `ConfigError` when the variable is malformed or asks for more than the processor
/// has, or when the processor lacks the baseline. Decided once per process; thread-safe.
[[nodiscard]] Isa active_isa();

/// `asked` (empty: the best) resolved against what the processor has. Throws `ConfigError`.
[[nodiscard]] Isa choose_isa(std::string_view asked, bool has_avx2, bool has_avx512);

[[nodiscard]] std::string_view isa_name(Isa isa);

/// One of the two copies of a kernel: `pick_isa(avx2::dot, avx512::dot)(a, b, n)`.
template <class Function>
[[nodiscard]] Function* pick_isa(Function* for_avx2, Function* for_avx512) {
  return active_isa() == Isa::kAvx512 ? for_avx512 : for_avx2;
}

}  // namespace rove
