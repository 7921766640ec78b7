# SPDX-License-Identifier: Apache-2.0
"""A second night that starts from the first one's vectors.

Usage: warm_start_test.py MPIRUN ROVE
"""
import json
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
name: nights
output: {output}
graph: {{edges: [{{type: [user, rates, item], files: [{log}], format: edgelist}}]}}
ppr: {{enabled: false}}
train: {{dim: 8, epochs: {epochs}, batch_size: 64, learning_rate: 1.0e-2}}
recommend: {{top_k: 10}}
"""


def vectors_of(run, type):
    with h5py.File(os.path.join(run, "embeddings.h5")) as file:
        group = file["nodes"][type]
        return dict(zip(group["ids"].asstr()[:], group["vectors"][:]))


def cosines(a, b):
    shared = sorted(set(a) & set(b))
    x, y = np.array([a[id] for id in shared]), np.array([b[id] for id in shared])
    return (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)


class WarmStart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.directory = cls.temporary.name
        random.seed(5)
        # Users like items of their own residue modulo 4; a user and an item leave, others come.
        pairs = [(user, item) for user in range(60) for item in range(40)
                 if (user - item) % 4 == 0 and random.random() < 0.6]
        cls.write("one.txt", [(u, i) for u, i in pairs if u < 55 and i < 37])
        cls.write("two.txt", [(u, i) for u, i in pairs if u > 0 and i > 0])
        cls.night("one", "runs", 20)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.directory, *names)

    @classmethod
    def write(cls, name, pairs):
        with open(cls.path(name), "w", encoding="utf-8") as file:
            file.writelines(f"u{user} i{item}\n" for user, item in pairs)

    @classmethod
    def night(cls, log, output, epochs, *settings, **options):
        job = cls.path(f"{log}-{output}.yaml")
        with open(job, "w", encoding="utf-8") as file:
            file.write(JOB.format(output=cls.path(output), log=cls.path(f"{log}.txt"), epochs=epochs))
        return ROVE.run("run", job, *(f"--set={setting}" for setting in settings), **options)

    def test_goes_on_from_last_night(self):
        file = self.path("runs", "0001", "embeddings.h5")
        start = ("train.warm_start=file", f"train.warm_start_file={file}")
        for ranks in (1, 3):
            done = self.night("two", f"warm{ranks}", 1, *start, ranks=ranks)
            self.assertIn("rows go on from", done.stderr)
        ROVE.run("diff", self.path("warm1", "0001", "embeddings.h5"), self.path("warm3", "0001", "embeddings.h5"), "-q")
        # With another seed: cold vectors of one seed start at the same place and stay near it for an epoch.
        self.night("two", "cold", 1, "seed=7")
        before, warm, cold = (vectors_of(self.path(run, "0001"), "item") for run in ("runs", "warm1", "cold"))
        self.assertNotIn("i0", warm)
        self.assertIn("i38", warm)
        self.assertGreater(cosines(before, warm).mean(), 0.9)
        self.assertLess(abs(cosines(before, cold)).mean(), 0.7)
        # A new item starts near the items that its users know.
        alike = [warm[id] for id in warm if int(id[1:]) % 4 == 38 % 4 and id != "i38"]
        others = [warm[id] for id in warm if int(id[1:]) % 4 != 38 % 4]

        def nearness(rows):
            return cosines({n: warm["i38"] for n in range(len(rows))}, dict(enumerate(rows))).mean()

        self.assertGreater(nearness(alike), nearness(others) + 0.3)
        # The drift, as people see it.
        drift = json.loads(ROVE.run("diff", file, self.path("warm1", "0001", "embeddings.h5"), "--json", code=1).stdout)
        found = next(part for part in drift["drift"] if part["type"] == "item")
        self.assertAlmostEqual(found["mean_cosine"], cosines(before, warm).mean(), 4)

    def test_latest(self):
        first = self.night("one", "nightly", 2, "train.warm_start=latest")  # nothing published yet: a cold start
        self.assertNotIn("rows go on from", first.stderr)
        second = self.night("one", "nightly", 2, "train.warm_start=latest", "train.learning_rate=1.0e-4")
        self.assertIn("rows go on from", second.stderr)
        before, after = (vectors_of(self.path("nightly", run), "user") for run in ("0001", "0002"))
        self.assertGreater(cosines(before, after).mean(), 0.9)

    def test_the_report_names_files_too_large_to_compare(self):
        self.night("one", "large", 1)
        published = self.path("large", "0001", "embeddings.h5")
        os.chmod(published, 0o644)
        with open(published, "r+b") as file:
            file.truncate((4 << 30) + 1)  # a hole
        done = self.night("two", "large", 1, "publish.delta=false")
        self.assertIn("embeddings.h5 is not compared with that of the published run", done.stderr)
        with open(self.path("large", "0002", "report.json"), encoding="utf-8") as file:
            self.assertTrue(any("is not compared" in warning for warning in json.load(file)["warnings"]))

    def test_frozen_types_stay(self):
        # Without layers what is published is what is trained, so frozen rows can be seen to stay.
        self.night("one", "factors", 5, "train.model=mf")
        file = self.path("factors", "0001", "embeddings.h5")
        start = ("train.model=mf", "train.warm_start=file", f"train.warm_start_file={file}", "train.freeze=[item]")
        for ranks in (1, 3):
            self.night("two", f"frozen{ranks}", 3, *start, ranks=ranks)
        ROVE.run("diff", self.path("frozen1", "0001", "embeddings.h5"),
                 self.path("frozen3", "0001", "embeddings.h5"), "-q")
        before, after = (vectors_of(self.path(run, "0001"), "item") for run in ("factors", "frozen1"))
        for id in set(before) & set(after):
            np.testing.assert_array_equal(before[id], after[id], id)
        self.assertIn("i38", after)  # new, so it was trained
        before, after = (vectors_of(self.path(run, "0001"), "user") for run in ("factors", "frozen1"))
        for id in set(before) & set(after):
            self.assertTrue((before[id] != after[id]).any(), id)
        cold = self.night("two", "bad", 1, "train.freeze=[item]", code=2)
        self.assertIn("train.warm_start is none", cold.stderr)
        scores = self.night("two", "bad", 1, "train.model=item-knn", "train.freeze=[item]", ranks=2, code=2)
        self.assertIn("'item-knn' has none", scores.stderr)
        unknown = self.night("two", "bad", 1, *start[:3], "train.freeze=[shop]", ranks=2, code=2)
        self.assertIn("names the vertex type 'shop', expected 'user' or 'item'", unknown.stderr)

    def test_a_checkpoint_from_other_vectors_is_not_gone_on_from(self):
        graph, start, out = self.path("runs", "0001", "graph.h5"), self.path("start.h5"), self.path("trained.h5")
        shutil.copy(self.path("runs", "0001", "embeddings.h5"), start)
        train = ("train", "-g", graph, "-q", "--dim", 8, "--epochs", 3, "--set", "train.warm_start=file", "--set",
                 f"train.warm_start_file={start}")
        for _ in range(2):
            stopped = ROVE.run(*train, "-o", out, code=75, ROVE_FAULT="comm.collective:1:stop")
            self.assertNotIn("training starts anew", stopped.stderr)
        ROVE.run("train", "-g", graph, "-q", "--dim", 8, "--epochs", 1, "--seed", 7, "-o", start)
        self.assertIn("training starts anew", ROVE.run(*train, "-o", out).stderr)
        ROVE.run(*train, "-o", self.path("fresh.h5"))
        ROVE.run("diff", out, self.path("fresh.h5"), "-q")

    def test_refusals(self):
        missing = self.night("two", "bad", 1, "train.warm_start=file", code=2)
        self.assertIn("train.warm_start_file is not set", missing.stderr)
        nothing = self.night("two", "bad", 1, "train.warm_start=file", "train.warm_start_file=nothing.h5", code=4)
        self.assertIn("to start from", nothing.stderr)
        file = self.path("runs", "0001", "embeddings.h5")
        other = self.night("two", "bad", 1, "train.warm_start=file", f"train.warm_start_file={file}", "train.dim=16",
                           ranks=2, code=2)
        self.assertIn("has 8 columns, but train.dim is 16", other.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
