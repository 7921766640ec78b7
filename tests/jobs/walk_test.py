# SPDX-License-Identifier: Apache-2.0
"""`rove walk` from outside: every kind at several rank counts, layouts and partitions gives the same file, which verifies;
lines of text name the same walks.

usage: walk_test.py MPIRUN ROVE
"""
import os
import shutil
import sys
import tempfile
import unittest

import h5py
import numpy

from rove_process import Rove

MPIRUN, BINARY = sys.argv[1:3]


class Walk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="rove-walk-")
        typed, job = cls.path("typed"), cls.path("job.yaml")
        cls.rove("generate", "typed", "--users", 120, "--items", 40, "--interactions", 900, "--attribute", "genre=6x2",
                 "--follows", 150, "--weights", "--out", typed, "--job", job)
        cls.rove("import", "-c", job, "-o", cls.path("graph.h5"), "-q")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.directory, name)

    @classmethod
    def rove(cls, *arguments, threads=1, **how):
        return Rove(MPIRUN, BINARY).run(*arguments, ROVE_THREADS=threads, **how)

    def walk(self, out, *arguments, **how):
        return self.rove("walk", "-g", self.path("graph.h5"), "-o", self.path(out), "-q", *arguments, **how)

    def rows(self, name):
        with h5py.File(self.path(name)) as file:
            return file["/walks/vertices"][:]

    def test_same_bytes_everywhere(self):
        kinds = {
            "uniform": ("--walks", 3, "--length", 12),
            "restart": ("--walks", 3, "--length", 12, "--restart", 0.2),
            "node2vec": ("--kind", "node2vec", "--p", 0.5, "--q", 2, "--walks", 2, "--length", 10),
            "path": ("--sources", "user", "--path", "rates,genre,rev_genre,rev_rates", "--length", 8),
        }
        for kind, arguments in kinds.items():
            with self.subTest(kind):
                self.walk("one.h5", *arguments)
                self.rove("verify", self.path("one.h5"))
                for ranks, threads, layout, method in ((1, 2, "replicated", "metis"), (2, 1, "partitioned", "metis"),
                                                       (3, 1, "replicated", "hash"), (5, 1, "partitioned", "hash")):
                    self.walk("many.h5", *arguments, "--set", f"resources.layout={layout}", "--set",
                              f"partition.method={method}", ranks=ranks, threads=threads)
                    self.rove("diff", self.path("one.h5"), self.path("many.h5"))
                self.assertGreater(len(self.rows("one.h5")), 100)

    def test_the_path_is_followed(self):
        self.walk("path.h5", "--sources", "user", "--path", "rates,rev_rates", "--walks", 2, "--length", 4)
        with h5py.File(self.path("path.h5")) as file:
            rows = file["/walks/vertices"][:]
            item = file["/nodes/item"].attrs
            first, last = item["first_vertex"], item["first_vertex"] + item["count"]
            self.assertEqual(rows.shape, (2 * file["/nodes/user"].attrs["count"], 5))
        there = rows != 4294967295
        is_item = (rows >= first) & (rows < last)
        numpy.testing.assert_array_equal(is_item[:, 1::2], there[:, 1::2])
        self.assertFalse(is_item[:, 0::2].any())
        self.assertIn("walks_per_source", self.rove("info", self.path("path.h5")).stdout)

    def test_text_names_the_same_walks(self):
        arguments = ("--sources", "user", "--walks", 2, "--length", 6)
        self.walk("walks.h5", *arguments)
        for ranks in (1, 3):
            self.walk("walks.txt", *arguments, "--format", "text", ranks=ranks)
            with open(self.path("walks.txt"), encoding="utf-8") as file:
                lines = [line.split() for line in file]
            names = []
            with h5py.File(self.path("walks.h5")) as file:
                for name, group in sorted(file["/nodes"].items(), key=lambda entry: entry[1].attrs["first_vertex"]):
                    names += [f"{name}:{text}" for text in group["ids"].asstr()[:]]
                rows = file["/walks/vertices"][:]
            self.assertEqual(lines, [[names[v] for v in row if v != 4294967295] for row in rows])

    def test_mistakes_are_explained(self):
        self.assertIn("rev_<relation>", self.walk("x.h5", "--sources", "user", "--path", "buys", code=2).stderr)
        self.assertIn("cannot be followed again",
                      self.walk("x.h5", "--sources", "user", "--path", "rates", code=2).stderr)
        self.assertIn("time", self.walk("x.h5", "--kind", "temporal", code=2, ranks=2).stderr)
        self.assertIn("walk.sources", self.walk("x.h5", "--sources", "nobody", code=2).stderr)
        self.assertFalse(os.path.exists(self.path("x.h5")))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
