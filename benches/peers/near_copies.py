"""`pokedex index --kind graph` beside FAISS's HNSW where many rows are equal or nearly so: bursts, stills of a film.

    python3 benches/peers/near_copies.py --pokedex target/release/pokedex --work /tmp/near_copies

Each case is a number of random directions, copied so many times, each copy moved by noise: of this length in all (`total`) or
in each number (`each`), in random order. 200 further copies are searched for at the default beam (64) and at efSearch 64. A
hit counts where its exact cosine is at least that of the tenth nearest row, so that equals are as good as each other. Both
are built in the same run on the same cores. Needs numpy, pyarrow and faiss-cpu.
"""

import argparse
import json
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TOP, QUERIES = 10, 200
CASES = [
    (copies, times, dim, kind, noise)
    for dim in (64, 512)
    for copies, times in ((60, 200), (200, 50))
    for kind, noise in (("total", 0.0), ("total", 0.01), ("total", 0.1), ("each", 0.01), ("each", 0.1))
]


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def make(copies, times, dim, kind, noise):
    rng = np.random.default_rng(1)
    centres = unit(rng.standard_normal((copies, dim)))
    spread = noise if kind == "each" else noise / np.sqrt(dim)
    rows = unit(np.repeat(centres, times, 0) + spread * rng.standard_normal((copies * times, dim)))
    near = rng.integers(0, copies, QUERIES)
    return rows[rng.permutation(len(rows))], unit(centres[near] + spread * rng.standard_normal((QUERIES, dim)))


def recall(found, rows, queries):
    """The share of the ten nearest that was found; `found` has a list of row numbers for each query."""
    hits = 0
    for numbers, query in zip(found, queries.astype(np.float64)):
        scores = rows.astype(np.float64) @ query
        least = np.sort(scores)[-TOP] - 1e-7
        hits += min(TOP, sum(scores[number] >= least for number in set(numbers)))
    return hits / (TOP * len(queries))


def ours(args, rows, queries):
    table, index, asked = (args.work / name for name in ("rows.parquet", "index.parquet", "queries.npy"))
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
    pq.write_table(pa.table({"key": [f"{i:08}" for i in range(len(rows))], "embedding": vectors}), table)
    np.save(asked, queries)
    start = time.perf_counter()
    command = [args.pokedex, "index", table, "--model", "unknown", "--kind", "graph", "-o", index]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    built = time.perf_counter() - start
    command = [args.pokedex, "query", "--index", index, "--queries", asked, "--top", str(TOP), "--format", "jsonl", "-q"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found, number = [[] for _ in queries], -1
    for hit in map(json.loads, out.splitlines()):
        number += hit["rank"] == 1
        found[number].append(int(hit["key"]))
    return built, recall(found, rows, queries), "exact instead" if "of kind exact" in made.stderr else ""


def faiss_hnsw(rows, queries):
    import faiss

    index = faiss.IndexHNSWFlat(rows.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction, index.hnsw.efSearch = 80, 64
    start = time.perf_counter()
    index.add(rows)
    built = time.perf_counter() - start
    return built, recall(index.search(queries, TOP)[1].tolist(), rows, queries)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pokedex", default="target/release/pokedex", help="the program")
    parser.add_argument("--work", type=Path, default=Path("near_copies_work"), help="folder for vectors and indexes")
    parser.add_argument("--cases", type=int, nargs="*", help="numbers of the cases to run [default: all]")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    print(f"{'':>3} {'rows':>9} {'numbers':>7} {'noise':>11} {'ours':>7} {'HNSW':>7} {'built':>7} {'HNSW':>7}")
    for number in args.cases or range(len(CASES)):
        copies, times, dim, kind, noise = CASES[number]
        rows, queries = make(copies, times, dim, kind, noise)
        (built, own, told), (theirs_built, theirs) = ours(args, rows, queries), faiss_hnsw(rows, queries)
        case = f"{number:>3} {copies:>4} x {times:<3} {dim:>6} {noise:>5} {kind:>5}"
        print(f"{case} {own:7.4f} {theirs:7.4f} {built:6.1f}s {theirs_built:6.1f}s {told}", flush=True)


if __name__ == "__main__":
    main()
