# SPDX-License-Identifier: Apache-2.0
option(ROVE_BUILD_TESTS "Build the tests" ON)
option(ROVE_BUILD_BENCHMARKS "Build the benchmarks" OFF)
option(ROVE_JOIN_SOURCES "Compile eight sources of a library at a time" ON)
# A compiler cache does not see through a precompiled header, and saves more.
if(CMAKE_CXX_COMPILER_LAUNCHER)
  set(_precompile OFF)
else()
  set(_precompile ON)
endif()
option(ROVE_PRECOMPILED_HEADERS "Precompile what most tests read" ${_precompile})
option(ROVE_WARNINGS_AS_ERRORS "Treat warnings as errors" ON)
set(ROVE_ASSERTIONS "light" CACHE STRING "Assertion level: none, light, normal, heavy")
set(ROVE_SANITIZER "" CACHE STRING "Sanitizer: empty, address or thread")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

add_library(rove_options INTERFACE)
# Contraction is off so that a product and a sum round the same way on every instruction set; fused operations are
# spelled out in the kernels (docs/determinism.md).
target_compile_options(rove_options INTERFACE -march=x86-64-v3 -ffp-contract=off -fno-math-errno
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -Wcast-qual -Wformat=2 -Wundef
  -Wno-restrict)  # GCC 12 sees overlaps in operator+ of strings that are none
if(ROVE_WARNINGS_AS_ERRORS)
  target_compile_options(rove_options INTERFACE -Werror)
endif()
set(_levels none light normal heavy)
list(FIND _levels "${ROVE_ASSERTIONS}" _level)
if(_level EQUAL -1)
  message(FATAL_ERROR "ROVE_ASSERTIONS is '${ROVE_ASSERTIONS}', expected one of: none, light, normal, heavy")
endif()
target_compile_definitions(rove_options INTERFACE ROVE_ASSERTION_LEVEL=${_level})
if(ROVE_SANITIZER STREQUAL "address")
  target_compile_options(rove_options INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer -Wno-maybe-uninitialized)
  target_link_options(rove_options INTERFACE -fsanitize=address,undefined)
elseif(ROVE_SANITIZER STREQUAL "thread")
  target_compile_options(rove_options INTERFACE -fsanitize=thread -Wno-maybe-uninitialized)
  target_link_options(rove_options INTERFACE -fsanitize=thread)
elseif(NOT ROVE_SANITIZER STREQUAL "")
  message(FATAL_ERROR "ROVE_SANITIZER is '${ROVE_SANITIZER}', expected empty, address or thread")
endif()
if(ROVE_SANITIZER)
  # Every program, but no library, tells the sanitizers what to know about the libraries it uses.
  target_sources(rove_options INTERFACE
    $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:${CMAKE_CURRENT_LIST_DIR}/sanitizer_options.cpp>)
endif()
