// SPDX-License-Identifier: Apache-2.0
#include "engine/base/isa.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove {

Isa choose_isa(std::string_view asked, bool has_avx2, bool has_avx512) {
  if (!has_avx2) {
    throw ConfigError("this processor lacks AVX2, FMA or BMI2; Rove is compiled for x86-64-v3 and needs them");
  }
  if (asked.empty()) return has_avx512 ? Isa::kAvx512 : Isa::kAvx2;
  if (asked == "avx2") return Isa::kAvx2;
  if (asked != "avx512") throw ConfigError(fmt::format("ROVE_ISA is '{}', expected avx2 or avx512", asked));
  if (!has_avx512) throw ConfigError("ROVE_ISA is 'avx512', but this processor lacks it; set avx2 or unset it");
  return Isa::kAvx512;
}

Isa active_isa() {
  static const Isa isa = [] {
    const char* asked = std::getenv("ROVE_ISA");
    const bool has_avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
                          __builtin_cpu_supports("bmi2") != 0;
    const bool has_avx512 = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                            __builtin_cpu_supports("avx512cd") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
                            __builtin_cpu_supports("avx512vl") != 0;
    return choose_isa(asked == nullptr ? "" : asked, has_avx2, has_avx512);
  }();
  return isa;
}

std::string_view isa_name(Isa isa) {
  return isa == Isa::kAvx512 ? "avx512" : "avx2";
}

}  // namespace rove
