# SPDX-License-Identifier: Apache-2.0
# rove_add_library(NAME [SOURCES a.cpp ...] [PUBLIC targets...] [PRIVATE targets...])
# A folder's target; without sources it is header-only. Headers are included by their path from the repository root.
function(rove_add_library NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  if(ARG_SOURCES)
    add_library(${NAME} STATIC ${ARG_SOURCES})
    target_include_directories(${NAME} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${NAME} PUBLIC rove_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
    rove_join_sources(${NAME})
  else()
    add_library(${NAME} INTERFACE)
    target_include_directories(${NAME} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${NAME} INTERFACE rove_options ${ARG_PUBLIC})
  endif()
endfunction()

# rove_join_sources(TARGET): eight sources of a target make one translation unit, so that they read and instantiate what they
# share once: half of a build's time. Names in unnamed namespaces must therefore differ within a folder, and GCC no longer
# knows that a class defined in a source is that source's own.
function(rove_join_sources TARGET)
  if(ROVE_JOIN_SOURCES)
    set_target_properties(${TARGET} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    target_compile_options(${TARGET} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()

# rove_compile_quickly(TARGET): for code that no one waits for while it runs (assertions of tests, options of the command
# line), whose optimisation would take longer than all it ever does. Values are the same: contraction is off at every level.
function(rove_compile_quickly TARGET)
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(${TARGET} PRIVATE -O1)
  endif()
endfunction()

# The instruction set of the second copy of a kernel. A linked interface, because its options must come after those of
# rove_options on the command line: the last -march wins. GCC 12 takes the "undefined" operands inside its own AVX-512
# intrinsics for uninitialised variables (PR 105593); the other copy of the same source keeps the warning.
add_library(rove_isa_avx2 INTERFACE)
add_library(rove_isa_avx512 INTERFACE)
target_compile_options(rove_isa_avx512 INTERFACE -march=x86-64-v4 -mprefer-vector-width=512 -Wno-uninitialized
  -Wno-maybe-uninitialized)

# rove_add_isa_sources(TARGET SOURCES kernel.cpp ... [LINK targets...])
# Compiles each source twice, for x86-64-v3 and x86-64-v4, with ROVE_ISA set to avx2 or avx512: the namespace its
# kernels live in. Both must give the same bits; tests compare them. Such a source includes only headers whose inline
# functions live in that namespace too, or the linker could pick the wrong copy.
function(rove_add_isa_sources TARGET)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  foreach(isa avx2 avx512)
    add_library(${TARGET}_${isa} OBJECT ${ARG_SOURCES})
    target_include_directories(${TARGET}_${isa} PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${TARGET}_${isa} PRIVATE rove_options ${ARG_LINK} rove_isa_${isa})
    target_compile_definitions(${TARGET}_${isa} PRIVATE ROVE_ISA=${isa})
    target_sources(${TARGET} PRIVATE $<TARGET_OBJECTS:${TARGET}_${isa}>)
  endforeach()
endfunction()
