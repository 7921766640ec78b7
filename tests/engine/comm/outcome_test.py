# SPDX-License-Identifier: Apache-2.0
"""However a rank ends, every rank ends within 10 s, with one message and a non-zero code, and no process remains.

usage: outcome_test.py MPIRUN PROGRAM [RANKS ...]
"""
import concurrent.futures
import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support"))
from time_limits import limit

MPIRUN, PROGRAM = sys.argv[1:3]
RANKS = [int(n) for n in sys.argv[3:]] or [1, 4]
LIMIT_S = 10


def survivors(mark):
    """Processes, except zombies, whose environment carries the mark."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if mark.encode() not in file.read():
                    continue
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] != "Z":
                    found.append(int(pid))
        except OSError:
            continue
    return found


class Outcome:
    def __init__(self, ranks, how, **environment):
        mark_value = f"{os.getpid()}.{ranks}.{time.monotonic_ns()}"
        mark = f"ROVE_OUTCOME_TEST={mark_value}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ROVE_")}
        # Open MPI's own directory: launchers that share one race to remove it when they end.
        sessions = tempfile.TemporaryDirectory(prefix="ompi-", ignore_cleanup_errors=True)
        env = dict(inherited, OMPI_MCA_mpi_yield_when_idle="1", OMPI_MCA_orte_tmpdir_base=sessions.name,
                   ROVE_OUTCOME_TEST=mark_value, **environment)
        command = [PROGRAM, how]
        if ranks:
            command = [MPIRUN, "--oversubscribe", "--allow-run-as-root", "--bind-to", "none", "-n", str(ranks)] + command
        start = time.monotonic()
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit(60))
        self.seconds = time.monotonic() - start
        self.code = done.returncode
        self.text = done.stdout + done.stderr
        self.messages = [line for line in done.stderr.splitlines() if "rove: " in line]
        end = time.monotonic() + 2
        while survivors(mark) and time.monotonic() < end:
            time.sleep(0.05)
        self.survivors = survivors(mark)
        sessions.cleanup()


class OutcomeTest(unittest.TestCase):
    def check(self, how, code, message, ranks=None, **environment):
        """`message`: text of the one line of ours, or None where a killed rank can say nothing and the launcher speaks."""
        counts = ranks or RANKS
        with concurrent.futures.ThreadPoolExecutor(len(counts)) as pool:
            outcomes = list(pool.map(lambda count: Outcome(count, how, **environment), counts))
        for count, outcome in zip(counts, outcomes):
            with self.subTest(how=how, ranks=count):
                self.assertLess(outcome.seconds, LIMIT_S, outcome.text)
                self.assertEqual(outcome.survivors, [], outcome.text)
                if code is None:
                    self.assertNotEqual(outcome.code, 0, outcome.text)
                else:
                    self.assertEqual(outcome.code, code, outcome.text)
                if message is None:
                    self.assertEqual(outcome.messages, [], outcome.text)
                    continue
                self.assertEqual(len(outcome.messages), 1, outcome.text)
                self.assertIn(message, outcome.messages[0])

    several = [n for n in RANKS if n > 1]

    def test_good(self):
        self.check("good", 0, None)

    def test_without_launcher(self):
        self.check("good", 0, None, ranks=[0])
        self.check("throw", 3, "rove: error: row 7 is bad", ranks=[0])

    def test_launcher_of_another_mpi_is_refused(self):
        outcome = Outcome(0, "good", PMI_SIZE="4")
        self.assertEqual(outcome.code, 2)
        self.assertIn("Open MPI cannot see the others", outcome.text)

    def test_code_is_returned(self):
        self.check("code", 7, None)

    def test_killed_rank(self):
        self.check("kill", None, None)

    def test_crashed_rank(self):
        self.check("segfault", None, None)

    def test_rank_that_throws_alone(self):
        self.check("throw", 3, "row 7 is bad")
        self.check("throw-foreign", 70, "unexpected exception: index 9")
        self.check("out-of-memory", 5, "out of memory")

    def test_rank_that_throws_alone_names_itself(self):
        self.check("throw", 3, f"rove: error (rank {self.several[-1] - 1}): row 7 is bad", ranks=self.several[-1:])

    def test_rank_that_throws_while_others_finish(self):
        self.check("throw-while-others-finish", 4, "disk full")

    def test_ranks_that_throw_on_their_own_speak_once(self):
        self.check("throw-on-two", 4, "rove: error (rank 1): disk full", ranks=self.several[-1:])

    def test_rank_that_exits_without_finalize(self):
        self.check("exit", None, None)
        self.check("std-exit", None, None)

    def test_rank_that_exits_with_zero_without_finalize(self):
        self.check("exit-zero", None, None, ranks=self.several)

    def test_unreadable_file_on_one_rank(self):
        for count in self.several:
            self.check("agree", 4, f"rove: error: rank {count - 1}: cannot open /nonexistent/edges", ranks=[count])

    def test_error_inside_communicating_agreement(self):
        self.check("agree-after-communicating", 4, "disk full")

    def test_error_that_escapes_everywhere(self):
        self.check("throw-everywhere", 2, "rove: error: unknown verb 'rnu'")

    def test_waiting_in_vain_is_ended_by_the_stall_limit(self):
        self.check("phase", 70, "in all_reduce during train epoch 3", ranks=self.several, ROVE_STALL_TIMEOUT="1")

    def test_stall_limit_must_be_a_number(self):
        outcome = Outcome(0, "good", ROVE_STALL_TIMEOUT="soon")
        self.assertEqual(outcome.code, 2)
        self.assertIn("ROVE_STALL_TIMEOUT is 'soon'", outcome.text)

    def test_faults_of_the_seam(self):
        self.check("communicate", 4, "comm.collective", ranks=self.several, ROVE_FAULT="comm.collective:50:throw@1")
        self.check("communicate", None, None, ranks=self.several, ROVE_FAULT="comm.collective:50:kill@1")
        self.check("communicate", None, None, ranks=self.several, ROVE_FAULT="comm.collective:50:exit@0")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
