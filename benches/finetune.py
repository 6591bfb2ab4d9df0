"""What fine-tuning gains: base and fine-tuned model through the program, on pictures that neither learning nor stopping saw.

    python3 benches/finetune.py everyday style toys rounds kills --pokedex target/release/pokedex --data ../shared/data

- everyday: of 91 kinds of things (Caltech 101, ten photographs each) five photographs teach, one judges, four are held out.
  Learnt are the ten kinds whose own name the base gives least often to the six that are not held out; drawn --seeds times.
  Words find the first right picture among the held-out ones and all photographs of other things and scenes.
- style, toys: `team_crops` and `wild_a`, which the built-in model never saw, divided by `split --near-duplicates`; style-apart:
  `team_crops` divided by species, so that none is both learnt and held out. Top-1 is of all 1025 species; words are those of
  queries_c.csv that a held-out picture answers. These folders chose augmentations of the built-in model: see its card.
- rounds: --kinds of them, two labelled pictures each, three that are not, one that judges, four held out; a head is learnt, it labels,
  the labels fine-tune, three times. Beside it: the same without pseudo-labels.
- kills: a run killed twelve times (SIGKILL, at odd moments), and one that was not: the SHA-256 of what they wrote.

Intervals are 95 % of 2000 bootstrap resamples of held-out pictures (or queries), of differences in pairs. Prints Markdown.
"""

import argparse
import collections
import csv
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
RNG = 2000


class Bench:
    def __init__(self, args, scratch):
        self.args, self.scratch, self.data = args, scratch, args.data.resolve()

    def program(self, *arguments):
        done = subprocess.run([self.args.pokedex, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode not in (0, 3):
            sys.exit(f"{arguments}: {done.stderr.decode()}")
        return done.stdout

    def environment(self):
        return os.environ | {"PYTHONPATH": str(HERE.parent / "training"), "POKEDEX": str(Path(self.args.pokedex).resolve())}

    def command(self, table, out, *more):
        return [sys.executable, "-m", "pokedex_train", "finetune", str(table), "--captions", "labels", "-o", str(out), *(["--threads", str(self.args.threads)] if self.args.threads else []), *map(str, more)]

    def finetune(self, table, out, *more):
        """Seconds, and what the run said last of its judges."""
        began = time.monotonic()
        done = subprocess.run(self.command(table, out, *more), env=self.environment(), stderr=None if self.args.verbose else subprocess.PIPE, text=True)
        if done.stderr and done.returncode:
            print(done.stderr, file=sys.stderr)
        if done.returncode:
            sys.exit("fine-tuning failed")
        return time.monotonic() - began

    def embed(self, table, model, out):
        """Unit vectors in the order of the table."""
        self.program("embed", table, *model, "-o", out, "-q")
        return np.array(pq.read_table(out)["embedding"].to_pylist(), np.float32)

    def words(self, texts):
        table, out = self.scratch / "texts.parquet", self.scratch / "words.parquet"
        pq.write_table(pa.table({"key": [f"{i:05}" for i in range(len(texts))], "text": texts}), table)
        self.program("embed", table, "--text", "text", "-o", out, "-q")
        return np.array(pq.read_table(out)["embedding"].to_pylist(), np.float32)

    def by_head(self, embedded, test):
        """Which of the held-out pictures a linear head on these vectors has right."""
        head, out = self.scratch / "head.parquet", self.scratch / "predictions.parquet"
        self.program("train", embedded, "-o", head, "-q")
        self.program("classify", embedded, "--head", head, "-o", out, "-q")
        table = pq.read_table(out, columns=["label", "prediction_1"]).to_pydict()
        return np.array([table["label"][i] == table["prediction_1"][i] for i in test], float)


def interval(values):
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (RNG, len(values)))].mean(1)
    return f"{values.mean():.3f} ({np.quantile(means, 0.025):.3f} to {np.quantile(means, 0.975):.3f})"


def rows_of(title, base, tuned):
    print(f"| {title} | {len(base)} | {interval(base)} | {interval(tuned)} | {interval(tuned - base)} |", flush=True)


HEADER = "| | n | base | fine-tuned | gain |\n| --- | ---: | ---: | ---: | ---: |"


def reciprocal(scores, right):
    """Of each query (row of scores) one over the rank of its first right picture."""
    best = np.where(right, scores, -9).max(1, keepdims=True)
    return 1 / (1 + (scores > best).sum(1))


def write(path, rows):
    pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in ("key", "path", "label", "split")},
                            pa.schema([(name, pa.string()) for name in ("key", "path", "label", "split")])), path)


def photographs(data):
    with open(data / "photos_dev" / "captions.csv", newline="", encoding="utf-8") as file:
        return [row | {"path": str(data / "photos_dev" / row["file"])} for row in csv.DictReader(file)]


def things(data):
    by = collections.defaultdict(list)
    for row in photographs(data):
        if row["kind"] == "object":
            by[row["captions"]].append(row)
    return {label: sorted(rows, key=lambda row: row["file"]) for label, rows in sorted(by.items())}


def everyday(bench):
    kinds, scenes = things(bench.data), [row for row in photographs(bench.data) if row["kind"] == "scene"]
    captions = [row for row in photographs(bench.data) if row["kind"] == "caption"][:416]
    labels = list(kinds)
    texts, own = bench.words(labels), bench.words([row["captions"].split("|")[0] for row in captions])
    total = collections.defaultdict(lambda: ([], []))
    seconds = []
    for seed in range(bench.args.seeds):
        rows = []
        for label in labels:
            some = list(kinds[label])
            random.Random(f"{seed} {label}").shuffle(some)
            rows += [{"key": row["file"], "path": row["path"], "label": label, "split": "train" if i < 5 else "validation" if i < 6 else "test"} for i, row in enumerate(some[:10])]
        pool = rows + [{"key": row["file"], "path": row["path"], "split": "other"} for row in scenes + captions]
        write(bench.scratch / "pool.parquet", pool)
        before = bench.embed(bench.scratch / "pool.parquet", [], bench.scratch / "before.parquet")
        nearest = (before[: len(rows)] @ texts.T).argmax(1)
        hits = collections.Counter(row["label"] for row, at in zip(rows, nearest) if row["split"] != "test" and labels[at] == row["label"])
        ten = sorted(labels, key=lambda label: (hits[label], hashlib.sha256(label.encode()).digest()))[:10]
        lessons = [row for row in rows if row["label"] in ten]
        write(bench.scratch / "ten.parquet", lessons)
        out = bench.scratch / f"ten-{seed}"
        seconds.append(bench.finetune(bench.scratch / "ten.parquet", out))
        after = bench.embed(bench.scratch / "pool.parquet", ["--model", f"{out}/"], bench.scratch / "after.parquet")
        mine = np.array([labels.index(label) for label in ten])
        test = np.array([i for i, row in enumerate(rows) if row["split"] == "test" and row["label"] in ten])
        truth = np.array([ten.index(rows[i]["label"]) for i in test])
        others = np.array([i for i, row in enumerate(rows) if row["label"] not in ten])
        scene_rows = np.arange(len(rows), len(rows) + len(scenes))
        found = np.concatenate([test, others, scene_rows])
        right = np.array([[i < len(truth) and truth[i] == c for i in range(len(found))] for c in range(10)])
        last = np.arange(len(pool) - len(captions), len(pool))
        heads = []
        for name, model in (("base", []), ("tuned", ["--model", f"{out}/"])):
            bench.embed(bench.scratch / "ten.parquet", model, bench.scratch / f"{name}.parquet")
            at = [i for i, row in enumerate(lessons) if row["split"] == "test"]
            heads.append(bench.by_head(bench.scratch / f"{name}.parquet", at))
        for which, vectors in enumerate((before, after)):
            scores = vectors @ texts.T
            total["top-1 of the ten by their names"][which].append((scores[test][:, mine].argmax(1) == truth).astype(float))
            total["top-1 by a linear head"][which].append(heads[which])
            total["words to pictures, MRR"][which].append(reciprocal(texts[mine] @ vectors[found].T, right))
            total["other things: top-1 of 91 by their names"][which].append(np.array([labels[scores[i].argmax()] == rows[i]["label"] for i in others], float))
            total["captions to photographs (Flickr8k), MRR"][which].append(reciprocal(own @ vectors[last].T, np.eye(len(last), dtype=bool)))
    print(f"\n### Ten everyday kinds, {bench.args.seeds} times (fine-tuning took {', '.join(f'{s:.0f}' for s in seconds)} s)\n\n{HEADER}")
    for title, (base, tuned) in total.items():
        rows_of(title, np.concatenate(base), np.concatenate(tuned))


def species_style(bench, folder, title, *divided):
    table, before, after = (bench.scratch / f"{folder}-{name}.parquet" for name in ("split", "before", "after"))
    scanned = bench.scratch / f"{folder}-scanned.parquet"
    bench.program("scan", bench.data / folder, "--ids", "name", "-o", scanned, "-q")
    bench.program("split", scanned, "--ratios", "50/25/25", *divided, "-o", table, "-q")
    base = bench.embed(table, [], before)
    out = bench.scratch / f"{folder}-{'-'.join(divided).strip('-')}"
    seconds = bench.finetune(table, out, "--epochs", bench.args.epochs)
    tuned = bench.embed(table, ["--model", f"{out}/"], after)
    rows = pq.read_table(table, columns=["id", "split"]).to_pydict()
    test = [i for i, split in enumerate(rows["split"]) if split == "test"]
    ids = np.array([rows["id"][i] for i in test])
    bench.program("export", "pokedex:", "--format", "npy", "-o", bench.scratch / "species.npy")
    species = np.load(bench.scratch / "species.npy")
    with open(HERE / "queries_c.csv", newline="", encoding="utf-8") as file:
        asked = [(row["query"], {int(i) for i in row["accepted"].split("|")} & set(ids.tolist())) for row in csv.DictReader(file)]
    asked = [(query, accepted) for query, accepted in asked if accepted]
    right = np.array([[i in accepted for i in ids] for _, accepted in asked])
    texts = bench.words([query for query, _ in asked])
    print(f"\n### {title}: {sum(s == 'train' for s in rows['split'])} pictures teach (fine-tuning took {seconds:.0f} s)\n\n{HEADER}")
    rows_of("top-1 of 1025 species", *(((v[test] @ species.T).argmax(1) + 1 == ids).astype(float) for v in (base, tuned)))
    rows_of("words to pictures, MRR", *(reciprocal(texts @ v[test].T, right) for v in (base, tuned)))


def rounds(bench):
    kinds = things(bench.data)
    labels, rows = sorted(kinds, key=lambda label: hashlib.sha256(label.encode()).digest())[: bench.args.kinds], []
    for label in labels:
        some = list(kinds[label])
        random.Random(f"rounds {label}").shuffle(some)
        for i, row in enumerate(some[:10]):
            split = "train" if i < 5 else "validation" if i < 6 else "test"
            rows.append({"key": row["file"], "path": row["path"], "truth": label, "label": None if 2 <= i < 5 else label, "split": split})
    table = bench.scratch / "few.parquet"
    write(table, rows)
    texts = bench.words(labels)
    test = [i for i, row in enumerate(rows) if row["split"] == "test"]
    hidden = [i for i, row in enumerate(rows) if row["label"] is None]
    model, first = [], None
    print(f"\n### Three rounds of pseudo-labels: {len(labels)} kinds, two labelled pictures each, three without\n")
    print("| round | top-1 by a head | gain | top-1 by names | pseudo-labels kept | right of them | mean score | seconds |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")

    def measure(name, model, told):
        nonlocal first
        embedded = bench.scratch / "round.parquet"
        vectors = bench.embed(table, model, embedded)
        head = bench.by_head(embedded, test)
        first = head if first is None else first
        names = np.array([labels[at] == rows[i]["truth"] for i, at in zip(test, (vectors[test] @ texts.T).argmax(1))], float)
        predicted = pq.read_table(bench.scratch / "predictions.parquet").to_pylist()
        kept = [i for i in hidden if not predicted[i]["rejected"]]
        right = np.mean([predicted[i]["prediction_1"] == rows[i]["truth"] for i in kept]) if kept else 0.0
        score = np.mean([predicted[i]["score_1"] for i in kept]) if kept else 0.0
        print(f"| {name} | {interval(head)} | {interval(head - first)} | {interval(names)} | {len(kept)} of {len(hidden)} | {right:.3f} | {score:.2f} | {told} |", flush=True)

    measure("base", model, "")
    for n in (1, 2, 3):
        told = bench.scratch / f"told-{n}.parquet"
        (bench.scratch / "predictions.parquet").rename(told)
        out = bench.scratch / f"round-{n}"
        seconds = bench.finetune(told, out, "--pseudo-labels", "--epochs", bench.args.epochs)
        model = ["--model", f"{out}/"]
        measure(n, model, f"{seconds:.0f}")
    out = bench.scratch / "labelled-only"
    write(bench.scratch / "labelled.parquet", [row for row in rows if row["label"] is not None])
    seconds = bench.finetune(bench.scratch / "labelled.parquet", out, "--epochs", bench.args.epochs)
    measure("labelled pictures alone, once", ["--model", f"{out}/"], f"{seconds:.0f}")


def kills(bench):
    kinds = things(bench.data)
    rows = []
    for label in list(kinds)[:6]:
        rows += [{"key": row["file"], "path": row["path"], "label": label, "split": "validation" if i % 5 == 4 else "train"} for i, row in enumerate(kinds[label])]
    table = bench.scratch / "kills.parquet"
    write(table, rows)
    digests = []
    for name, times in (("undisturbed", 0), ("killed", 12)):
        folder = bench.scratch / name
        folder.mkdir()
        out, rng, killed = folder / "model", random.Random(5), 0
        while True:
            # Every step is kept; the moment of the kill is not chosen to be between steps.
            child = subprocess.Popen(bench.command(table, out, "--epochs", "8", "--batch", "8", "--patience", "99", "--save-seconds", "0"),
                                     env=bench.environment(), stderr=subprocess.DEVNULL)
            if killed < times:
                checkpoint = out.with_name("model.work") / "checkpoint.pt"
                seen = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
                fresh = 0
                while fresh < rng.randint(1, 3) and child.poll() is None:
                    time.sleep(0.01)
                    now = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
                    fresh, seen = (fresh + 1, now) if now != seen else (fresh, seen)
                time.sleep(rng.random() * 0.2)
                if child.poll() is None:
                    child.kill()
                    killed += 1
                    child.wait()
                    continue
            if child.wait():
                sys.exit("fine-tuning failed")
            break
        digests.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())})
        print(f"{name}, {killed} kills: " + ", ".join(f"{path} {digest[:16]}" for path, digest in digests[-1].items()), flush=True)
    print("the same" if digests[0] == digests[1] else "NOT THE SAME")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="+", choices=["everyday", "style", "style-apart", "toys", "rounds", "kills"])
    parser.add_argument("--pokedex", default="target/release/pokedex")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12, help="of style, toys and rounds")
    parser.add_argument("--kinds", type=int, default=91, help="of rounds")
    parser.add_argument("--threads", type=int, help="of the training; fewer where others want the processors too")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    machine = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"{machine}, {len(os.sched_getaffinity(0))} processors")
    runs = {"everyday": everyday, "rounds": rounds, "kills": kills,
            "style": lambda b: species_style(b, "team_crops", "Screenshots (team_crops)", "--near-duplicates"),
            "style-apart": lambda b: species_style(b, "team_crops", "Screenshots (team_crops), other species held out than learnt", "--group", "label"),
            "toys": lambda b: species_style(b, "wild_a", "Toys, cards, drawings (wild_a)", "--near-duplicates")}
    for what in args.what:
        with tempfile.TemporaryDirectory() as scratch:
            runs[what](Bench(args, Path(scratch)))


if __name__ == "__main__":
    main()
