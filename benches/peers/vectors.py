"""Vectors that lie as embeddings of pictures do, for the comparisons of this folder; and their exact neighbours.

    import vectors
    base, queries = vectors.make(1_000_000), vectors.queries(1000)
    rows, cosines = vectors.ground_truth(base, queries, 10)

    python3 benches/peers/vectors.py --rows 153750 --npy base.npy --parquet base.parquet --queries queries.npy

Uniform noise would tell nothing about search: it has no near neighbours. A vector here is a direction common to all (random
pairs have a cosine of about 0.45, as CLIP's), a group's, a cluster's, and noise; the sizes of the some thousand clusters
follow a power law, and so does the spectrum of each part: its effective dimension is about 35. Rows come in blocks, each from
its own random stream: the first rows of a longer table are those of a shorter one. Needs numpy; for Parquet, pyarrow.
"""

import argparse

import numpy as np

BLOCK = 8192
GROUPS, CLUSTERS = 96, 4096
# Shares of the squared length: what all have in common, the group's, the cluster's, the row's own.
COMMON, GROUP, CLUSTER, OWN = np.sqrt([0.45, 0.12, 0.18, 0.25]).astype(np.float32)
EIGENVALUE_DECAY, SIZE_DECAY = 1.2, 0.8


def blocks(n, dim=512, seed=1, stream=1):
    """Blocks of at most 8192 vectors [rows, dim] of length 1, n in all. Streams are independent draws of one distribution."""
    rng = np.random.default_rng([seed, 0])
    variances = (np.arange(dim) + 2.0) ** -EIGENVALUE_DECAY
    spread = np.sqrt(variances / variances.sum()).astype(np.float32)
    basis = np.linalg.qr(rng.standard_normal((dim, dim)))[0].astype(np.float32)
    common = rng.standard_normal(dim).astype(np.float32)
    centres = COMMON * common / np.linalg.norm(common)
    groups = GROUP * spread * rng.standard_normal((GROUPS, dim), dtype=np.float32)
    centres = centres + groups[rng.integers(GROUPS, size=CLUSTERS)]
    centres += CLUSTER * spread * rng.standard_normal((CLUSTERS, dim), dtype=np.float32)
    sizes = (np.arange(CLUSTERS) + 5.0) ** -SIZE_DECAY
    sizes = np.cumsum(sizes / sizes.sum())
    for start in range(0, n, BLOCK):
        rng = np.random.default_rng([seed, stream, start // BLOCK])
        cluster = np.minimum(np.searchsorted(sizes, rng.random(BLOCK)), CLUSTERS - 1)
        rows = rng.standard_normal((BLOCK, dim), dtype=np.float32)
        rows *= OWN * spread
        rows += centres[cluster]
        rows = rows @ basis
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        yield rows[: n - start]


def make(n, dim=512, seed=1, stream=1):
    """n vectors, float32 [n, dim], of length 1."""
    out = np.empty((n, dim), np.float32)
    for i, block in enumerate(blocks(n, dim, seed, stream)):
        out[i * BLOCK : i * BLOCK + len(block)] = block
    return out


def queries(n, dim=512, seed=1):
    """n vectors of the same distribution that are not in the base."""
    return make(n, dim, seed, stream=2)


def ground_truth(base, queries, k=10):
    """Rows [queries, k] of greatest cosine, best first, ties by row, and the cosines in float64.

    Blocks of the base are multiplied in float32; what is within reach of the best is multiplied again in float64."""
    reach = k + 16
    rows = np.empty((len(queries), 0), np.int64)
    scores = np.empty((len(queries), 0), np.float32)
    for start in range(0, len(base), 4 * BLOCK):
        block = queries @ np.asarray(base[start : start + 4 * BLOCK]).T
        scores = np.concatenate([scores, block], axis=1)
        rows = np.concatenate([rows, np.broadcast_to(np.arange(start, start + block.shape[1]), block.shape)], axis=1)
        if scores.shape[1] > reach:
            best = np.argpartition(-scores, reach - 1, axis=1)[:, :reach]
            scores, rows = np.take_along_axis(scores, best, 1), np.take_along_axis(rows, best, 1)
    exact = np.stack([base[r].astype(np.float64) @ q.astype(np.float64) for r, q in zip(rows, queries)])
    order = np.lexsort((rows, -exact), axis=1)[:, :k]
    return np.take_along_axis(rows, order, 1), np.take_along_axis(exact, order, 1)


def recall(found, truth):
    """Share of the true rows that were found, one number a query. `found` may be ragged."""
    return np.array([len(set(map(int, f)) & set(map(int, t))) / len(t) for f, t in zip(found, truth)])


def write_parquet(path, vectors, classes=1025):
    """An embedding table as `pokedex index --model unknown` reads it. `vectors` is an array or an iterator of blocks."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if hasattr(vectors, "shape"):
        whole = vectors
        vectors = (whole[i : i + BLOCK] for i in range(0, len(whole), BLOCK))
    writer, start = None, 0
    for block in vectors:
        block = np.ascontiguousarray(block, np.float32)
        numbers = np.arange(start, start + len(block))
        ids = (numbers % classes + 1).astype(np.int32)
        columns = {
            "key": pa.array([f"{i:08}.png" for i in numbers]),
            "id": pa.array(ids),
            "label": pa.array([f"class {i}" for i in ids]),
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), block.shape[1]),
        }
        batch = pa.table(columns)
        if writer is None:
            writer = pq.ParquetWriter(path, batch.schema, compression="none", use_dictionary=["label"])
        writer.write_table(batch, row_group_size=BLOCK)
        start += len(block)
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=153_750)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--npy", help="write the vectors here")
    parser.add_argument("--parquet", help="write them as an embedding table here")
    parser.add_argument("--queries", help="write held-out vectors here")
    parser.add_argument("--query-rows", type=int, default=1000)
    parser.add_argument("--truth", help="write the ten nearest rows of each query here")
    args = parser.parse_args()
    if args.parquet:
        write_parquet(args.parquet, blocks(args.rows, args.dim, args.seed))
    asked = queries(args.query_rows, args.dim, args.seed)
    if args.queries:
        np.save(args.queries, asked)
    if args.npy:
        out = np.lib.format.open_memmap(args.npy, "w+", np.float32, (args.rows, args.dim))
        for i, block in enumerate(blocks(args.rows, args.dim, args.seed)):
            out[i * BLOCK : i * BLOCK + len(block)] = block
        out.flush()
    if args.truth:
        base = np.load(args.npy, mmap_mode="r") if args.npy else make(args.rows, args.dim, args.seed)
        np.save(args.truth, ground_truth(base, asked)[0])


if __name__ == "__main__":
    main()
