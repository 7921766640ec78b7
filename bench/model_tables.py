#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every model on every data set: settings chosen on validation, metrics on test, times; as tables in docs/results.md.

A data set with a validation file uses it. Otherwise a tenth of each user's training interactions is held out by a hash
of the pair, settings and the number of epochs are chosen on it, and the model is fitted again on all training
interactions. Test interactions are read only with the settings that won, by as many seeds as asked for. Every finished
run is kept in the cache, so an interrupted or repeated call goes on where the last one ended; a data set whose files
are missing is skipped, saying so.

  bench/model_tables.py --rove build/release/jobs/rove                        # all data sets, models that need no training
  bench/model_tables.py --rove rove --data lastfm --models lightgcn,bspm --write docs/results.md
  bench/model_tables.py --rove rove --data gowalla --models lightgcn --published    # by its authors' settings, hours

With --published nothing is chosen: the models' authors' settings for the data set, for all their epochs. A fit that is
stopped (SIGTERM) goes on from its checkpoint at the next call.
"""
import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Name: folder, files, layout, cut-off of the published tables.
DATA = {
    "gowalla": {"folder": "lightgcn-gowalla", "train": "train.txt", "test": "test.txt", "format": "adjacency", "at": 20},
    "lastfm": {"folder": "lightgcnpp-lastfm", "train": "train.txt", "valid": "valid.txt", "test": "test.txt",
               "format": "adjacency", "at": 10},
    "ml-1m": {"folder": "lightgcnpp-ml-1m", "train": "train.txt", "valid": "valid.txt", "test": "test.txt",
              "format": "adjacency", "at": 10},
    "amazon-electronic": {"folder": "irbench-amazon2014-electronic", "train": "train.tsv", "test": "test.tsv",
                          "format": "csv", "columns": ("user_procid", "item_procid"), "at": 20},
}

# Model: the values of each setting that are tried, one setting after another: each with the best of those before it and
# the first of those after it, so that a search costs the sum of the choices, not their product. A value that is
# a mapping sets several at once; such values come last, since a later single value would keep what they set.
BPR = {"dim": [64], "epochs": [1000], "evaluate_every": [10], "patience": [5], "batch_size": [2048],
       "learning_rate": [1e-3], "decay": [1e-4, 1e-3, 1e-2, 3e-2, 1e-1]}
WEIGHT_DECAY = [{"decay": 0, "weight_decay": value} for value in (1e-6, 1e-5, 1e-4)]
CONTRAST = {"dim": [64], "epochs": [200], "evaluate_every": [2], "patience": [5], "learning_rate": [2e-3]}
SEARCH = {
    "item-knn": {"prediction": ["sum", "average"], "neighbors": [200, 80, 1000], "shrinkage": [20, 0, 100]},
    "ease": {"ease_regularisation": [30, 100, 300, 1000]},
    "gf-cf": {"rank": [256, 64], "low_pass_weight": [0.3, 0.1, 1.0]},
    "bspm": {"rank": [448, 64], "low_pass_weight": [0.2, 0.5], "sharpening_time": [2.5, 1.0]},
    "ials": {"dim": [64], "epochs": [8], "alpha": [20, 5, 40], "regularisation": [3, 0.01, 30, 100]},
    "mf": {**BPR, "decay": BPR["decay"] + WEIGHT_DECAY},
    "lightgcn": {**BPR, "layers": [3, 2]},
    "xsimgcl": {**CONTRAST, "decay": [1e-4, 1e-3], "contrast": [0.2, 0.05], "temperature": [0.15, 0.25],
                "layers": [3, 2]},
    "simgcl": CONTRAST,
    "sgl": CONTRAST,
    "lightgcl": {**CONTRAST, "learning_rate": [1e-3], "batch_size": [4096], "layers": [2], "temperature": [0.2, 2.0]},
    "ultragcn": {**CONTRAST, "epochs": [400], "learning_rate": [1e-3], "batch_size": [512],
                 "negatives_per_positive": [300], "negative_weight": [30, 300]},
    "ssm": {"dim": [64], "epochs": [400], "evaluate_every": [2], "patience": [5], "storage": ["bfloat16"],
            "learning_rate": [2e-4, 1e-3], "loss_temperature": [0.12, 0.2], "layers": [1, 2]},
    "directau": {**CONTRAST, "learning_rate": [1e-3], "uniformity": [1, 5]},
    "simplex": {**CONTRAST, "learning_rate": [1e-3], "margin": [0.4, 0.9]},
    "dccf": {**CONTRAST, "dim": [32], "learning_rate": [1e-3], "layers": [2]},
}
# What the models' authors ran on a data set.
PUBLISHED = {
    "gowalla": {"lightgcn": {"dim": 64, "layers": 3, "epochs": 1000, "batch_size": 2048, "learning_rate": 1e-3, "decay": 1e-4,
                             "sampler": "stratified"}},
}
# Their results do not depend on the seed, or only by the last digits of a singular vector.
WITHOUT_SEED = ["item-knn", "ease", "gf-cf", "bspm"]
WITHOUT_TRAINING = ["item-knn", "ease", "gf-cf", "bspm", "ials"]


def pairs_of(path, data):
    """(user, item) as written in the file, in its order."""
    with open(path, encoding="utf-8") as file:
        if data["format"] == "csv":
            next(file)
            for line in file:
                user, item = line.split()[:2]
                yield user, item
        else:
            for line in file:
                user, *items = line.split()
                for item in items:
                    yield user, item


def is_held_out(user, item):
    return hashlib.sha256(f"{user} {item}".encode()).digest()[0] < 26  # 26 of 256: a tenth


def best_epoch(history, metric):
    """The first of the evaluated epochs that none of them beats: the one that early stopping keeps."""
    with open(history, encoding="utf-8") as file:
        evaluated = [epoch for epoch in json.load(file) if "metrics" in epoch]
    return max(evaluated, key=lambda epoch: (epoch["metrics"][metric], -epoch["epoch"]))["epoch"]


class Bench:
    def __init__(self, arguments):
        self.rove = os.path.abspath(arguments.rove) if os.path.exists(arguments.rove) else arguments.rove
        self.cache = os.path.abspath(arguments.cache)
        self.deadline = time.monotonic() + arguments.limit_seconds if arguments.limit_seconds else None
        self.threads = arguments.threads
        self.seeds = arguments.seeds
        self.folder = arguments.folder

    def call(self, *command):
        start = time.monotonic()
        process = subprocess.Popen([self.rove, *command, "--quiet"] + (["--threads", self.threads] if self.threads else []),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        errors = process.communicate()[1]
        signal.signal(signal.SIGTERM, before)
        return process.returncode, errors.strip(), time.monotonic() - start

    def must(self, *command):
        code, errors, seconds = self.call(*command)
        if code != 0:
            sys.exit(f"rove {' '.join(command)}\nended with {code}: {errors}")
        return seconds

    def work(self, name, digest):
        """The folder of graphs of these files. The first files of a cache have the data set's plain name, as all had in
        caches from before files were told apart; other files get a folder of their own."""
        work = os.path.join(self.cache, name)
        os.makedirs(work, exist_ok=True)
        made_from = os.path.join(work, "digest")
        if not os.path.exists(made_from):
            with open(made_from + ".part", "w", encoding="utf-8") as file:
                file.write(digest)
            os.replace(made_from + ".part", made_from)
        with open(made_from, encoding="utf-8") as file:
            if file.read() == digest:
                return work
        work = f"{work}-{digest[:16]}"
        os.makedirs(work, exist_ok=True)
        return work

    def graph(self, work, name, files, data):
        """The graph of some interactions, with the users and items of all files of the data set, as published tables
        count them: a test item that nobody trained on is a miss. Made once."""
        out = os.path.join(work, f"{name}.h5")
        if os.path.exists(out):
            return out
        known = {"user": set(), "item": set()}
        for part in ("train", "valid", "test"):
            for user, item in pairs_of(data[part], data) if part in data else ():
                known["user"].add(user)
                known["item"].add(item)
        edges = {"type": ["user", "rates", "item"], "files": [files], "format": data["format"]}
        if "columns" in data:
            edges["source"], edges["target"] = data["columns"]
        nodes = []
        for vertex_type, ids in known.items():
            nodes.append({"type": vertex_type, "files": [os.path.join(work, f"{vertex_type}.ids")]})
            with open(nodes[-1]["files"][0], "w", encoding="utf-8") as file:
                file.writelines(f"{name}\n" for name in sorted(ids))
        job = os.path.join(work, f"{name}.yaml")
        with open(job, "w", encoding="utf-8") as file:
            json.dump({"graph": {"edges": [edges], "nodes": nodes}}, file)  # JSON is YAML
        self.must("import", "-c", job, "-o", out)
        return out

    def split(self, work, data):
        """Training files without a tenth, and that tenth, in the data set's own layout."""
        names = [os.path.join(work, part) for part in ("part.txt", "valid.txt")]
        if not all(os.path.exists(name) for name in names):
            for held_out, name in ((False, names[0]), (True, names[1])):
                with open(name + ".part", "w", encoding="utf-8") as file:
                    if data["format"] == "csv":
                        file.write("\t".join(data["columns"]) + "\n")
                    for user, item in pairs_of(data["train"], data):
                        if is_held_out(user, item) == held_out:
                            file.write(f"{user}\t{item}\n" if data["format"] == "csv" else f"{user} {item}\n")
                os.replace(name + ".part", name)
        return names

    def run(self, work, graph, judged, data, model, settings, what, seed=42):
        """Metrics and times of one fit; from the cache when it was done before."""
        key = hashlib.sha256(json.dumps([model, settings, what, seed, data["digest"]], sort_keys=True).encode()).hexdigest()[:16]
        record = os.path.join(self.cache, "runs", key + ".json")
        if os.path.exists(record):
            with open(record, encoding="utf-8") as file:
                return json.load(file)
        if self.deadline and time.monotonic() > self.deadline:
            sys.exit("time is up; the same call goes on from here")
        assignments = ["--set", f"seed={seed}"]
        for name, value in settings.items():
            assignments += ["--set", f"train.{name}={json.dumps(value)}"]
        columns = data.get("columns")
        test = ["--set", f"evaluate.format={data['format']}", "--set", f"evaluate.at=[{data['at']}]"]
        if columns:
            test += ["--set", f"evaluate.source={columns[0]}", "--set", f"evaluate.target={columns[1]}"]
        # Early stopping watches validation, never the test file.
        watched = []
        if "patience" in settings:
            watched = ["--set", f"evaluate.test=[{data['valid']}]", "--set", f"train.stop_metric=recall@{data['at']}"]
        trained = os.path.join(work, "model.h5")
        metrics = os.path.join(work, "metrics.json")
        code, errors, train_seconds = self.call("train", "-g", graph, "-o", trained, "--set", f"train.model={model}",
                                                *assignments, *test, *watched)
        if code == 5:
            result = {"refused": errors.splitlines()[-1] if errors else "does not fit"}
        elif code == 75:
            sys.exit(f"{model} {settings}: stopped; the same call goes on from its checkpoint")
        elif code != 0:
            sys.exit(f"{model} {settings}: rove train ended with {code}: {errors}")
        else:
            evaluate_seconds = self.must("evaluate", "-g", graph, "-e", trained, "-o", metrics,
                                         "--set", f"evaluate.test=[{judged}]", *test)
            with open(metrics, encoding="utf-8") as file:
                result = {"metrics": json.load(file), "train_seconds": train_seconds, "evaluate_seconds": evaluate_seconds}
            history = os.path.join(work, "history.json")
            if "patience" in settings:
                result["best_epoch"] = best_epoch(history, f"recall@{data['at']}")
            if "epochs" in settings:  # with those before a stop
                with open(history, encoding="utf-8") as file:
                    result["train_seconds"] = max(train_seconds, sum(epoch["seconds"] for epoch in json.load(file)))
            os.remove(trained)
        os.makedirs(os.path.dirname(record), exist_ok=True)
        with open(record + ".part", "w", encoding="utf-8") as file:
            json.dump({"model": model, "settings": settings, "what": what, "seed": seed, **result}, file, indent=1)
        os.replace(record + ".part", record)
        print(f"{data['name']} {what} {model} {settings}: "
              f"{result.get('refused') or {k: round(v, 4) for k, v in result['metrics'].items() if k.startswith(('recall@', 'ndcg@'))}}",
              flush=True)
        return result

    def table(self, name, models, published):
        """The rows of one data set: model, settings, result."""
        data = dict(DATA[name], name=name)
        folder = os.path.join(self.folder, data["folder"])
        for part in ("train", "valid", "test"):
            if part in data:
                data[part] = os.path.join(folder, data[part])
        if not os.path.exists(data["train"]):
            print(f"{name}: skipped, {folder} is not there")
            return []
        digest = hashlib.sha256()
        for part in ("train", "valid", "test"):
            if part in data:
                with open(data[part], "rb") as file:
                    digest.update(file.read())
        data["digest"] = digest.hexdigest()
        work = self.work(name, data["digest"])
        whole = self.graph(work, "train", data["train"], data)
        if published:
            return [self.fits(work, whole, data, model, PUBLISHED[name][model]) for model in models]
        chosen_on = whole
        if "valid" not in data:
            part, data["valid"] = self.split(work, data)
            chosen_on = self.graph(work, "part", part, data)
        metric = f"recall@{data['at']}"
        rows = []
        for model in models:
            settings = {name: values[0] for name, values in SEARCH[model].items()}
            result = self.run(work, chosen_on, data["valid"], data, model, settings, "validation")
            if "refused" in result:
                rows.append((model, {}, [result]))
                continue
            best = result
            for name, values in SEARCH[model].items():
                for value in values[1:]:
                    tried = {**settings, **(value if isinstance(value, dict) else {name: value})}
                    result = self.run(work, chosen_on, data["valid"], data, model, tried, "validation")
                    if result.get("metrics", {}).get(metric, 0) > best["metrics"][metric]:
                        best, settings = result, tried
            if chosen_on != whole and "patience" in settings:
                # Trained on what validation held out, nothing is left to stop by: as many epochs as were best there.
                settings = {name: value for name, value in settings.items() if name not in ("patience", "evaluate_every")}
                settings["epochs"] = best["best_epoch"]
            rows.append(self.fits(work, whole, data, model, settings))
        return rows

    def fits(self, work, graph, data, model, settings):
        """A row: fits by each seed, judged on test."""
        seeds = range(42, 43 if model in WITHOUT_SEED else 42 + self.seeds)
        return (model, settings, [self.run(work, graph, data["test"], data, model, settings, "test", seed) for seed in seeds])


def mean(values):
    return sum(values) / len(values)


def markdown(name, rows, published):
    at = DATA[name]["at"]
    lines = [f"| {name}: model | settings, {'as published' if published else 'chosen on validation'} | recall@{at} | ndcg@{at} | seeds | fit | all users |",
             "|---|---|---|---|---|---|---|"]
    for model, settings, results in rows:
        if "refused" in results[0]:
            lines.append(f"| {model} | does not fit | – | – | – | – | – |")
            continue
        text = ", ".join(f"{key} {value}" for key, value in settings.items())
        recall, ndcg = (mean([result["metrics"][f"{metric}@{at}"] for result in results]) for metric in ("recall", "ndcg"))
        fit, all_users = (mean([result[f"{part}_seconds"] for result in results]) for part in ("train", "evaluate"))
        lines.append(f"| {model} | {text} | {recall:.4f} | {ndcg:.4f} | {len(results)} | {fit:.1f} s | {all_users:.1f} s |")
    return "\n".join(lines)


def merged(old, table):
    """The table with the rows that another call wrote of other models."""
    header, new = table.split("\n")[:2], {line.split("|")[1]: line for line in table.split("\n")[2:]}
    rows = [line for line in old.strip().split("\n") if line.startswith("|") and line.split("|")[1].strip() in SEARCH]
    kept = [new.pop(line.split("|")[1], line) for line in rows]
    return "\n".join([*header, *kept, *new.values()])


def write(path, name, table):
    begin, end = f"<!-- model_tables {name} -->", f"<!-- end of {name} -->"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if begin not in text:
        sys.exit(f"{path} has no line '{begin}' to put the table after")
    head, rest = text.split(begin, 1)
    old, tail = rest.split(end, 1)
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(f"{head}{begin}\n{merged(old, table)}\n{end}{tail}")
    os.replace(path + ".part", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rove", default="rove", help="the binary")
    parser.add_argument("--cache", default=os.path.join(ROOT, "build", "model_tables"), help="finished runs and graphs")
    parser.add_argument("--folder", default=os.path.join(os.path.dirname(ROOT), "shared", "data"),
                        help="what holds the folders of the data sets")
    parser.add_argument("--data", default=",".join(DATA), help="data sets")
    parser.add_argument("--models", default=",".join(WITHOUT_TRAINING), help=f"of {', '.join(SEARCH)}")
    parser.add_argument("--threads", default="", help="threads (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="runs on test of models that start at random; means are shown")
    parser.add_argument("--limit-seconds", type=float, default=0, help="start nothing new after this time")
    parser.add_argument("--published", action="store_true", help="by the models' authors' settings for the data set")
    parser.add_argument("--write", default="", help="file with a marked place for each table, such as docs/results.md; rows of other models stay")
    arguments = parser.parse_args()
    for kind, given, known in (("data set", arguments.data, DATA), ("model", arguments.models, SEARCH)):
        for name in given.split(","):
            if name not in known:
                parser.error(f"there is no {kind} '{name}', expected some of {', '.join(known)}")
    bench = Bench(arguments)
    for name in arguments.data.split(","):
        models = arguments.models.split(",")
        if arguments.published and not set(models) <= set(PUBLISHED.get(name, {})):
            parser.error(f"there are no published settings of {arguments.models} on {name}, only of "
                         f"{', '.join(f'{m} on {d}' for d in PUBLISHED for m in PUBLISHED[d])}")
        rows = bench.table(name, models, arguments.published)
        if not rows:
            continue
        table = markdown(name, rows, arguments.published)
        print("\n" + table + "\n")
        if arguments.write:
            write(arguments.write, name, table)


if __name__ == "__main__":
    main()
