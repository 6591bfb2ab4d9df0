"""The pictures of a table as training keeps them: small, in one file, and as lessons: differently each time."""
import io
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from .augment import backgrounds, colour, degrade, letterbox, normalise, place, uniform
from .base import Base
from .files import replacing
from .pictures import framed, over_white, premultiplied, strip_ancillary
from .table import Lessons, pictures

# At once: chosen so that what is in memory stays small.
CHUNK = 32


def open_upright(data: bytes) -> Image.Image:
    """A picture as the program opens it."""
    image = Image.open(io.BytesIO(strip_ancillary(data)))
    return ImageOps.exif_transpose(image).convert("RGBA")


def render(lessons: Lessons, base: Base, root: Path | None, out: Path) -> NDArray[np.uint8]:
    """Every picture that is used, premultiplied RGBA [N, 4, size, size], row after row; those that cannot be read are taken
    out of the lessons. Of judges, and of what has no transparent pixels, what the model will see."""
    size, used = base.size, {row.at: row for row in lessons.rows}
    kept = []
    with replacing(out) as temporary:
        with temporary.open("wb") as file:
            for at, data in pictures(lessons.path, root):
                if at not in used:
                    continue
                if isinstance(data, str):
                    lessons.left_out[data] += 1
                    continue
                try:
                    image = open_upright(data)
                    opaque = image.getchannel("A").getextrema()[0] == 255
                    if opaque or used[at].split == "validation":
                        pixels = np.concatenate([framed(over_white(image), size, base.margin).transpose(2, 0, 1), np.full((1, size, size), 255, np.uint8)])
                    else:
                        pixels = premultiplied(image, size)
                except Exception:  # noqa: BLE001 - decoders raise whatever the bytes lead them to.
                    lessons.left_out["their picture cannot be read by Pillow"] += 1
                    continue
                file.write(pixels.tobytes())
                kept.append(used[at])
    lessons.rows = kept
    return np.memmap(out, np.uint8, "r", shape=(len(kept), 4, size, size)) if kept else np.zeros((0, 4, size, size), np.uint8)


def plain(rgba: NDArray[np.uint8]) -> Tensor:
    """Kept pictures over white, normalised."""
    x = torch.from_numpy(np.array(rgba)).float() / 255
    return normalise(x[:, :3] + 1 - x[:, 3:])


def _near(rgb: Tensor, size: int) -> Tensor:
    """Opaque pictures a little nearer, turned, moved or mirrored; white where nothing is."""
    n = len(rgb)
    scale, aspect = uniform(n, 0.9, 1.6), uniform(n, 0.9, 1.1)
    angle = uniform(n, -0.2, 0.2)
    room = (1 - 1 / scale).clamp(min=0.03)
    dx, dy = uniform(n, -1, 1) * room, uniform(n, -1, 1) * room
    flip = torch.where(torch.rand(n) < 0.5, 1.0, -1.0)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    theta = torch.stack([torch.stack([cos * flip * aspect, -sin, dx], 1), torch.stack([sin * flip, cos, dy], 1)], 1)
    grid = F.affine_grid(theta, [n, 3, size, size], align_corners=False)
    return 1 - F.grid_sample(1 - rgb, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@torch.no_grad()
def lesson(rgba: NDArray[np.uint8], seed: int, scenes: NDArray[np.uint8]) -> Tensor:
    """Pictures as they are seen this time, normalised [N, 3, size, size]: drawn anew for each `seed`, which alone decides.
    One in five is as it is, but perhaps mirrored. `scenes` stand behind what is transparent."""
    torch.manual_seed(seed)
    x = torch.from_numpy(np.array(rgba)).float() / 255
    size = x.shape[-1]
    white = x[:, :3] + 1 - x[:, 3:]
    # Both are drawn for all, so that no picture's lesson hangs on its neighbours' transparency.
    placed = place(x, size)
    behind = backgrounds(len(x), size, torch.from_numpy(np.array(scenes)))
    opaque = (x[:, 3].amin((1, 2)) == 1)[:, None, None, None]
    seen = torch.where(opaque, _near(white, size), placed[:, :3] + behind * (1 - placed[:, 3:]))
    seen = letterbox(degrade(colour(seen)), 0.08)
    same = (torch.rand(len(x)) < 0.2)[:, None, None, None]
    mirrored = torch.where((torch.rand(len(x)) < 0.5)[:, None, None, None], white, white.flip(3))
    return normalise(torch.where(same, mirrored, seen))
