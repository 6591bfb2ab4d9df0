"""The program `pokedex`: what it makes of texts and pictures."""
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .failure import Failure


def find(named: str | None) -> str:
    """The program by its path, by $POKEDEX, or on the path."""
    found = shutil.which(named or os.environ.get("POKEDEX") or "pokedex")
    if found is None:
        raise Failure("the program pokedex is not found", "--pokedex target/release/pokedex, or put it on the PATH")
    return found


def _run(arguments: Sequence[str]) -> None:
    done = subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
    if done.returncode:
        raise Failure(f"`{' '.join(arguments[:2])}` failed: {done.stderr.strip()}")


def _vectors(path: Path, keys: Sequence[str]) -> NDArray[np.float32]:
    table = pq.read_table(path, columns=["key", "embedding"])
    found = dict(zip(table["key"].to_pylist(), table["embedding"].to_pylist()))
    return np.array([found[key] for key in keys], np.float32)


def embed_texts(program: str, model: Sequence[str], texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors of texts, by the model's text tower."""
    with tempfile.TemporaryDirectory() as scratch:
        words, out = Path(scratch) / "texts.parquet", Path(scratch) / "vectors.parquet"
        keys = [f"{i:08}" for i in range(len(texts))]
        pq.write_table(pa.table({"key": keys, "text": pa.array(texts, pa.string())}), words)
        _run([program, "embed", str(words), "--text", "text", *model, "-o", str(out)])
        return _vectors(out, keys)


def embed_pictures(program: str, model: Sequence[str], pictures: Sequence[bytes]) -> NDArray[np.float32]:
    """Unit vectors of pictures, by the model's image tower."""
    with tempfile.TemporaryDirectory() as scratch:
        rows, out = Path(scratch) / "pictures.parquet", Path(scratch) / "vectors.parquet"
        keys = [f"{i:08}" for i in range(len(pictures))]
        images = pa.array([{"bytes": data, "path": None} for data in pictures], pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
        pq.write_table(pa.table({"key": keys, "image": images}), rows)
        _run([program, "embed", str(rows), "--no-cache", *model, "-o", str(out)])
        return _vectors(out, keys)


def species(program: str) -> dict[str, int]:
    """The numbers of the built-in species by their names."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "species.csv"
        _run([program, "export", "pokedex:", "--format", "csv", "-o", str(out)])
        table = pyarrow.csv.read_csv(out).select(["label", "id"])
        return {str(row["label"]): int(row["id"]) for row in table.to_pylist()}
