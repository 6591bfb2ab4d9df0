"""Every table of the program in every tool that reads tables: the same rows, also where one picture is torn.

Rows of the matrix are tables (one of each stage, made from a folder with a torn picture), columns are tools; a cell says
whether the tool opens the table, and finds the rows that pyarrow of today finds. The matrix is written to docs/interop.md.

  interop_matrix.py POKEDEX [--old-pyarrow DIR] [--write docs/interop.md]

A tool that is not installed is left out; `--old-pyarrow` is a folder of `pip install --target DIR pyarrow==25.0.1`, which runs in
a process of its own. Exit status: 0 when all cells hold, 1 otherwise. Makes its pictures itself.
"""

import argparse
import importlib.metadata
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image


def plain(value):
    """A cell as JSON says it, whatever a tool made of it."""
    if value is None:
        return None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    if hasattr(value, "to_pylist"):
        return plain(value.to_pylist())
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return None if math.isnan(value) else round(float(value), 5)
    return None if str(value) in ("<NA>", "NaT") else str(value)


def rows(columns):
    """Rows of a dictionary of columns, as text that can be compared: numbers as numbers, null as null."""
    names = sorted(columns)
    as_number = lambda v: float(v) if isinstance(v, int) and not isinstance(v, bool) else v
    cells = [[as_number(plain(v)) for v in columns[name]] for name in names]
    return names, [list(row) for row in zip(*cells)]


def by_pandas(path):
    import pandas as pd

    return {name: list(column) for name, column in pd.read_parquet(path).items()}


def by_pyarrow(path):
    return pq.read_table(path).to_pydict()


def by_dataset(path):
    import pyarrow.dataset

    return pyarrow.dataset.dataset(path).to_table().to_pydict()


def by_polars(path):
    import polars as pl

    return pl.read_parquet(path).to_dict(as_series=False)


def by_polars_scan(path):
    import polars as pl

    return pl.scan_parquet(path).collect().to_dict(as_series=False)


def by_duckdb(path):
    import duckdb

    found = duckdb.sql("SELECT * FROM read_parquet(?)", params=[str(path)])
    return dict(zip(found.columns, map(list, zip(*found.fetchall()))))


def by_daft(path):
    import daft

    return daft.read_parquet(str(path)).to_pydict()


def by_ray(path):
    import ray

    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)
    found = ray.data.read_parquet(str(path)).take_all()
    return {name: [row[name] for row in found] for name in found[0]}


def by_datasets(path):
    import datasets

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:
        found = datasets.load_dataset("parquet", data_files=str(path), cache_dir=cache, split="train")
        return found.with_format("arrow")[:].to_pydict()


def by_lance(path):
    import lance

    with tempfile.TemporaryDirectory() as folder:
        lance.write_dataset(pq.read_table(path), f"{folder}/t.lance")
        return lance.dataset(f"{folder}/t.lance").to_table().to_pydict()


def by_fastparquet(path):
    import fastparquet

    columns = {name: list(column) for name, column in fastparquet.ParquetFile(str(path)).to_pandas().items()}
    # It gives the fields of a struct columns of their own.
    for struct in {name.split(".")[0] for name in columns if "." in name}:
        parts = {name.split(".")[1]: columns.pop(name) for name in list(columns) if name.startswith(f"{struct}.")}
        rows = [dict(zip(parts, row)) for row in zip(*parts.values())]
        columns[struct] = [row if any(plain(v) is not None for v in row.values()) else None for row in rows]
    return columns


TOOLS = {
    "pyarrow": ("pyarrow", by_pyarrow),
    "pyarrow.dataset": ("pyarrow", by_dataset),
    "pandas": ("pandas", by_pandas),
    "polars": ("polars", by_polars),
    "polars scan": ("polars", by_polars_scan),
    "duckdb": ("duckdb", by_duckdb),
    "daft": ("daft", by_daft),
    "ray.data": ("ray", by_ray),
    "datasets": ("datasets", by_datasets),
    "lance": ("pylance", by_lance),
    "fastparquet": ("fastparquet", by_fastparquet),
}


def make_tables(pokedex, folder):
    """One of every stage: name -> path. A file of the folder is no picture."""
    (folder / "pics" / "a").mkdir(parents=True)
    (folder / "pics" / "b").mkdir()
    for number in range(8):
        pixels = np.full((30, 40, 3), 20 * number, np.uint8)
        pixels[..., number % 3] = np.linspace(0, 255, 40, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "pics" / "ab"[number % 2] / f"{number}.png")
    (folder / "pics" / "a" / "torn.png").write_bytes(b"no picture")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("POKEDEX_")}
    environment |= {"POKEDEX_CACHE": str(folder / "cache"), "POKEDEX_MODELS": str(folder / "none")}
    steps = {
        "scan": "scan pics -o scan.parquet",
        "convert-rgb": "convert-rgb scan.parquet -o convert-rgb.parquet",
        "split": "split scan.parquet -o split.parquet",
        "embed": "embed split.parquet -o embed.parquet",
        "embed --as": "embed embed.parquet --text label --as words -o words.parquet",
        "embed --keep-images": "embed convert-rgb.parquet --keep-images -o kept.parquet",
        "index": "index embed.parquet --columns split,width -o index.parquet",
        "query": "query a --index index.parquet --format parquet",
        "train": "train embed.parquet --method centroid -o train.parquet",
        "classify": "classify embed.parquet --head train.parquet -o classify.parquet",
        "check": "check split.parquet --format parquet",
        "export": "export split.parquet --format imagefolder -o export/",
    }
    tables = {}
    for stage, line in steps.items():
        done = subprocess.run([pokedex, *line.split()], cwd=folder, env=environment, capture_output=True, timeout=300)
        if done.returncode not in (0, 3, 4):
            sys.exit(f"pokedex {line}: exit status {done.returncode}: {done.stderr.decode()}")
        name = line.split("-o ")[-1] if "-o " in line else f"{stage}.parquet"
        path = folder / (name + "manifest.parquet" if name.endswith("/") else name)
        if "-o " not in line:
            path.write_bytes(done.stdout)
        tables[stage] = path
    return tables


def cell(read, path, expected):
    """Nothing where the tool finds the same rows, else why not."""
    try:
        found = rows(read(path))
    except BaseException as e:
        return f"{type(e).__name__}: {str(e).strip().splitlines()[0] if str(e).strip() else ''}"
    if found[0] != expected[0]:
        return f"columns {found[0]}"
    if found[1] != expected[1]:
        places = [(a, b) for x, y in zip(found[1], expected[1]) for a, b in zip(x, y) if a != b]
        return f"{len(places)} cells differ: {str(places[:1])[:300]}"
    return ""


def old_rows(folder, path):
    """What pyarrow of another folder finds, in a process of its own."""
    code = (
        "import sys, json; sys.path[:0] = [sys.argv[2], sys.argv[3]]; import interop_matrix as m; import pyarrow.parquet as q; "
        "import pyarrow; print(json.dumps({k: m.plain(v) for k, v in q.read_table(sys.argv[1]).to_pydict().items()}))"
    )
    done = subprocess.run([sys.executable, "-c", code, path, folder, Path(__file__).parent], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pokedex", type=lambda p: str(Path(p).resolve()))
    parser.add_argument("--old-pyarrow", type=Path, metavar="DIR")
    parser.add_argument("--write", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    tools, versions = {}, {}
    for name, (package, read) in TOOLS.items():
        try:
            versions[name] = importlib.metadata.version(package)
            tools[name] = read
        except importlib.metadata.PackageNotFoundError:
            print(f"{name} is not installed")
    if arguments.old_pyarrow:
        found = [p.name for p in arguments.old_pyarrow.glob("pyarrow-*.dist-info")]
        versions["old pyarrow"] = found[0].split("-")[1].removesuffix(".dist") if found else "?"
        tools["old pyarrow"] = lambda path: old_rows(arguments.old_pyarrow, path)
    lines = [
        f"| table | {' | '.join(f'{tool} {versions[tool]}' for tool in tools)} |",
        f"| --- |{' --- |' * len(tools)}",
    ]
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for stage, path in make_tables(arguments.pokedex, Path(scratch)).items():
            expected, cells = rows(by_pyarrow(path)), []
            for tool, read in tools.items():
                problem = cell(read, path, expected)
                failed += bool(problem)
                cells.append("no" if problem else "yes")
                if problem:
                    print(f"FAILED {stage} in {tool}: {problem}")
            lines.append(f"| `{stage}` | {' | '.join(cells)} |")
    text = "\n".join(lines)
    print(text)
    if arguments.write:
        head = (
            "# Tables in other tools\n\n"
            "Made by `tests/interop_matrix.py`: a table of every stage, from a folder in which one picture is torn (so that a vector is\n"
            "missing), read by every tool. `yes`: it opens, with the same columns and the same values.\n\n"
        )
        arguments.write.write_text(f"{head}{text}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
