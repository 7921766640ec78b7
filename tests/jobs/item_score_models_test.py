# SPDX-License-Identifier: Apache-2.0
"""Models without vectors through the whole job: published like any other, evaluated and recommended from `model.h5` alone,
refused where they would not fit.

usage: item_score_models_test.py MPIRUN ROVE
"""
import json
import os
import shutil
import sys
import tempfile
import unittest

import h5py

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from identity_test import compare, datasets
from rove_process import Rove

ROVE = Rove(*sys.argv[1:3])
JOB = """
graph: {edges: [{type: [user, rates, item], files: [train.csv], format: csv}]}
ppr: {enabled: false}
train: {rank: 12, neighbors: 20}
evaluate: {test: [train.csv], format: csv, at: [10]}
recommend: {top_k: 10}
"""
MODELS = ["item-knn", "ease", "gf-cf", "bspm"]


class ItemScoreModels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="rove-item-scores-")
        cls.job = cls.path("job.yaml")
        with open(cls.job, "w", encoding="utf-8") as file:
            file.write(JOB)
        ROVE.run("generate", "bipartite", "--users", 300, "--items", 120, "--interactions", 4000, "--format", "csv",
                 "--out", cls.path("train.csv"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.directory, *names)

    def publish(self, model, ranks):
        output = self.path(f"{model}-{ranks}")
        ROVE.run("run", self.job, "--quiet", "--set", f"output={output}", "--set", f"train.model={model}", ranks=ranks)
        return os.path.join(output, "latest")

    @staticmethod
    def published(run):
        # Another test may have published into the directory before: only then is there a night to differ from.
        return {name: bytes_ for name, bytes_ in datasets(run).items() if not name.startswith("delta.h5")}

    def test_they_are_published_with_the_same_bytes_on_any_ranks(self):
        for model in MODELS:
            run = self.publish(model, 1)
            self.assertTrue(os.path.exists(os.path.join(run, "model.h5")), model)
            self.assertFalse(os.path.exists(os.path.join(run, "embeddings.h5")), model)
            with open(os.path.join(run, "manifest.json"), encoding="utf-8") as file:
                self.assertIn("model.h5", [entry["name"] for entry in json.load(file)["files"]])
            with h5py.File(os.path.join(run, "recommendations.h5")) as file:
                self.assertEqual(file["recommendations/user/item"].attrs["model"], model)
            compare(self.published(run), self.published(self.publish(model, 3)), f"{model} on 3 ranks")

    def test_evaluation_and_lists_come_from_the_file_alone(self):
        for model in MODELS:
            run = self.publish(model, 2)
            graph, weights = os.path.join(run, "graph.h5"), os.path.join(run, "model.h5")
            metrics, lists = self.path("metrics.json"), self.path("lists.h5")
            # No configuration: the file says which model it is and how it scores.
            ROVE.run("evaluate", "-g", graph, "-e", weights, "-o", metrics, "--test", self.path("train.csv"), "--test-format", "csv",
                     "--at", "[10]", "--quiet", ranks=2)
            with open(metrics, encoding="utf-8") as found, open(os.path.join(run, "metrics.json"), encoding="utf-8") as expected:
                found, expected = json.load(found), json.load(expected)
                self.assertEqual(found["ndcg@10"], expected["ndcg@10"], model)
            ROVE.run("recommend", "-g", graph, "-e", weights, "-o", lists, "--top-k", 10, "--quiet")
            for name in ("indptr", "indices", "scores"):
                with h5py.File(lists) as found, h5py.File(os.path.join(run, "recommendations.h5")) as expected:
                    group = f"recommendations/user/item/{name}"
                    self.assertEqual(found[group][()].tobytes(), expected[group][()].tobytes(), model)
            ROVE.run("verify", weights, lists)

    def test_neighbours_of_an_item_can_be_looked_up(self):
        run = self.publish("item-knn", 1)
        with h5py.File(os.path.join(run, "model.h5")) as file:
            item = file["nodes/item/ids"].asstr()[3]
        found = ROVE.run("lookup", item, "--in", os.path.join(run, "model.h5"), "--type", "item", "--limit", 3).stdout
        self.assertIn("/neighbors/item/item: 20 entries", found)

    def test_what_would_not_fit_is_refused_before_it_is_allocated(self):
        run = self.publish("item-knn", 1)
        refused = ROVE.run("train", "-g", os.path.join(run, "graph.h5"), "--model", "ease", "-o", self.path("ease.h5"),
                           "--memory", "100KiB", code=5)
        self.assertIn("item x item matrix", refused.stderr)
        self.assertFalse(os.path.exists(self.path("ease.h5")))

    def test_a_file_of_another_graph_is_refused(self):
        run = self.publish("item-knn", 1)
        ROVE.run("generate", "bipartite", "--users", 200, "--items", 100, "--interactions", 2000, "--format", "csv", "--seed", 9,
                 "--out", self.path("other.csv"))
        ROVE.run("import", "--type", "user,rates,item", "--files", self.path("other.csv"), "--format", "csv", "-o", self.path("other.h5"))
        refused = ROVE.run("recommend", "-g", self.path("other.h5"), "-e", os.path.join(run, "model.h5"), code=3)
        self.assertIn("holds other vertices", refused.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
