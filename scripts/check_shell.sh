#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v shellcheck >/dev/null || {
  echo "skipped: shellcheck is not installed"
  exit 77
}
find .ci scripts jobs -type f \( -name '*.sh' -o -name '*.sbatch' -o -path '.ci/run' \) -print0 |
  xargs -0 shellcheck --
