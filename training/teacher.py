"""CLIP's vectors of the artworks, and a guess at them for species that CLIP has not seen."""
from pathlib import Path

import numpy as np

from captions import KIND_WEIGHT, attributes
from common import fraction, read_csv

WITHHELD = 0.2
WORDS = ("looks_like", "features", "themes", "genus", "shape")
FACTS = ("type", "color", "shape", "size", "rank")
# Chosen by five folds inside the species whose vectors are not withheld.
WEIGHTS = {"words": 1.0, "facts": 1.0, "colours": 0.5, "pixels": 0.5, "edges": 0.5}
SPREAD, RIDGE = 1.0, 0.1


def unit(x):
    """Rows of length one; a zero row stays."""
    return x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-9)


def vectors(data):
    """CLIP ViT-B/32 vectors of the artworks, centred, unit length: float32 [1025, 512]."""
    clip = np.load(f"{data}/clip_vit_b32_artwork.npy")
    return unit(clip - clip.mean(0))


def withheld():
    """Which species phase "a" does without: bool [1025]."""
    return np.array([fraction(f"clip {i}") < WITHHELD for i in range(1, 1026)])


def describe(data, work):
    """What is known of every species without CLIP: words, facts, and simple measures of its artwork."""
    attrs = attributes(data)
    saved = np.load(Path(work) / "text" / "teacher.npz")
    names = (Path(work) / "text" / "concepts.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    phrase = dict(zip(names, saved["concepts_raw"].astype(np.float32)))
    words = np.stack([sum(KIND_WEIGHT[k] * phrase[p] for k, p in a if k in WORDS) for a in attrs])
    column = {p: i for i, p in enumerate(sorted({p for a in attrs for k, p in a if k in FACTS}))}
    facts = np.zeros((len(attrs), len(column)), np.float32)
    for row, a in enumerate(attrs):
        facts[row, [column[p] for k, p in a if k in FACTS]] = 1

    meta = read_csv(Path(work) / "render" / "meta.csv")
    art = [i for i, m in enumerate(meta) if m["folder"] == "artwork_256"]
    rgba = np.load(Path(work) / "render" / "train.npy", mmap_mode="r")[art].transpose(0, 2, 3, 1).astype(np.float32) / 255
    alpha, count = rgba[..., 3], len(art)
    levels = (rgba[..., :3] / np.maximum(alpha[..., None], 1e-3) * 3.99).clip(0, 3.99).astype(int) @ [16, 4, 1]
    colours = np.stack([np.bincount(c.ravel(), a.ravel(), 64) for c, a in zip(levels, alpha)])
    over_white = rgba[..., :3] + 1 - alpha[..., None]
    pixels = over_white.reshape(count, 16, 12, 16, 12, 3).mean((2, 4))
    pixels = pixels + pixels[:, :, ::-1]
    dy, dx = np.gradient(over_white.mean(-1), axis=(1, 2))
    direction = (np.arctan2(dy, dx) % np.pi / np.pi * 8).astype(int).clip(0, 7)
    edges = np.stack([(np.hypot(dx, dy) * (direction == d)).reshape(count, 8, 24, 8, 24).sum((2, 4)) for d in range(8)], -1)
    edges = np.sqrt(edges) + np.sqrt(edges[:, :, ::-1, [0, 7, 6, 5, 4, 3, 2, 1]])
    return {"words": words, "facts": facts, "colours": np.sqrt(colours / colours.sum(1, keepdims=True)),
            "pixels": pixels.reshape(count, -1), "edges": edges.reshape(count, -1)}


def predict(data, work, clip, hidden):
    """CLIP's vectors, those of the `hidden` species replaced by what kernel ridge regression makes of the others'."""
    known = ~hidden
    kernel = 0
    for name, x in describe(data, work).items():
        x = unit(x - x[known].mean(0))
        kernel = kernel + WEIGHTS[name] * (x @ x.T)
    kernel = np.exp(SPREAD * (kernel / sum(WEIGHTS.values()) - 1))
    goal = clip[known] - clip[known].mean(0)
    solved = np.linalg.solve(kernel[np.ix_(known, known)] + RIDGE * np.eye(known.sum()), goal)
    out = clip.copy()
    out[hidden] = unit(kernel[np.ix_(hidden, known)] @ solved)
    return out
