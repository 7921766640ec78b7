# SPDX-License-Identifier: Apache-2.0
"""Killed at any passage of any file operation while publishing, `latest` names the old or the new run, whole; and the
next publisher succeeds.

usage: kill_test.py MPIRUN FILE_DRIVER
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support"))
from time_limits import limit

MPIRUN, DRIVER = sys.argv[1:3]
BLOCK = 64 << 20
LIMIT_S = 10


def driver(*arguments, fault=None, ranks=1):
    environment = dict(os.environ, OMPI_MCA_mpi_yield_when_idle="1", OMPI_ALLOW_RUN_AS_ROOT="1",
                       OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", ROVE_THREADS="1")
    if fault:
        environment["ROVE_FAULT"] = fault
    start = [MPIRUN, "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
    return subprocess.run([*start, DRIVER, *map(str, arguments)], env=environment, timeout=limit(60),
                          capture_output=True, text=True)


def verified(run):
    """Checks a run directory against its manifest without Rove's code; returns its number."""
    with open(os.path.join(run, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    assert manifest["status"] == "complete", manifest["status"]
    assert len(manifest["files"]) >= 5
    for entry in manifest["files"]:
        with open(os.path.join(run, entry["name"]), "rb") as file:
            content = file.read()
        assert len(content) == entry["bytes"], entry["name"]
        blocks = [hashlib.sha256(content[i:i + BLOCK]).hexdigest() for i in range(0, len(content), BLOCK)]
        assert blocks == entry["sha256_blocks"], entry["name"]
    return os.path.basename(os.path.realpath(run))


class Kill(unittest.TestCase):
    def setUp(self):
        self.output = tempfile.mkdtemp(prefix="rove-kill-")
        self.addCleanup(shutil.rmtree, self.output)
        self.samples = os.path.join(self.output, "samples")
        os.mkdir(self.samples)
        self.assertEqual(driver("write", self.samples).returncode, 0)
        self.number = 0
        self.publish(self.next_run())

    def next_run(self):
        self.number += 1
        run = os.path.join(self.output, f"{self.number:04}")
        shutil.copytree(self.samples, run)
        return run

    def latest(self):
        return verified(os.path.join(self.output, "latest"))

    def publish(self, run, **how):
        result = driver("publish", self.output, run, **how)
        if not how:
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(self.latest(), os.path.basename(run))
        return result

    def kill_everywhere(self, point):
        """Kills at the 1st, 2nd, 3rd, ... passage of the point, until a publisher passes it less often and succeeds.

        The run whose publisher was killed is published again, so what the killed one left must not disturb the next.
        """
        kills = 0
        self.publish(self.next_run())  # two runs are kept, so from now on every publisher retires one
        run = self.next_run()
        while True:
            old = self.latest()
            result = self.publish(run, fault=f"{point}:{kills + 1}:kill")
            new = self.latest()
            self.assertIn(new, (old, os.path.basename(run)))
            if result.returncode == 0:
                break
            kills += 1
            if new == os.path.basename(run):  # killed while it retired old runs: the next publisher goes on with that
                self.publish(self.next_run())
                run = self.next_run()
        self.assertEqual(self.latest(), os.path.basename(run))
        leftovers = [name for name in os.listdir(self.output) if name.startswith(".retired") or name.endswith(".part")]
        self.assertEqual(leftovers, [])
        return kills

    def test_rename(self):
        self.assertGreaterEqual(self.kill_everywhere("io.rename"), 3)  # manifest, latest, a retired run

    def test_fsync(self):
        self.assertGreaterEqual(self.kill_everywhere("io.fsync"), 8)

    def test_write(self):
        self.assertGreaterEqual(self.kill_everywhere("io.write"), 2)

    def test_open(self):
        self.assertGreaterEqual(self.kill_everywhere("io.open"), 8)

    def test_a_failing_operation_is_an_error_of_its_own_class(self):
        for point in ("io.open:1:throw", "io.rename:1:throw", "io.fsync:1:throw"):
            result = self.publish(self.next_run(), fault=point)
            self.assertEqual(result.returncode, 4, result.stderr)
        self.assertEqual(self.latest(), "0001")
        for point in ("io.open:1:throw@1", "io.write:30:throw@2"):
            target = tempfile.mkdtemp(dir=self.output)
            result = driver("write", target, fault=point, ranks=3)
            self.assertEqual(result.returncode, 4, result.stderr)
            self.assertFalse([name for name in os.listdir(target) if name.endswith(".part")])

    def test_one_rank_dies(self):
        for fault in ("io.read:2:kill@1", "io.write:1:kill@0", "io.fsync:1:throw@1"):
            started = time.monotonic()
            result = self.publish(self.next_run(), fault=fault, ranks=3)
            self.assertNotEqual(result.returncode, 0)
            self.assertLess(time.monotonic() - started, LIMIT_S)
            self.assertEqual(self.latest(), "0001")

    def test_writing_dies(self):
        for occurrence in (1, 20, 60):
            target = tempfile.mkdtemp(dir=self.output)
            result = driver("write", target, fault=f"io.write:{occurrence}:kill@1", ranks=3)
            self.assertNotEqual(result.returncode, 0)
            # What has its final name is whole.
            for name in os.listdir(target):
                self.assertTrue(name.endswith((".h5", ".part")))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
