"""Exact search beside FAISS IndexFlatIP: the same rows? how fast, single queries and a batch of a thousand?

    cargo build --release
    python3 benches/peers/search.py target/release/pokedex [--rows 153000] [--dim 512] [--npy vectors.npy]

Makes clustered vectors (see vectors.py) or takes those of --npy, of which every 153rd is asked for too; writes an
embedding table, indexes it, and asks both programs the same queries in one run, FAISS in this process, ours through
`cargo bench --bench search`, which opens the index once and asks then. Results must be those of FAISS, but for swaps
where the scores in float64 differ by less than 1e-6. Needs numpy, pyarrow, faiss-cpu.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import faiss
import numpy as np

import vectors

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("pokedex")
parser.add_argument("--rows", type=int, default=153_000)
parser.add_argument("--dim", type=int, default=512)
parser.add_argument("--npy", help="take these vectors instead of made ones")
parser.add_argument("--queries", type=int, default=1000)
args = parser.parse_args()
pokedex = str(pathlib.Path(args.pokedex).resolve())

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    if args.npy:
        base = np.load(args.npy).astype(np.float32)
        base /= np.linalg.norm(base, axis=1, keepdims=True)
        # Real vectors have no others of their distribution: rows of them, moved a little.
        rng = np.random.default_rng(0)
        asked = base[rng.choice(len(base), args.queries)]
        asked = asked + 0.3 / np.sqrt(base.shape[1]) * rng.standard_normal(asked.shape, dtype=np.float32)
        asked = (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)
    else:
        base, asked = vectors.make(args.rows, args.dim), vectors.queries(args.queries, args.dim)
    vectors.write_parquet(folder / "base.parquet", base)
    np.save(folder / "queries.npy", asked)
    start = time.perf_counter()
    command = [pokedex, "index", folder / "base.parquet", "--model", "unknown", "--kind", "exact", "-o", folder / "i.parquet"]
    subprocess.run(command, check=True)
    print(f"{len(base)} x {base.shape[1]}; index built in {time.perf_counter() - start:.1f} s")

    flat = faiss.IndexFlatIP(base.shape[1])
    flat.add(base)
    flat.search(asked[:1], 10)
    start = time.perf_counter()
    for i in range(min(200, len(asked))):
        flat.search(asked[i : i + 1], 10)
    single = (time.perf_counter() - start) / min(200, len(asked)) * 1e3
    flat.search(asked, 10)
    start = time.perf_counter()
    _, theirs = flat.search(asked, 10)
    batch = time.perf_counter() - start
    start = time.perf_counter()
    base.view(np.uint64).sum()
    print(f"plain read of the vectors: {base.nbytes / (time.perf_counter() - start) / 1e9:.1f} GB/s on one thread")

    bench = ["cargo", "bench", "-q", "--bench", "search", "--", folder / "i.parquet", folder / "queries.npy"]
    ours = json.loads(subprocess.run(bench, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    print(json.dumps(ours))
    print(f"single query: FAISS {single:.2f} ms, ours {ours['single_ms']:.2f} ms: {single / ours['single_ms']:.2f} x as fast")
    print(f"{len(asked)} at once: FAISS {batch:.3f} s, ours {ours['batch_s']:.3f} s: {batch / ours['batch_s']:.2f} x as fast")

    command = [pokedex, "query", "--index", folder / "i.parquet", "--queries", folder / "queries.npy", "--format", "jsonl", "--model", "unknown"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    rows = np.array([int(json.loads(line)["key"][:8]) for line in lines]).reshape(len(asked), 10)
    swaps, wrong = 0, 0
    for query, a, b in zip(asked.astype(np.float64), theirs, rows):
        scores = [base[x].astype(np.float64) @ query for x in (a, b)]
        swaps += int((a != b).sum())
        wrong += int((np.abs(scores[0] - scores[1]) >= 1e-6).sum())
    print(f"of {rows.size} results {swaps} in another place, {wrong} with a score that differs by 1e-6 or more")
    assert wrong == 0
