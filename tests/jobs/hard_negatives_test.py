# SPDX-License-Identifier: Apache-2.0
"""Negatives that come from the run's own PPR lists, and models whose settings are their own.

Usage: hard_negatives_test.py MPIRUN ROVE
"""
import os
import random
import shutil
import sys
import tempfile
import unittest

import h5py
import numpy as np

from rove_process import Rove

ROVE = Rove(*sys.argv[1:3])
JOB = """
name: hard
output: {output}
graph: {{edges: [{{type: [user, rates, item], files: [{log}], format: edgelist}}]}}
ppr: {{top_k: 12}}
train: {{dim: 8, epochs: 3, batch_size: 64, learning_rate: 1.0e-2, hard_first: 2, hard_last: 12}}
recommend: {{enabled: false}}
"""


class HardNegatives(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.directory = cls.temporary.name
        random.seed(5)
        with open(cls.path("log.txt"), "w", encoding="utf-8") as file:
            for user in range(60):
                for item in range(40):
                    if (user - item) % 4 == 0 and random.random() < 0.6:
                        file.write(f"u{user} i{item}\n")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.directory, *names)

    @classmethod
    def run_job(cls, output, *settings, **options):
        job = cls.path(f"{output}.yaml")
        with open(job, "w", encoding="utf-8") as file:
            file.write(JOB.format(output=cls.path(output), log=cls.path("log.txt")))
        return ROVE.run("run", job, *(f"--set={setting}" for setting in settings), **options)

    def vectors(self, output):
        return self.path(output, "0001", "embeddings.h5")

    def test_same_bytes_on_any_ranks_and_others_than_uniform(self):
        for ranks in (1, 3):
            self.run_job(f"ppr{ranks}", "train.negatives=ppr", ranks=ranks)
        ROVE.run("diff", self.vectors("ppr1"), self.vectors("ppr3"), "-q")
        self.run_job("uniform")
        ROVE.run("diff", self.vectors("ppr1"), self.vectors("uniform"), "-q", code=1)

    def test_a_checkpoint_of_other_lists_or_another_test_is_not_gone_on_from(self):
        self.run_job("listed", "train.enabled=false")
        graph, lists, test = self.path("listed", "0001", "graph.h5"), self.path("train", "ppr.h5"), self.path("test.txt")
        os.makedirs(self.path("train"))
        shutil.copy(self.path("listed", "0001", "ppr.h5"), lists)
        with open(test, "w", encoding="utf-8") as file:
            file.write("u1 i1\n")
        settings = ("negatives=ppr", "hard_first=2", "hard_last=12", "evaluate_every=1", "patience=5")

        def starts_anew():
            done = ROVE.run("train", "-g", graph, "-o", self.path("train", "embeddings.h5"), "-q", "--dim", 8, "--epochs", 6,
                            *(f"--set=train.{setting}" for setting in settings), "--set", f"evaluate.test=[{test}]",
                            "--set", "evaluate.format=edgelist", code=75, ROVE_FAULT="comm.collective:1:stop")
            return "training starts anew" in done.stderr

        self.assertEqual([starts_anew(), starts_anew()], [False, False])
        with open(test, "a", encoding="utf-8") as file:
            file.write("u2 i2\n")
        self.assertEqual([starts_anew(), starts_anew()], [True, False])
        ROVE.run("ppr", "-g", graph, "-o", lists, "-q", "-k", 12, "--restart", 0.5)
        self.assertTrue(starts_anew())

    def test_says_when_there_are_no_lists(self):
        done = self.run_job("none", "train.negatives=ppr", "ppr.enabled=false", code=4)
        self.assertIn("train.ppr_file", done.stderr)

    def test_says_when_lists_are_too_short(self):
        done = self.run_job("short", "train.negatives=ppr", "train.hard_first=12", "train.hard_last=20", ranks=2, code=2)
        self.assertIn("no list goes beyond train.hard_first (12)", done.stderr)
        # Some users have all but two of the ten items that they can reach.
        done = self.run_job("some", "train.negatives=ppr", ranks=2)
        self.assertRegex(done.stderr, r"\d+ of \d+ users have no list beyond train.hard_first \(2\)")

    def test_vectors_of_simplex_have_length_one(self):
        self.run_job("simplex", "train.model=simplex", "ppr.enabled=false", "train.shared_negatives=10")
        with h5py.File(self.vectors("simplex")) as file:
            self.assertEqual(file.attrs["metric"], "cosine")
            self.assertTrue(file.attrs["normalized"])
            lengths = np.linalg.norm(file["nodes/item/vectors"][:], axis=1)
        self.assertTrue(np.allclose(lengths, 1, atol=1e-5))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
