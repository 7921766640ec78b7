# SPDX-License-Identifier: Apache-2.0
# rove_add_test(NAME SOURCES a.cpp ... LIBS targets... [RANKS 1 2 3 4 7] [TIMEOUT s] [LABELS full])
# Without RANKS: a serial GoogleTest program. With RANKS: a program started by mpirun once per rank count, listed as
# NAME@P; failures of all ranks are gathered (tests/support/mpi_main.cpp). A deadlock fails within TIMEOUT.
# Tests labelled "full" run only under `scripts/test.sh --full`.
find_program(ROVE_MPIRUN NAMES mpirun REQUIRED)

# Sanitizers slow everything down: their presets stretch every time limit, those inside the tests too.
set(ROVE_TIME_FACTOR 1 CACHE STRING "Factor on the time limits of all tests")

# rove_limit_test(NAME seconds [LABELS label ...])
function(rove_limit_test NAME SECONDS)
  cmake_parse_arguments(ARG "" "" "LABELS" ${ARGN})
  math(EXPR seconds "${SECONDS} * ${ROVE_TIME_FACTOR}")
  set_tests_properties(${NAME} PROPERTIES TIMEOUT ${seconds} LABELS "${ARG_LABELS}"
    ENVIRONMENT_MODIFICATION "ROVE_TIME_FACTOR=set:${ROVE_TIME_FACTOR}")
endfunction()

function(rove_add_test NAME)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS;RANKS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${NAME} ${ARG_SOURCES})
  rove_compile_quickly(${NAME})
  target_link_libraries(${NAME} PRIVATE rove_test_support ${ARG_LIBS})
  set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/bin)
  if(NOT ARG_RANKS)
    target_link_libraries(${NAME} PRIVATE GTest::gtest_main)
    add_test(NAME ${NAME} COMMAND ${NAME})
    rove_limit_test(${NAME} ${ARG_TIMEOUT} LABELS ${ARG_LABELS})
    return()
  endif()
  target_link_libraries(${NAME} PRIVATE rove_mpi_test_main)
  foreach(ranks ${ARG_RANKS})
    add_test(NAME ${NAME}@${ranks}
      COMMAND ${ROVE_MPIRUN} --oversubscribe --allow-run-as-root --bind-to none -n ${ranks} $<TARGET_FILE:${NAME}>)
    rove_limit_test(${NAME}@${ranks} ${ARG_TIMEOUT} LABELS ${ARG_LABELS})
    # Waiting ranks must yield: the test machine may have fewer cores than ranks. Races take two threads to be seen.
    set_tests_properties(${NAME}@${ranks} PROPERTIES
      ENVIRONMENT "OMPI_MCA_mpi_yield_when_idle=1;OMPI_MCA_btl_vader_single_copy_mechanism=none;ROVE_THREADS=$<IF:$<STREQUAL:${ROVE_SANITIZER},thread>,2,1>")
  endforeach()
endfunction()
