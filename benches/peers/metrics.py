"""Compares `pokedex evaluate` with scikit-learn on random predictions of many rows and classes.

Two bars:

  figures  every one equal to scikit-learn's, or to the definition where it has none, within 1e-9
  time     no more than scikit-learn takes for the same figures (whole processes run in turn, without intervals)

The time with 1000 bootstrap resamples and the largest resident memory are shown as well. Exit status: 0 when both bars
are met, 1 when one is missed. Needs NumPy, PyArrow and scikit-learn.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

MOST_DIFFERENCE = 1e-9
MOST_TIME = 1.0
BINS = 15
# What the timed process of the peer is.
PEER = "--as-peer"
# What the process is that makes a table: this one stays small, since a process counts the memory of the one that
# started it as its own.
MAKE = "--make"


def make(path, rows, classes, seed, skill, digits):
    """A table as `classify` writes it: five predictions, probabilities, some rows rejected, some without a truth."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(seed)
    names = np.array([f"class {n:04}" for n in range(classes)])
    truth = random.integers(0, classes, rows)
    # Five different classes: a start and four steps around the circle of classes.
    steps = np.cumsum(random.integers(1, max(2, classes // 5), (rows, 4)), axis=1)
    first = np.where(random.random(rows) < skill, truth, random.integers(0, classes, rows))
    predictions = np.column_stack([first, (first[:, None] + steps) % classes])
    score = random.beta(4, 2, rows).astype(np.float32)
    if digits is not None:
        score = np.round(score, digits)
    columns = {"key": [f"{n:07}.png" for n in range(rows)]}
    columns["label"] = pa.array(names[truth], mask=random.random(rows) < 0.02)
    columns |= {f"prediction_{k + 1}": names[predictions[:, k]] for k in range(5)}
    columns |= {"score_1": score, "rejected": score < 0.4}
    table = pa.table(columns).replace_schema_metadata({"pokedex.schema": "predictions"})
    pq.write_table(table, path)


def peer(path):
    """All figures by scikit-learn; those that it does not have by NumPy, from their definitions."""
    import numpy as np
    import pyarrow.parquet as pq
    from sklearn import metrics

    warnings.simplefilter("ignore")
    table = pq.read_table(path).to_pandas()
    strangers = table["label"].isna()
    out = {"strangers": int(strangers.sum())}
    out["strangers_accepted"] = float((~table["rejected"][strangers]).mean())
    table = table[~strangers]
    truth, first = table["label"].to_numpy(str), table["prediction_1"].to_numpy(str)
    score, right = table["score_1"].to_numpy(np.float64), truth == first
    five = table[[f"prediction_{k}" for k in range(1, 6)]].to_numpy(str)
    present = sorted({*truth, *first}, key=str.encode)
    out |= {"rows": len(table), "classes": len(present), "top1": metrics.accuracy_score(truth, first)}
    out["top5"] = float((five == truth[:, None]).any(axis=1).mean())
    for kind in ["macro", "weighted"]:
        values = metrics.precision_recall_fscore_support(truth, first, labels=present, average=kind, zero_division=0)
        out |= {f"{kind}_{name}": float(v) for name, v in zip(["precision", "recall", "f1"], values)}
    out["balanced_accuracy"] = metrics.balanced_accuracy_score(truth, first)
    out["kappa"] = metrics.cohen_kappa_score(truth, first)
    out["mcc"] = metrics.matthews_corrcoef(truth, first)
    out["brier"] = metrics.brier_score_loss(right, score) if right.any() and not right.all() else float(np.mean((score - right) ** 2))
    bins = np.searchsorted(np.arange(1, BINS) / BINS, score, side="left")
    gap = np.bincount(bins, weights=right, minlength=BINS) - np.bincount(bins, weights=score, minlength=BINS)
    out["ece"] = float(np.abs(gap).sum() / len(table))
    # Rows of one score share their errors evenly: the expectation over their orders.
    values, block, size = np.unique(-score, return_inverse=True, return_counts=True)
    errors = np.bincount(block, weights=~right)
    cumulative = np.cumsum(np.repeat(errors / size, size))
    places = np.arange(1, len(table) + 1)
    out["aurc"] = float(np.mean(cumulative / places))
    wrong = int((~right).sum())
    best = np.concatenate([np.zeros(len(table) - wrong), np.arange(1, wrong + 1)])
    out["eaurc"] = out["aurc"] - float(np.mean(best / places))
    accepted = ~table["rejected"].to_numpy(bool)
    out |= {"coverage": float(accepted.mean()), "accepted_accuracy": float(right[accepted].mean())}
    return {name: float(value) for name, value in out.items()}


def run(command):
    """Runs a command; returns its output, the seconds by the clock and the largest resident memory in megabytes."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} failed:\n{err}")
    return out, time.perf_counter() - start, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pokedex", default="target/release/pokedex")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=1025)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    if not Path(arguments.pokedex).exists():
        sys.exit("build first: cargo build --release")

    met = True
    with tempfile.TemporaryDirectory() as folder:
        # Large, with ties, and nearly everything wrong.
        cases = [(arguments.rows, arguments.classes, 1, 0.8, None), (20_000, 300, 2, 0.5, 2), (5_000, 2_000, 3, 0.01, None)]
        for rows, classes, seed, skill, digits in cases:
            path = Path(folder) / f"{seed}.parquet"
            run([sys.executable, __file__, MAKE, json.dumps([str(path), rows, classes, seed, skill, digits])])
            ours = json.loads(run([arguments.pokedex, "evaluate", path, "--format", "json", "--bootstrap", "0"])[0])
            theirs = json.loads(run([sys.executable, __file__, PEER, path])[0])
            differences = {name: abs(ours[name] - value) for name, value in theirs.items()}
            name, worst = max(differences.items(), key=lambda item: math.inf if math.isnan(item[1]) else item[1])
            verdict = "met" if worst <= MOST_DIFFERENCE else "MISSED"
            met &= worst <= MOST_DIFFERENCE
            print(f"figures  {rows} rows, {classes} classes: {len(differences)} compared, worst {worst:.1e} ({name}): {verdict}")

        path = Path(folder) / "1.parquet"
        times, memory = {"pokedex": [], "peer": [], "bootstrap": []}, {}
        plain = [arguments.pokedex, "evaluate", path, "--format", "json", "--bootstrap", "0"]
        for _ in range(arguments.repeat):
            for who, command in [("pokedex", plain), ("peer", [sys.executable, __file__, PEER, path]), ("bootstrap", plain[:-2])]:
                _, seconds, memory[who] = run(command)
                times[who].append(seconds)
        seconds = {who: statistics.median(values) for who, values in times.items()}
        ratio = seconds["pokedex"] / seconds["peer"]
        met &= ratio <= MOST_TIME
        print(
            f"time     {seconds['pokedex']:.2f} s against {seconds['peer']:.2f} s: {1 / ratio:.1f} times as fast "
            f"({memory['pokedex']:.0f} MB against {memory['peer']:.0f} MB): {'met' if ratio <= MOST_TIME else 'MISSED'}"
        )
        print(f"         with 1000 resamples {seconds['bootstrap']:.2f} s, {memory['bootstrap']:.0f} MB")
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == PEER:
        print(json.dumps(peer(sys.argv[2])))
    elif len(sys.argv) == 3 and sys.argv[1] == MAKE:
        make(*json.loads(sys.argv[2]))
    else:
        main()
