"""Writes a fine-tuned model as a folder that `--model DIR` reads, once the program has been seen to compute it."""
import copy
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from . import program
from .augment import normalise
from .base import NAMED, TOWER, Base, identity
from .eye import Eye
from .failure import Failure
from .files import sync
from .learner import Weights

# Where engines add up in another order, the last digits differ.
AGREE = 0.9999
TEXTS = ["fire dog", "a boat on a lake at dusk", "", "x" * 40]
FORMULAS = [(7, 13, 41), (1, 2, 90), (0, 0, 60)]


def rounded(base: Eye, weights: Weights) -> Eye:
    """The tower with these weights, in 8 bits as it ships."""
    eye = Eye()
    eye.tensors, eye.weights = dict(base.tensors), dict(base.weights)
    for name, (weight, bias) in weights.items():
        eye.add(name, weight.cpu().numpy(), bias.cpu().numpy())
    return eye


def formula_picture(size: int, a: int, b: int, c: int) -> bytes:
    """A PNG given by a closed formula, as the built-in model's golden values have it."""
    channel, y, x = np.meshgrid(np.arange(3), np.arange(size), np.arange(size), indexing="ij")
    pixels = ((a * x + b * y + c * channel) % 256).astype(np.uint8).transpose(1, 2, 0)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@torch.no_grad()
def golden(eye: Eye, size: int, words: np.ndarray[Any, np.dtype[np.float32]]) -> dict[str, Any]:
    """Fixed inputs and their vectors: pictures as computed here, texts as the base has them."""
    images = []
    for a, b, c in FORMULAS:
        pixels = np.asarray(Image.open(io.BytesIO(formula_picture(size, a, b, c))))
        x = normalise(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255)
        images.append({"generator": f"pixel(c,y,x) = ({a}*x + {b}*y + {c}*c) % 256", "x": a, "y": b, "c": c,
                       "embedding": [round(v, 6) for v in eye.vectors(x)[0].tolist()]})
    texts = [{"text": text, "embedding": [round(float(v), 6) for v in vector]} for text, vector in zip(TEXTS, words)]
    return {"texts": texts, "images": images}


def verify(folder: Path, size: int, tool: str) -> float:
    """The least cosine between golden vectors and what the program computes with the model of a folder."""
    values = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    model = ["--model", f"{folder}/"]
    pictures = [formula_picture(size, image["x"], image["y"], image["c"]) for image in values["images"]]
    found = [program.embed_pictures(tool, model, pictures), program.embed_texts(tool, model, [t["text"] for t in values["texts"]])]
    wanted = np.array([entry["embedding"] for kind in ("images", "texts") for entry in values[kind]], np.float32)
    return float((np.concatenate(found) * wanted).sum(1).min())


def model_name(folder: Path) -> str:
    """A folder's name as a model may be called."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-.") or "fine-tuned"


def export(base: Base, eye: Eye, made: dict[str, Any], out: Path, tool: str) -> str:
    """Writes the model, asks the program, and only then lets it appear; its name and identity."""
    temporary = out.with_name(f".tmp-{out.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    config = copy.deepcopy(base.config) | {"name": model_name(out), "made": made}
    (temporary / "model.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    eye.save(temporary / TOWER)
    for name in ("text.rten", "vocab.txt"):
        shutil.copyfile(base.files[name], temporary / name)
    words = program.embed_texts(tool, base.model, TEXTS)
    (temporary / "golden.json").write_text(json.dumps(golden(eye, base.size, words), ensure_ascii=False) + "\n", encoding="utf-8")
    agreed = verify(temporary, base.size, tool)
    if not agreed >= AGREE:
        raise Failure(f"the program computes other vectors with the new model (cosine {agreed:.6f}): it is kept as {temporary} for a look",
                      "is --pokedex of the same version as this package?")
    for path in temporary.iterdir():
        sync(path)
    temporary.rename(out)
    sync(out.resolve().parent)
    return f"{config['name']}@{identity({name: out / name for name in NAMED})[:16]}"
