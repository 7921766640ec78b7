# SPDX-License-Identifier: Apache-2.0
"""Index, query and serve from outside: answers, refusals, reloading, stopping; and the commands of docs/serving.md.

usage: serve_test.py MPIRUN ROVE DOCUMENT
"""
import gzip
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

import h5py

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rove_process import Rove, limit

MPIRUN, BINARY, DOCUMENT = sys.argv[1:4]
rove = Rove(MPIRUN, BINARY)


class Serving:
    """A running `rove serve`."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([BINARY, "serve", "--port", "0", *map(str, arguments)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert "listening on" in line, line + self.process.stderr.read()
        self.port = int(line.rsplit(":", 1)[1])

    def connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def ask(self, method, path, body=None, headers=None, connection=None):
        """Status and decoded answer."""
        mine = connection or self.connect()
        mine.request(method, path, body if body is None or isinstance(body, (str, bytes)) else json.dumps(body), headers or {})
        response = mine.getresponse()
        text = response.read().decode()
        if connection is None:
            mine.close()
        return response.status, json.loads(text) if "json" in response.getheader("Content-Type", "") else text

    def open(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=limit(20))

    def send(self, data):
        """What these bytes bring back until the connection ends."""
        with self.open() as connection:
            connection.sendall(data)
            received = b""
            while block := connection.recv(1 << 16):
                received += block
        return received.decode()

    def end(self):
        """Asks it to stop; returns its exit code and what it said."""
        self.process.send_signal(signal.SIGTERM)
        try:
            _, errors = self.process.communicate(timeout=limit(30))
        finally:
            self.process.kill()
        return self.process.returncode, errors


class ServeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="rove-serve-")
        train = cls.path("train.txt")
        rove.run("generate", "bipartite", "--users", 300, "--items", 200, "--interactions", 6000, "--format",
                 "adjacency", "--out", train)
        rove.run("import", "--type", "user,rates,item", "--files", train, "--format", "adjacency", "-o",
                 cls.path("graph.h5"), "-q")
        rove.run("index", "-g", cls.path("graph.h5"), "-o", cls.path("index.h5"), "-q")
        with h5py.File(cls.path("graph.h5")) as graph:
            cls.users = [name.decode() for name in graph["nodes/user/ids"][:]]
            cls.items = [name.decode() for name in graph["nodes/item/ids"][:]]
        cls.service = Serving("--in", cls.path("index.h5"), "--set", "serve.max_body=64KiB", "--set", "serve.watch=0")

    @classmethod
    def tearDownClass(cls):
        code, errors = cls.service.end()
        assert code == 0, errors
        shutil.rmtree(cls.directory)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.directory, name)

    def query(self, *arguments, code=0):
        return rove.run("query", *arguments, "--in", self.path("index.h5"), code=code)

    def ids(self, *arguments):
        return [n["id"] for n in json.loads(self.query(*arguments, "--json").stdout)["neighbors"]]


class Index(ServeTest):
    def test_same_bytes_at_any_ranks_and_threads(self):
        for ranks, threads in [(2, 1), (3, 2)]:
            other = self.path(f"index-{ranks}.h5")
            rove.run("index", "-g", self.path("graph.h5"), "-o", other, "-q", "--threads", threads, ranks=ranks)
            rove.run("diff", self.path("index.h5"), other)  # ends with 1 when a dataset differs

    def test_info_verify_and_lookup_know_it(self):
        self.assertIn("rove/index", rove.run("info", self.path("index.h5")).stdout)
        rove.run("verify", self.path("index.h5"))
        rows = json.loads(rove.run("lookup", self.users[3], "--in", self.path("index.h5"), "--type", "user", "--json").stdout)
        scores = [entry["score"] for entry in rows[0]["lists"][0]["entries"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertEqual([entry["name"] for entry in rows[0]["lists"]],
                         ["/fingerprints/user/item", "/fingerprints/user/user"])

    def test_verify_finds_damage(self):
        damaged = self.path("damaged.h5")
        shutil.copy(self.path("index.h5"), damaged)
        with h5py.File(damaged, "r+") as file:
            file["fingerprints/user/item/entries"][5, 0] = 10**6
        self.assertIn("not a fingerprint", rove.run("verify", damaged, code=3).stdout + rove.start("verify", damaged).stderr)
        self.assertIn("damaged", rove.run("query", self.users[0], "--in", damaged, "--set", "query.hops=0", code=3).stderr)

    def test_an_index_of_another_graph_is_refused(self):
        train = self.path("other.txt")
        rove.run("generate", "bipartite", "--users", 30, "--items", 20, "--interactions", 100, "--format", "adjacency",
                 "--out", train)
        rove.run("import", "--type", "user,rates,item", "--files", train, "--format", "adjacency", "-o",
                 self.path("other.h5"), "-q")
        done = rove.run("query", "1", "--in", self.path("index.h5"), "--graph", self.path("other.h5"), code=3)
        self.assertIn("another graph", done.stderr)

    def test_an_index_without_what_is_held_out_is_refused(self):
        graph, index = self.path("graph.h5"), self.path("split.h5")
        rove.run("index", "-g", graph, "-o", index, "-q", "--set", "split.method=leave-one-out")
        for verb in (("query", self.users[0]), ("serve", "--port", 0)):
            done = rove.run(*verb, "--in", index, "--graph", graph, "--set", "split.method=none", code=2)
            self.assertIn("split.method: leave-one-out", done.stderr)


class Query(ServeTest):
    def test_agrees_with_the_item_index(self):
        rove.run("ppr", "-g", self.path("graph.h5"), "-o", self.path("ppr.h5"), "--method", "item-index", "-k", 10, "-q")
        with h5py.File(self.path("ppr.h5")) as file:
            lists = file["neighbors/user/item"]
            for row in (0, 17, 299):
                begin, end = lists["indptr"][row:row + 2]
                expected = [self.items[i] for i in lists["indices"][begin:end]]
                self.assertEqual(self.ids(self.users[row], "--threshold", 0), expected)

    def test_baskets_filters_and_weights(self):
        basket = self.items[:3]
        near = self.ids(*basket, "--type", "item", "-k", 20)
        self.assertEqual(len(near), 20)
        self.assertFalse(set(near) & set(basket))
        self.assertEqual(self.ids(*basket, "--type", "item", "-k", 20, "--exclude", near[0], near[4])[:3], near[1:4])
        self.assertEqual(self.ids(*basket, "--type", "item", "--allow", near[7], near[2], basket[0]), [near[2], near[7]])
        weighted = self.ids(f"{basket[0]}:1000", f"{basket[1]}:0.001", "--weighted", "--type", "item")
        self.assertEqual(weighted[:4], self.ids(basket[0], "--type", "item")[:4])
        self.assertTrue(set(self.ids(basket[0], "--type", "item", "--target", "user")) <= set(self.users))

    def test_boosted_baskets(self):
        basket = [*self.items[:3], "--type", "item", "-k", "150"]
        plain, boosted = self.ids(*basket), self.ids(*basket, "--boost")
        self.assertNotEqual(plain, boosted)
        self.assertGreater(len(set(plain) & set(boosted)), 10)
        self.assertEqual(boosted, self.ids(*basket, "--set", "query.boost=true"))
        answer = json.loads(self.query(*basket, "--boost", "--json").stdout)
        self.assertTrue(answer["boosted"])
        self.assertNotIn("error_bound", answer)
        self.assertIn("no probabilities", self.query(*basket, "--boost").stdout)
        for other in (["--exact"], ["--explain", "2"]):
            self.assertIn("leave out " + other[0], self.query(*basket, "--boost", *other, code=2).stderr)
        explain = [*self.items[:3], "--type", "item", "-k", "5", "--explain", "2", "--json"]
        self.assertEqual(json.loads(self.query(*explain, "--set", "query.boost=true").stdout),
                         json.loads(self.query(*explain).stdout), "paths have shares of probabilities")
        seeds = [{"id": item, "type": "item"} for item in self.items[:3]]
        status, answer = self.service.ask("POST", "/v1/neighbors", {"seeds": seeds, "k": 150, "boost": True})
        self.assertEqual((status, [n["id"] for n in answer["neighbors"]]), (200, boosted))
        ids = "&".join(f"id={urllib.parse.quote(item)}" for item in self.items[:3])
        status, answer = self.service.ask("GET", f"/v1/neighbors?{ids}&type=item&k=150&boost=true")
        self.assertEqual((status, [n["id"] for n in answer["neighbors"]]), (200, boosted))
        self.assertEqual(self.service.ask("POST", "/v1/neighbors", {"seeds": seeds, "boost": 1})[0], 400)

    def test_explanations_are_walks_of_the_graph(self):
        answer = json.loads(self.query(self.users[5], "--explain", 2, "--json").stdout)
        with h5py.File(self.path("graph.h5")) as graph:
            rows = graph["edges/user__rates__item/by_source"]
            indptr, indices = rows["indptr"][:], rows["indices"][:]
        linked = {u: {self.items[i] for i in indices[indptr[r]:indptr[r + 1]]} for r, u in enumerate(self.users)}
        degree = {}
        for items in linked.values():
            for item in items:
                degree[item] = degree.get(item, 0) + 1
        for neighbor in answer["neighbors"]:
            explanation = neighbor["explanation"]
            self.assertEqual(len(explanation["paths"]), 2)
            for path in explanation["paths"]:
                first, other, last = (step["id"] for step in path["steps"])
                self.assertIn(first, linked[self.users[5]])
                self.assertIn(first, linked[other])
                self.assertIn(last, linked[other])
                self.assertEqual(last, neighbor["id"])
                probability = 0.15 * 0.85**3 / len(linked[self.users[5]]) / degree[first] / len(linked[other])
                self.assertAlmostEqual(path["probability"], probability, places=12)
            self.assertGreaterEqual(explanation["short_paths"]["probability"],
                                    sum(path["probability"] for path in explanation["paths"]) - 1e-12)
        text = self.query(self.users[5], "--explain", 1).stdout
        self.assertIn(f"user {self.users[5]} -rates-> item", text)

    def test_weights(self):
        # Paths u1 -> i1 -> u2 -> i3 and u1 -> i2 -> u3 -> i3 differ in nothing but their weights.
        log = self.path("weights.csv")
        with open(log, "w", encoding="utf-8") as file:
            file.write("user,item,weight\nu1,i1,9\nu1,i2,1\nu2,i1,1\nu2,i3,1\nu3,i2,1\nu3,i3,1\nu4,i4,0\n")
        small = self.path("small.h5")
        rove.run("import", "--type", "user,rates,item", "--files", log, "--format", "csv", "--source", "user",
                 "--target", "item", "--weight", "weight", "-o", small, "-q")
        index = self.path("weighted.h5")
        rove.run("index", "-g", small, "-o", index, "-q", "--set", "ppr.weighted=true")
        with h5py.File(index) as file:
            self.assertTrue(file.attrs["weighted"])
        rove.run("verify", index)

        def answer(id, *arguments):
            return json.loads(rove.run("query", id, "--type", "user", "--in", index, "--graph", small, "--json",
                                       *arguments).stdout)

        explained = answer("u1", "--explain", 2)["neighbors"]
        self.assertEqual([n["id"] for n in explained], ["i3"])
        paths = [[step["id"] for step in path["steps"]] for path in explained[0]["explanation"]["paths"]]
        self.assertEqual(paths, [["i1", "u2", "i3"], ["i2", "u3", "i3"]])
        shares = [path["probability"] for path in explained[0]["explanation"]["paths"]]
        self.assertAlmostEqual(shares[0], 0.15 * 0.85**3 * (9 / 10) * (1 / 10) * (1 / 2), places=12)
        self.assertAlmostEqual(shares[1], 0.15 * 0.85**3 * (1 / 10) * (1 / 2) * (1 / 2), places=12)
        self.assertTrue(answer("u4")["cold"])  # its one edge has no weight
        # Lists are those of the batch, with and without the fingerprint of the source.
        rove.run("ppr", "-g", small, "-o", self.path("small-ppr.h5"), "--method", "item-index", "-q", "--set",
                 "ppr.weighted=true")
        with h5py.File(self.path("small-ppr.h5")) as file, h5py.File(small) as graph:
            lists = file["neighbors/user/item"]
            items = [id.decode() for id in graph["nodes/item/ids"][:]]
            graph_users = [id.decode() for id in graph["nodes/user/ids"][:]]
            for row, id in enumerate(graph_users):
                begin, end = lists["indptr"][row:row + 2]
                found = [(n["id"], n["score"]) for n in answer(id, "--threshold", 0)["neighbors"]]
                self.assertEqual(found, [(items[i], float(score)) for i, score in
                                         zip(lists["indices"][begin:end], lists["scores"][begin:end])])
        # Exact answers follow the weights too: those of power iteration.
        rove.run("ppr", "-g", small, "-o", self.path("small-power.h5"), "--method", "power", "-q", "--set",
                 "ppr.weighted=true", "--set", "ppr.tolerance=1e-10")
        exact = json.loads(rove.run("query", "u1", "--type", "user", "--in", small, "--exact", "--json", "--set",
                                    "ppr.weighted=true").stdout)
        with h5py.File(self.path("small-power.h5")) as file:
            row = graph_users.index("u1")
            lists = file["neighbors/user/item"]
            (score,) = lists["scores"][lists["indptr"][row]:lists["indptr"][row + 1]]
            self.assertEqual([n["id"] for n in exact["neighbors"]], ["i3"])
            self.assertAlmostEqual(exact["neighbors"][0]["score"], float(score), places=7)
        refused = rove.run("index", "-g", self.path("graph.h5"), "-o", self.path("none.h5"), "--set",
                           "ppr.weighted=true", code=2)
        self.assertIn("has weights", refused.stderr)

    def test_exact_answers_need_no_index(self):
        exact = json.loads(rove.run("query", self.users[4], "--type", "user", "--in", self.path("graph.h5"), "--exact",
                                    "-k", 20, "--json").stdout)
        self.assertLess(exact["error_bound"], 1.1e-8)
        near = json.loads(self.query(self.users[4], "-k", 20, "--json").stdout)
        scores = {n["id"]: n["score"] for n in exact["neighbors"]}
        self.assertGreater(len(scores.keys() & {n["id"] for n in near["neighbors"]}), 15)
        for neighbor in near["neighbors"]:
            if neighbor["id"] in scores:
                self.assertLess(abs(neighbor["score"] - scores[neighbor["id"]]), near["error_bound"])

    def test_walks_along_edges_only(self):
        """An index, its explanations and exact answers of `ppr.direction` and `ppr.edges`, against a dense solver."""
        with open(self.path("follows.csv"), "w", encoding="utf-8") as file:
            file.write("source,target\n" + "\n".join(f"{a},{b}" for a, b in self.follows()))
        out = self.path("directed.h5")
        edges = '[{type: [user, follows, user], files: [' + self.path("follows.csv") + '], format: csv}, {type: [user, rates, item], files: [' + self.path("train.txt") + '], format: adjacency}]'
        rove.run("import", "--set", f"graph.edges={edges}", "-o", out, "-q")
        source = self.users[4]
        for settings, wanted in ((["ppr.direction=out"], "out"), (["ppr.edges=[follows]"], "follows")):
            flags = [part for setting in settings for part in ("--set", setting)]
            target = "item" if wanted == "out" else "user"
            rove.run("index", "-g", out, "-o", self.path("directed-index.h5"), "-q", "--types", "user,item", "--targets",
                     target, *flags)
            ask = ("query", source, "--type", "user", "--target", target, "-k", 15, "--json", "--include-linked")
            exact = json.loads(rove.run(*ask, "--in", out, "--exact", *flags).stdout)
            near = json.loads(rove.run(*ask, "--in", self.path("directed-index.h5"), "-g", out, "--explain", 2).stdout)
            self.assertGreater(len(near["neighbors"]), 3)
            scores = {n["id"]: n["score"] for n in exact["neighbors"]}
            for neighbor in near["neighbors"]:
                if neighbor["id"] in scores:
                    self.assertLess(abs(neighbor["score"] - scores[neighbor["id"]]), near["error_bound"])
                for path in neighbor["explanation"]["paths"]:
                    self.assertNotIn("<-" if wanted == "out" else "rates", path["text"])
            truth = self.dense(source, wanted)
            for name, score in scores.items():
                self.assertAlmostEqual(score, truth[(target, name)], delta=1e-6)

    @classmethod
    def follows(cls):
        return [(cls.users[i], cls.users[(7 * i + step) % 300]) for i in range(300) for step in (1, 5)]

    @classmethod
    def dense(cls, source, wanted):
        """Scores from `source` by power iteration: lost walks divided out."""
        moves = {}
        for a, b in cls.follows():
            moves.setdefault(("user", a), []).append(("user", b))
            if wanted == "follows":
                moves.setdefault(("user", b), []).append(("user", a))
        if wanted == "out":
            with open(cls.path("train.txt"), encoding="utf-8") as file:
                for line in file:
                    user, *items = line.split()
                    moves.setdefault(("user", user), []).extend(("item", item) for item in items)
        flow, scores = {("user", source): 1.0}, {}
        for _ in range(200):
            following = {}
            for vertex, mass in flow.items():
                scores[vertex] = scores.get(vertex, 0.0) + 0.15 * mass
                for neighbor in moves.get(vertex, ()):
                    following[neighbor] = following.get(neighbor, 0.0) + 0.85 * mass / len(moves[vertex])
            flow = following
        kept = sum(scores.values())
        return {vertex: score / kept for vertex, score in scores.items()}

    def test_mistakes_are_named(self):
        self.assertIn("no user with id 'nobody'", self.query("nobody", "--type", "user", code=3).stderr)
        self.assertIn("only: user, item", self.query(self.users[0], "--type", "usr", code=2).stderr)
        self.assertIn("ID:WEIGHT", self.query(self.users[0], "--weighted", code=2).stderr)
        self.assertIn("'k' is 0", self.query(self.users[0], "-k", 0, code=2).stderr)
        self.assertIn("nowhere", self.query(self.users[0], "--graph", "nowhere", code=4).stderr)


class Sources(ServeTest):
    """`rove ppr` of some sources, against the index asked for the same."""

    def lists(self, *arguments, ranks=1, method="verd"):
        out = self.path("some.h5")
        rove.run("ppr", "-g", self.path("graph.h5"), "-o", out, "-q", "-k", 10, "--method", method, "--set",
                 "ppr.verd_walks=4000", "--set", "ppr.verd_hops=1", *arguments, ranks=ranks)
        rove.run("verify", out)
        found = {}
        with h5py.File(out) as file:
            source = next(iter(file["neighbors"]))
            names = [name.decode() for name in file[f"nodes/{source}/ids"][:]]
            lists = file[f"neighbors/{source}/item"]
            for row, name in enumerate(names):
                begin, end = lists["indptr"][row:row + 2]
                found[name] = [self.items[i] for i in lists["indices"][begin:end]]
        return source, found

    def test_a_list_of_sources(self):
        with open(self.path("list.txt"), "w", encoding="utf-8") as file:
            file.write(f"{self.users[8]}\n\n{self.users[2]}\n{self.users[8]}\n")
        for ranks in (1, 3):
            source, found = self.lists("--source-list", self.path("list.txt"), ranks=ranks)
            self.assertEqual(source, "user")
            self.assertEqual({name for name in found if found[name]}, {self.users[8], self.users[2]})
            self.assertEqual(found[self.users[8]], self.ids(self.users[8]))
        with open(self.path("list.txt"), "a", encoding="utf-8") as file:
            file.write("nobody\n")
        done = rove.run("ppr", "-g", self.path("graph.h5"), "--source-list", self.path("list.txt"), "-q", "-o",
                        self.path("some.h5"))
        self.assertIn("1 ids of ppr.source_list", done.stderr)
        with open(self.path("list.txt"), "w", encoding="utf-8") as file:
            file.write("\nnobody\n")
        done = rove.run("ppr", "-g", self.path("graph.h5"), "--source-list", self.path("list.txt"), "-q", code=3)
        self.assertIn("list.txt:2", done.stderr)

    def test_edges_and_direction(self):
        _, every = self.lists()
        self.assertEqual(self.lists("--set", "ppr.edges=[rates]", ranks=2), ("user", every))
        _, out = self.lists("--set", "ppr.direction=out")
        self.assertEqual(set(map(len, out.values())), {0}, "one step leads to linked items, and no further")
        done = rove.run("ppr", "-g", self.path("graph.h5"), "--set", "ppr.edges=[rate]", "-q", code=2)
        self.assertIn("did you mean 'rates'", done.stderr)

    def test_weighted_seed_sets(self):
        a, b, c = self.items[3:6]
        with open(self.path("sets.txt"), "w", encoding="utf-8") as file:
            file.write(f"evening {a} 3\nmorning {c} 1\nevening {b} 1\nevening no-such-item 9\nempty no-such-item 1\n")
        for ranks in (1, 3):
            source, found = self.lists("--seed-sets", self.path("sets.txt"), "--set", "ppr.seed_weight='3'", ranks=ranks)
            self.assertEqual(source, "seed_set")
            self.assertEqual(found["evening"], self.ids(f"{a}:3", f"{b}:1", "--weighted", "--type", "item"))
            self.assertEqual(found["morning"], self.ids(c, "--type", "item"))
            self.assertEqual(found["empty"], [])

    def test_seed_sets_that_cannot_be(self):
        with open(self.path("bad.txt"), "w", encoding="utf-8") as file:
            file.write(f"evening {self.items[3]} 0\n")
        sets = ("-g", self.path("graph.h5"), "--seed-sets", self.path("bad.txt"), "-q", "-o", self.path("some.h5"))
        done = rove.run("ppr", *sets, "--set", "ppr.seed_weight='3'", code=3, ranks=2)
        self.assertIn("the set 'evening' has the weight 0", done.stderr)
        self.assertIn("not by power", rove.run("ppr", *sets, "--method", "power", code=2).stderr)

    def test_baskets_by_pixie(self):
        seeds = self.items[3:6]
        with open(self.path("baskets.txt"), "w", encoding="utf-8") as file:
            file.write(f"pair {seeds[0]}\npair {seeds[1]}\nlone {seeds[2]}\nempty no-such-item\n")
        found = [self.lists("--seed-sets", self.path("baskets.txt"), "--set", "ppr.pixie_moves=3000", ranks=ranks,
                            method="pixie") for ranks in (1, 3)]
        self.assertEqual(found[0], found[1])
        source, lists = found[0]
        self.assertEqual(source, "seed_set")
        self.assertEqual([len(lists[name]) for name in ("pair", "lone", "empty")], [10, 10, 0])
        self.assertFalse(set(lists["pair"]) & set(seeds[:2]))


class Serve(ServeTest):
    def test_answers_as_query_does(self):
        user = self.users[7]
        expected = json.loads(self.query(user, "--type", "user", "--json").stdout)
        for method, path, body in [("GET", f"/v1/neighbors?id={urllib.parse.quote(user)}&type=user", None),
                                   ("POST", "/v1/neighbors", {"id": user, "type": "user"})]:
            status, answer = self.service.ask(method, path, body)
            self.assertEqual(status, 200)
            self.assertEqual(answer, expected)

    def test_batches_answer_each_request(self):
        requests = [{"id": self.users[1], "type": "user", "k": 3}, {"id": "nobody", "type": "user"}, {"k": 1},
                    {"seeds": [{"id": self.items[0], "type": "item", "weight": 2}, {"id": self.items[1], "type": "item"}]}]
        status, answer = self.service.ask("POST", "/v1/batch", {"requests": requests})
        self.assertEqual(status, 200)
        self.assertEqual([result.get("status") for result in answer["results"]], [None, 404, 400, None])
        self.assertEqual(len(answer["results"][0]["neighbors"]), 3)

    def test_explain(self):
        _, near = self.service.ask("POST", "/v1/neighbors", {"id": self.users[2], "type": "user", "k": 1})
        item = near["neighbors"][0]
        status, answer = self.service.ask("POST", "/v1/explain", {"id": self.users[2], "type": "user", "to": item["id"], "paths": 3})
        self.assertEqual(status, 200)
        self.assertEqual(len(answer["paths"]), 3)
        self.assertAlmostEqual(answer["score"], item["score"], places=9)
        self.assertEqual(answer["to"]["id"], item["id"])

    def test_refusals(self):
        for status, method, path, body in [
                (404, "GET", "/v1/neighbors?id=nobody", None), (404, "GET", "/v2", None),
                (400, "POST", "/v1/neighbors", "{"), (400, "POST", "/v1/neighbors", "[]"),
                (400, "POST", "/v1/neighbors", {"id": 5}), (400, "POST", "/v1/neighbors", {"id": "1", "kk": 5}),
                (400, "POST", "/v1/neighbors", {"id": self.users[0], "k": 0}),
                (400, "POST", "/v1/neighbors", {"id": self.users[0], "k": 10**9}),
                (400, "POST", "/v1/neighbors", {"seeds": [{"id": self.users[0], "weight": -1}]}),
                (400, "POST", "/v1/neighbors", {"id": self.users[0], "target": "nothing"}),
                (400, "POST", "/v1/neighbors", {"id": self.users[0], "allow_lists": ["nothing"]}),
                (400, "POST", "/v1/batch", {"requests": [{}] * 1001}), (400, "GET", "/v1/neighbors?id=1&k=many", None),
                (400, "GET", "/v1/neighbors?seeds=x&id=1", None),
                (413, "POST", "/v1/neighbors", "x" * 100_000)]:
            with self.subTest(f"{method} {path} {str(body)[:60]}"):
                found, answer = self.service.ask(method, path, body)
                self.assertEqual(found, status, answer)
                self.assertIn("error", answer)

    def test_bodies_no_request_would_have(self):
        service = Serving("--in", self.path("index.h5"))
        for body in ('{"id": ' + "[" * 500_000 + "]" * 500_000 + "}", '{"k": ' * 100_000 + "1" + "}" * 100_000,
                     "{" + ",".join(f'"a{i}":0' for i in range(90_000)) + "}", {"id": ["x" * 100] * 100}):
            status, answer = service.ask("POST", "/v1/neighbors", body)
            self.assertEqual(status, 400)
            self.assertLess(len(answer["error"]), 200)
        self.assertEqual(answer["error"], "'id' must be a string, found an array")
        self.assertEqual(service.ask("GET", "/healthz")[0], 200)
        self.assertEqual(service.end()[0], 0)

    def test_requests_are_bounded_however_they_come(self):
        ask = json.dumps({"id": self.users[0], "type": "user", "exclude": ["no-such-item"] * 2000}).encode()
        self.assertGreater(len(ask), 20_000)
        form = {"Content-Type": "application/x-www-form-urlencoded"}  # as `curl -d` sends it
        self.assertEqual(self.service.ask("POST", "/v1/neighbors", ask, form)[0], 200)
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (ask[:9000], ask[9000:])) + b"0\r\n\r\n"
        post = b"POST /v1/neighbors HTTP/1.1\r\nConnection: close\r\n"
        packed = gzip.compress(ask)
        chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
        for status, request in [
                (200, post + b"Transfer-Encoding: chunked\r\n\r\n" + chunks),
                (413, post + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 40),
                (413, post + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 400_000),
                (400, post + b"Transfer-Encoding: chunked\r\n\r\nno number\r\n"),
                (501, post + b"Transfer-Encoding: gzip\r\n\r\n" + packed),
                (411, post + b"\r\n"), (400, post + b"Content-Length: many\r\n\r\n"),
                (415, post + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(packed), packed)),
                (415, post + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9\r\n\r\n--x\r\n--x--"),
                (431, b"GET /healthz HTTP/1.1\r\n" + b"a: b\r\n" * 100_000),
                (431, b"GET /healthz HTTP/1.1\r\na: " + b"x" * 200_000),
                (400, b"GET /healthz HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
                (405, b"PUT /v1/neighbors HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
                (404, b"POST /v2 HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9000\r\n\r\n"
                      + b"x" * 9000)]:
            with self.subTest(request[:90]):
                answer = self.service.send(request)
                self.assertTrue(answer.startswith(f"HTTP/1.1 {status} "), answer[:200])
                self.assertIn("neighbors" if status == 200 else "error", json.loads(answer.split("\r\n\r\n", 1)[1]))
        together = b"GET /healthz HTTP/1.1\r\n\r\n" + b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"
        self.assertEqual(self.service.send(together).count("HTTP/1.1 200 "), 2)

    @staticmethod
    def drip(connection):
        """What comes back while one byte follows another."""
        connection.settimeout(0.1)
        deadline = time.monotonic() + limit(20)
        while time.monotonic() < deadline:
            try:
                connection.sendall(b"a")
                return connection.recv(1000).decode()
            except socket.timeout:
                continue
            except OSError as error:
                return repr(error)
        return "nothing"

    def test_clients_that_drip_hold_nothing_up(self):
        service = Serving("--in", self.path("index.h5"), "--set", "serve.timeout=1")
        for head in (b"GET /healthz HTTP/1.1\r\na: ", b"POST /v1/neighbors HTTP/1.1\r\nContent-Length: 1000\r\n\r\n"):
            with service.open() as slow:
                slow.sendall(head)
                self.assertIn("HTTP/1.1 408 ", self.drip(slow))
        with service.open() as slow, service.open():
            slow.sendall(b"GET /healthz HTTP/1.1\r\n")
            dripping = threading.Thread(target=self.drip, args=(slow,))
            dripping.start()
            begun = time.monotonic()
            code, errors = service.end()
            took = time.monotonic() - begun
            dripping.join()
        self.assertEqual(code, 0, errors)
        self.assertLess(took, limit(5))

    def test_signals_are_heard_while_an_index_is_read(self):
        """A pipe that nobody writes to, in place of a list, keeps the reading from its end."""
        def holds_signals_back(process):
            with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
                return int(re.search(r"SigBlk:\s*(\w+)", file.read())[1], 16) >> (signal.SIGTERM - 1) & 1

        os.mkfifo(self.path("pipe.txt"))
        process = subprocess.Popen([BINARY, "serve", "--in", self.path("index.h5"), "--port", "0", "--set",
                                    f"serve.allow_lists=[{self.path('pipe.txt')}]"], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + limit(20)
        while not holds_signals_back(process) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
        process.terminate()
        try:
            _, errors = process.communicate(timeout=limit(10))
        finally:
            process.kill()
        self.assertEqual(process.returncode, 0, errors)
        self.assertIn("ended before its index was read", errors)

        piped = self.path("piped")
        os.makedirs(piped)
        for name in ("index.h5", "graph.h5"):
            shutil.copy(self.path(name), piped)
        stock = os.path.join(piped, "stock.txt")
        with open(stock, "w", encoding="utf-8") as file:
            file.write(self.items[0] + "\n")
        service = Serving("--in", os.path.join(piped, "index.h5"), "--set", f"serve.allow_lists=[{stock}]", "--set",
                          "serve.watch=0", "--set", "serve.timeout=1")
        os.mkfifo(stock + ".pipe")
        os.replace(stock + ".pipe", stock)
        shutil.copy(self.path("index.h5"), os.path.join(piped, "new.h5"))
        os.replace(os.path.join(piped, "new.h5"), os.path.join(piped, "index.h5"))
        service.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        self.assertEqual(service.ask("GET", "/healthz")[0], 200)
        code, errors = service.end()
        self.assertEqual(code, 0, errors)
        self.assertIn("the new index was not read to its end", errors)

    def test_health_and_metrics(self):
        status, health = self.service.ask("GET", "/healthz")
        self.assertEqual((status, health["status"]), (200, "ok"))
        self.service.ask("GET", f"/v1/neighbors?id={urllib.parse.quote(self.users[0])}&type=user")
        status, text = self.service.ask("GET", "/metrics")
        self.assertEqual(status, 200)
        self.assertGreater(int(re.search(r'rove_requests_total\{endpoint="neighbors",status="2xx"\} (\d+)', text)[1]), 0)
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) |[a-z_]+(\{[^}]*\})? [0-9.e+-]+$)')

    def test_a_token_switches_authentication_on(self):
        with open(self.path("token"), "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write("0123456789abcdef0123\n")
        service = Serving("--in", self.path("index.h5"), "--token-file", self.path("token"))
        path = f"/v1/neighbors?id={urllib.parse.quote(self.users[0])}&type=user"
        self.assertEqual(service.ask("GET", path)[0], 401)
        self.assertEqual(service.ask("GET", path, headers={"Authorization": "Bearer 0123456789abcdef0124"})[0], 401)
        self.assertEqual(service.ask("GET", path, headers={"Authorization": "Bearer 0123456789abcdef0123"})[0], 200)
        self.assertEqual(service.ask("GET", "/metrics")[0], 401)
        self.assertEqual(service.ask("GET", "/healthz")[0], 200)
        self.assertEqual(service.end()[0], 0)
        short = self.path("short")
        with open(short, "w", encoding="utf-8") as file:
            file.write("short\n")
        rove.run("serve", "--in", self.path("index.h5"), "--token-file", short, code=2)

    def test_allow_lists_and_blocks(self):
        near = self.ids(self.users[9], "-k", 6)
        with open(self.path("stock.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join([near[1], near[3], near[5], "no-such-item"]))
        with open(self.path("blocks.txt"), "w", encoding="utf-8") as file:
            file.write(f"{self.users[9]} {near[0]} {near[3]}\nno-such-user {near[0]}\n")
        service = Serving("--in", self.path("index.h5"), "--set", f"serve.allow_lists=[{self.path('stock.txt')}]",
                          "--set", f"serve.blocks={self.path('blocks.txt')}")
        ask = {"id": self.users[9], "type": "user", "k": 6}
        _, answer = service.ask("POST", "/v1/neighbors", ask)
        self.assertEqual([n["id"] for n in answer["neighbors"]][:4], [near[1], near[2], near[4], near[5]])
        _, answer = service.ask("POST", "/v1/neighbors", dict(ask, allow_lists=["stock"]))
        self.assertEqual([n["id"] for n in answer["neighbors"]], [near[1], near[5]])
        explain = {"id": self.users[9], "type": "user", "to": near[0]}
        self.assertEqual(service.ask("POST", "/v1/explain", explain)[0], 404)
        self.assertEqual(service.ask("POST", "/v1/explain", dict(explain, to=near[1]))[0], 200)
        code, errors = service.end()
        self.assertEqual(code, 0)
        self.assertIn("2 ids of serve.allow_lists", errors)

    def test_lists_behind_links_are_read_again_with_a_new_index(self):
        near = self.ids(self.users[9], "-k", 3)
        linked = self.path("linked")
        os.makedirs(linked)
        for name in ("index.h5", "graph.h5"):
            shutil.copy(self.path(name), linked)
        stock = os.path.join(linked, "stock.txt")
        for name, item in (("monday.txt", near[1]), ("tuesday.txt", near[2])):
            with open(os.path.join(linked, name), "w", encoding="utf-8-sig") as file:  # with a byte-order mark
                file.write(item + "\n")
        os.symlink("monday.txt", stock)
        service = Serving("--in", os.path.join(linked, "index.h5"), "--set", f"serve.allow_lists=[{stock}]", "--set",
                          "serve.watch=0")

        def shown():
            ask = {"id": self.users[9], "type": "user", "k": 3, "allow_lists": ["stock"]}
            status, answer = service.ask("POST", "/v1/neighbors", ask)
            return [n["id"] for n in answer["neighbors"]] if status == 200 else answer

        first = shown()
        os.symlink("tuesday.txt", stock + ".new")
        os.replace(stock + ".new", stock)
        shutil.copy(self.path("index.h5"), os.path.join(linked, "new.h5"))
        os.replace(os.path.join(linked, "new.h5"), os.path.join(linked, "index.h5"))
        service.process.send_signal(signal.SIGHUP)
        reloaded = self.wait_for(service, "rove_index_reloads_total 1")
        second = shown()
        code, errors = service.end()
        self.assertTrue(reloaded, errors)
        self.assertEqual(code, 0)
        self.assertEqual((first, second), ([near[1]], [near[2]]))

    def test_reloads_and_stops_without_dropping_a_request(self):
        live = self.path("live")
        os.makedirs(live)
        for name in ("index.h5", "graph.h5"):
            shutil.copy(self.path(name), live)
        service = Serving("--in", os.path.join(live, "index.h5"), "--set", "serve.watch=1")
        stop = threading.Event()
        failures, answered = [], [0] * 4

        def load(worker):
            connection = service.connect()
            while not stop.is_set():
                begun = time.monotonic()
                try:
                    user = self.users[answered[worker] * 7 % len(self.users)]
                    status, _ = service.ask("POST", "/v1/neighbors", {"id": user, "type": "user"}, connection=connection)
                    if status != 200:
                        failures.append(status)
                except (OSError, http.client.HTTPException) as error:
                    failures.append(repr(error))
                    connection = service.connect()
                answered[worker] += 1
                time.sleep(max(0.0, 0.02 - (time.monotonic() - begun)))
            connection.close()

        workers = [threading.Thread(target=load, args=(i,)) for i in range(4)]
        for worker in workers:
            worker.start()
        rove.run("index", "-g", self.path("graph.h5"), "-o", self.path("new.h5"), "--walks", 500, "-q")
        os.replace(self.path("new.h5"), os.path.join(live, "index.h5"))
        reloaded = self.wait_for(service, "rove_index_reloads_total 1")
        # One that is no index is refused, and the old one goes on answering.
        with open(self.path("broken"), "w", encoding="utf-8") as file:
            file.write("no index")
        os.replace(self.path("broken"), os.path.join(live, "index.h5"))
        refused = self.wait_for(service, "rove_index_reload_failures_total 1")
        time.sleep(0.2)
        stop.set()
        for worker in workers:
            worker.join()
        code, errors = service.end()
        self.assertTrue(reloaded and refused, errors)
        self.assertEqual(failures, [])
        self.assertGreater(sum(answered), 100)
        self.assertEqual(code, 0)
        self.assertIn("now answering from", errors)
        self.assertEqual(errors.count("the old index stays"), 1)

    def wait_for(self, service, line):
        for _ in range(100):
            if line in service.ask("GET", "/metrics")[1].splitlines():
                return True
            time.sleep(0.1)
        return False

    def test_a_port_that_is_taken(self):
        done = rove.run("serve", "--in", self.path("index.h5"), "--port", self.service.port, code=4)
        self.assertIn("cannot listen", done.stderr)


class Document(unittest.TestCase):
    def test_the_commands_of_the_page_work_as_they_stand(self):
        with open(DOCUMENT, encoding="utf-8") as file:
            blocks = re.findall(r"^```sh\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)
        self.assertEqual(len(blocks), 3)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        script = "set -e\n" + "\n".join(blocks).replace("8470", str(port))
        with tempfile.TemporaryDirectory(prefix="rove-serving-") as directory:
            os.symlink(BINARY, os.path.join(directory, "rove"))
            environment = dict(os.environ, PATH=f"{directory}:{os.environ['PATH']}", OMPI_ALLOW_RUN_AS_ROOT="1",
                               OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
            done = subprocess.run(["bash", "-c", script], cwd=directory, env=environment, capture_output=True, text=True,
                                  timeout=150)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn('"neighbors"', done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
