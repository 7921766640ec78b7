# SPDX-License-Identifier: Apache-2.0
"""`rove ppr` with lists of targets, pairs that must not be shown, several target types, and edge weights.

usage: ppr_job_test.py MPIRUN ROVE
"""
import json
import os
import random
import sys
import tempfile
import unittest

import h5py

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python"))
from rove_process import Rove
from rove_reader import open_file

USERS, ITEMS = 40, 30
RANKS = (1, 2, 3, 4, 7)


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def datasets(path):
    """Bytes of every dataset but the configuration, which names ranks and paths."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()].tobytes()})
                        if isinstance(item, h5py.Dataset) and name != "config" else None)
    return found


def lists(path, target="item", source="user"):
    """Of every source the targets' ids, best first."""
    with h5py.File(path) as file:
        group = file[f"neighbors/{source}/{target}"]
        ids = [name.decode() for name in file[f"nodes/{target}/ids"][:]]
        names = [name.decode() for name in file[f"nodes/{source}/ids"][:]]
        indptr, indices = group["indptr"][:], group["indices"][:]
        return {name: [ids[i] for i in indices[indptr[row]:indptr[row + 1]]] for row, name in enumerate(names)}


class PprJob(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rove = Rove(*sys.argv[1:3])
        cls.kept = tempfile.TemporaryDirectory(prefix="rove-ppr-")
        cls.directory = cls.kept.name
        draw = random.Random(3)
        pairs = sorted({(number % USERS, draw.randrange(ITEMS)) for number in range(300)})
        cls.edges = write(cls.path("edges.txt"), "".join(f"u{u} i{i}\n" for u, i in pairs))
        cls.graph = cls.path("graph.h5")
        cls.rove.run("import", "--type", "user,rates,item", "--files", cls.edges, "-o", cls.graph)

        brands = write(cls.path("brands.txt"), "".join(f"i{i} b{i % 7}\n" for i in range(ITEMS)))
        job = write(cls.path("typed.yaml"), f"""
graph:
  edges:
    - {{type: [user, rates, item], files: [{cls.edges}]}}
    - {{type: [item, of, brand], files: [{brands}]}}
""")
        cls.typed = cls.path("typed.h5")
        cls.rove.run("import", "-c", job, "-o", cls.typed)

    @classmethod
    def tearDownClass(cls):
        cls.kept.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.directory, name)

    def ppr(self, *arguments, graph=None, ranks=1, code=0):
        out = self.path("ppr.h5")
        settings = [f"--set=ppr.{name}={value}" for name, value in
                    (("walks", 200), ("item_walks", 200), ("verd_walks", 100), ("pixie_moves", 400), ("top_k", 12))]
        done = self.rove.run("ppr", "-g", graph or self.graph, "-o", out, *settings, *arguments, ranks=ranks, code=code)
        return out, done.stdout + done.stderr

    def same_at_any_ranks(self, *arguments, graph=None, layouts=("replicated", "partitioned")):
        """Returns the file of one rank."""
        expected = None
        for number, ranks in enumerate(RANKS):
            layout = layouts[number % len(layouts)]
            out, _ = self.ppr(*arguments, f"--set=resources.layout={layout}", graph=graph, ranks=ranks)
            expected = expected or datasets(out)
            self.assertEqual(datasets(out), expected, f"{ranks} ranks, {layout}, {arguments}")
        return out

    def test_exclusions_in_csv_files_with_and_without_a_header(self):
        pairs = "".join(f"u{u},i{u + 1}\n" for u in range(4))
        for text, settings in ((pairs, ["exclude_header=no"]), ("customer,product\n" + pairs, ["exclude_header=yes"]),
                               ("item_id,user_id\n" + "".join(f"i{u + 1},u{u}\n" for u in range(4)), []),
                               ("p,c\n" + "".join(f"i{u + 1},u{u}\n" for u in range(4)),
                                ["exclude_source=c", "exclude_target=p"])):
            out, _ = self.ppr("--exclude-pairs", write(self.path("hidden.csv"), text), "--set=ppr.exclude_format=csv",
                              *[f"--set=ppr.{setting}" for setting in settings])
            with h5py.File(out) as file:
                self.assertEqual(file["neighbors/user/item"].attrs["excluded_pairs"], 4, settings)
        _, said = self.ppr("--exclude-pairs", write(self.path("hidden.csv"), pairs), "--set=ppr.exclude_format=csv",
                           code=3)
        self.assertIn("hidden.csv:1:1: found 'u0,i1', which may be a header or the first row", said)
        self.assertIn("ppr.exclude_header", said)

    def test_exclusions(self):
        blocked = {f"i{i}" for i in range(0, ITEMS, 5)}
        allowed = {f"i{i}" for i in range(ITEMS) if i % 3}
        hidden = {f"u{u}": {f"i{(u + j) % ITEMS}" for j in range(3)} for u in range(0, USERS, 2)}
        arguments = [
            "--exclude-targets", write(self.path("blocked.txt"), "\n".join([*blocked, "gone", ""])),
            "--allow-targets", write(self.path("allowed.txt"), "\r\n".join([*allowed, "never-there", "nor-this"])),
            "--exclude-pairs", write(self.path("hidden.txt"), "".join(f"{u} {' '.join(items)}\n"
                                                                      for u, items in hidden.items()) + "nobody i1\n"),
            "--set=ppr.exclude_format=adjacency", "--method"]
        out, said = self.ppr(*arguments, "item-index")
        for warning in ("1 ids of ppr.exclude_targets are not", "2 ids of ppr.allow_targets are not",
                        "1 pairs of ppr.exclude_pairs are not"):
            self.assertIn(warning, said)
        shown = lists(out)
        self.assertGreater(sum(map(len, shown.values())), 100)
        for user, items in shown.items():
            self.assertFalse(set(items) & blocked, user)
            self.assertFalse(set(items) - allowed, user)
            self.assertFalse(set(items) & hidden.get(user, set()), user)
        with h5py.File(out) as file:
            attributes = file["neighbors/user/item"].attrs
            self.assertEqual(attributes["candidates"], len(allowed - blocked))
            self.assertEqual(attributes["excluded_pairs"], sum(map(len, hidden.values())))
        self.assertTrue(any(set(items) & hidden.get(user, set()) for user, items in lists(self.ppr()[0]).items()))
        self.same_at_any_ranks(*arguments, "item-index")

    def test_pairs_of_seed_sets_name_the_set(self):
        sets = write(self.path("sets.txt"), "first i1\nfirst i2\nsecond i3\n")
        every = lists(self.ppr("--seed-sets", sets)[0], source="seed_set")
        best = every["first"][0]
        pairs = write(self.path("pairs.txt"), f"first {best}\nthird i1\n")
        shown = lists(self.same_at_any_ranks("--seed-sets", sets, "--exclude-pairs", pairs, layouts=["replicated"]),
                      source="seed_set")
        self.assertEqual(shown["first"], every["first"][1:] + shown["first"][len(every["first"]) - 1:])
        self.assertEqual(shown["second"], every["second"])

    def test_seed_sets_take_the_place_of_sources(self):
        graph = self.path("shop.h5")
        self.rove.run("import", "--type", "customer,buys,item", "--files", self.edges, "-o", graph)
        sets = write(self.path("sets.txt"), "first i1\nfirst i2\nsecond i3\n")
        self.assertEqual(set(lists(self.ppr("--seed-sets", sets, graph=graph)[0], source="seed_set")), {"first", "second"})
        _, said = self.ppr("--seed-sets", sets, "--source-list", sets, graph=graph, code=2)
        self.assertIn("both set", said)
        many = write(self.path("many.txt"), "".join(f"s{n} i{n % ITEMS}\n" for n in range(4000)))
        self.ppr("--set=resources.memory=512KiB")
        _, said = self.ppr("--seed-sets", many, "--set=resources.memory=512KiB", code=5)
        self.assertIn("lists", said)
        said = self.rove.run("estimate", "--graph", graph, "--verb", "ppr", "--set", f"ppr.seed_sets=[{many}]",
                             "--set", "ppr.top_k=12", "--ranks", 4, "--json").stdout
        items = {item["what"]: item["bytes"] for item in json.loads(said)["stages"][0]["adds"]}
        self.assertEqual(items["lists"], 1000 * (24 * 12 + 24))

    def test_what_needs_the_replicated_layout_says_so(self):
        sets = write(self.path("sets.txt"), "first i1\n")
        for arguments in (["--seed-sets", sets], ["--method", "maintained"], ["--method", "pixie"]):
            _, said = self.ppr(*arguments, "--set=resources.layout=partitioned", code=2, ranks=2)
            self.assertIn("works on the replicated layout; set resources.layout: replicated", said)

    def test_attributes_say_what_was_asked_for(self):
        for method in ("power", "item-index"):
            with h5py.File(self.ppr("--method", method, "--set=ppr.top_k=5000")[0]) as file:
                attributes = file["neighbors/user/item"].attrs
                self.assertEqual((attributes["top_k"], attributes["walks"]), (5000, 0 if method == "power" else 200))

    def test_several_target_types(self):
        both = self.same_at_any_ranks("--targets", "item,brand", "--method", "item-index", graph=self.typed)
        kept = os.path.join(self.directory, "both.h5")
        os.replace(both, kept)
        self.rove.run("verify", kept)
        for target in ("item", "brand"):
            one, _ = self.ppr("--targets", target, "--method", "item-index", graph=self.typed)
            with h5py.File(kept) as several, h5py.File(one) as alone:
                for name in ("indptr", "indices", "scores", "error_bounds"):
                    self.assertEqual(several[f"neighbors/user/{target}/{name}"][()].tobytes(),
                                     alone[f"neighbors/user/{target}/{name}"][()].tobytes(), (target, name))
        found = self.rove.run("lookup", "u1", "--in", kept, "--type", "user", "--json").stdout
        self.assertEqual({entry["name"] for entry in json.loads(found)[0]["lists"]},
                         {"/neighbors/user/item", "/neighbors/user/brand"})
        self.assertIn("neighbors/user/brand", self.rove.run("diff", kept, one, code=1).stdout)
        self.assertIn("--target", self.rove.run("export", kept, "-o", self.path("run.trec"), code=2).stderr)
        self.rove.run("export", kept, "--target", "brand", "-o", self.path("run.trec"))
        with open(self.path("run.trec"), encoding="utf-8") as file:
            self.assertTrue(all(line.split()[2].startswith("b") for line in file))
        with open_file(kept) as file:
            self.assertEqual(set(file.sets), {("user", "item"), ("user", "brand")})
            self.assertEqual(file.entries("u1", target="brand")[0][0], lists(kept, "brand")["u1"][0])

        blocked = write(self.path("one.txt"), "i3\n")
        _, said = self.ppr("--targets", "item,brand", "--exclude-targets", blocked, graph=self.typed, code=2)
        self.assertIn("ppr.exclude_type", said)
        out, _ = self.ppr("--targets", "item,brand", "--exclude-targets", blocked, "--set=ppr.exclude_type=item",
                          graph=self.typed)
        self.assertFalse(any("i3" in shown for shown in lists(out).values()))
        with h5py.File(out) as file:
            self.assertEqual([file[f"neighbors/user/{target}"].attrs["candidates"] for target in ("item", "brand")],
                             [ITEMS - 1, 7])
        self.ppr("--targets", "item,item", graph=self.typed, code=2)
        self.ppr("--targets", "item,brand", "--seed-sets", self.edges, graph=self.typed, code=2)

    def test_pixie_bias(self):
        hot = {f"i{i}" for i in range(0, ITEMS, 4)}
        features = write(self.path("features.txt"), "".join(f"i{i} {'hot' if f'i{i}' in hot else 'mild'}\n"
                                                            for i in range(ITEMS)) + "gone hot\n")
        pixie = ["--method", "pixie", f"--set=ppr.pixie_features={features}"]

        def hot_share(path):
            return sum(item in hot for items in lists(path).values() for item in items[:3])

        plain = datasets(self.ppr("--method", "pixie")[0])
        unbiased = hot_share(self.path("ppr.h5"))
        self.assertEqual(datasets(self.ppr(*pixie, "--set=ppr.pixie_bias={hot: 1}")[0]), plain)
        _, said = self.ppr(*pixie, "--set=ppr.pixie_bias={hot: 1, rare: 3}")
        self.assertIn("1 ids of ppr.pixie_features are not", said)
        self.assertIn("ppr.pixie_bias names 'rare', a feature of no vertex", said)
        out = self.same_at_any_ranks(*pixie, "--set=ppr.pixie_bias={hot: 50}", layouts=["replicated"])
        self.assertGreater(hot_share(out), 1.5 * unbiased)
        self.ppr(*pixie, code=2)
        self.ppr("--method", "pixie", "--set=ppr.pixie_bias={hot: 2}", code=2)
        self.ppr("--method", "walks", *pixie[2:], "--set=ppr.pixie_bias={hot: 2}", code=2)
        self.ppr(*pixie, "--set=ppr.pixie_bias={hot: -2}", code=2)
        twice = write(self.path("twice.txt"), "i1 hot\ni1 mild\n")
        _, said = self.ppr("--method", "pixie", f"--set=ppr.pixie_features={twice}", "--set=ppr.pixie_bias={hot: 2}",
                           code=3, ranks=2)
        self.assertIn("'i1' has 2 features", said)

    def weighted_graph(self, name, *arguments, left_out=()):
        draw = random.Random(5)
        with open(self.edges, encoding="utf-8") as file:
            lines = [f"{line.strip()} {draw.randrange(1, 50) / 4}\n" for line in file]
        edges = write(self.path(name + ".txt"), "".join(line for n, line in enumerate(lines) if n not in left_out))
        graph = self.path(name + ".h5")
        self.rove.run("import", "--type", "user,rates,item", "--files", edges, "--weight", "3", "-o", graph, *arguments)
        return graph

    def test_weights(self):
        graph = self.weighted_graph("weighted")
        weighted = ["--set=ppr.weighted=true", "--method", "item-index"]
        out = self.same_at_any_ranks(*weighted, graph=graph)
        with h5py.File(out) as file:
            self.assertEqual(file["neighbors/user/item"].attrs["weighted"], 1)
        shown = lists(out)
        self.assertNotEqual(shown, lists(self.ppr("--method", "item-index", graph=graph)[0]))
        _, said = self.ppr("--set=ppr.weighted=true", "--method", "pixie", graph=graph, code=2)
        self.assertIn("auto, item-index, verd, walks, maintained and power", said)
        _, said = self.ppr("--set=ppr.weighted=true", code=2, ranks=2)
        self.assertIn("none of the edges that walks move along has weights", said)

    def night(self, name, graph, *arguments, **options):
        """A night's maintained walks in a directory of that name: the files' datasets, and what was said."""
        directory = self.path(name)
        os.makedirs(directory, exist_ok=True)
        done = self.rove.run("ppr", "-g", graph, "-o", os.path.join(directory, "ppr.h5"), "--method", "maintained",
                             "--set=ppr.maintained_walks=40", *arguments, **options)
        files = [os.path.join(directory, file) for file in ("ppr.h5", "maintained_walks.h5")]
        return [datasets(file) for file in files if os.path.exists(file)], done.stderr

    def expect_refreshed(self, monday, tuesday, *arguments):
        """Refreshed on any ranks, Tuesday's walks are those of a new start; returns what names Monday's files."""
        self.night("monday-walks", monday, *arguments)
        expected, _ = self.night("anew", tuesday, *arguments)
        yesterday = [f"--set=graph.previous={monday}", f"--set=ppr.previous={self.path('monday-walks')}/maintained_walks.h5"]
        for ranks in RANKS:
            found, said = self.night("refreshed", tuesday, *yesterday, *arguments, ranks=ranks)
            self.assertEqual(found, expected, ranks)
            self.assertIn("walked again from a step on", said)
        return yesterday

    def test_weighted_walks_are_maintained(self):
        monday = self.weighted_graph("monday")
        tuesday = self.weighted_graph("tuesday", f"--set=graph.previous={monday}", left_out=(3, 77))
        yesterday = self.expect_refreshed(monday, tuesday, "--set=ppr.weighted=true")
        _, said = self.night("other", tuesday, *yesterday, "--set=ppr.weighted=false", code=2)
        self.assertIn("ppr.weighted", said)

    def social_graph(self, name, follows, *arguments):
        """Ratings, and users who follow users."""
        job = write(self.path(name + ".yaml"), json.dumps({"graph": {"edges": [
            {"type": ["user", "rates", "item"], "files": [self.edges]},
            {"type": ["user", "follows", "user"],
             "files": [write(self.path(name + ".txt"), "".join(f"u{a} u{b}\n" for a, b in follows))]}]}}))
        graph = self.path(name + ".h5")
        self.rove.run("import", "-c", job, "-o", graph, *arguments)
        return graph

    def test_walks_along_some_edges_are_maintained(self):
        draw = random.Random(8)
        follows = sorted({(draw.randrange(USERS), draw.randrange(USERS)) for _ in range(200)})
        follows = [(a, b) for a, b in follows if a != b]
        monday = self.social_graph("monday-social", follows)
        tuesday = self.social_graph("tuesday-social", follows[3:] + [(0, 39), (39, 0)], f"--set=graph.previous={monday}")
        along = ["--set=ppr.edges=[follows]", "--set=ppr.direction=out", "--set=ppr.targets=user"]
        yesterday = self.expect_refreshed(monday, tuesday, *along)
        with h5py.File(self.path("refreshed/maintained_walks.h5")) as file:
            self.assertEqual(file.attrs["direction"], "follows, out")
        # The lists are those of walks that were never kept, but for chance: a user nobody is followed by is on none.
        followed = {f"u{b}" for _, b in follows[3:]} | {"u0", "u39"}
        shown = lists(self.path("refreshed/ppr.h5"), "user")
        self.assertTrue(all(set(names) <= followed for names in shown.values()))
        self.assertTrue(any(shown.values()))
        # The order of relations means nothing.
        self.night("monday-walks", monday, "--set=ppr.edges=[rates, follows]")
        self.night("other", tuesday, *yesterday, "--set=ppr.edges=[follows, rates, follows]")
        self.night("monday-walks", monday, *along)
        _, said = self.night("other", tuesday, *yesterday, *along[:1], along[2], code=2)
        self.assertIn("follows, out, but this job has follows, both", said)

    def test_a_list_of_sources_may_begin_with_a_byte_order_mark(self):
        listed = self.path("listed.txt")
        with open(listed, "w", encoding="utf-8-sig") as file:
            file.write("u3\r\nu5")
        for ranks in (1, 2):
            out, said = self.ppr("--source-list", listed, ranks=ranks)
            self.assertEqual({user for user, items in lists(out).items() if items}, {"u3", "u5"})
            self.assertNotIn("ppr.source_list", said)

    def test_bad_lists(self):
        with open(self.path("bytes.txt"), "wb") as file:
            file.write(b"i1\ni\xff2\n")
        _, said = self.ppr("--exclude-targets", self.path("bytes.txt"), code=3, ranks=2)
        self.assertIn("bytes.txt:2:1", said)
        _, said = self.ppr("--exclude-pairs", write(self.path("short.txt"), "u1 i1\nu2\n"), code=3, ranks=2)
        self.assertIn("short.txt:2", said)
        _, said = self.ppr("--allow-targets", write(self.path("strangers.txt"), "a\nb\n"), code=3)
        self.assertIn("none of them of a 'item'", said)
        self.ppr("--exclude-targets", self.path("missing.txt"), code=4)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
