#!/usr/bin/env python3
"""Which rows to label: a linear head learnt from rows that `sample` chose, beside heads learnt from as many rows by chance.

    python3 -m venv peers && peers/bin/pip install numpy pyarrow
    peers/bin/python benches/chosen.py target/release/pokedex FOLDER [FOLDER…] [-n 1000]

A FOLDER has pictures that are called after a Pokédex number, or lie in a folder a class. Thirty rows of a hundred are for the test,
the rest is what may be labelled. `uncertain` begins with a fifth of the rows by chance, a head of which judges the others. Printed: top-1 on the test,
by chance the mean of five seeds, and the difference from that with the interval in which 95 % of 2,000 bootstrap samples of the test rows have it.
"""

import argparse
import pathlib
import subprocess
import tempfile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SEEDS = 5


def run(pokedex, *arguments):
    subprocess.run([pokedex, *map(str, arguments), "-q"], check=True)


def chosen(pokedex, pool, count, by, seed, folder):
    out = folder / "chosen.parquet"
    run(pokedex, "sample", pool, "-n", count, "--by", by, "--seed", seed, "-o", out)
    table = pq.read_table(out)
    return table.drop_columns([name for name in table.column_names if name.startswith("sample_")])


def right(pokedex, rows, test, folder):
    """For each row of the test whether a head that learnt from these rows is right."""
    learnt, head, said = folder / "rows.parquet", folder / "head.parquet", folder / "said.parquet"
    pq.write_table(rows, learnt)
    # The penalty is set: with a row or two a class nothing is left to choose it by.
    run(pokedex, "train", learnt, "--validation", 0, "--l2", 0.0001, "-o", head)
    run(pokedex, "classify", test, "--head", head, "--min-score", 0, "-o", said)
    table = pq.read_table(said, columns=["key", "label", "prediction_1"]).sort_by("key")
    return pc.equal(table["label"], table["prediction_1"]).to_numpy(zero_copy_only=False).astype(float)


def uncertain(pokedex, pool, count, by, folder):
    """A fifth by chance, then what the head of these could hardly decide."""
    first = chosen(pokedex, pool, count // 5, "random", 0, folder)
    learnt, head, judged = folder / "first.parquet", folder / "first-head.parquet", folder / "judged.parquet"
    pq.write_table(first, learnt)
    run(pokedex, "train", learnt, "--validation", 0, "--l2", 0.0001, "-o", head)
    run(pokedex, "classify", pool, "--head", head, "--min-score", 0, "-o", judged)
    out = folder / "chosen.parquet"
    run(pokedex, "sample", judged, "-n", count - count // 5, "--by", by, "--already", learnt, "-o", out)
    more = pq.read_table(out).select(first.column_names)
    return pa.concat_tables([first, more.cast(first.schema)])


def interval(differences, seed=0):
    random = np.random.default_rng(seed)
    means = differences[random.integers(0, len(differences), (2000, len(differences)))].mean(1)
    return np.quantile(means, [0.025, 0.975])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pokedex")
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("-n", type=int, default=1000)
    arguments = parser.parse_args()
    pokedex = str(pathlib.Path(arguments.pokedex).resolve())
    print("| folder | rows to choose from, classes, test | by | top-1 | more than by chance | 95 % |\n| --- | --- | --- | --- | --- | --- |")
    for source in arguments.folders:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            table = folder / "all.parquet"
            run(pokedex, "embed", source, "-o", table)
            rows = pq.read_table(table)
            rows = rows.filter(pc.and_(rows["label"].is_valid(), rows["error"].is_null()))
            # By chance, the same for every run; every class has a row to learn from.
            order = np.random.default_rng(7).permutation(rows.num_rows)
            cut = rows.num_rows * 3 // 10
            pool, test = folder / "pool.parquet", folder / "test.parquet"
            known = rows.take(order[cut:])
            held = rows.take(order[:cut])
            held = held.filter(pc.is_in(held["label"], value_set=pc.unique(known["label"])))
            pq.write_table(known, pool)
            pq.write_table(held, test)
            classes = len(pc.unique(known["label"]))
            told = f"{source.name} | {known.num_rows:,}, {classes}, {held.num_rows:,}"
            by_chance = [right(pokedex, chosen(pokedex, pool, arguments.n, "random", seed, folder), test, folder) for seed in range(SEEDS)]
            chance = np.mean(by_chance, axis=0)
            print(f"| {told} | chance | {chance.mean():.4f} | | |", flush=True)
            ways = {by: chosen(pokedex, pool, arguments.n, by, 0, folder) for by in ("diverse", "typical", "diverse,balanced")}
            ways["uncertain"] = uncertain(pokedex, pool, arguments.n, "uncertain", folder)
            ways["uncertain=1,diverse=1"] = uncertain(pokedex, pool, arguments.n, "uncertain,diverse", folder)
            for by, rows_of in ways.items():
                own = right(pokedex, rows_of, test, folder)
                low, high = interval(own - chance)
                print(f"| {told} | {by} | {own.mean():.4f} | {(own - chance).mean():+.4f} | {low:+.4f} to {high:+.4f} |", flush=True)


if __name__ == "__main__":
    main()
