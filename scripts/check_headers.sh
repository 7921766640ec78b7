#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that every public header compiles alone. Usage: scripts/check_headers.sh [HEADER...] (default: all of them;
# detail/ folders are private and exempt). A header that its own source file includes first has been compiled alone by the
# build and is not compiled again. Environment: CXX (g++), JOBS (number of processors).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The first thing that the header's own source includes is the header, and the source is not joined to others.
is_built_alone() {
  local source=${1%.hpp}.cpp
  [[ $1 != jobs/verbs/* ]] || return 1
  [[ -f $source && $(grep -m 1 '^#include' "$source") == "#include \"$1\"" ]]
}

headers=("$@")
proven=0
if (($# == 0)); then
  while IFS= read -r header; do
    if is_built_alone "$header"; then
      proven=$((proven + 1))
    else
      headers+=("$header")
    fi
  done < <(find engine partition io algorithms gnn jobs -name '*.hpp' -not -path '*/detail/*' | sort)
fi
if ((${#headers[@]} == 0)); then
  echo "check_headers: no headers found" >&2
  exit 1
fi

CXX=${CXX:-g++}
flags="-std=c++20 -march=x86-64-v3 -I. -isystem /usr/include/eigen3 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Werror"
export CXX flags

check_one() {
  local log
  # shellcheck disable=SC2086  # the flags are several words
  if ! log=$("$CXX" $flags -fsyntax-only -include "$1" -x c++ /dev/null 2>&1); then
    echo "$1 does not compile alone: include what it uses." >&2
    grep -m 5 -E 'error|warning' <<<"$log" >&2 || echo "$log" >&2
    return 1
  fi
}
export -f check_one

# shellcheck disable=SC2016  # the inner shell expands
if printf '%s\0' "${headers[@]}" |
  xargs -0 -n 1 -P "${JOBS:-$(nproc)}" bash -c 'check_one "$1" || exit 1' check_one; then
  echo "check_headers: ${#headers[@]} headers compile alone, $proven more come first in their own sources"
else
  echo "check_headers: see above; a header must not lean on what its users happen to include first" >&2
  exit 1
fi
