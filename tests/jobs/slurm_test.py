# SPDX-License-Identifier: Apache-2.0
"""The nightly batch script under a real Slurm: a job that runs out of time twice ends with the bytes of one that does not.

usage: slurm_test.py MPIRUN ROVE SCRIPT
Needs sbatch and a cluster (SLURM_CONF) with two idle nodes; exit code 77 (skipped) without. Several minutes.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from identity_test import compare, datasets
from rove_process import Rove

ROVE = Rove(*sys.argv[1:3])
SCRIPT = sys.argv[3]
JOB = """
graph: {edges: [{type: [user, rates, item], files: [train.csv], format: csv}]}
ppr: {top_k: 10, item_walks: 200}
train: {dim: 64, layers: 3, epochs: EPOCHS, batch_size: 256, checkpoint_every: 5}
recommend: {top_k: 10}
"""


def idle_nodes():
    try:
        listed = subprocess.run(["sinfo", "-h", "-t", "idle", "-o", "%D"], capture_output=True, text=True, timeout=20)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return 0
    return sum(int(number) for number in listed.stdout.split()) if listed.returncode == 0 else 0


class Slurm(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="rove-slurm-")
        self.addCleanup(shutil.rmtree, self.directory)
        ROVE.run("generate", "bipartite", "--users", 2000, "--items", 800, "--interactions", 60000, "--format", "csv",
                 "--out", self.path("train.csv"))

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def submit(self, job, *options, **environment):
        """Runs the batch job to its end; returns its log."""
        log = job + ".log"
        done = subprocess.run(
            ["sbatch", "--parsable", "--wait", "--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=1", "--mem=0",
             f"--output={log}", *options, SCRIPT, job],
            env=dict(os.environ, ROVE=ROVE.binary, **environment), capture_output=True, text=True, timeout=540)
        with open(log, encoding="utf-8") as file:
            text = file.read()
        self.assertEqual(done.returncode, 0, done.stderr + text)
        return text

    def job(self, name, epochs):
        path = self.path(name + ".yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(JOB.replace("EPOCHS", str(epochs)) + f"output: {name}\n")
        return path

    def test_a_job_that_runs_out_of_time_goes_on_and_ends_with_the_same_bytes(self):
        # As many epochs as take some 25 s here: the signal comes 15 s after the start at the latest.
        start = time.monotonic()
        ROVE.run("run", self.job("trial", 10), ranks=2)
        epochs = max(20, int(10 * 25 / (time.monotonic() - start)))
        ROVE.run("run", self.job("whole", epochs), ranks=2, timeout=300)

        log = self.submit(self.job("nightly", epochs), "--time=1", "--signal=B:USR1@45", MAX_REQUEUES="12")
        self.assertIn("going on from the checkpoint: queued again", log)
        self.assertIn("start 1 of", log)
        compare(datasets(self.path("whole", "latest")), datasets(self.path("nightly", "latest")), "under Slurm")


if idle_nodes() < 2:
    print("skipped: no Slurm cluster with two idle nodes (sinfo)")
    sys.exit(77)
unittest.main(argv=sys.argv[:1])
