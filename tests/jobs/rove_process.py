# SPDX-License-Identifier: Apache-2.0
"""Starts the rove binary for tests, alone or on several ranks."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from time_limits import limit


class Rove:
    def __init__(self, mpirun, binary):
        self.mpirun, self.binary = mpirun, binary
        # Open MPI's own directory: processes that share one race to remove it when they end.
        self.sessions = tempfile.TemporaryDirectory(prefix="ompi-")

    def start(self, *arguments, ranks=1, timeout=120, **environment):
        """Runs to the end and returns the finished process; `environment` adds variables."""
        variables = dict(os.environ, OMPI_MCA_mpi_yield_when_idle="1", OMPI_ALLOW_RUN_AS_ROOT="1",
                         OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_btl_vader_single_copy_mechanism="none",
                         OMPI_MCA_orte_tmpdir_base=self.sessions.name)
        variables.update({name: str(value) for name, value in environment.items()})
        launcher = [self.mpirun, "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
        return subprocess.run([*launcher, self.binary, *map(str, arguments)], env=variables, timeout=limit(timeout),
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def run(self, *arguments, code=0, **options):
        """The same, and fails unless it ends with this exit code."""
        done = self.start(*arguments, **options)
        assert done.returncode == code, f"rove {arguments} ended with {done.returncode}, expected {code}\n{done.stdout}\n{done.stderr}"
        return done
