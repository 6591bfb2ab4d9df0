"""The image tower as it ships: every weight rounded to 8 bits, both readings of a picture, and the file that holds it.

`src/model/eye.rs` computes the same; golden values hold both together. All of it has slopes, where the weights want them."""
import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from . import colours
from .augment import MEAN, STD
from .failure import Failure

# Kernel, stride, expansion, width, repeats: Tan and Le 2019, table 1, without squeeze-and-excite as in the Lite variant.
STAGES = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4),
          (3, 1, 6, 320, 1)]
SHARED, FINE, MIDDLE = 5, 2, 3
NEGLIGIBLE = 0.002
LEAST = 0.2  # No picture of a Pokémon scores less for its best species.


def pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """TensorFlow's padding: the odd pixel goes right and below."""
    pads: list[int] = []
    for side in (x.shape[3], x.shape[2]):
        total = max(kernel - stride if side % stride == 0 else kernel - side % stride, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


def quantise(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 values and float scales per first-axis row."""
    flat = np.abs(weight.reshape(len(weight), -1)).max(1)
    scale = np.where(flat > 0, flat / 127, 1.0).astype(np.float32)
    return np.round(weight / scale.reshape(-1, *[1] * (weight.ndim - 1))).clip(-127, 127).astype(np.int8), scale


def kernel_of(name: str) -> int:
    """The side of a convolution's kernel, 0 of a plain matrix, by the layer's name."""
    part = name.rpartition(".")[2]
    if name in ("stem", "creatures.fine", "creatures.middle"):
        return 3
    if name == "creatures.merge" or part in ("widen", "narrow", "head"):
        return 1
    if part != "look" or name == "look":
        return 0
    group, block, _ = name.split(".")
    stages = STAGES[:SHARED] if group == "shared" else STAGES[SHARED:]
    return [kernel for kernel, *_, repeats in stages for _ in range(repeats)][int(block)]


class Eye:
    """The tensors of the file, and the network that they are."""

    def __init__(self) -> None:
        self.tensors: dict[str, NDArray[Any]] = {}
        self.weights: dict[str, tuple[Tensor, Tensor]] = {}

    def add(self, name: str, weight: NDArray[Any], bias: NDArray[Any]) -> None:
        """A layer [out, inner]; of a convolution, [out, in, kernel, kernel], the channels go last."""
        weight = np.asarray(weight, np.float32)
        if weight.ndim == 4:
            weight = weight.transpose(0, 2, 3, 1)
        q, scale = quantise(weight)
        self.tensors[f"{name}.weight"] = q.reshape(len(q), -1)
        self.tensors[f"{name}.scale"], self.tensors[f"{name}.bias"] = scale, np.asarray(bias, np.float32)
        self._expand(name)

    @classmethod
    def load(cls, path: Path) -> "Eye":
        """The tower of a file that `save` wrote."""
        data = path.read_bytes()
        try:
            (length,) = struct.unpack("<Q", data[:8])
            header = json.loads(data[8 : 8 + length])
            eye = cls()
            for name, entry in header.items():
                if name == "__metadata__":
                    continue
                kind = {"I8": np.int8, "F32": np.float32}[entry["dtype"]]
                low, high = (8 + length + at for at in entry["data_offsets"])
                eye.tensors[name] = np.frombuffer(data[low:high], kind).reshape(entry["shape"]).copy()
            for name in [name.removesuffix(".bias") for name in eye.tensors if name.endswith(".bias")]:
                eye._expand(name)
            eye.weights["species"], eye.value("classes.best")
        except (struct.error, ValueError, KeyError) as e:
            raise Failure(f"{path}: no image tower of this project ({e})") from e
        return eye

    def _expand(self, name: str) -> None:
        """The layer's weights as they are computed with, from the file's whole numbers."""
        whole, scale = self.tensors[f"{name}.weight"], self.tensors[f"{name}.scale"]
        real = torch.from_numpy(whole.astype(np.float32) * scale[:, None])
        kernel = kernel_of(name)
        if kernel:
            real = real.view(len(real), kernel, kernel, -1).permute(0, 3, 1, 2).contiguous()
        self.weights[name] = real, torch.from_numpy(self.tensors[f"{name}.bias"])

    def number(self, name: str, *values: float) -> None:
        for key, value in zip(name.split(), values):
            self.tensors[key] = np.array([value], np.float32)

    def value(self, name: str) -> float:
        return float(self.tensors[name][0])

    def conv(self, x: Tensor, name: str, kernel: int = 1, stride: int = 1, act: bool = True) -> Tensor:
        weight, bias = self.weights[name]
        groups = weight.shape[0] if weight.shape[1] == 1 and weight.shape[0] == x.shape[1] else 1
        x = F.conv2d(pad_same(x, kernel, stride), weight, bias, stride, groups=groups)
        return x.clamp(0, 6) if act else x

    def stages(self, x: Tensor, name: str, stages: Iterable[tuple[int, int, int, int, int]], at: int = 0) -> Tensor:
        """Through some stages; `at` is the first block's number in the file."""
        for kernel, stride, expansion, out, repeats in stages:
            for i in range(repeats):
                y = self.conv(x, f"{name}.{at}.widen") if expansion > 1 else x
                y = self.conv(y, f"{name}.{at}.look", kernel, stride if i == 0 else 1)
                y = self.conv(y, f"{name}.{at}.narrow", act=False)
                x = x + y if y.shape == x.shape else y
                at += 1
        return x

    def linear(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self.weights[name]
        return x @ weight.T + bias

    def seen(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised pixels [N, 3, S, S] -> fine, middle and coarse maps."""
        counts = np.cumsum([0, *(repeats for *_, repeats in STAGES)]).tolist()
        fine = self.stages(self.conv(pixels, "stem", 3, 2), "shared", STAGES[:FINE])
        middle = self.stages(fine, "shared", STAGES[FINE:MIDDLE], counts[FINE])
        return fine, middle, self.stages(middle, "shared", STAGES[MIDDLE:SHARED], counts[MIDDLE])

    def creature(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors among the species', and logits of looking like any."""
        side = self.conv(torch.cat([self.conv(fine, "creatures.fine", 3, 2), middle], 1), "creatures.middle", 3, 2)
        x = self.stages(coarse + self.conv(side, "creatures.merge", act=False), "creatures", STAGES[SHARED:])
        x = self.conv(x, "creatures.head").mean((2, 3))
        return F.normalize(self.linear(x, "creatures.out"), dim=-1), self.linear(x, "creatures.known")[:, 0]

    def features(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 [N, S, S, 3] -> features [N, 1280] of the pretrained network."""
        x = torch.from_numpy(np.array(rgb)).permute(0, 3, 1, 2).float()
        return self.read((self.seen((x - 127) / 128)[2])).numpy()

    def read(self, coarse: Tensor) -> Tensor:
        return self.conv(self.stages(coarse, "things", STAGES[SHARED:]), "things.head").mean((2, 3))

    def hues(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [N, 3, S, S] -> how much more than usual there is of each colour."""
        rgb = (pixels * STD[:, None, None] + MEAN[:, None, None]).permute(0, 2, 3, 1).numpy() * 255
        return torch.from_numpy(((colours.amounts(rgb) - self.tensors["colours.mean"]) / self.tensors["colours.spread"]).clip(-3, 3))

    def thing(self, coarse: Tensor, hues: Tensor) -> Tensor:
        """Vectors of what the 1000 classes make of it, its looks, and its colours."""
        features = self.read(coarse)
        logits = self.linear(features, "classes")
        best, which = logits.topk(int(self.value("classes.best")), 1)
        weights = torch.zeros_like(logits).scatter_(1, which, ((best - best[:, :1]) / self.value("temperature")).exp())
        words = F.normalize(self.linear(weights, "words"), dim=-1)
        look = self.linear(F.normalize(self.linear(features, "look"), dim=-1), "look.out")
        colour = self.linear(hues, "colours.words")
        return F.normalize(words + self.value("look.share") * look + self.value("colours.share") * colour, dim=-1)

    def looks(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised pixels [N, 3, S, S] -> what both readings make of them: `creature`'s two, and `thing`."""
        return self.read_twice(self.seen(pixels), self.hues(pixels))

    def read_twice(self, maps: tuple[Tensor, Tensor, Tensor], hues: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same of what `seen` and `hues` made of them."""
        return *self.creature(*maps), self.thing(maps[2], hues)

    def evidence(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """What tells whether a picture's species is right: the branch's logit, its best cosine, and the log odds of the
        best in the look-up [N, 3]; and the weights of the look-up [N, species]."""
        match = x @ self.weights["species"][0].to(x).T
        weights = torch.softmax(self.value("readout.scale") * match, -1)
        odds = weights.max(1).values.clamp(1e-6, 1 - 1e-6).logit()
        return torch.stack([known, match.max(1).values, odds], 1), weights

    def mix(self, x: Tensor, known: Tensor, thing: Tensor, sure: Tensor) -> Tensor:
        """Unit vectors [N, dimension] of pictures that are read so, and whose species is right by a logit of `sure` [N]."""
        species, axis = self.weights["species"][0].to(x), torch.from_numpy(self.tensors["axis"]).to(x)
        evidence, weights = self.evidence(x, known)
        share = torch.sigmoid(self.value("known.gain") * known + self.value("known.slope") * evidence[:, 1] + self.value("known.offset"))[:, None]
        found = F.normalize(weights @ species + self.value("readout.keep") * x, dim=-1)
        wanted = (self.value("sure.middle") + self.value("sure.step") * sure[:, None]).clamp(LEAST, 1)
        ratio = (found @ species.T).max(1, keepdim=True).values / wanted
        # Not quite 0, where a root has no slope.
        doubt = share * (ratio**2 - 1).clamp(min=1e-14).sqrt() * (share >= NEGLIGIBLE)
        rest = (1 - share) * (1 - share >= NEGLIGIBLE)
        doubt = doubt + rest * self.value("scene.doubt")
        both = F.normalize(share * (share >= NEGLIGIBLE) * found + rest * thing, dim=-1)
        return F.normalize(both + doubt * axis, dim=-1)

    def vectors(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [N, 3, S, S] -> unit vectors [N, dimension]."""
        return self.joined(*self.looks(pixels))

    def joined(self, x: Tensor, known: Tensor, thing: Tensor) -> Tensor:
        """Both readings -> unit vectors [N, dimension]."""
        numbers = torch.tensor([self.value(f"sure.{name}") for name in ("gain", "slope", "odds")]).to(x)
        return self.mix(x, known, thing, self.evidence(x, known)[0] @ numbers + self.value("sure.offset"))

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        header: dict[str, Any] = {}
        at, parts = 0, []
        # Four bytes first, then single ones: so every tensor lies where its numbers may be read.
        for name, x in sorted(self.tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
            data = np.ascontiguousarray(x).tobytes()
            header[name] = {"dtype": {"int8": "I8", "float32": "F32"}[x.dtype.name], "shape": list(x.shape), "data_offsets": [at, at + len(data)]}
            parts.append(data)
            at += len(data)
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))

