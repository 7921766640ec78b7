// SPDX-License-Identifier: Apache-2.0
// Linked into every program of a sanitizer build: what the sanitizers must know about Open MPI and HDF5, so that no
// environment variable has to be set.

extern "C" {

// Unloaded plugins would make the leak checker's stacks unreadable.
int dlclose(void* /*handle*/) {
  return 0;
}

const char* __asan_default_options() {
  return "fast_unwind_on_malloc=0:detect_stack_use_after_return=0";
}

const char* __lsan_default_options() {
  return "print_suppressions=0";
}

// HDF5 loses what it began to make of an object header that turns out to be damaged; it takes such memory, and no
// other, from its free lists (H5FL_).
const char* __lsan_default_suppressions() {
  return "leak:libmpi.so\nleak:libopen-pal.so\nleak:libopen-rte.so\nleak:openmpi3/mca_\nleak:libpmix.so\nleak:pmix2/\n"
         "leak:libhwloc\nleak:libevent\nleak:libfabric\nleak:libucs\nleak:H5FL_\n";
}

// Open MPI and oneTBB are not instrumented: what they synchronise is invisible to the thread sanitizer.
const char* __tsan_default_options() {
  return "ignore_noninstrumented_modules=1:atexit_sleep_ms=0";
}

}  // extern "C"
