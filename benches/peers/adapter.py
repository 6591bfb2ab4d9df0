"""`train --method adapter`: what it gains on pictures of other styles, and how fast it is, beside PyTorch and scikit-learn.

    python3 benches/peers/adapter.py DATA --pokedex target/release/pokedex [--species N] [--rows N --classes N]

DATA is the folder of pictures (`ingame_sprites` and other folders of `NNNN_….png`, `photos_dev` with `captions.csv`).

1. From ten pictures a species of one style (`ingame_sprites`; what is missing is drawn by `augment --floor 10`) an adapter of the
   built-in model and a linear head are learnt. On every other style: first right by the head; by the nearest mean of the base's and
   of the adapter's vectors (`--method centroid`); by the 1025 built-in species with either model; and the MRR of words that
   find pictures, by the queries of `benches/queries.csv`, with either model.
2. From captions of photographs (1000 to learn from, 400 of the rest to judge by): the MRR of a caption's photograph, before and after.
3. On --rows x --classes random vectors: seconds of the whole command, penalty chosen among nine; the objective of its matrix,
   computed anew in float64, beside the least that PyTorch's L-BFGS finds from there and from the identity; seconds to within 0.1 %
   of that with one penalty: ours (whole process), PyTorch by L-BFGS and by Adam (float32, the time of the steps alone); and
   scikit-learn's Ridge from rows to their anchors, with its accuracy, which is another objective. Whether the bytes are those of -j 1.

Needs numpy, pyarrow, torch, scikit-learn.
"""

import argparse
import csv
import json
import os
import platform
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from sklearn.linear_model import Ridge

from figures import record

QUERIES = Path(__file__).parents[1] / "queries.csv"
OTHERS = ["front_sprites", "dreamworld", "box_icons", "team_crops", "wild_a", "artwork_256"]


class Program:
    def __init__(self, path, scratch):
        self.path, self.scratch = path, scratch

    def __call__(self, *arguments, **options):
        command = [self.path, "-q", *map(str, arguments)]
        return subprocess.run(command, check=True, cwd=self.scratch, stdout=subprocess.PIPE, **options).stdout


def vectors(path, column="embedding"):
    table = pq.read_table(path)
    table = table.filter(table[column].is_valid())
    return np.stack(table[column].to_numpy(zero_copy_only=False)).astype("f4"), table


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def matrix(folder):
    data = (folder / "adapter.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    about = json.loads(data[8 : 8 + length])["image.weight"]
    first, last = about["data_offsets"]
    return np.frombuffer(data[8 + length :][first:last], "<f4").reshape(about["shape"])


def words_mrr(texts, queries, x, species):
    found, present = [], set(species)
    for text, (_, right) in zip(texts, queries):
        right = right & present
        if right:
            seen = list(dict.fromkeys(species[np.argsort(-(x @ text), kind="stable")].tolist()))
            found.append(1 / (1 + next(at for at, one in enumerate(seen) if one in right)))
    return np.mean(found)


def right(program, table, known, *options):
    """The share of rows whose first class is their own, of those whose class is known."""
    program("classify", table, *options, "-o", "predicted.parquet")
    rows = pq.read_table(program.scratch / "predicted.parquet", columns=["label", "prediction_1"]).to_pylist()
    rows = [row["label"] == row["prediction_1"] for row in rows if known is None or row["label"] in known]
    return np.mean(rows)


def styles(program, data, most):
    def pictures(folder):
        return [p for p in sorted((data / folder).iterdir()) if p.suffix in (".png", ".jpg") and int(p.name[:4]) <= most]

    def embed(folder, *stages):
        names = "\0".join(map(str, pictures(folder)))
        program("scan", "-0", "-", "-o", f"{folder}.parquet", input=names.encode())
        for stage in stages:
            program(*stage)
        program("embed", f"{folder}.parquet", "-o", "embedded.parquet")
        (program.scratch / "embedded.parquet").replace(program.scratch / f"{folder}.parquet")
        return pq.read_table(program.scratch / f"{folder}.parquet")

    own = "ingame_sprites"
    divide = ("split", f"{own}.parquet", "--ratios", "85/15/0", "-o", f"{own}.parquet")
    fill = ("augment", f"{own}.parquet", "--floor", "10", "-o", f"{own}.parquet")
    table = embed(own, divide, fill)
    learnt = table.filter(pa.compute.equal(table["split"], "train"))
    known = set(learnt["label"].to_pylist())
    print(f"{own}: {learnt.num_rows} pictures of {len(known)} species to learn from")
    started = time.perf_counter()
    program("train", f"{own}.parquet", "--method", "adapter", "-o", "mine")
    print(f"adapter: {time.perf_counter() - started:.1f} s, {json.loads((program.scratch / 'mine/adapter.json').read_bytes())['facts']}")
    program("index", f"{own}.parquet", "--model", "./mine", "--columns", "split", "-o", "adapted.parquet")
    program("train", f"{own}.parquet", "-o", "linear.parquet")
    program("train", f"{own}.parquet", "--method", "centroid", "-o", "base-centroid.parquet")
    program("train", "adapted.parquet", "--method", "centroid", "-o", "centroid.parquet")

    with open(QUERIES, encoding="utf-8") as file:
        queries = [(row["query"], {int(one) for one in row["accepted"].split("|")}) for row in csv.DictReader(file)]
    pq.write_table(pa.table({"key": [f"{at:04}" for at in range(len(queries))], "text": [q for q, _ in queries]}), program.scratch / "queries.parquet")
    program("embed", "queries.parquet", "--text", "text", "-o", "queries.parquet")
    texts, _ = vectors(program.scratch / "queries.parquet")

    print("\n| style | pictures | linear head | mean, base | mean, adapter | species, base | species, adapter | words' MRR, base | words' MRR, adapter |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    sums, pictures_of = np.zeros(7), 0
    for style in OTHERS:
        embed(style)
        program("index", f"{style}.parquet", "--model", "./mine", "-o", f"{style}-mine.parquet")
        (x, table), (mapped, other) = (vectors(program.scratch / name) for name in (f"{style}.parquet", f"{style}-mine.parquet"))
        row = [
            right(program, f"{style}.parquet", known, "--head", "linear.parquet"),
            right(program, f"{style}.parquet", known, "--head", "base-centroid.parquet"),
            right(program, f"{style}-mine.parquet", known, "--head", "centroid.parquet"),
            right(program, f"{style}.parquet", None),
            right(program, f"{style}-mine.parquet", None, "--model", "./mine"),
            words_mrr(texts, queries, x, np.array(table["id"].to_pylist())),
            words_mrr(texts, queries, mapped, np.array(other["id"].to_pylist())),
        ]
        print(f"| {style} | {len(x)} | " + " | ".join(f"{one:.3f}" for one in row) + " |", flush=True)
        sums, pictures_of = sums + len(x) * np.array(row), pictures_of + len(x)
    mean = sums / pictures_of
    print(f"| all | {pictures_of} | " + " | ".join(f"{one:.3f}" for one in mean) + " |")
    record("first right on other styles, adapter / linear head", mean[2] / mean[0], bar=1.0)
    print(f"words' MRR changes by {mean[6] - mean[5]:+.3f} (bar: -0.02)\n")


def captions(program, data, most):
    with open(data / "photos_dev/captions.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "caption"][:most]
    names = "\0".join(str(data / "photos_dev" / row["file"]) for row in rows)
    program("scan", "-0", "-", "-o", "photos.parquet", input=names.encode())
    table = pq.read_table(program.scratch / "photos.parquet")
    said = {row["file"]: row["captions"].split("|")[0] for row in rows}
    order = np.random.default_rng(0).permutation(table.num_rows)
    split = np.where(order < 0.2 * len(order), "test", np.where(order < 0.3 * len(order), "validation", "train"))
    texts = [said[Path(path).name] for path in table["path"].to_pylist()]
    table = table.append_column("caption", pa.array(texts)).append_column("split", pa.array(split))
    pq.write_table(table, program.scratch / "photos.parquet")
    program("embed", "photos.parquet", "-o", "photos.parquet")
    program("embed", "photos.parquet", "--text", "caption", "--as", "said", "-o", "said.parquet")
    program("train", "photos.parquet", "--method", "adapter", "--captions", "caption", "-o", "told")
    facts = json.loads((program.scratch / "told/adapter.json").read_bytes())["facts"]
    x, _ = vectors(program.scratch / "said.parquet")
    words, table = vectors(program.scratch / "said.parquet", "said")
    held = np.array(table["split"].to_pylist()) == "test"

    def mrr(x):
        scores = words[held] @ x[held].T
        return np.mean(1 / (1 + (scores > np.diag(scores)[:, None]).sum(1)))

    mapped = unit(x @ matrix(program.scratch / "told").T)
    print(f"captions: {facts['train_rows']} to learn from; {held.sum()} others find their photograph, MRR {mrr(x):.3f}, adapted {mrr(mapped):.3f}; l2 {facts['l2']}\n")


def objective(w, x, y, anchors, scale, l2):
    z = torch.nn.functional.normalize(x @ w.T, dim=1)
    loss = torch.nn.functional.cross_entropy(scale * (z @ anchors.T), y)
    return loss + l2 / 2 * ((w - torch.eye(len(w), dtype=w.dtype)) ** 2).sum()


def minimise(start, arguments, steps, enough=None):
    """PyTorch's L-BFGS; seconds until the objective was `enough`, and the least."""
    w = start.clone().requires_grad_(True)
    optimiser = torch.optim.LBFGS([w], max_iter=1, history_size=10, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        value = objective(w, *arguments)
        value.backward()
        return value

    started, least = time.perf_counter(), np.inf
    for _ in range(steps):
        # What it returns is the value before the step.
        before = optimiser.step(closure).item()
        if enough is not None and before <= enough:
            return time.perf_counter() - started, before
        if enough is None and least - before < 1e-9 * abs(before):
            break
        least = min(least, before)
    return time.perf_counter() - started, least


def adam(start, arguments, enough, steps=2000):
    best = np.inf
    for rate in (1e-3, 3e-3, 1e-2):
        w = start.clone().requires_grad_(True)
        optimiser = torch.optim.Adam([w], lr=rate)
        started = time.perf_counter()
        for _ in range(steps):
            optimiser.zero_grad()
            value = objective(w, *arguments)
            if value.item() <= enough:
                best = min(best, time.perf_counter() - started)
                break
            if time.perf_counter() - started > best:
                break
            value.backward()
            optimiser.step()
    return best


def speed(program, rows, classes, dimension, jobs):
    rng = np.random.default_rng(0)
    y = np.arange(rows) % classes
    centres = rng.normal(size=(classes, 48)) @ rng.normal(size=(48, dimension)) / 7
    # Noise that is stronger in some directions than in others, as a map can learn.
    mix = rng.normal(size=(dimension, dimension)) / dimension**0.5
    x = unit(centres[y] + 2.5 * rng.normal(size=(rows, dimension)) @ mix @ mix).astype("f4")
    split = np.where(rng.random(rows) < 0.15, "validation", "train")
    model = program("model", "info", "builtin").decode().split()[1]
    numbers = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), dimension)
    columns = {
        "key": [f"{at:06}" for at in range(rows)], "label": [f"class {one:04}" for one in y], "split": split,
        "embedding": numbers, "embedding_model": [model[: model.index("@") + 17]] * rows,
    }
    pq.write_table(pa.table(columns), program.scratch / "random.parquet")

    def train(out, *options, threads=jobs):
        started = time.perf_counter()
        program("train", "random.parquet", "--method", "adapter", "-j", threads, "-o", out, *options)
        return time.perf_counter() - started, json.loads((program.scratch / out / "adapter.json").read_bytes())["facts"]

    whole, facts = train("whole")
    train("alone", threads=1)
    files = [(program.scratch / out / "adapter.safetensors").read_bytes() for out in ("whole", "alone")]
    print(f"{rows} x {classes}, {dimension} numbers, {jobs} threads: {whole:.1f} s for all penalties; l2 {facts['l2']}, {facts['steps']} steps; -j 1 {'the same bytes' if files[0] == files[1] else 'OTHER BYTES'}")
    record("adapter, 20,000 x 1,025, seconds", whole, bar=60, most=True)

    own = split == "train"
    means = unit(np.stack([x[own & (y == one)].mean(0) for one in range(classes)]))
    l2, scale = facts["l2"], facts["scale_of_classes"]
    arguments = {kind: (torch.tensor(x[own], dtype=kind), torch.tensor(y[own]), torch.tensor(means, dtype=kind), scale, l2) for kind in (torch.float32, torch.float64)}
    w = torch.tensor(matrix(program.scratch / "whole").copy(), dtype=torch.float64)
    identity = torch.eye(dimension, dtype=torch.float64)
    with torch.no_grad():
        mine = objective(w, *arguments[torch.float64]).item()
    optimum = min(minimise(start, arguments[torch.float64], 100)[1] for start in (w, identity))
    print(f"objective: ours {mine:.6f}, least found by PyTorch {optimum:.6f}: {100 * (mine / optimum - 1):+.3f} % (bar: 0.1 %)")
    record("adapter's objective / the optimum", mine / optimum, bar=1.001, most=True)

    enough = 1.001 * optimum
    ours = min(train("one", "--l2", l2)[0] for _ in range(2))
    by_lbfgs = minimise(identity.float(), arguments[torch.float32], 400, enough)[0]
    by_adam = adam(identity.float(), arguments[torch.float32], enough)
    started = time.perf_counter()
    ridge = Ridge(alpha=l2 * own.sum(), fit_intercept=False).fit(x[own], means[y[own]] - x[own])
    by_ridge = time.perf_counter() - started
    held = split == "validation"
    first = lambda w: np.mean((unit(x[held] @ w.T) @ means.T).argmax(1) == y[held])  # noqa: E731
    print(f"one penalty, to 0.1 %: ours {ours:.2f} s, PyTorch's L-BFGS {by_lbfgs:.2f} s ({by_lbfgs / ours:.1f} times as fast), Adam {by_adam:.2f} s ({by_adam / ours:.1f})")
    print(f"scikit-learn's Ridge: {by_ridge:.2f} s; first right on held-out rows: base {first(np.eye(dimension)):.3f}, ridge {first(ridge.coef_ + np.eye(dimension)):.3f}, ours {first(matrix(program.scratch / 'whole')):.3f}")
    record("adapter beside PyTorch's L-BFGS", by_lbfgs / ours, bar=3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--pokedex", default="target/release/pokedex")
    parser.add_argument("--species", type=int, default=1025, help="only species up to this number")
    parser.add_argument("--photographs", type=int, default=2500)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--classes", type=int, default=1025)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.jobs)
    print(f"{platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; torch {torch.__version__}\n")
    with tempfile.TemporaryDirectory() as scratch:
        program = Program(str(Path(args.pokedex).resolve()), Path(scratch))
        styles(program, args.data.resolve(), args.species)
        captions(program, args.data.resolve(), args.photographs)
        speed(program, args.rows, args.classes, args.dimension, args.jobs)


if __name__ == "__main__":
    main()
