"""The model that fine-tuning begins with: a folder of this project's own layout, or the built-in one."""
import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .eye import Eye
from .failure import Failure

TOWER = "image.safetensors"
# Over these, in this order, a model's identity is computed (`src/model/own.rs`).
NAMED = ("model.json", TOWER, "text.rten", "vocab.txt")
CELLS = 24


@dataclass(frozen=True)
class Base:
    """A model's files and what they say."""

    files: dict[str, Path]
    config: dict[str, Any]
    # What the program is to be called with, nothing for the built-in model.
    model: list[str]

    @property
    def size(self) -> int:
        return int(self.config["image"]["size"])

    @property
    def margin(self) -> float:
        return float(self.config["image"]["crop"])

    @property
    def scale(self) -> float:
        """What cosines to words are multiplied by, where the base says so."""
        return float(self.config.get("logit_scale", 20.0))

    def eye(self) -> Eye:
        return Eye.load(self.files[TOWER])

    def identity(self) -> str:
        return f"{self.config['name']}@{identity(self.files)[:16]}"


def identity(files: dict[str, Path]) -> str:
    """SHA-256 over names, lengths and contents of a model's files, as the program computes it."""
    whole = hashlib.sha256()
    for name in NAMED:
        data = files[name].read_bytes()
        whole.update(name.encode() + b"\0" + struct.pack("<Q", len(data)) + data)
    return whole.hexdigest()


def open_base(name: str) -> Base:
    """The model `builtin`, or that of a folder."""
    if name == "builtin":
        checkout = Path(__file__).resolve().parents[2]
        folder, tower = checkout / "assets" / "model", checkout / "crates" / "eye"
        if not (tower / TOWER).exists():
            hint = "install this package from a checkout of pokedex with `pip install -e training`, or name a folder"
            raise Failure("the built-in model's weights are not where a checkout has them", hint)
        files, model = {file: (tower if file == TOWER else folder) / file for file in NAMED}, []
    else:
        folder = Path(name)
        files, model = {file: folder / file for file in NAMED}, ["--model", f"{folder}/"]
        if not folder.is_dir():
            raise Failure(f"{name}: no such folder", "--base builtin, or the folder of a model")
        if not files["model.json"].exists() and any(folder.rglob("*.onnx")):
            raise Failure(f"{name}: is a model of ONNX files, and only this project's own network can be fine-tuned",
                          "--base builtin --teacher vectors-of-that-model.parquet learns from it")
    try:
        config = json.loads(files["model.json"].read_text(encoding="utf-8"))
        image = config["image"]
        told = (config["name"], image["size"], image["fit"], image.get("scene"), image.get("file"), image["background"])
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise Failure(f"{name}: not a model that can be fine-tuned: model.json: {e}") from e
    if told[4] != TOWER:
        raise Failure(f"{name}: its image tower is not {TOWER}: only this project's own network can be fine-tuned", "--base builtin")
    if (told[2], told[3], told[5]) != ("pad", "trim", "#ffffff") or image.get("crop") is None or told[1] % CELLS:
        raise Failure(f"{name}: prepares pictures otherwise than the built-in model, which training does not imitate")
    missing = [file for file in NAMED if not files[file].exists()]
    if missing:
        raise Failure(f"{name}: has no {', '.join(missing)}")
    return Base(files, config, model)
