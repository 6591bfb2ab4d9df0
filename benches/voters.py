#!/usr/bin/env python3
"""How much memory of its own `classify` takes while a million rows vote: by `--index`, by a table alone, and by a k-NN head.

    python3 benches/voters.py target/release/pokedex [target/old/pokedex] --work /tmp/voters [--rows 1000000] [--dimension 512]

Private memory is what smaps_rollup calls anonymous, sampled every 10 ms while the program runs, its greatest value; pages of
mapped files, which the system can drop, are not in it. With an older build the answers of both are compared byte by byte. Needs
numpy and pyarrow, and 12 GB of disk.
"""

import argparse
import hashlib
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CLASSES = 100
ASKED = 500


def write(path, rows, dimension, seed, first=0):
    """Clusters of CLASSES kinds with a split."""
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((CLASSES, dimension)).astype(np.float32)
    rng = np.random.default_rng(seed)
    schema = pa.schema([("key", pa.string()), ("label", pa.string()), ("split", pa.string()), ("embedding", pa.list_(pa.float32(), dimension))])
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for at in range(0, rows, 50_000):
            count = min(50_000, rows - at)
            kinds = rng.integers(CLASSES, size=count)
            vectors = centres[kinds] + 3 * rng.standard_normal((count, dimension)).astype(np.float32)
            flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), dimension)
            keys = pa.array([f"k{first + at + n:08}" for n in range(count)])
            labels = pa.array([f"class {kind:03}" for kind in kinds])
            writer.write_table(pa.Table.from_arrays([keys, labels, pa.array(["train"] * count), flat], schema=schema), row_group_size=8192)


def run(command, folder):
    """Seconds, and the greatest private and resident memory in MB."""
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    private = resident = 0
    while child.poll() is None:
        try:
            lines = Path(f"/proc/{child.pid}/smaps_rollup").read_text().splitlines()
            fields = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
            private, resident = max(private, fields["Anonymous"]), max(resident, fields["Rss"])
        except (OSError, ProcessLookupError, KeyError, IndexError):
            pass
        time.sleep(0.01)
    out, said = child.communicate()
    if child.returncode:
        raise SystemExit(f"{command}: {child.returncode}: {said.decode()}")
    return time.perf_counter() - start, private / 1024, resident / 1024, hashlib.sha256(out).hexdigest()[:12]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("builds", type=Path, nargs="+")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=512)
    arguments = parser.parse_args()
    work = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    builds = [build.resolve() for build in arguments.builds]
    if not (work / "asked.parquet").exists():
        write(work / "rows.parquet", arguments.rows, arguments.dimension, 2)
        write(work / "asked.parquet", ASKED, arguments.dimension, 3, arguments.rows)
    new = str(builds[0])
    if not (work / "index.parquet").exists():
        subprocess.run([new, "index", "rows.parquet", "--model", "unknown", "--kind", "exact", "--columns", "label", "-q", "-o", "index.parquet"], cwd=work, check=True)
    if not (work / "head.parquet").exists():
        subprocess.run([new, "train", "rows.parquet", "--method", "knn", "--validation", "0", "--neighbours", "10", "-q", "-o", "head.parquet"], cwd=work, check=True)
    print(f"{'voters':18}{'build':>8}{'s':>8}{'private MB':>12}{'resident MB':>13}  answers")
    ways = {"index": ["--index", "index.parquet"], "table alone": ["--index", "rows.parquet"], "k-NN head": ["--head", "head.parquet"]}
    for name, how in ways.items():
        for which, build in zip(("new", "old"), builds):
            seconds, private, resident, answers = run([str(build), "classify", "asked.parquet", "--model", "unknown", *how, "-q", "--format", "csv"], work)
            print(f"{name:18}{which:>8}{seconds:8.1f}{private:12.0f}{resident:13.0f}  {answers}", flush=True)


main()
