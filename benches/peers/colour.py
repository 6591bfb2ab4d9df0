#!/usr/bin/env python3
"""What obeying colour profiles would change in vectors: pictures in Display P3 and Adobe RGB, embedded with their profiles passed over.

    python3 -m venv peers && peers/bin/pip install numpy pillow pyarrow
    peers/bin/python benches/peers/colour.py target/release/pokedex PHOTOS... [--model DIR]

Each photograph is written three times: in sRGB, and converted to the two wider spaces with their profiles beside it, as phones and cameras
write them. Obeying a profile gives the first again, to a step. Printed: the cosine between the vectors of the same photograph in the
two spaces, beside the largest cosine between two photographs, and how often the ten nearest photographs stay.
"""

import argparse
import io
import pathlib
import subprocess
import tempfile

import numpy as np
import pyarrow.parquet
from PIL import Image, ImageCms


def lightness(values, gamma):
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) if gamma is None else values**gamma


def matrix(primaries, white=(0.3127, 0.3290)):
    """From linear RGB to XYZ."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    light = np.linalg.solve(columns, [white[0] / white[1], 1, (1 - white[0] - white[1]) / white[1]])
    return columns * light


SRGB = matrix([(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)])
SPACES = {
    "Display P3": (matrix([(0.680, 0.320), (0.265, 0.690), (0.150, 0.060)]), None),
    "Adobe RGB": (matrix([(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)]), 563 / 256),
}


def converted(pixels, space):
    """The same colours in another space."""
    to_xyz, gamma = SPACES[space]
    linear = lightness(pixels / 255.0, None) @ (np.linalg.inv(to_xyz) @ SRGB).T
    linear = np.clip(linear, 0, 1)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) if gamma is None else linear ** (1 / gamma)
    return np.rint(curve * 255).astype(np.uint8)


def vectors(pokedex, folder, model):
    table = folder.with_suffix(".parquet")
    more = ["--model", model] if model else []
    subprocess.run([pokedex, "embed", folder, "-o", table, "-q", "--no-cache", *more], check=True)
    rows = pyarrow.parquet.read_table(table).to_pydict()
    return np.array(rows["embedding"], np.float64)


def nearest(all_vectors, of, count=10):
    scores = of @ all_vectors.T
    np.fill_diagonal(scores, -2)
    return np.argsort(-scores, 1)[:, :count]


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("pokedex")
parser.add_argument("photos", nargs="+", type=pathlib.Path)
parser.add_argument("--model")
arguments = parser.parse_args()
with tempfile.TemporaryDirectory() as folder:
    folder, found = pathlib.Path(folder), {}
    for name in ["sRGB", *SPACES]:
        place = folder / name.replace(" ", "-")
        place.mkdir()
        for photo in arguments.photos:
            pixels = np.asarray(Image.open(photo).convert("RGB"))
            image = Image.fromarray(pixels if name == "sRGB" else converted(pixels, name))
            image.save(place / f"{photo.stem}.png")
        found[name] = vectors(arguments.pokedex, place, arguments.model)
    plain = found["sRGB"]
    between = plain @ plain.T
    np.fill_diagonal(between, -2)
    print(f"{len(plain)} photographs; the most alike two: {between.max():.3f}, on average the nearest: {between.max(1).mean():.3f}")
    for name in SPACES:
        own = (plain * found[name]).sum(1)
        stay = [len(set(a) & set(b)) for a, b in zip(nearest(plain, plain), nearest(plain, found[name]))]
        print(
            f"{name:12} cosine with itself in sRGB: mean {own.mean():.4f}, least {own.min():.4f}; "
            f"of the ten nearest {np.mean(stay) / 10:.3f} stay; first the photograph itself: {(np.argmax(found[name] @ plain.T, 1) == np.arange(len(plain))).mean():.3f}"
        )
