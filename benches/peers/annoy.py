"""Annoy indexes beside spotify's Annoy: time to build, recall at as many trees and candidates, and the same answers.

    python3 benches/peers/annoy.py --pokedex target/release/pokedex [--rows 153000] [--trees 10]

Vectors are those of vectors.py. Ours is timed as a whole process that reads a Parquet file, writes the index table and the
trees; spotify's Annoy as `add_item` of every row, `build(trees, n_jobs=-1)` and `save`, from an array that is in memory. Both
take turns, and the best of --runs counts. The bar: 1.5 times as fast as a whole. Recall@10 is that of both files served by spotify's Annoy, as
the mean over --seeds. Then our reader answers the queries from spotify's file: its items must be spotify's, but for neighbours
whose distances differ in the seventh digit. Needs annoy 1.17.3 (compiled on this machine, with its vector instructions),
numpy and pyarrow.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# This file is called as the package is.
sys.path = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]
from annoy import AnnoyIndex  # noqa: E402

sys.path.append(str(Path(__file__).resolve().parent))
import numpy as np  # noqa: E402
import vectors  # noqa: E402
from figures import record  # noqa: E402


LEAST_SPEED = 1.5


def cpu():
    own, children = os.times()[:2], os.times()[2:4]
    return sum(own), sum(children)


def ours(pokedex, table, trees, seed, out):
    started, before = time.perf_counter(), cpu()[1]
    command = [pokedex, "-q", "index", table, "--model", "unknown", "--kind", "annoy"]
    subprocess.run([*command, "--trees", str(trees), "--seed", str(seed), "-o", out], check=True)
    return time.perf_counter() - started, cpu()[1] - before


def theirs(index, trees, seed, out):
    index.set_seed(seed)
    started, before = time.perf_counter(), cpu()[0]
    index.build(trees, n_jobs=-1)
    seconds = time.perf_counter() - started, cpu()[0] - before
    if out:
        started = time.perf_counter()
        index.save(str(out))
        return *seconds, time.perf_counter() - started
    index.unbuild()
    return *seconds, 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pokedex", default="target/release/pokedex")
    parser.add_argument("--rows", type=int, default=153_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--trees", type=int, default=10)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--search-k", type=int, nargs="+", default=[100, 1000, 4000, 16000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    base = vectors.make(args.rows, args.dim)
    queries = vectors.queries(args.queries, args.dim)
    truth, _ = vectors.ground_truth(base, queries, 10)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        table, dex, asked = folder / "emb.parquet", folder / "dex.parquet", folder / "queries.npy"
        vectors.write_parquet(table, base)
        np.save(asked, queries)

        def filled():
            index = AnnoyIndex(args.dim, "angular")
            for i, vector in enumerate(base):
                index.add_item(i, vector)
            return index

        def whole():
            started, before = time.perf_counter(), cpu()[0]
            index = filled()
            adding = time.perf_counter() - started
            building, _, saving = theirs(index, args.trees, 1, folder / "whole.ann")
            return time.perf_counter() - started, cpu()[0] - before, adding, building, saving

        times = [(ours(args.pokedex, table, args.trees, 1, dex), whole()) for _ in range(args.runs)]
        wall, used = [min(mine[i] for mine, _ in times) for i in (0, 1)]
        all_walls, their_used, adding, their_wall, saving = [min(other[i] for _, other in times) for i in range(5)]
        told = [args.pokedex, "-v", "index", table, "--model", "unknown", "--kind", "annoy", "--trees", args.trees, "-o", dex]
        said = [subprocess.run([str(x) for x in told], check=True, capture_output=True, text=True) for _ in range(args.runs)]
        trees = min(float(run.stderr.split(" trees in ")[1].split(" s")[0]) for run in said)
        print(f"{args.rows} x {args.dim}, {args.trees} trees, {os.cpu_count()} cores")
        print(f"  build  ours {wall:.2f} s (CPU {used:.2f} s), whole process")
        print(
            f"         annoy {all_walls:.2f} s (CPU {their_used:.2f} s): {adding:.2f} s to add the items, "
            f"{their_wall:.2f} s to build, {saving:.2f} s to save; ratio {all_walls / wall:.2f}"
        )
        failed |= all_walls < LEAST_SPEED * wall
        what = f"index --kind annoy, {args.rows} x {args.dim}, {args.trees} trees"
        record(what, all_walls / wall, LEAST_SPEED, against="Annoy: add, build, save", ours=wall, theirs=all_walls)
        print(f"         trees alone, theirs not yet saved: ours {trees:.2f} s, ratio {their_wall / trees:.2f}")

        def recalls(path):
            served = AnnoyIndex(args.dim, "angular")
            served.load(str(path))
            found = lambda k: [served.get_nns_by_vector(query, 10, k) for query in queries]  # noqa: E731
            return [vectors.recall(found(k), truth).mean() for k in args.search_k]

        mine, others, saved = [], [], folder / "annoy.ann"
        for seed in range(1, args.seeds + 1):
            ours(args.pokedex, table, args.trees, seed, dex)
            mine.append(recalls(dex.with_suffix(".ann")))
            index = filled()
            theirs(index, args.trees, seed, saved)
            others.append(recalls(saved))
        for k, a, b in zip(args.search_k, np.mean(mine, 0), np.mean(others, 0)):
            failed |= a < 0.99 * b - 0.005
            print(f"  recall@10 at search_k {k}: ours {a:.4f}, annoy {b:.4f}")

        # Our reader on their file.
        served = AnnoyIndex(args.dim, "angular")
        served.load(str(saved))
        for k in args.search_k:
            command = [args.pokedex, "-q", "query", "--index", saved, "--dim", str(args.dim), "--metric", "angular"]
            command += ["--queries", asked, "--search-k", str(k), "--top", "10", "--format", "jsonl"]
            started = time.perf_counter()
            lines = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()
            seconds = time.perf_counter() - started
            rows = np.array([int(json.loads(line)["key"]) for line in lines]).reshape(-1, 10)
            started = time.perf_counter()
            right = np.array([served.get_nns_by_vector(query, 10, k) for query in queries])
            their_seconds = time.perf_counter() - started
            same = np.mean([set(a) == set(b) for a, b in zip(rows, right)])
            failed |= same < 0.99
            print(
                f"  their file at search_k {k}: the same rows for {same:.1%} of the queries; "
                f"{seconds * 1e3 / len(queries):.2f} ms a query as a whole process, annoy {their_seconds * 1e3 / len(queries):.2f}"
            )
    sys.exit("not as good as spotify's Annoy" if failed else 0)


if __name__ == "__main__":
    main()
