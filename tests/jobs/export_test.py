# SPDX-License-Identifier: Apache-2.0
"""What `rove export` writes, read by the tools it is for: NumPy always, Faiss and hnswlib where they are installed.

Usage: export_test.py MPIRUN ROVE
"""
import os
import shutil
import sys
import tempfile
import unittest

import h5py
import numpy as np

from rove_process import Rove

try:
    import faiss
except ImportError:
    faiss = None
try:
    import hnswlib
except ImportError:
    hnswlib = None

ROVE = Rove(*sys.argv[1:3])
TOP_K = 10


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.directory = cls.temporary.name
        ROVE.run("generate", "bipartite", "--users", 130, "--items", 90, "--interactions", 1500, "--out",
                 cls.path("train.csv"), "--job", cls.path("job.yaml"))
        with open(cls.path("job.yaml"), "a", encoding="utf-8") as file:
            file.write(f"ppr: {{enabled: false}}\ntrain: {{dim: 20, epochs: 3}}\nrecommend: {{top_k: {TOP_K}}}\n")
        ROVE.run("run", cls.path("job.yaml"), "-q")
        cls.embeddings = cls.path("runs", "0001", "embeddings.h5")
        cls.lists = cls.path("runs", "0001", "recommendations.h5")
        with h5py.File(cls.embeddings) as file:
            nodes = {type: file["nodes"][type] for type in ("user", "item")}
            cls.vectors = {type: group["vectors"][:] for type, group in nodes.items()}
            cls.ids = {type: list(group["ids"].asstr()[:]) for type, group in nodes.items()}
            cls.keys = {type: group["keys"][:] for type, group in nodes.items()}
        with h5py.File(cls.lists) as file:
            group = file["recommendations/user/item"]
            cls.indptr, cls.indices, cls.scores = (group[name][:] for name in ("indptr", "indices", "scores"))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.directory, *names)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def export(self, *arguments, ranks=1, **options):
        return ROVE.run("export", *arguments, ranks=ranks, **options).stdout.split()

    def seen(self):
        """Training items of every user, by row."""
        rows = {type: {id: row for row, id in enumerate(ids)} for type, ids in self.ids.items()}
        seen = [set() for _ in self.ids["user"]]
        with open(self.path("train.csv"), encoding="utf-8") as file:
            next(file)
            for line in file:
                user, item = line.strip().split(",")[:2]
                seen[rows["user"][user]].add(rows["item"][item])
        return seen

    def check_against_ours(self, found_items, found_scores):
        """Theirs without what the user has, cut at our k, has our scores: items may change places where scores tie."""
        for user, seen in enumerate(self.seen()):
            kept = [(score, item) for item, score in zip(found_items[user], found_scores[user]) if item not in seen]
            slots = slice(self.indptr[user], self.indptr[user + 1])
            ours = self.scores[slots]
            np.testing.assert_allclose([score for score, _ in kept[:len(ours)]], ours, rtol=1e-4, atol=1e-6)
            far = {item for score, item in kept if score > ours[-1] + 1e-4 * max(1, abs(ours[-1]))}
            self.assertLessEqual(far, set(self.indices[slots]))

    def test_npy(self):
        written = self.export(self.embeddings, "-o", self.path("all"))
        self.assertEqual(len(written), 6)
        for type in ("user", "item"):
            np.testing.assert_array_equal(np.load(self.path(f"all.{type}.npy")), self.vectors[type])
            np.testing.assert_array_equal(np.load(self.path(f"all.{type}.npy"), mmap_mode="r"), self.vectors[type])
            np.testing.assert_array_equal(np.load(self.path(f"all.{type}.keys.npy")), self.keys[type])
            self.assertEqual(self.read(f"all.{type}.ids.txt").decode().split("\n")[:-1], self.ids[type])

    def test_fbin(self):
        self.export(self.embeddings, "--format", "fbin", "--type", "item", "-o", self.path("items"))
        data = self.read("items.fbin")
        rows, columns = np.frombuffer(data[:8], np.uint32)
        np.testing.assert_array_equal(np.frombuffer(data[8:], np.float32).reshape(rows, columns), self.vectors["item"])

    def test_word2vec(self):
        self.export(self.embeddings, "--format", "word2vec", "-o", self.path("words"))
        lines = self.read("words.user.txt").decode().split("\n")
        self.assertEqual(lines[0], f"{len(self.ids['user'])} 20")
        self.assertEqual([line.split(" ")[0] for line in lines[1:-1]], self.ids["user"])
        values = np.array([line.split(" ")[1:] for line in lines[1:-1]], np.float32)
        np.testing.assert_array_equal(values, self.vectors["user"])  # the shortest text that gives the float back

    def test_trec(self):
        self.export(self.lists, "-o", self.path("lists.trec"), "--depth", 4, "--tag", "mine")
        lines = [line.split() for line in self.read("lists.trec").decode().split("\n")[:-1]]
        expected = []
        for user, id in enumerate(self.ids["user"]):
            for rank, slot in enumerate(range(self.indptr[user], min(self.indptr[user + 1], self.indptr[user] + 4))):
                expected.append([id, "Q0", self.ids["item"][self.indices[slot]], str(rank + 1)])
        self.assertEqual([line[:4] for line in lines], expected)
        self.assertEqual({line[5] for line in lines}, {"mine"})

    def test_same_bytes_on_any_ranks(self):
        for ranks in (1, 2, 3, 7):
            self.export(self.embeddings, "-o", self.path(f"r{ranks}"), ranks=ranks)
            self.export(self.embeddings, "--format", "word2vec", "-o", self.path(f"r{ranks}"), ranks=ranks)
            self.export(self.lists, "-o", self.path(f"r{ranks}.trec"), ranks=ranks)
            for suffix in (".user.npy", ".item.keys.npy", ".user.ids.txt", ".item.txt", ".trec"):
                self.assertEqual(self.read(f"r1{suffix}"), self.read(f"r{ranks}{suffix}"), (ranks, suffix))

    def test_refusals(self):
        self.assertIn("is for lists", self.export_error(self.embeddings, "--format", "trec", code=2))
        self.assertIn("use trec", self.export_error(self.lists, "--format", "npy", code=2))
        self.assertIn("holds the types user, item", self.export_error(self.embeddings, "--type", "film", code=2))
        graph = self.path("runs", "0001", "graph.h5")
        self.assertIn("is of format rove/graph", self.export_error(graph, code=3))
        self.assertIn("cannot", self.export_error(self.embeddings, "-o", self.path("nowhere", "x"), code=4, ranks=2))

    def test_vectors_that_are_no_numbers_are_refused(self):
        damaged = self.path("damaged.h5")
        shutil.copy(self.embeddings, damaged)
        with h5py.File(damaged, "r+") as file:
            file["nodes/item/vectors"][41, 3] = np.nan
        for format in ("npy", "fbin", "word2vec"):
            error = self.export_error(damaged, "--format", format, "-o", self.path("damaged"), code=3, ranks=2)
            self.assertIn(f"the vector of item '{self.ids['item'][41]}' is not finite", error)
            self.assertFalse([name for name in os.listdir(self.directory) if name.startswith("damaged.item")])

    def export_error(self, *arguments, **options):
        return ROVE.run("export", *arguments, **options).stderr

    @unittest.skipUnless(faiss, "python3-faiss is not installed")
    def test_faiss_finds_the_same(self):
        self.export(self.embeddings, "-o", self.path("faiss"))
        items = np.load(self.path("faiss.item.npy"))
        index = faiss.IndexIDMap(faiss.IndexFlatIP(items.shape[1]))
        index.add_with_ids(items, np.load(self.path("faiss.item.keys.npy")))
        scores, keys = index.search(np.load(self.path("faiss.user.npy")), len(items))
        row_of = {key: row for row, key in enumerate(self.keys["item"])}
        self.check_against_ours([[row_of[key] for key in row] for row in keys], scores)

    @unittest.skipUnless(faiss, "python3-faiss is not installed")
    def test_faiss_finds_the_same_in_fbin_and_word2vec(self):
        self.export(self.embeddings, "--format", "fbin", "-o", self.path("faiss"))
        self.export(self.embeddings, "--format", "word2vec", "-o", self.path("faiss"))

        def read_fbin(type):
            data = self.read(f"faiss.{type}.fbin")
            return np.frombuffer(data[8:], np.float32).reshape(np.frombuffer(data[:8], np.uint32))

        def read_words(type):
            lines = self.read(f"faiss.{type}.txt").decode().split("\n")[1:-1]
            return np.array([line.split(" ")[1:] for line in lines], np.float32)

        for read in (read_fbin, read_words):
            index = faiss.IndexFlatIP(20)
            index.add(np.ascontiguousarray(read("item")))
            scores, rows = index.search(np.ascontiguousarray(read("user")), index.ntotal)
            self.check_against_ours(rows, scores)

    @unittest.skipUnless(hnswlib, "python3-hnswlib is not installed")
    def test_hnswlib_finds_the_same(self):
        self.export(self.embeddings, "-o", self.path("hnsw"))
        items = np.load(self.path("hnsw.item.npy"))
        index = hnswlib.Index(space="ip", dim=items.shape[1])
        index.init_index(max_elements=len(items), ef_construction=200, M=32, random_seed=1)
        index.add_items(items, np.arange(len(items)), num_threads=1)
        index.set_ef(len(items))  # on so small a graph the search is exhaustive
        found, distances = index.knn_query(np.load(self.path("hnsw.user.npy")), k=len(items) // 2, num_threads=1)
        seen = self.seen()
        hits = wanted = 0
        for user, row in enumerate(found):
            ours = self.indices[self.indptr[user]:self.indptr[user + 1]][:5]
            theirs = [item for item in row if item not in seen[user]][:5]
            hits += len(set(ours) & set(theirs))
            wanted += len(ours)
        self.assertGreater(hits, 0.98 * wanted)  # an approximate index; ties count as misses
        np.testing.assert_allclose(1 - distances[0][0], max(self.vectors["user"][0] @ items.T), rtol=1e-4)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
