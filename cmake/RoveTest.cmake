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
  if("full" IN_LIST ARG_LABELS)
    # Long tests keep all cores busy, and ranks that wait for each other beside them would pass their time limits.
    set_tests_properties(${NAME} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()

function(rove_add_test NAME)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS;RANKS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${NAME} ${ARG_SOURCES})
  rove_compile_quickly(${NAME})
  rove_precompile_tests(${NAME})
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

# h5py is Debian's, so the system's interpreter is wanted even where another python3 comes first.
find_program(ROVE_SYSTEM_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)

# rove_add_python_test(NAME seconds SCRIPT [argument ...] [LABELS label ...]). Exit code 77: skipped.
# These tests start programs by the hundred. Under the address sanitizer, what the leak checker needs (a slow walk up
# the stack at every allocation) makes a run of `rove` ten times as long: leaks are left to the GoogleTest programs.
function(rove_add_python_test NAME SECONDS SCRIPT)
  cmake_parse_arguments(ARG "" "" "LABELS" ${ARGN})
  add_test(NAME ${NAME}
    COMMAND ${ROVE_SYSTEM_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/${SCRIPT} ${ARG_UNPARSED_ARGUMENTS})
  rove_limit_test(${NAME} ${SECONDS} LABELS ${ARG_LABELS})
  set_tests_properties(${NAME} PROPERTIES SKIP_RETURN_CODE 77
    ENVIRONMENT "ASAN_OPTIONS=fast_unwind_on_malloc=1:detect_leaks=0")
endfunction()
