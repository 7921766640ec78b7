# SPDX-License-Identifier: Apache-2.0
"""The Python reader against what the rove binary says of the same files, and its installation by pip.

Usage: reader_test.py SOURCE_DIRECTORY ROVE FILE_DRIVER
"""
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np

SOURCE, ROVE, DRIVER = sys.argv[1:4]
sys.path.insert(0, os.path.join(SOURCE, "python"))
import rove_reader  # noqa: E402


def call(*arguments):
    done = subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=100)
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


class Reader(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        directory = cls.temporary.name
        train = os.path.join(directory, "train.csv")
        job = os.path.join(directory, "job.yaml")
        call(ROVE, "generate", "bipartite", "--users", 40, "--items", 30, "--interactions", 300, "--out", train,
             "--job", job)
        with open(job, "a", encoding="utf-8") as file:
            file.write("ppr: {item_walks: 100, top_k: 10}\ntrain: {dim: 8, epochs: 1}\nrecommend: {top_k: 5}\n")
        call(ROVE, "run", job, "-q")
        cls.output = os.path.join(directory, "runs")
        cls.run_directory = os.path.join(cls.output, "0001")
        cls.samples = os.path.join(directory, "samples")
        os.makedirs(cls.samples)
        call(DRIVER, "write", cls.samples)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def lookup(self, file, id, type):
        text = call(ROVE, "lookup", id, "--in", os.path.join(self.run_directory, file), "--type", type, "--json",
                    "--limit", 1000)
        return json.loads(text)[0]

    def test_run(self):
        run = rove_reader.open_run(self.output)
        self.assertEqual(run.path, os.path.realpath(self.run_directory))
        # Pinned: `latest` may be another night's when the next file is opened.
        latest = rove_reader.open_run(os.path.join(self.output, "latest"))
        self.assertEqual(latest.path, os.path.realpath(self.run_directory))
        self.assertEqual(run.verify(), [])
        self.assertEqual(run.manifest["status"], "complete")
        self.assertIn("epochs: 1", run.embeddings.config)
        with self.assertRaisesRegex(rove_reader.RoveError, "has no index.h5; it has .*embeddings.h5"):
            run.file("index.h5")
        with self.assertRaisesRegex(rove_reader.RoveError, "cannot read metrics.json"):
            _ = run.metrics
        with self.assertRaisesRegex(rove_reader.RoveError, "no run directory"):
            rove_reader.open_run(os.path.join(self.output, "0099"))

    def test_damage_is_found(self):
        run = rove_reader.open_run(self.output)
        path = os.path.join(self.run_directory, "history.json")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace("1", "2", 1))
            self.assertEqual(run.verify(), ["history.json"])
        finally:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

    def test_embeddings(self):
        embeddings = rove_reader.open_run(self.output).embeddings
        self.assertEqual((embeddings.dim, embeddings.metric, list(embeddings.types)), (8, "dot", ["user", "item"]))
        vectors = embeddings.vectors("item")
        self.assertEqual((vectors.shape, vectors.dtype), ((embeddings.types["item"], 8), np.float32))
        for row, id in enumerate(embeddings.ids("item")):
            found = self.lookup("embeddings.h5", id, "item") if row < 3 else None
            if found:
                self.assertEqual(int(found["key"]), embeddings.keys("item")[row])
                np.testing.assert_array_equal(np.array(found["vector"], np.float32), vectors[row])
            np.testing.assert_array_equal(embeddings.vector("item", id), vectors[row])
        np.testing.assert_array_equal(vectors, embeddings.file["nodes/item/vectors"][:])
        self.assertTrue((np.diff(embeddings.keys("user")) > 0).all())
        with self.assertRaises(ValueError):
            vectors[0, 0] = 1
        with self.assertRaisesRegex(rove_reader.RoveError, "has no item 'nobody'"):
            embeddings.vector("item", "nobody")
        with self.assertRaisesRegex(rove_reader.RoveError, "no vertex type 'film'; it has user, item"):
            embeddings.ids("film")

    def test_delta(self):
        directory = self.temporary.name
        job = os.path.join(directory, "job.yaml")
        train = os.path.join(directory, "train.csv")
        output = os.path.join(directory, "nights")
        with open(train, encoding="utf-8") as file:
            lines = file.readlines()
        call(ROVE, "run", job, "-q", "--set", f"output={output}")
        gone = lines[5].split(",")[0]
        try:
            with open(train, "w", encoding="utf-8") as file:
                file.writelines(line for line in lines if line.split(",")[0] != gone)
                file.write(lines[9].replace(lines[9].split(",")[0], "new-user"))
            call(ROVE, "run", job, "-q", "--set", f"output={output}")
        finally:
            with open(train, "w", encoding="utf-8") as file:
                file.writelines(lines)
        before, tonight = (rove_reader.open_run(os.path.join(output, night)) for night in ("0001", "0002"))
        delta = tonight.delta
        self.assertEqual((delta.since, delta.tolerance), ("0001", 0.0))
        self.assertEqual([delta.ids("user")[row] for row in delta.added("user")], ["new-user"])
        self.assertEqual(delta.removed("user")[0], [gone])
        self.assertEqual(list(delta.removed("user")[1]),
                         [before.embeddings.keys("user")[before.embeddings.row("user", gone)]])
        for type in ("user", "item"):
            np.testing.assert_array_equal(
                delta.update_vectors(type, before.embeddings.keys(type), before.embeddings.vectors(type)),
                tonight.embeddings.vectors(type))
            self.assertEqual(len(delta.vectors(type)[0]), len(delta.vectors(type)[2]))
        self.assertIn(("neighbors", "user", "item"), delta.sets)
        rows, lists, overlaps = delta.lists("user", "item")
        self.assertEqual((len(rows), len(rows)), (len(lists), len(overlaps)))
        tonights = tonight.ppr.lists()
        for place, row in enumerate(rows):
            np.testing.assert_array_equal(lists.of(place)[0], tonights.of(row)[0])
        with self.assertRaisesRegex(rove_reader.RoveError, "has nothing of neighbors/item/user"):
            delta.lists("item", "user")

    def test_ranked_lists(self):
        run = rove_reader.open_run(self.output)
        for file, name in ((run.ppr, "ppr.h5"), (run.recommendations, "recommendations.h5")):
            self.assertEqual(file.sets, [("user", "item")])
            lists = file.lists()
            self.assertEqual(len(lists), file.types["user"])
            id = file.ids("user")[3]
            found = self.lookup(name, id, "user")["lists"][0]["entries"]
            self.assertEqual([entry["id"] for entry in found], [item for item, _ in file.entries(id)])
            np.testing.assert_allclose([entry["score"] for entry in found], [score for _, score in file.entries(id)],
                                       rtol=1e-6)
            indices, values = lists.of(3)
            self.assertEqual([file.ids("item")[i] for i in indices], [entry["id"] for entry in found])
            self.assertTrue((np.diff(values["scores"]) <= 0).all())
            self.assertEqual(file.settings()["source"], "user")
            with self.assertRaisesRegex(rove_reader.RoveError, "expected one of"):
                file.lists("item")

    def test_models_without_vectors(self):
        for name, table in (("item-knn", None), ("ease", "weights"), ("gf-cf", "low_pass")):
            output = os.path.join(self.temporary.name, name)
            settings = (f"train.model={name}", f"output={output}", "ppr.enabled=false", "train.rank=4")
            call(ROVE, "run", os.path.join(self.temporary.name, "job.yaml"), "-q",
                 *(f"--set={setting}" for setting in settings))
            model = rove_reader.open_run(output).model
            self.assertEqual(model.model, name)
            if table:
                self.assertEqual(model.table("item", table).shape[0], model.types["item"])
                with self.assertRaisesRegex(rove_reader.RoveError, "has no 'nothing' of item"):
                    model.table("item", "nothing")
            else:
                self.assertEqual(model.sets, [("item", "item")])
                self.assertTrue(model.entries(model.ids("item")[0]))
            self.assertEqual("degree" in model.parameters, name == "gf-cf")

    def test_graph_and_partition(self):
        run = rove_reader.open_run(self.output)
        graph = run.graph
        name, count = next(iter(graph.edge_types.items()))
        edges, reverse = graph.edges(), graph.edges(name, by="destination")
        self.assertEqual((len(edges.indices), len(reverse.indices)), (count, count))
        pairs = {(row, target) for row in range(len(edges)) for target in edges.of(row)[0]}
        self.assertEqual(pairs, {(source, row) for row in range(len(reverse)) for source in reverse.of(row)[0]})
        id = graph.ids("user")[0]
        self.assertEqual(graph.neighbors(id), [graph.ids("item")[i] for i in edges.of(0)[0]])
        self.assertEqual(run.partition.num_parts, 1)
        self.assertFalse(run.partition.parts("user").any())
        self.assertEqual(run.partition.quality["parts"], 1)
        self.assertEqual(run.partition.ids("user"), graph.ids("user"))

    def test_every_file_of_the_samples(self):
        for name in sorted(os.listdir(self.samples)):
            if not name.endswith(".h5"):
                continue
            with rove_reader.open_file(os.path.join(self.samples, name)) as file:
                for dataset in file.datasets():
                    file.read(dataset)
                for type, count in file.types.items():
                    self.assertEqual(len(file.ids(type)), count)
                    self.assertEqual(file.row(type, file.ids(type)[-1]), count - 1)
                if isinstance(file, rove_reader.Graph):
                    for edge_type in file.edge_types:
                        file.edges(edge_type)
                        file.relation_names(edge_type)

    def test_walks(self):
        out = os.path.join(self.temporary.name, "walks.h5")
        graph = os.path.join(self.run_directory, "graph.h5")
        call(ROVE, "walk", "-g", graph, "--sources", "user", "--walks", 2, "--length", 5, "-o", out, "-q")
        links = rove_reader.open_run(self.output).graph
        with rove_reader.open_file(out) as walks:
            self.assertEqual((walks.settings["length"], walks.vertices.shape), (5, (2 * walks.types["user"], 6)))
            walk = walks.walk(7)
            self.assertEqual(walk[0], ("user", walks.ids("user")[3]))
            for (type, id), (_, neighbor) in zip(walk, walk[1:]):
                if type == "user":
                    self.assertIn(neighbor, links.neighbors(id))
            with self.assertRaisesRegex(rove_reader.RoveError, "no vertex of number 70"):
                walks.vertex(70)

    def test_samples(self):
        out = os.path.join(self.temporary.name, "samples.h5")
        call(ROVE, "sample", "-g", os.path.join(self.run_directory, "graph.h5"), "--fanouts", "[3, 2]", "--batch-size", 16, "-o",
             out, "-q")
        with rove_reader.open_file(out) as samples:
            self.assertEqual(len(samples), -(-samples.types["user"] // 16))
            seeds = 0
            for number in range(len(samples)):
                batch = samples.batch(number)
                users = batch["nodes"]["user"]
                seeds += users["hops"][1]
                self.assertEqual(len(users["rows"]), users["hops"][-1])
                for edges in batch["edges"].values():
                    self.assertEqual(len(edges["neighbors"]), edges["hops"][-1])
            self.assertEqual(seeds, samples.types["user"])
            with self.assertRaisesRegex(rove_reader.RoveError, "has no batch"):
                samples.batch(len(samples))
        call(ROVE, "sample", "-g", os.path.join(self.run_directory, "graph.h5"), "--method", "pinsage", "--seeds", "item",
             "--batch-size", 16, "-o", out, "-q")
        with rove_reader.open_file(out) as samples:
            self.assertEqual(samples.settings["layers"], 2)
            for number in range(len(samples)):
                edges = samples.batch(number)["edges"]["item__visits__item__out"]
                self.assertNotIn("positions", edges)
                self.assertEqual(len(edges["weights"]), edges["hops"][-1])

    def test_index(self):
        out = os.path.join(self.temporary.name, "index.h5")
        call(ROVE, "index", "-g", os.path.join(self.run_directory, "graph.h5"), "--types", "item", "--targets", "item", "--walks", 50,
             "-o", out, "-q")
        with rove_reader.open_file(out) as index:
            self.assertEqual(index.sets, [("item", "item")])
            found = index.fingerprint("item", index.ids("item")[2], "item")
            self.assertTrue(found)
            self.assertEqual(found, sorted(found, key=lambda entry: -entry[1]))
            with self.assertRaisesRegex(rove_reader.RoveError, "not of user to item"):
                index.fingerprint("user", "u", "item")

    def test_refuses_what_is_not_roves(self):
        path = os.path.join(self.temporary.name, "other.h5")
        rove_reader.files.h5py.File(path, "w").close()
        with self.assertRaisesRegex(rove_reader.RoveError, "was not written by Rove"):
            rove_reader.open_file(path)
        with rove_reader.files.h5py.File(path, "a") as file:
            file.attrs.update({"format": "rove/graph", "format_version": 99})
        with self.assertRaisesRegex(rove_reader.RoveError, "version 99"):
            rove_reader.open_file(path)
        with self.assertRaisesRegex(rove_reader.RoveError, "cannot open"):
            rove_reader.open_file(os.path.join(self.temporary.name, "nothing.h5"))

    @unittest.skipUnless(importlib.util.find_spec("pip") and importlib.util.find_spec("setuptools"),
                         "pip and setuptools are not installed")
    def test_pip_installs_it(self):
        target = os.path.join(self.temporary.name, "site")
        copy = os.path.join(self.temporary.name, "python")
        call("cp", "-r", os.path.join(SOURCE, "python"), copy)
        call(sys.executable, "-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--no-index",
             "--target", target, copy)
        code = "import rove_reader, sys; print(rove_reader.__file__, rove_reader.open_run(sys.argv[1]).embeddings.dim)"
        done = subprocess.run([sys.executable, "-c", code, self.output], capture_output=True, text=True, check=True,
                              env=dict(os.environ, PYTHONPATH=target))
        self.assertEqual(done.stdout.split(), [os.path.join(target, "rove_reader", "__init__.py"), "8"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
