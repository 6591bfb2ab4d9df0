#!/bin/sh
# pyarrow and Parquet files of fixed-size lists, one of which is null.
#
# One would guess: a table that pyarrow writes, pyarrow reads, nulls included; a row without a vector is what every pipeline has.
# Instead: pyarrow 25.0.1 cannot read such a column, neither its own nor Polars': "Expected all lists to be of size=2 but index 2
# had size=0". Polars 2.1.0 and DuckDB 2.0.1 read the same file, and so does pyarrow itself where the footer's Arrow schema
# (ARROW:schema) says list<float>: only then is the Parquet list not turned into one of a fixed size.
# Seen with pyarrow 25.0.1; fails when that changes. (26.0.1 reads them.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q pyarrow==25.0.1 polars==2.1.0 duckdb==2.0.1
venv/bin/python - <<'PYTHON'
import duckdb, polars, pyarrow as pa, pyarrow.parquet as pq

rows = [[1.0, 2.0], None, [3.0, 4.0]]
pq.write_table(pa.table({"vector": pa.array(rows, pa.list_(pa.float32(), 2))}), "pyarrow.parquet")
polars.DataFrame({"vector": rows}, schema={"vector": polars.Array(polars.Float32, 2)}).write_parquet("polars.parquet")
for file in ("pyarrow.parquet", "polars.parquet"):
    assert polars.read_parquet(file)["vector"].to_list() == rows
    assert [row and list(row) for (row,) in duckdb.sql(f"from '{file}'").fetchall()] == rows
    try:
        pq.read_table(file)
        raise SystemExit(f"{file}: pyarrow {pa.__version__} reads it")
    except pa.ArrowInvalid as error:
        print(f"{file}: {error}")
        assert "Expected all lists to be of size=2 but index 2 had size=0" in str(error)
pq.write_table(pa.table({"vector": pa.array(rows, pa.list_(pa.float32()))}), "list.parquet")
assert pq.read_table("list.parquet")["vector"].to_pylist() == rows
PYTHON
