# SPDX-License-Identifier: Apache-2.0
# rove_precompile_tests(TARGET): a test program reads GoogleTest and what most tests read beside it precompiled. A source must
# still include what it uses: builds with ROVE_PRECOMPILED_HEADERS off (the default with a compiler cache) show it.
if(ROVE_PRECOMPILED_HEADERS AND ROVE_BUILD_TESTS)
  add_library(rove_precompiled_tests OBJECT ${CMAKE_CURRENT_LIST_DIR}/precompiled.cpp)
  target_link_libraries(rove_precompiled_tests PRIVATE rove_options fmt::fmt GTest::gmock)
  target_precompile_headers(rove_precompiled_tests PRIVATE <gtest/gtest.h> <algorithm> <array> <cmath> <cstdint>
    <filesystem> <fstream> <functional> <map> <memory> <numeric> <optional> <ranges> <set> <span> <sstream> <string>
    <string_view> <tuple> <utility> <vector> <fmt/format.h>)
  rove_compile_quickly(rove_precompiled_tests)
endif()

function(rove_precompile_tests TARGET)
  if(ROVE_PRECOMPILED_HEADERS)
    target_precompile_headers(${TARGET} REUSE_FROM rove_precompiled_tests)
  endif()
endfunction()
