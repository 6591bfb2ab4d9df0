#!/usr/bin/env python3
"""Two builds of pokedex side by side: the stages whose speed the README tells, in turn, and the ratio of their times.

    python3 benches/beside.py target/old/pokedex target/release/pokedex --work /tmp/beside [--only NAME,...] [--runs 7]

Each job is run by the old build and by the new one, by turns, in its own folder. A ratio is the new build's time as a part of
the old one's: below 1 is faster. Counted is the fastest run of each (what else a machine does only ever adds), with processor
seconds beside it, which suffer less from company; and the peak of resident memory. Jobs that need ../shared/data are skipped
where it is not there. Needs numpy, pyarrow and Pillow. Ends with 1 where a job takes more than --worse (3 %) longer by both clocks.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "peers"))
DATA = Path(__file__).resolve().parents[2] / "shared/data"
ROWS = 153_000

# Name, how often it counts among --runs, what is run first, what is timed.
JOBS = [
    ("query", 8, "", 'P query "fire dog" --top 5'),
    ("query, a thousand", 1, "yes 'a red bird with long legs' | head -1000 > q.txt", "P query --queries q.txt --top 5 --format csv"),
    ("scan", 2, "", "P scan DATA/box_icons -o s.parquet"),
    ("convert-rgb, artwork", 1, "rm -rf out", "P convert-rgb DATA/artwork_475 -o out/"),
    ("convert-rgb, sprites", 1, "rm -rf out", "P convert-rgb DATA/front_sprites -o out/"),
    ("embed, artwork", 1, "", "P embed DATA/artwork_256 --no-cache -o e.parquet"),
    ("embed, sprites", 1, "", "P embed DATA/front_sprites --no-cache -o f.parquet"),
    ("embed, photographs", 1, "", "P embed DATA/photos_dev --ids none --no-cache -o p.parquet"),
    ("split", 1, "", "P split DATA/front_sprites -o s.parquet"),
    ("export yolo", 1, "P split DATA/front_sprites -q -o s.parquet; rm -rf y", "P export s.parquet --format yolo -o y/"),
    ("augment", 1, "P split DATA/artwork_256 -q -o s.parquet; rm -rf a", "P augment s.parquet --copies 1 --size 416 -o a/"),
    ("classify", 1, "P embed DATA/front_sprites -q -o f.parquet", "P classify f.parquet -o c.parquet"),
    ("train", 1, "P embed DATA/front_sprites -q -o f.parquet", "P train f.parquet -o h.parquet"),
    ("index, exact", 1, "", "P index VECTORS --model unknown --kind exact -o i.parquet"),
    ("index, annoy", 1, "", "P index VECTORS --model unknown --kind annoy -o i.parquet"),
    ("one exact query", 4, "P index VECTORS --model unknown --kind exact -q -o x.parquet", "P query --id 25 --index x.parquet"),
    ("a thousand exact", 1, "P index VECTORS --model unknown --kind exact -q -o x.parquet", "P query --queries QUERIES --model unknown --index x.parquet --format csv"),
    ("one query, table", 1, "P index VECTORS --model unknown --kind table -q -o t.parquet", "P query --id 25 --index t.parquet"),
    ("evaluate, a million", 1, "", "P evaluate PREDICTIONS --format json -o f.json"),
    ("embed, 20,000 files", 1, "", "P embed FILES --ids none --no-cache -o many.parquet"),
    ("export csv", 1, "P index VECTORS --model unknown --kind table -q -o t.parquet", "P export t.parquet --format csv --columns key,id -o t.csv"),
]


def timed(command, folder):
    """Wall and processor seconds, peak of resident memory in MB."""
    start = time.perf_counter()
    child = subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if child.returncode:
        raise SystemExit(f"{command}: ended with {child.returncode}: {said.decode()}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def inputs(work):
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    import vectors

    table, queries = work / "vectors.parquet", work / "queries.npy"
    if not table.exists():
        rows = vectors.make(ROWS)
        flat = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
        keys = pa.array([f"{n:07}.png" for n in range(len(rows))])
        ids = pa.array(range(1, len(rows) + 1), pa.int32())
        pq.write_table(pa.table({"key": keys, "id": ids, "embedding": flat}), table, row_group_size=8192)
        np.save(queries, vectors.queries(1000))
    predictions = work / "predictions.parquet"
    if not predictions.exists():
        rng = np.random.default_rng(5)
        truth, right, score = rng.integers(0, 200, 1_000_000), rng.random(1_000_000) < 0.8, rng.random(1_000_000).astype(np.float32)
        best = np.where(right, truth, rng.integers(0, 200, 1_000_000))
        names = lambda numbers: pa.array(np.char.add("class ", numbers.astype(str)))
        keys = pa.array(np.char.add("k", np.arange(1_000_000).astype(str)))
        pq.write_table(pa.table({"key": keys, "label": names(truth), "prediction_1": names(best), "score_1": score}), predictions)
    files = work / "files"
    if not files.exists():
        from PIL import Image

        rng = np.random.default_rng(6)
        for n in range(20_000):
            if n % 1000 == 0:
                (files / f"{n // 1000:02}").mkdir(parents=True)
            Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8).repeat(4, 0).repeat(4, 1)).save(files / f"{n // 1000:02}/{n:05}.png")
    return {"VECTORS": table, "QUERIES": queries, "PREDICTIONS": predictions, "FILES": files}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--worse", type=float, default=0.03)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    only = [name for name in arguments.only.split(",") if name]
    worse = []
    print(f"{'job':24}{'old s':>9}{'new s':>9}{'ratio':>8}{'cpu':>8}{'old MB':>8}{'new MB':>8}", flush=True)
    for name, often, before, command in JOBS:
        if only and not any(name.startswith(part) for part in only):
            continue
        if "DATA" in before + command and not DATA.is_dir():
            print(f"{name:24} skipped: no {DATA}")
            continue
        made = ("VECTORS", "PREDICTIONS", "FILES")
        places = inputs(arguments.work) if any(word in before + command for word in made) else {}
        best = {}
        for which, binary in (("old", arguments.old), ("new", arguments.new)):
            shutil.rmtree(arguments.work / which, ignore_errors=True)
            (arguments.work / which).mkdir()

        def filled(text, binary):
            for word, place in {"P ": f"{binary.resolve()} ", "DATA": DATA, **places}.items():
                text = text.replace(word, str(place))
            return text

        for turn in range(arguments.runs * often):
            for which, binary in (("old", arguments.old), ("new", arguments.new))[:: 1 if turn % 2 else -1]:
                folder = arguments.work / which
                if before and (turn == 0 or "rm -rf" in before):
                    subprocess.run(["bash", "-c", filled(before, binary)], cwd=folder, check=True)
                run = timed(filled(command, binary), folder)
                best[which] = tuple(map(min, run, best.get(which, run)))
        (old, old_cpu, old_mb), (new, new_cpu, new_mb) = best["old"], best["new"]
        ratio, cpu = new / old, new_cpu / old_cpu
        print(f"{name:24}{old:9.4f}{new:9.4f}{ratio:8.3f}{cpu:8.3f}{old_mb:8.0f}{new_mb:8.0f}", flush=True)
        if min(ratio, cpu) > 1 + arguments.worse:
            worse.append(name)
    if worse:
        print("worse: " + ", ".join(worse))
    sys.exit(bool(worse))


main()
