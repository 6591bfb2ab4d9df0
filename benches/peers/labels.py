#!/usr/bin/env python3
"""`train --cross-predict` and `check --labels` beside cleanlab on the same probabilities: labels of which some were shuffled.

    python3 -m venv peers && peers/bin/pip install numpy pyarrow scikit-learn cleanlab
    peers/bin/python benches/peers/labels.py target/release/pokedex EMBEDDINGS.parquet [--share 0.05] [--seed 0]

The table has `key`, `label` and vectors. A share of its rows gets the label of another row. Printed: the average precision of ranking rows by the
probability of their own label, ours and cleanlab's self-confidence (the same numbers: the greatest difference is printed); precision and recall of the
rows that each calls wrong by confident learning; and the seconds.
"""

import argparse
import csv
import json
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from sklearn.metrics import average_precision_score


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pokedex")
    parser.add_argument("embeddings")
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folds", type=int, default=5)
    arguments = parser.parse_args()
    table = pyarrow.parquet.read_table(arguments.embeddings)
    labels = np.array(table["label"].to_pylist(), object)
    random = np.random.default_rng(arguments.seed)
    chosen = random.permutation(len(labels))[: round(arguments.share * len(labels))]
    noisy = labels.copy()
    noisy[chosen] = labels[random.permutation(chosen)]
    wrong = noisy != labels
    with tempfile.TemporaryDirectory() as folder:
        shuffled, predictions = pathlib.Path(folder) / "shuffled.parquet", pathlib.Path(folder) / "predictions.parquet"
        at = table.schema.get_field_index("label")
        pyarrow.parquet.write_table(table.set_column(at, "label", pa.array(noisy.tolist(), pa.string())), shuffled)
        start = time.perf_counter()
        run = [arguments.pokedex, "train", shuffled, "--cross-predict", str(arguments.folds), "-o", predictions, "-q"]
        subprocess.run(run, check=True)
        findings = pathlib.Path(folder) / "findings.csv"
        run = [arguments.pokedex, "check", shuffled, "--labels", predictions, "--no-pictures", "--no-near-duplicates", "--findings", findings]
        subprocess.run([*run, "--fail-on", "never", "-q"], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        ours = {row["key"] for row in csv.DictReader(findings.open()) if row["rule"] == "doubtful-label"}
        out = pyarrow.parquet.read_table(predictions)
        classes = json.loads(pyarrow.parquet.read_metadata(predictions).metadata[b"pokedex.probabilities_classes"])
        probabilities = np.array(out["probabilities"].to_pylist(), np.float64)
        label_score = np.array(out["label_score"].to_pylist(), np.float64)
        keys = out["key"].to_pylist()
    truth = dict(zip(table["key"].to_pylist(), wrong))
    wrong = np.array([truth[key] for key in keys])
    given = np.array([classes.index(label) for label in out["label"].to_pylist()])

    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    start = time.perf_counter()
    normalised = probabilities / probabilities.sum(1, keepdims=True)
    quality = get_label_quality_scores(given, probabilities, method="self_confidence")
    issues = find_label_issues(given, normalised, filter_by="confident_learning")
    peer_seconds = time.perf_counter() - start
    mine = np.array([key in ours for key in keys])
    pr = lambda found: f"precision {wrong[found].mean():.3f}, recall {found[wrong].mean():.3f} ({found.sum()} rows)"
    print(f"{len(keys)} rows of {len(classes)} classes, {wrong.sum()} of them shuffled")
    print(f"average precision: ours {average_precision_score(wrong, -label_score):.4f}, cleanlab {average_precision_score(wrong, -quality):.4f}")
    print(f"  the scores differ by {np.abs(quality - label_score).max():.1e} at most")
    print(f"confident learning: ours {pr(mine)}, cleanlab {pr(issues)}; {(mine == issues).mean():.4f} of the rows alike")
    print(f"ours {seconds:.1f} s with five heads, cleanlab {peer_seconds:.1f} s on their probabilities")


if __name__ == "__main__":
    main()
