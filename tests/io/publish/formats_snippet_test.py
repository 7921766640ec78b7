# SPDX-License-Identifier: Apache-2.0
"""Runs the Python code blocks of docs/formats.md, as a reader would, on small files.

usage: formats_snippet_test.py FILE_DRIVER DOCUMENT
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support"))
from time_limits import limit

driver, document = sys.argv[1:3]
with open(document, encoding="utf-8") as file:
    blocks = re.findall(r"^```python\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)
assert blocks, "the document has no Python block"
with tempfile.TemporaryDirectory() as directory:
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    subprocess.run([driver, "nights", directory], check=True, env=environment, timeout=limit(60))
    for block in blocks:
        assert len(block.splitlines()) <= 15, "a snippet is longer than 15 lines"
        done = subprocess.run([sys.executable, "-c", block], cwd=directory, capture_output=True, text=True, timeout=limit(60))
        print(done.stdout, done.stderr, sep="")
        assert done.returncode == 0, "the snippet failed"
        assert len(done.stdout.splitlines()) > 1, "the snippet printed no list"
