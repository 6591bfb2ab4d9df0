"""`pokedex map` beside umap-learn: the same vectors, neighbours and min_dist, the same cores, one run.

    python3 benches/peers/map.py --pokedex target/release/pokedex [--npy vectors.npy …] [--rows 50000 --timed 100000]

Trustworthiness at 15 neighbours says how many of a row's neighbours in the plane are neighbours in truth (Venna and Kaski, 2001):
of the built-in Pokédex, of the arrays of --npy, and of --rows synthetic vectors, over a sample of 3000 rows; umap-learn with its
defaults, which are another map in each run. Time is that of --timed synthetic vectors of 256 numbers: ours a whole process that
reads and writes Parquet, umap-learn's `fit_transform` on an array in memory, compiled before. Of each table the bytes for one
thread and for two are compared, and 1000 rows of 10,000 are placed into the map of the others: the trustworthiness of their
places beside that of umap-learn's `transform`. Needs numpy, pyarrow and umap-learn.
"""

import argparse
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import umap  # noqa: E402

NEIGHBOURS = 15


def synthetic(rows, dimension=256, clusters=60, seed=0):
    """Clusters of eight dimensions of their own, and noise."""
    rng = np.random.default_rng(seed)
    centres, spread = rng.normal(size=(clusters, dimension)), rng.normal(size=(clusters, 8, dimension))
    own = rng.choice(clusters, size=rows, p=rng.dirichlet(np.ones(clusters) * 2))
    x = centres[own]
    within = rng.normal(size=(rows, 8))
    for cluster in range(clusters):
        x[own == cluster] += within[own == cluster] @ spread[cluster] * 0.35
    x += rng.normal(size=(rows, dimension)) * 0.3
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def trustworthiness(x, places, of=None, k=NEIGHBOURS):
    """Over a sample of rows, or of these."""
    n, places = len(x), places.astype(np.float64)
    of = np.random.default_rng(0).permutation(n)[:3000] if of is None else of
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    lost = 0
    for at in range(0, len(of), 250):
        rows = of[at : at + 250]
        far = -(x[rows] @ x.T)
        near = (places[rows] ** 2).sum(1)[:, None] + (places**2).sum(1)[None] - 2 * places[rows] @ places.T
        far[np.arange(len(rows)), rows], near[np.arange(len(rows)), rows] = -np.inf, np.inf
        found = np.argpartition(near, k, axis=1)[:, :k]
        for i, own in enumerate(found):
            ranks = np.searchsorted(np.sort(far[i]), far[i][own])
            lost += np.maximum(ranks - k, 0).sum()
    return 1 - 2 * lost / (len(of) * k * (2 * n - 3 * k - 1))


def write(path, x):
    numbers = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), x.shape[1])
    pq.write_table(pa.table({"key": [f"{i:07}" for i in range(len(x))], "embedding": numbers}), path)


def places(path):
    table = pq.read_table(path, columns=["x", "y"])
    return np.stack([table["x"].to_numpy(), table["y"].to_numpy()], axis=1)


def ours(pokedex, table, out, *more):
    start = time.perf_counter()
    subprocess.run([pokedex, "map", table, "-o", out, "-q", *more], check=True)
    return time.perf_counter() - start


def theirs(x):
    start = time.perf_counter()
    fitted = umap.UMAP(n_neighbors=NEIGHBOURS, min_dist=0.1, metric="cosine").fit(x)
    return fitted, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pokedex", default="target/release/pokedex")
    parser.add_argument("--npy", nargs="*", default=[])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--timed", type=int, default=100_000)
    args = parser.parse_args()
    theirs(synthetic(2000))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        table, out, again = folder / "t.parquet", folder / "map.parquet", folder / "again.parquet"
        vectors = folder / "p.npy"
        subprocess.run([args.pokedex, "export", "pokedex:", "-o", vectors, "-q"], check=True)
        sets = [("pokedex:", np.load(vectors).astype(np.float32))]
        sets += [(Path(name).stem, np.load(name).astype(np.float32)) for name in args.npy]
        if args.rows:
            sets.append((f"{args.rows} synthetic", synthetic(args.rows)))
        for name, x in sets:
            write(table, x)
            ours(args.pokedex, table, out, "-j", "1")
            ours(args.pokedex, table, again, "-j", "2")
            same = "the same bytes" if out.read_bytes() == again.read_bytes() else "OTHER BYTES"
            own, other = trustworthiness(x, places(out)), trustworthiness(x, theirs(x)[0].embedding_)
            print(f"{name}: trustworthiness {own:.4f}, umap-learn {other:.4f}: {own - other:+.4f}; -j 1 and 2: {same}", flush=True)

        x = synthetic(10_000, seed=1)
        old, new = folder / "old.parquet", folder / "new.parquet"
        write(old, x[:9000])
        write(new, x[9000:])
        ours(args.pokedex, old, out)
        ours(args.pokedex, new, again, "--into", out)
        fitted, _ = theirs(x[:9000])
        of = np.arange(9000, 10_000)
        own = trustworthiness(x, np.concatenate([places(out), places(again)]), of)
        other = trustworthiness(x, np.concatenate([fitted.embedding_, fitted.transform(x[9000:])]), of)
        print(f"1000 rows placed among 9000: trustworthiness {own:.4f}, umap-learn {other:.4f}: {own - other:+.4f}", flush=True)

        if args.timed:
            x = synthetic(args.timed)
            write(table, x)
            own, other = ours(args.pokedex, table, out), theirs(x)[1]
            print(f"{args.timed} x 256: {own:.1f} s, umap-learn {other:.1f} s: {other / own:.2f} times as fast")


if __name__ == "__main__":
    main()
