"""Checks that tables travel between the program and pyarrow, pandas and DuckDB, in both directions.

  out   every table the program writes opens in all three, with the column types of the contract and the same values
  in    tables that pandas writes (lists of numbers, no key, no model) can be indexed and searched
  back  a table that went through DuckDB still knows its model: vectors of two models are never compared

Makes its pictures itself and needs no data. Exit status: 0 when all checks pass, 1 otherwise. Needs DuckDB, NumPy,
pandas, Pillow and PyArrow.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

BUILT_IN = "pokedex-mini"
DIMENSION = 256
MODEL_FILES = ["model.json", "image.rten", "text.rten", "vocab.txt"]

# The contract: column -> type in Arrow, type in DuckDB, kind of values in pandas.
TEXT = (pa.string(), "VARCHAR", str)
HASH = (pa.binary(32), "BLOB", bytes)
CONTRACT = {
    "key": TEXT,
    "path": TEXT,
    "id": (pa.int32(), "INTEGER", int),
    "label": TEXT,
    "width": (pa.uint32(), "UINTEGER", int),
    "height": (pa.uint32(), "UINTEGER", int),
    "content_hash": HASH,
    "source_hash": HASH,
    "image": (
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        "STRUCT(bytes BLOB, path VARCHAR)",
        dict,
    ),
    "split": TEXT,
    "embedding": (pa.list_(pa.float32(), DIMENSION), "FLOAT[]", np.ndarray),
    "embedding_model": (pa.dictionary(pa.int32(), pa.string()), "VARCHAR", str),
    "error": TEXT,
    "query": TEXT,
    "rank": (pa.uint32(), "UINTEGER", int),
    "score": (pa.float32(), "FLOAT", float),
}


class Checks:
    """Counts what holds and says what does not."""

    def __init__(self):
        self.passed = self.failed = 0

    def that(self, holds, what, why=""):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {what}{': ' + str(why).strip()[:500] if why else ''}")


class Tool:
    """Runs the program in a folder of its own, with its own cache and no installed models."""

    def __init__(self, pokedex, scratch, checks):
        self.pokedex, self.scratch, self.checks = str(Path(pokedex).resolve()), scratch, checks
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("POKEDEX_")}
        self.environment |= {"POKEDEX_CACHE": str(scratch / "cache"), "POKEDEX_MODELS": str(scratch / "none")}

    def run(self, *arguments):
        """Exit status, standard output and standard error."""
        command = [self.pokedex, *map(str, arguments)]
        done = subprocess.run(command, cwd=self.scratch, env=self.environment, capture_output=True, timeout=120)
        err = done.stderr.decode("utf-8", "replace")
        self.checks.that("panicked" not in err, f"{' '.join(map(str, arguments))}: no panic", err)
        return done.returncode, done.stdout, err

    def works(self, what, *arguments, status=0):
        """Checks that a command succeeds; returns its standard output."""
        found, out, err = self.run(*arguments)
        self.checks.that(found == status, f"{what}: {' '.join(map(str, arguments))}", f"exit status {found}: {err}")
        return out

    def refuses(self, what, *arguments, names=()):
        """Checks that a command fails with a message that names these, and a hint."""
        status, out, err = self.run(*arguments)
        good = status == 1 and not out and all(name in err for name in names) and "\nhint: " in err
        self.checks.that(good, f"{what}: {' '.join(map(str, arguments))} is refused", f"exit status {status}: {err}")
        return err


def draw(folder):
    """Eight small pictures of four classes, and one file that is none."""
    folder.mkdir()
    for number in range(8):
        across = np.linspace(0, 255, 40, dtype=np.uint8)
        pixels = np.zeros((30, 40, 4), np.uint8)
        pixels[..., number % 3] = across
        pixels[..., (number + 1) % 3] = 30 * number
        pixels[..., 3] = 255 if number % 2 else across[::-1]
        Image.fromarray(pixels, "RGBA").save(folder / f"{1 + number // 2:04}_{number}.png")
    (folder / "0004_broken.png").write_bytes(b"no picture")


def make_tables(tool):
    """One of every table the program writes: name -> path."""
    names = ["scan", "convert", "split", "embed", "index"]
    tables = {name: tool.scratch / f"{name}.parquet" for name in names}
    tool.works("make", "scan", "pics", "-o", tables["scan"], status=3)
    tool.works("make", "convert-rgb", "pics", "-o", tables["convert"], status=3)
    tool.works("make", "convert-rgb", "pics", "-o", "rgb/", status=3)
    tool.works("make", "split", tables["scan"], "-o", tables["split"])
    tool.works("make", "embed", tables["split"], "-o", tables["embed"])
    tool.works("make", "index", tables["embed"], "--columns", "split,width,content_hash", "-o", tables["index"])
    (tool.scratch / "queries.txt").write_text("id:1\nred\nkey:0002_3.png\n")
    for name, query in {"hits": ["id:2"], "many_hits": ["--queries", "queries.txt"]}.items():
        tables[name] = tool.scratch / f"{name}.parquet"
        tables[name].write_bytes(tool.works("make", "query", *query, "--index", tables["index"], "--format", "parquet"))
    return tables | {"manifest": tool.scratch / "rgb" / "manifest.parquet"}


def same_value(a, b):
    """Whether two readers give the same; nothing is the same as nothing, whatever it is called."""
    missing = [x is None or x is pd.NA or isinstance(x, float) and np.isnan(x) for x in (a, b)]
    if any(missing):
        return all(missing)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_value(a[k], b[k]) for k in a)
    if isinstance(a, (list, np.ndarray)):
        return len(a) == len(b) and np.array_equal(np.float32(a), np.float32(b))
    return bytes(a) == bytes(b) if isinstance(a, (bytes, bytearray)) else a == b


def check_types(tables, checks):
    """Every table, in each of the three."""
    for name, path in tables.items():
        arrow = pq.read_table(path)
        frame = pd.read_parquet(path)
        ducks = duckdb.sql("SELECT * FROM read_parquet(?)", params=[str(path)])
        types = {column: str(kind).replace('"', "") for column, kind in zip(ducks.columns, ducks.types)}
        rows = {"pandas": frame.to_dict("records"), "duckdb": [dict(zip(ducks.columns, r)) for r in ducks.fetchall()]}
        expected = arrow.to_pylist()
        checks.that(arrow.num_rows > 0, f"{name}: has rows")
        for column in arrow.schema:
            in_arrow, in_duckdb, in_pandas = CONTRACT[column.name]
            what = f"{name}.{column.name}"
            checks.that(column.type == in_arrow, f"{what} in pyarrow", f"{column.type}, expected {in_arrow}")
            checks.that(column.nullable == (column.name != "key"), f"{what}: only keys are required")
            kind = types[column.name]
            checks.that(kind == in_duckdb, f"{what} in DuckDB", f"{kind}, expected {in_duckdb}")
            values = [v for v in frame[column.name].tolist() if not np.any(pd.isna(v))]
            # pandas makes floating-point numbers of whole ones where some are missing.
            kinds = (int, float) if in_pandas is int and len(values) < len(frame) else in_pandas
            checks.that(all(isinstance(v, kinds) for v in values), f"{what} in pandas", {type(v) for v in values})
            for reader, found in rows.items():
                same = len(found) == len(expected) and all(
                    same_value(a[column.name], b[column.name]) for a, b in zip(expected, found)
                )
                checks.that(same, f"{what}: {reader} reads the values that pyarrow reads")
        if "embedding_model" in frame:
            kind = str(frame["embedding_model"].dtype)
            checks.that(kind == "category", f"{name}.embedding_model is a category in pandas", kind)
        vectors = [np.float64(row["embedding"]) for row in expected if row.get("embedding") is not None]
        lengths = [np.linalg.norm(vector) for vector in vectors]
        checks.that(np.allclose(lengths, 1, atol=1e-5), f"{name}: vectors of length 1", lengths)
        for row in expected:
            if row.get("error") is not None and "embedding" in row:
                checks.that(row["embedding"] is None, f"{name}: no vector where there is an error")


def write(table, path):
    """Writes a table of pandas or of pyarrow, each as it does."""
    if isinstance(table, pd.DataFrame):
        table.to_parquet(path)
    else:
        pq.write_table(table, path)


def check_foreign(tool, checks):
    """Tables that others wrote: no key, no model, several kinds of lists."""
    vectors = np.random.default_rng(0).normal(size=(20, DIMENSION))
    # Row 7 is nearly row 3, so that is what a search by row 3 must find.
    vectors[7] = vectors[3] + 0.01 * vectors[7]
    titles = [f"picture {i}" for i in range(20)]
    flat = pa.array(vectors.astype(np.float32).reshape(-1))
    kinds = {
        "list<float>": pd.DataFrame({"title": titles, "embedding": list(vectors.astype(np.float32))}),
        "list<double>": pd.DataFrame({"title": titles, "embedding": [list(v) for v in vectors]}),
        "fixed": pa.table({"title": titles, "embedding": pa.FixedSizeListArray.from_arrays(flat, DIMENSION)}),
        "large": pa.table({"title": titles, "embedding": pa.array(list(vectors), pa.large_list(pa.float64()))}),
    }
    foreign, index = tool.scratch / "foreign.parquet", tool.scratch / "foreign-index.parquet"
    for kind, table in kinds.items():
        write(table, foreign)
        tool.refuses(f"{kind} without a model", "index", foreign, "-o", index, names=["--model"])
        for model in ("unknown", BUILT_IN):
            tool.works(kind, "index", foreign, "--model", model, "--columns", "title", "-o", index)
            out = tool.works(kind, "query", "key:0000003", "--index", index, "-n", 3, "--format", "json")
            keys = [hit["key"] for hit in json.loads(out or b"[]")]
            checks.that(keys[:1] == ["0000007"] and "0000003" not in keys, f"{kind}, {model}: nearest to row 3", keys)
            names = pq.read_table(index)["embedding_model"].to_pylist()
            good = all(n is None if model == "unknown" else n.startswith(f"{BUILT_IN}@") for n in names)
            checks.that(good, f"{kind}, {model}: embedding_model of the index", set(names))
            if model == "unknown":
                tool.refuses(f"{kind}, words against an unknown model", "query", "red", "--index", index)
            else:
                tool.works(kind, "query", "red", "--index", index)
        tool.refuses(f"{kind}, words", "query", "red", "--index", foreign, names=["--model"])
        tool.works(kind, "query", "red", "--index", foreign, "--model", BUILT_IN)
        out = tool.works(f"{kind}, no index", "query", "key:0000003", "--index", foreign, "-n", 3, "--format", "json")
        keys = [hit["key"] for hit in json.loads(out or b"[]")]
        checks.that(keys[:1] == ["0000007"], f"{kind}, no index: nearest to row 3", keys)

    # A column of another name, keys, and a class number as pandas has it where some are missing.
    frame = pd.DataFrame({"key": titles, "id": [None, *range(1, 20)], "vec": list(vectors)})
    frame.to_parquet(foreign)
    tool.works("other name", "index", foreign, "--vector-column", "vec", "--model", "unknown", "-o", index)
    out = tool.works("other name", "query", "key:picture 3", "--index", index, "-n", 1, "--format", "json")
    checks.that([hit["key"] for hit in json.loads(out or b"[]")] == ["picture 7"], "other name: nearest to row 3", out)
    types = {field.name: field.type for field in pq.read_schema(index)} if index.exists() else {}
    checks.that(types.get("id") == pa.int32(), "an index has ids of int32", types.get("id"))

    # Faults that a table can have: an error with a message, never a panic and never an answer made up.
    broken = {
        "a missing key": pd.DataFrame({"key": ["a", None, "c"], "embedding": list(vectors[:3])}),
        "two equal keys": pd.DataFrame({"key": ["a", "b", "a"], "embedding": list(vectors[:3])}),
        "ragged vectors": pd.DataFrame({"embedding": [[1.0, 2.0], [1.0], [3.0, 4.0]]}),
        "a number missing in a vector": pd.DataFrame({"embedding": [[1.0, 2.0], [1.0, None], [3.0, 4.0]]}),
        "a number that is not finite": pa.table({"embedding": [[1.0, 2.0], [1.0, float("inf")], [3.0, 4.0]]}),
        "a vector of zeros": pd.DataFrame({"embedding": [[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]]}),
        "text for vectors": pd.DataFrame({"embedding": ["a", "b", "c"]}),
        "no vectors at all": pd.DataFrame({"title": ["a", "b", "c"]}),
        "no rows": pd.DataFrame({"embedding": list(vectors)}).head(0),
    }
    for fault, frame in broken.items():
        write(frame, foreign)
        index.unlink(missing_ok=True)
        status, _, err = tool.run("index", foreign, "--model", "unknown", "-o", index)
        checks.that(status == 1 and err.startswith("pokedex: "), f"{fault}: index is refused", f"{status}: {err}")
        checks.that(not index.exists(), f"{fault}: nothing is written")


def model_of(path):
    """The model that made a table's vectors, as it stands in its rows."""
    return next(name for name in pq.read_table(path)["embedding_model"].to_pylist() if name)


def check_models(tool, tables, model_folder, checks):
    """A second model, and tables that went through DuckDB."""
    other = tool.scratch / "other-model"
    other.mkdir()
    for file in MODEL_FILES:
        shutil.copy(model_folder / file, other)
    config = json.loads((other / "model.json").read_text())
    (other / "model.json").write_text(json.dumps(config | {"name": "other-mini"}))
    ours, theirs = tables["embed"], tool.scratch / "theirs.parquet"
    tool.works("second model", "embed", "pics", "--model", "./other-model/", "-o", theirs, status=3)
    both = [model_of(ours), model_of(theirs)]
    checks.that(both[0].split("@")[1] != both[1].split("@")[1], "another model.json is another model", both)
    checks.that(both[1].startswith("other-mini@"), "the second model's name is in its rows", both)

    def through_duckdb(sql, file):
        path = tool.scratch / file
        duckdb.sql(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
        return path

    own = through_duckdb(f"SELECT * FROM '{ours}'", "own.parquet")
    tool.works("own model through DuckDB", "index", own, "-o", "own-index.parquet")
    for index in (own, "own-index.parquet"):
        tool.works("own model through DuckDB", "query", "red", "--index", index)
    again = through_duckdb(f"SELECT * FROM '{theirs}'", "again.parquet")
    select_ours = f"SELECT key, id, label, embedding, embedding_model FROM '{ours}'"
    select_theirs = f"SELECT replace(key, '.', '2.') AS key, id, label, embedding, embedding_model FROM '{theirs}'"
    mixed = through_duckdb(f"{select_ours} UNION ALL {select_theirs}", "mixed.parquet")
    for table in (theirs, again):
        tool.refuses("words against another model", "query", "red", "--index", table, names=[*both, "pokedex "])
        tool.refuses("a picture against another model", "query", "./pics/0001_0.png", "--index", table, names=both)
        tool.refuses("the wrong --model", "index", table, "--model", BUILT_IN, "-o", "no.parquet", names=both)
        tool.refuses("the wrong --model", "query", "red", "--index", table, "--model", BUILT_IN, names=both)
        tool.works("the right --model", "query", "red", "--index", table, "--model", "./other-model/")
        tool.works("a stored row needs no model", "query", "key:0001_0.png", "--index", table)
        tool.works("index needs no weights", "index", table, "-o", "other-index.parquet")
        tool.refuses("its index remembers", "query", "red", "--index", "other-index.parquet", names=both)
    for command in (
        ["index", mixed, "-o", "no.parquet"],
        ["query", "red", "--index", mixed],
        ["query", "id:1", "--index", mixed],
    ):
        tool.refuses("two models in one table", *command, names=[*both, "pokedex embed"])
    plain = tool.scratch / "plain.parquet"
    tool.works("make", "embed", "pics", "-o", plain, status=3)
    tool.refuses("tables of two models", "index", plain, theirs, "-o", "no.parquet", names=both)
    checks.that(not (tool.scratch / "no.parquet").exists(), "a refused index writes nothing")

    # Rows whose model nobody knows beside rows whose model is known: still two models.
    select_nameless = select_theirs.replace("embedding_model", "NULL AS embedding_model")
    half = through_duckdb(f"{select_ours} UNION ALL {select_nameless}", "half.parquet")
    what = "rows without a model beside rows with one"
    tool.refuses(what, "index", half, "-o", "no2.parquet", names=both[:1])
    tool.refuses(what, "query", "red", "--index", half, names=both[:1])


def check_passing_through(tool, tables, checks):
    """Columns that the program does not know go through every stage, values and types unchanged."""
    path = tool.scratch / "extra.parquet"
    duckdb.sql(
        f"COPY (SELECT *, DATE '2024-02-29' AS taken, [1, 2] AS marks, {{'a': 1.5, 'b': 'x'}} AS nested, "
        f"12.34::DECIMAL(9, 2) AS price, NULL::BIGINT AS nothing, true AS seen FROM '{tables['scan']}') "
        f"TO '{path}' (FORMAT parquet)"
    )
    extra = ["taken", "marks", "nested", "price", "nothing", "seen"]
    before = pq.read_table(path).select(extra)
    for command in (["convert-rgb", path], ["split", path], ["embed", path]):
        out = tool.scratch / f"extra-{command[0]}.parquet"
        tool.works("unknown columns", *command, "-o", out)
        after = pq.read_table(out).select(extra)
        same = after.schema.types == before.schema.types and after.to_pylist() == before.to_pylist()
        checks.that(same, f"{command[0]} passes unknown columns through", after.schema)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pokedex", default="target/release/pokedex", help="the program [default: %(default)s]")
    parser.add_argument("--model", default="assets/model", help="the built-in model's files [default: %(default)s]")
    parser.add_argument("--data", help="not needed: the pictures are made here")
    args = parser.parse_args()
    checks = Checks()
    with tempfile.TemporaryDirectory() as scratch:
        tool = Tool(args.pokedex, Path(scratch), checks)
        draw(tool.scratch / "pics")
        tables = make_tables(tool)
        check_types(tables, checks)
        check_foreign(tool, checks)
        check_models(tool, tables, Path(args.model), checks)
        check_passing_through(tool, tables, checks)
    print(f"{checks.passed} checks passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
