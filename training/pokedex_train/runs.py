"""The log of runs that `pokedex evaluate --compare` reads (`src/runs.rs`)."""
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .failure import Failure
from .files import replacing

NUMBERS = ("top1", "top5", "macro_f1", "ece", "aurc", "loss", "seconds")
POINT = pa.struct([("iteration", pa.int32()), ("train_loss", pa.float64()), ("validation_loss", pa.float64()), ("validation_top1", pa.float64())])
SCHEMA = pa.schema(
    [pa.field("run", pa.int32(), False), pa.field("command", pa.string(), False), pa.field("head", pa.string()),
     pa.field("input", pa.string(), False), pa.field("settings", pa.string(), False), pa.field("figures", pa.string(), False),
     *(pa.field(name, pa.float64()) for name in NUMBERS), pa.field("curve", pa.list_(pa.field("item", POINT)))],
    {"pokedex.schema_version": "1", "pokedex.schema": "runs"})


def read(path: Path) -> pa.Table:
    """The log, empty where there is none yet."""
    if not path.exists() or path.stat().st_size == 0:
        return SCHEMA.empty_table()
    try:
        file = pq.ParquetFile(path)
        footer, table = file.metadata.metadata or {}, file.read()
    except (OSError, pa.ArrowException) as e:
        raise Failure(f"{path}: not a log of runs ({e})", "--log a file that does not exist yet") from e
    # The program's footer is beside Arrow's schema, not in it.
    if footer.get(b"pokedex.schema") != b"runs" or table.schema.names != SCHEMA.names:
        raise Failure(f"{path}: not a log of runs", "--log a file that does not exist yet")
    return table.replace_schema_metadata(None).cast(SCHEMA)


def append(path: Path, run: dict[str, Any]) -> int:
    """Adds a run, and returns its number. Those who append at once wait for each other, and for the program."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        table = read(path)
        number = max(table["run"].to_pylist(), default=0) + 1
        row = {name: run.get(name) for name in SCHEMA.names} | {"run": number}
        row |= {name: json.dumps(run[name], separators=(",", ":")) for name in ("settings", "figures")}
        with replacing(path) as temporary:
            pq.write_table(pa.concat_tables([table, pa.Table.from_pylist([row], SCHEMA)]), temporary)
        return number
    finally:
        os.close(folder)
