"""The vectors of a folder of pictures as one Parquet table, ordered by key, by Daft.

    pip install pokedex daft==0.7.26
    python examples/daft_embed.py artwork/ vectors.parquet
    pokedex query "a blue turtle" --index vectors.parquet

1,025 pictures or a million: no thresholds, no model in the way of another. A file that is no picture is a row with an error.
"""

import sys
from pathlib import Path

import daft
from daft import col

from pokedex.daft import embed

folder, output = Path(sys.argv[1]), sys.argv[2]
files = [file for file in folder.rglob("*") if file.is_file()]
pictures = daft.from_pydict({"key": [file.relative_to(folder).as_posix() for file in files], "path": [str(file) for file in files]})
table = pictures.select(embed("path", key="key", urls=True).unnest()).sort("key")
table.write_parquet(output, write_mode="overwrite", single_file=True)
failed = daft.read_parquet(output).where(col("error").not_null())
for row in failed.select("key", "error").to_pylist():
    print(f"{row['key']}: {row['error']}", file=sys.stderr)
