#!/usr/bin/env python3
"""Runs the comparisons of this folder that tell how fast the program is, and keeps what they found.

    python3 benches/peers/performance.py target/release/pokedex --models DIR --rclip PATH [--only NAME,...] [--quick]

--models is the folder that clip_models.py made, --rclip the command of rclip 3.3 in an environment of its own. The figures of all
runs are rows of benches/figures.parquet, each with the machine, its load, and the commit; docs/performance.md shows the last of
each kind. They are ratios of what ran by turns on one machine, and those of two machines say nothing of each other.

Needs what the scripts need, and pyarrow. Exit status: 1 where a script fails, or a ratio is more than 5 % worse than the last one
of the same machine.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FIGURES, PAGE = ROOT / "benches/figures.parquet", ROOT / "docs/performance.md"
WORSE = 1.05
SCHEMA = pa.schema(
    [("at", pa.timestamp("s")), ("commit", pa.string()), ("machine", pa.string()), ("processors", pa.int32()), ("load", pa.float32()),
     ("row", pa.string()), ("ratio", pa.float64()), ("bar", pa.float64()), ("most", pa.bool_()), ("against", pa.string()),
     ("ours", pa.float64()), ("theirs", pa.float64())]
)
HEAD = """# Performance

Made by `just bench-peers` (`benches/peers/performance.py`): the last figure of each comparison, from `benches/figures.parquet`. Every
ratio is of one run in which both took turns on one machine; "at least" bars are how many times as fast the program is, "at most" bars
what part of the other's time it takes.

| comparison | against | ratio | bar | ours, s | theirs, s | machine, load, commit |
| --- | --- | --- | --- | --- | --- | --- |
"""


def machine():
    """The processor's name, as far as the system tells it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def scripts(args):
    """Name, script and arguments of each."""
    pokedex, models, data = args.pokedex, args.models, args.data
    clip = models / "rclip/ViT-B-32-256-datacomp_s34b_b86k"
    peers = ["--pokedex", pokedex, "--rclip", args.rclip, "--rclip-models", models / "rclip", "--peers", "pokedex,rclip,bare engine"]
    few = ["--runs", 3 if args.quick else 5]
    return [
        ("start", "start.py", [pokedex, "--model", clip, "--runs", 30 if args.quick else 60]),
        ("embed", "embed_speed.py", [*peers, *few, "--artwork", data / "artwork_475", "--photos", data / "photos_dev", "--count", 24, "--text"]),
        ("convert", "convert_rgb.py", ["--pokedex", pokedex, "--data", data, *few]),
        ("yolo", "yolo_export.py", ["--pokedex", pokedex, "--source", data / "artwork_256", "--images", 4000 if args.quick else 20_000]),
        ("search", "search.py", [pokedex, "--rows", 11_299, "--dim", 256]),
        ("annoy", "annoy.py", ["--pokedex", pokedex, "--seeds", 1, "--search-k", 1000]),
    ]


def worse(new, old):
    """Whether a figure is more than 5 % worse than an earlier one."""
    return new["ratio"] > old["ratio"] * WORSE if new["most"] else new["ratio"] * WORSE < old["ratio"]


def page(rows):
    """The last figure of each comparison."""
    last = {row["row"]: row for row in rows}
    lines = []
    for row in last.values():
        bar = "" if row["bar"] is None else f"at {'most' if row['most'] else 'least'} {row['bar']:g}"
        seconds = ["" if row[who] is None else f"{row[who]:.4g}" for who in ("ours", "theirs")]
        where = f"{row['machine']}, {row['processors']} processors, {row['load']:.1f}, {row['commit']}"
        lines.append(f"| {row['row']} | {row['against']} | {row['ratio']:.2f} | {bar} | {seconds[0]} | {seconds[1]} | {where} |\n")
    return HEAD + "".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pokedex", type=Path)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--rclip", type=Path, default=Path("rclip"))
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--only", type=lambda text: text.split(","), help="names of scripts: start, embed, convert, yolo, search, annoy")
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    args = parser.parse_args()
    args.pokedex, args.models, args.data = args.pokedex.resolve(), args.models.resolve(), args.data.resolve()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    here = {"commit": commit, "machine": machine(), "processors": os.cpu_count()}
    rows = pq.read_table(FIGURES).to_pylist() if FIGURES.exists() else []
    before, failed = list(rows), []
    for name, script, arguments in scripts(args):
        if args.only and name not in args.only:
            continue
        print(f"== {script}", flush=True)
        about = here | {"at": datetime.datetime.now().replace(microsecond=0), "load": os.getloadavg()[0]}
        with tempfile.NamedTemporaryFile("r") as found:
            command = [sys.executable, HERE / script, *arguments]
            done = subprocess.run(list(map(str, command)), cwd=ROOT, env=os.environ | {"POKEDEX_FIGURES": found.name})
            figures = [json.loads(line) for line in found.read().splitlines()]
        # A bar that is missed is a figure, too; a script that tells none has failed.
        if done.returncode and not figures:
            failed.append(f"{script} failed with {done.returncode}")
        for figure in figures:
            row = {field.name: (about | figure).get(field.name) for field in SCHEMA}
            same = [old for old in before if (old["row"], old["machine"]) == (row["row"], row["machine"])]
            if same and worse(row, same[-1]):
                failed.append(f"{row['row']}: {row['ratio']:.3f}, and {same[-1]['ratio']:.3f} at {same[-1]['commit']}")
            rows.append(row)
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), FIGURES)
        PAGE.write_text(page(rows), encoding="utf-8")
    for line in failed:
        print(f"WORSE: {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
