#!/usr/bin/env python3
"""`sample` beside others: the farthest-first traversal in double precision, scikit-learn's k-means++ and apricot's facility location.

    python3 -m venv peers && peers/bin/pip install numpy scipy scikit-learn pyarrow apricot-select
    peers/bin/python benches/peers/sample.py target/release/pokedex [--rows 100000] [--dimension 512] [-n 1000]

Vectors are directions around 500 middles. Printed: the coverage radius (one less the cosine from the farthest row to the nearest chosen one) of
ours and of the exact traversal from the same first row, the seconds of each whole command or call, and their ratio; for `typical` how much of
what apricot covers ours does. scikit-learn and apricot get their vectors in memory; ours reads and writes Parquet.
"""

import argparse
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet


def vectors(rows, dimension, seed=0):
    random = np.random.default_rng(seed)
    middles = random.normal(size=(500, dimension))
    out = middles[random.integers(0, 500, rows)] + 0.7 * random.normal(size=(rows, dimension))
    return (out / np.linalg.norm(out, axis=1, keepdims=True)).astype(np.float32)


def farthest_first(x, first, count):
    x = x.astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    nearest, chosen = x @ x[first], [first]
    while len(chosen) < count:
        chosen.append(int(nearest.argmin()))
        np.maximum(nearest, x @ x[chosen[-1]], out=nearest)
    return chosen, 1 - nearest.min()


def radius(x, chosen):
    x = x.astype(np.float64)
    return 1 - max_cosines(x, x[chosen]).min()


def max_cosines(x, chosen):
    return np.concatenate([(part @ chosen.T).max(1) for part in np.array_split(x, max(1, len(x) // 4096))])


def ours(pokedex, table, count, by, jobs=None):
    out = table.with_name("out.parquet")
    jobs = ["-j", str(jobs)] if jobs else []
    start = time.perf_counter()
    subprocess.run([pokedex, "sample", table, "-n", str(count), "--by", by, "-o", out, "-q", *jobs], check=True)
    seconds = time.perf_counter() - start
    rows = pyarrow.parquet.read_table(out, columns=["key", "sample_order"]).sort_by("sample_order")
    return [int(key) for key in rows["key"].to_pylist()], seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pokedex")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("-n", type=int, default=1000)
    arguments = parser.parse_args()
    x, count = vectors(arguments.rows, arguments.dimension), arguments.n
    with tempfile.TemporaryDirectory() as folder:
        table = pathlib.Path(folder) / "vectors.parquet"
        flat = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), x.shape[1])
        pyarrow.parquet.write_table(pa.table({"key": [str(i) for i in range(len(x))], "embedding": flat}), table)

        chosen, seconds = ours(arguments.pokedex, table, count, "diverse")
        start = time.perf_counter()
        exact, best = farthest_first(x, chosen[0], count)
        numpy_seconds = time.perf_counter() - start
        found = radius(x, chosen)
        print(f"diverse: radius {found:.4f}, exact {best:.4f}, ratio {found / best:.4f}; the same rows: {np.mean(np.array(exact) == chosen):.3f}")
        print(f"  ours {seconds:.1f} s, numpy in double precision {numpy_seconds:.1f} s: {numpy_seconds / seconds:.1f} x")

        from sklearn.cluster import kmeans_plusplus

        start = time.perf_counter()
        _, indices = kmeans_plusplus(x, count, random_state=0)
        sklearn_seconds = time.perf_counter() - start
        print(f"  k-means++ of scikit-learn: radius {radius(x, indices):.4f}, {sklearn_seconds:.1f} s: {sklearn_seconds / seconds:.1f} x")

        for by in ["typical", "rare"]:
            chosen, seconds = ours(arguments.pokedex, table, count, by)
            print(f"{by}: {seconds:.1f} s")
        part = x[:4000]
        small = pathlib.Path(folder) / "small.parquet"
        flat = pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), x.shape[1])
        pyarrow.parquet.write_table(pa.table({"key": [str(i) for i in range(len(part))], "embedding": flat}), small)
        chosen, seconds = ours(arguments.pokedex, small, 200, "typical")
        cover = lambda chosen: np.maximum(max_cosines(part.astype(np.float64), part[chosen].astype(np.float64)), 0).mean()
        try:
            from apricot import FacilityLocationSelection
        except ImportError:
            print(f"typical, 200 of 4,000: {cover(chosen):.5f} covered in {seconds:.2f} s (apricot is not installed)")
            return
        selection = FacilityLocationSelection(200, metric="cosine")
        start = time.perf_counter()
        selection.fit(part)
        peer_seconds = time.perf_counter() - start
        print(f"typical, 200 of 4,000: ours covers {cover(chosen):.5f}, apricot {cover(selection.ranking):.5f}; {peer_seconds / seconds:.1f} x")


if __name__ == "__main__":
    main()
