"""Exact search beside FAISS IndexFlatIP: the same rows? how fast, single queries and a batch of a thousand?

    cargo build --release
    python3 benches/peers/search.py target/release/pokedex [--rows 153000] [--dim 512] [--npy vectors.npy]

Makes clustered vectors (see vectors.py) or takes those of --npy, of which every 153rd is asked for too; writes an
embedding table, indexes it, and asks both programs the same queries in one run, FAISS in this process, ours through
`cargo bench --bench search`, which opens the index once and asks then. Results must be those of FAISS, but for swaps
where the scores in float64 differ by less than 1e-6. Needs numpy, pyarrow, faiss-cpu.

The OpenBLAS in faiss-cpu's wheel takes some processors (Sapphire Rapids in a virtual machine) for a Prescott of 2004, and is a
quarter as fast there. So FAISS is asked in processes of their own, once as it comes and once for each of CORES, in turn with
ours, and the quickest of all its runs counts; so does the quickest of ours.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

import vectors
from figures import record

# Values of OPENBLAS_CORETYPE that suit this processor; the empty one leaves the choice to OpenBLAS.
FLAGS = set(pathlib.Path("/proc/cpuinfo").read_text().split())
CORES = ["", *(core for core, needs in (("SkylakeX", "avx512f"), ("Haswell", "avx2")) if needs in FLAGS)]

# Prints the milliseconds of a query alone, the seconds of all at once, and the rows of all as a file.
FAISS = """
import json, sys, time
import faiss, numpy as np
base, asked, out = np.load(sys.argv[1]), np.load(sys.argv[2]), sys.argv[3]
flat = faiss.IndexFlatIP(base.shape[1])
flat.add(base)
flat.search(asked[:1], 10)
start = time.perf_counter()
for i in range(min(200, len(asked))):
    flat.search(asked[i : i + 1], 10)
single = (time.perf_counter() - start) / min(200, len(asked)) * 1e3
batches = []
for _ in range(10):
    start = time.perf_counter()
    _, rows = flat.search(asked, 10)
    batches.append(time.perf_counter() - start)
np.save(out, rows)
print(json.dumps({"single_ms": single, "batch_s": min(batches), "version": faiss.__version__}))
"""

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("pokedex")
parser.add_argument("--rows", type=int, default=153_000)
parser.add_argument("--dim", type=int, default=512)
parser.add_argument("--npy", help="take these vectors instead of made ones")
parser.add_argument("--queries", type=int, default=1000)
parser.add_argument("--runs", type=int, default=3, help="turns of both")
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

    np.save(folder / "base.npy", base)

    def faiss(core):
        environment = {key: value for key, value in os.environ.items() if key != "OPENBLAS_CORETYPE"}
        environment |= {"OPENBLAS_CORETYPE": core} if core else {}
        command = [sys.executable, "-c", FAISS, folder / "base.npy", folder / "queries.npy", folder / "faiss.npy"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)

    bench = ["cargo", "bench", "-q", "--bench", "search", "--", folder / "i.parquet", folder / "queries.npy"]
    subprocess.run(bench, check=True, capture_output=True)
    times = {core: [] for core in CORES}
    ours = []
    for _ in range(args.runs):
        for core, runs in times.items():
            runs.append(faiss(core))
        done = subprocess.run(bench, check=True, capture_output=True, text=True)
        ours.append(json.loads(done.stdout.splitlines()[-1]))
    theirs = np.load(folder / "faiss.npy")

    def least(runs, key):
        return min(run[key] for run in runs)

    for core, runs in times.items():
        single, batch = least(runs, "single_ms"), least(runs, "batch_s")
        print(f"FAISS {runs[0]['version']}, OpenBLAS {core or 'as it comes'}: {single:.2f} ms, {batch:.4f} s at once")
    print(json.dumps(ours[0]))
    for what, key, unit in (("single query", "single_ms", "ms"), (f"{len(asked)} at once", "batch_s", "s")):
        mine, peer = least(ours, key), min(least(runs, key) for runs in times.values())
        print(f"{what}: FAISS {peer:.4f} {unit}, ours {mine:.4f} {unit}: {peer / mine:.2f} x as fast")
        bar, part = (1.2, 1) if key == "batch_s" else (None, 1000)
        record(f"exact search, {len(base)} x {base.shape[1]}, {what}", peer / mine, bar, against="FAISS", ours=mine / part, theirs=peer / part)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")

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
