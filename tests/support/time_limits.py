# SPDX-License-Identifier: Apache-2.0
"""Time limits inside tests, stretched as ctest stretches its own (ROVE_TIME_FACTOR, cmake/RoveTest.cmake)."""
import os


def limit(seconds):
    return seconds * float(os.environ.get("ROVE_TIME_FACTOR", "1"))
