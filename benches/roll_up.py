#!/usr/bin/env python3
"""How right `classify --roll-up line,type` is where it does not believe the species, by level and by how likely it says the group is.

    python3 -m venv peers && peers/bin/pip install pyarrow
    peers/bin/python benches/roll_up.py target/release/pokedex MIN_SCORE FOLDER [FOLDER…]

MIN_SCORE is that of `classify`: below it a species is not believed. A FOLDER has pictures that are called after a Pokédex number. A line is right where the species is of it, a type where the species has it.
"""

import pathlib
import subprocess
import sys
import tempfile
from collections import defaultdict

import pyarrow.parquet as pq

BINS = [0.3, 0.5, 0.65, 0.8, 1.01]


def read(path, *columns):
    return pq.read_table(path, columns=list(columns)).to_pylist()


def main():
    pokedex, least, *folders = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([pokedex, "export", "pokedex:", "-o", folder / "facts.parquet", "-q"], check=True)
        facts = {row["id"]: row for row in read(folder / "facts.parquet", "id", "label", "evolves_from_id", "type1", "type2")}

        def line(number):
            while facts[number]["evolves_from_id"] is not None:
                number = facts[number]["evolves_from_id"]
            return facts[number]["label"]

        print("| pictures | n | species believed | right | then rolled up to | n | right, by how likely it is said to be |\n| --- | --- | --- | --- | --- | --- | --- |")
        for source in folders:
            out = folder / "said.parquet"
            subprocess.run([pokedex, "classify", source, "--roll-up", "line,type", "--min-score", least, "--min-group-score", "0.3", "--skip-ok", "-o", out, "-q"], check=True)
            rows = [row for row in read(out, "id", "label", "rejected", "error", "rolled_up", "rolled_up_level", "rolled_up_score", "prediction_1") if row["error"] is None and row["id"]]
            believed = [row for row in rows if not row["rejected"]]
            right = sum(row["prediction_1"] == row["label"] for row in believed)
            found = defaultdict(lambda: defaultdict(list))
            for row in rows:
                if row["rejected"] and row["rolled_up"] is not None:
                    own = facts[row["id"]]
                    truth = [line(row["id"])] if row["rolled_up_level"] == "line" else [own["type1"], own["type2"]]
                    at = max(low for low in BINS if low <= row["rolled_up_score"] + 1e-6)
                    found[row["rolled_up_level"]][at].append(row["rolled_up"] in truth)
            first = f"{pathlib.Path(source).name} | {len(rows):,} | {len(believed) / len(rows):.3f} | {right / max(1, len(believed)):.3f}"
            for level in ("line", "type"):
                bins = found[level]
                told = ", ".join(f"{low}–{high if high <= 1 else 1}: {sum(bins[low]) / len(bins[low]):.2f} of {len(bins[low])}" for low, high in zip(BINS, BINS[1:]) if bins[low])
                print(f"| {first} | {level} | {sum(map(len, bins.values()))} | {told} |", flush=True)
                first = " | | | "


if __name__ == "__main__":
    main()
