"""The linear head beside scikit-learn's LogisticRegression: same features, same penalty, same cores, one run.

    python3 benches/peers/linear_head.py --pokedex target/release/pokedex [--embeddings all.parquet]

On 10,000 x 512 synthetic features of 1025 classes (correlated as embeddings are; and independent), and on the train rows of
an embedding table if one is given, both are trained in float32 at penalties from weak to strong. The objective of both, mean
log-loss + l2 / 2 |W|^2, is computed from their weights in float64. Ours is timed as a whole process that reads a Parquet
file and writes a head; scikit-learn's `fit` alone, on an array in memory, with the settings that it comes with (lbfgs, tol
1e-4, max_iter 100). Its criterion, the greatest number of the gradient, says little where there are many classes, and it stops
as much as a sixth above the minimum: the last two columns are therefore ours with the fewest --steps that come within 0.5 % of
its objective. Times are the best of --runs. Needs numpy, pyarrow and scikit-learn.
"""

import argparse
import os
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", str(len(os.sched_getaffinity(0))))
import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402


def synthetic(correlated):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 1025, 10_000)
    if correlated:
        centres = rng.normal(size=(1025, 64)) @ rng.normal(size=(64, 512)) / 8
        x = centres[y] + rng.normal(size=(10_000, 512)) @ (rng.normal(size=(512, 512)) / 22)
        x /= np.linalg.norm(x, axis=1, keepdims=True)
    else:
        x = rng.normal(size=(10_000, 512)) + rng.normal(size=(1025, 512))[y]
    return x, y


def real(path):
    table = pq.read_table(path)
    table = table.filter(pa.compute.and_(table["embedding"].is_valid(), pa.compute.equal(table["split"], "train")))
    _, y = np.unique(np.array(table["label"].to_pylist()), return_inverse=True)
    return np.stack(table["embedding"].to_numpy(zero_copy_only=False)), y


def write(path, x, y):
    numbers = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), x.shape[1])
    keys = pa.array([f"{i:06}" for i in range(len(y))])
    labels = pa.array([f"{c:04}" for c in y])
    split = pa.array(["train"] * len(y))
    pq.write_table(pa.table({"key": keys, "label": labels, "split": split, "embedding": numbers}), path)


def objective(x, y, weights, bias, l2):
    loss = 0.0
    for at in range(0, len(y), 2000):
        logits = x[at : at + 2000].astype("f8") @ weights.T.astype("f8") + bias
        most = logits.max(1)
        total = np.log(np.exp(logits - most[:, None]).sum(1)) + most
        loss += (total - logits[np.arange(len(logits)), y[at : at + 2000]]).sum()
    return loss / len(y) + l2 / 2 * (weights.astype("f8") ** 2).sum()


def best(runs, work):
    times, result = [], None
    for _ in range(runs):
        started = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - started)
    return min(times), result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pokedex", default="target/release/pokedex")
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--tolerance", default="3e-4", help="the program's own default")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    tasks = {"synthetic, correlated": synthetic(True), "synthetic, independent": synthetic(False)}
    if args.embeddings:
        tasks["embeddings"] = real(args.embeddings)
    print("| features | C | objective, ours | scikit-learn | ours / its | s, ours | scikit-learn | times as fast | s, ours to within 0.5 % | times as fast |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as scratch:
        table, head = Path(scratch) / "table.parquet", Path(scratch) / "head.parquet"
        for title, (x, y) in tasks.items():
            x = ((x - x.mean(0)) / x.std(0)).astype("f4")
            write(table, x, y)
            for c in [1.0, 0.1, 0.01]:
                l2 = 1 / (c * len(y))
                command = [args.pokedex, "-q", "train", str(table), "--no-scale", "--no-cache", "--validation", "0", "--l2", repr(l2)]
                command += ["-o", str(head), "--tolerance"]

                def train(*options):
                    seconds, _ = best(args.runs, lambda: subprocess.run([*command, *options], check=True))
                    rows = pq.read_table(head).sort_by("label")
                    weights = np.stack(rows["weights"].to_numpy(zero_copy_only=False))
                    return objective(x, y, weights, rows["bias"].to_numpy(), l2), seconds

                mine, ours = train(args.tolerance)
                theirs, model = best(args.runs, lambda: LogisticRegression(C=c).fit(x, y))
                other = objective(x, y, model.coef_, model.intercept_, l2)
                steps, reached, sooner = 1, np.inf, np.inf
                while reached > 1.005 * other and steps < 400:
                    steps = steps + max(1, steps // 6)
                    reached, sooner = train("1e-9", "--steps", str(steps))
                print(f"| {title} | {c} | {mine:.5f} | {other:.5f} | {mine / other:.4f} | {ours:.2f} | {theirs:.2f} "
                      f"| {theirs / ours:.2f} | {sooner:.2f} | {theirs / sooner:.2f} |", flush=True)


if __name__ == "__main__":
    main()
