"""What the frozen first stages make of every lesson, kept on the disk: they are computed once, and read in later epochs."""
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .eye import Eye
from .files import sync
from .pixels import CHUNK, lesson, plain

PARTS = ("fine", "middle", "coarse", "hues", "base")


@dataclass
class View:
    """One look at each picture: three maps (or, where all stages learn, pixels), colours, and what the base sees."""

    parts: dict[str, NDArray[np.float16 | np.float32]]

    def take(self, rows: NDArray[np.int64], device: torch.device) -> dict[str, Tensor]:
        return {name: torch.from_numpy(np.array(part[rows])).float().to(device) for name, part in self.parts.items()}


def vectors(eye: Eye, seen: dict[str, Tensor]) -> Tensor:
    """Unit vectors of what `View.take` gives."""
    maps = eye.seen(seen["pixels"]) if "pixels" in seen else (seen["fine"], seen["middle"], seen["coarse"])
    return eye.joined(*eye.read_twice(maps, seen["hues"]))


@dataclass
class Some:
    """Some rows of an array on the disk, read as they are asked for."""

    whole: NDArray[np.uint8]
    rows: list[int]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, some: slice) -> NDArray[np.uint8]:
        return np.asarray(self.whole[self.rows[some]])


class Views:
    """The views of some pictures; the n-th is made when it is first asked for, and survives the process."""

    def __init__(self, folder: Path, pixels: Some, base: Eye, scenes: NDArray[np.uint8], seed: int, keep_pixels: bool) -> None:
        self.folder, self.pixels, self.base, self.scenes = folder, pixels, base, scenes
        self.seed, self.keep_pixels = seed, keep_pixels
        self.open: dict[str, View] = {}

    def lesson(self, number: int) -> View:
        return self._view(f"{number:03}", number)

    def plain(self) -> View:
        return self._view("plain", None)

    def _view(self, name: str, number: int | None) -> View:
        if name not in self.open:
            folder = self.folder / name
            if not folder.exists():
                self._make(folder, number)
            self.open[name] = View({path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))})
        return self.open[name]

    @torch.no_grad()
    def _make(self, folder: Path, number: int | None) -> None:
        temporary = folder.with_name(f".tmp-{folder.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        files: dict[str, NDArray[np.float16 | np.float32]] = {}
        for at in range(0, len(self.pixels), CHUNK):
            chunk = self.pixels[at : at + CHUNK]
            x = plain(chunk) if number is None else lesson(chunk, self.seed + 1_000_003 * (number + 1) + at, self.scenes)
            maps, hues = self.base.seen(x), self.base.hues(x)
            parts = {"hues": hues, "base": self.base.joined(*self.base.read_twice(maps, hues))}
            parts |= {"pixels": x} if self.keep_pixels else dict(zip(PARTS, maps))
            for name, part in parts.items():
                if name not in files:
                    kind = np.float32 if name in ("hues", "base") else np.float16
                    files[name] = np.lib.format.open_memmap(temporary / f"{name}.npy", "w+", kind, (len(self.pixels), *part.shape[1:]))
                files[name][at : at + len(x)] = part.numpy()
        for name, written in files.items():
            assert isinstance(written, np.memmap)
            written.flush()
            sync(temporary / f"{name}.npy")
        temporary.rename(folder)
        sync(folder.parent)
