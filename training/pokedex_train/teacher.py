"""Vectors of another model as goals."""
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from .failure import Failure


def read_teacher(path: Path, column: str, keys: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Unit vectors [N, D] of the pictures of these keys, and whether each has one."""
    try:
        table = pq.read_table(path, columns=["key", column])
    except (OSError, pa.ArrowException) as e:
        raise Failure(f"{path}: {e}", f"pokedex embed TABLE --model NAME -o FILE makes `key` and `{column}`") from e
    wanted, found = set(keys), dict[str, list[float]]()
    for batch in table.to_batches(max_chunksize=4096):
        for key, vector in zip(batch["key"].to_pylist(), batch[column].to_pylist()):
            if key in wanted and vector is not None:
                found[key] = vector
    sizes = {len(vector) for vector in found.values()}
    if len(sizes) != 1:
        raise Failure(f"{path}: has vectors of {'several dimensions' if sizes else 'none of the pictures'}", "keys must be those of the table")
    out = np.zeros((len(keys), sizes.pop()), np.float32)
    for at, key in enumerate(keys):
        if key in found:
            out[at] = found[key]
    there = torch.tensor([key in found for key in keys])
    vectors = torch.from_numpy(out)
    if not bool(torch.isfinite(vectors).all()):
        raise Failure(f"{path}: has vectors that are not finite")
    return vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-9), there


def projection(base: Tensor, teacher: Tensor, there: Tensor) -> Tensor:
    """The linear map [D, dimension] that best makes the teacher's vectors of the base's: where the learnt one begins."""
    x, y = base[there].double(), teacher[there].double()
    ridge = 1e-2 * len(x) / x.shape[1] * torch.eye(x.shape[1], dtype=x.dtype)
    found: Tensor = torch.linalg.solve(x.T @ x + ridge, x.T @ y)
    return found.T.float().contiguous()
