"""Render every picture once and split train and held-out."""
import argparse
import hashlib
import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from common import HERE, fraction, write_csv

TRAIN_SIZE = 112
SIZE = 96
STYLES = ["artwork_256", "dreamworld", "front_sprites", "front_sprites_badcrc", "ingame_sprites", "box_icons"]
TEST_ONLY = ["artwork_475", "team_crops", "wild_a"]
SPRITES = ("front_sprites", "front_sprites_badcrc", "ingame_sprites", "box_icons")


def strip_ancillary(data):
    """Drop ancillary PNG chunks except tRNS (some files carry a wrong CRC there)."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    out, at = [data[:8]], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind = data[at + 4 : at + 8]
        if kind[:1].isupper() or kind == b"tRNS":
            out.append(data[at : at + 12 + length])
        at += 12 + length
    return b"".join(out)


def open_rgba(data):
    """Decode image bytes to RGBA."""
    return Image.open(io.BytesIO(strip_ancillary(data))).convert("RGBA")


def fit_pad(image, size, colour):
    """Pad to a centred square and resize with antialiased bilinear."""
    side = max(image.size)
    canvas = Image.new(image.mode, (side, side), colour)
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return canvas.resize((size, size), Image.BILINEAR)


def over_white(image):
    """Composite RGBA over white."""
    base = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(base, image).convert("RGB")


def held_out(folder, ident):
    """Is this species held out in this folder? Sprites of one species go together."""
    if folder in TEST_ONLY:
        return True
    if folder == "dreamworld":
        return fraction(f"dreamworld {ident}") < 0.2
    if folder in SPRITES:
        return fraction(f"sprites {ident}") < 0.1
    return False


def render(data, work):
    """Write train.npy (premultiplied RGBA), test.npy (RGB), meta.csv and held_out.csv."""
    out = Path(work) / "render"
    out.mkdir(parents=True, exist_ok=True)
    if (out / "meta.csv").exists():
        return
    rows = []
    for folder in STYLES + TEST_ONLY + ["photos"]:
        paths = sorted(p for p in (Path(data) / folder).iterdir() if p.suffix.lower() not in (".csv", ".md"))
        for n, path in enumerate(paths):
            ident = 0 if folder == "photos" else int(path.name[:4])
            held = n >= len(paths) // 2 if folder == "photos" else held_out(folder, ident)
            sha = hashlib.sha256(path.read_bytes()).hexdigest()
            rows.append({"folder": folder, "file": path.name, "id": ident, "held_out": int(held), "sha256": sha})
    train = np.lib.format.open_memmap(out / "train.npy", "w+", np.uint8, (len(rows), TRAIN_SIZE, TRAIN_SIZE, 4))
    test = np.lib.format.open_memmap(out / "test.npy", "w+", np.uint8, (len(rows), SIZE, SIZE, 3))
    for i, row in enumerate(rows):
        image = open_rgba((Path(data) / row["folder"] / row["file"]).read_bytes())
        test[i] = np.asarray(fit_pad(over_white(image), SIZE, (255, 255, 255)))
        small = fit_pad(image.convert("RGBa"), TRAIN_SIZE, (0, 0, 0, 0))
        train[i] = np.frombuffer(small.tobytes(), np.uint8).reshape(TRAIN_SIZE, TRAIN_SIZE, 4)
    train.flush()
    test.flush()
    write_csv(out / "meta.csv", rows, list(rows[0]))
    held = [{"sha256": r["sha256"], "folder": r["folder"]} for r in rows if r["held_out"]]
    write_csv(HERE / "held_out.csv", held, ["sha256", "folder"])


def main():
    p = argparse.ArgumentParser(description=render.__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--work", required=True)
    args = p.parse_args()
    render(args.data, args.work)


if __name__ == "__main__":
    main()
