# SPDX-License-Identifier: Apache-2.0
"""The one exception of the package."""


class RoveError(Exception):
    """What was found, what was expected, and in which file."""
