#!/usr/bin/env python3
"""`convert-rgb --colours srgb` beside LittleCMS (by Pillow's ImageCms): pictures with profiles, in every format that carries one.

    python3 -m venv peers && peers/bin/pip install numpy pillow pillow-heif imagecodecs
    peers/bin/python benches/peers/profiles.py target/release/pokedex [--profile FILE.icc ...]

The pictures are noise around gradients, and every colour of a cube of 17 steps. The peer decodes them (libjpeg, libpng, libwebp, libtiff,
libavif, libheif) and brings them to sRGB with the perceptual intent, as ImageCms does unless told otherwise, but without its optimisation
(which for inks is a coarser table, by which the peer differs from itself by up to 15 steps). Profiles of more kinds, as those of inks, can
be named: Debian's packages icc-profiles-free and libgs-common have some. Printed: by format and profile, the mean
and the largest difference in steps of 255, beside those of the same picture with its profile passed over, which are the decoders' own.
"""

import argparse
import io
import pathlib
import struct
import subprocess
import tempfile

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

D50 = np.array([0.9642, 1.0, 0.8249])
SPACES = {
    "Display P3": ([(0.680, 0.320), (0.265, 0.690), (0.150, 0.060)], (0.3127, 0.3290), None),
    "Adobe RGB": ([(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)], (0.3127, 0.3290), 563 / 256),
    "ProPhoto": ([(0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)], (0.3457, 0.3585), 1.8),
}


def profile(primaries, white, gamma):
    """A version 2 profile of a matrix and a curve (ICC.1:2001-04)."""
    xyz = lambda x, y: np.array([x / y, 1, (1 - x - y) / y])
    matrix = np.array([xyz(*p) for p in primaries]).T
    matrix = matrix * np.linalg.solve(matrix, xyz(*white))
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    scale = np.diag((cone @ D50) / (cone @ xyz(*white)))
    matrix = np.linalg.inv(cone) @ scale @ cone @ matrix
    fixed = lambda v: struct.pack(">i", round(float(v) * 65536))
    point = lambda v: b"XYZ \0\0\0\0" + b"".join(map(fixed, v))
    if gamma is None:
        steps = np.arange(1024) / 1023
        light = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4)
        curve = b"curv\0\0\0\0" + struct.pack(">I", 1024) + np.rint(light * 65535).astype(">u2").tobytes()
    else:
        curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    text = b"text\0\0\0\0none\0\0\0\0"
    tags = [(b"desc", name + bytes(-len(name) % 4)), (b"cprt", text), (b"wtpt", point(D50))]
    tags += [(b"rXYZ", point(matrix[:, 0])), (b"gXYZ", point(matrix[:, 1])), (b"bXYZ", point(matrix[:, 2]))]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    at, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, data in tags:
        table += tag + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + b"".join(map(fixed, D50)) + bytes(48)
    return head[:128] + table + body


def picture(channels):
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:180, 0:256]
    waves = [127 + 90 * np.sin(x / (9 + 7 * c) + y / (23 - 4 * c)) for c in range(channels)]
    smooth = np.clip(np.stack(waves, -1) + random.normal(0, 6, (180, 256, channels)), 0, 255)
    steps = np.rint(np.linspace(0, 255, 17))
    cube = np.stack(np.meshgrid(*[steps] * min(channels, 3), indexing="ij"), -1).reshape(-1, min(channels, 3))
    if channels == 4:
        cube = np.concatenate([np.c_[cube, np.full(len(cube), k)] for k in (0, 80, 160, 255)])
    if channels == 1:
        cube = np.repeat(cube, 16, 0)
    rows = -(-len(cube) // 256)
    cube = np.resize(cube, (rows * 256, channels)).reshape(rows, 256, channels)
    pixels = np.concatenate([smooth, cube]).astype(np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


def write(folder, name, image, icc):
    """Every format that holds such a picture and its profile."""
    kinds = {"tif": {}, "jpg": {"quality": 95, "subsampling": 0}}
    if image.mode == "RGB":
        kinds |= {"webp": {"lossless": True}, "avif": {"quality": 95, "subsampling": "4:4:4"}, "heic": {"quality": 95}}
    if image.mode in "RGBL":
        kinds |= {"png": {}}
    for kind, options in kinds.items():
        path = folder / f"{name}.{kind}"
        image.save(path, icc_profile=icc, **options)
        yield path


def converted(pokedex, folder, out, colours):
    subprocess.run([pokedex, "convert-rgb", folder, "-o", f"{out}/", "-q", "--colours", colours], check=True)
    return {path.name: np.asarray(Image.open(path), int) for path in sorted(out.rglob("*.png"))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pokedex")
    parser.add_argument("--profile", type=pathlib.Path, nargs="*", default=[])
    arguments = parser.parse_args()
    pillow_heif.register_heif_opener()
    profiles = {name: profile(*space) for name, space in SPACES.items()}
    profiles |= {path.stem: path.read_bytes() for path in arguments.profile}
    srgb = ImageCms.createProfile("sRGB")
    worst = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "pictures"
        folder.mkdir()
        paths = []
        for name, icc in profiles.items():
            mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}[ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile.xcolor_space.strip()]
            image = Image.fromarray(picture(len(mode) if mode != "L" else 1), mode)
            paths += [(path, name) for path in write(folder, name.replace(" ", "_"), image, icc)]
        ours = converted(arguments.pokedex, folder, pathlib.Path(temporary) / "srgb", "srgb")
        stored = converted(arguments.pokedex, folder, pathlib.Path(temporary) / "stored", "stored")
        print(f"{'format':6} {'profile':34} {'mean':>6} {'most':>5}   {'decoded alone':>13}")
        for path, name in paths:
            image = Image.open(path)
            icc = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
            flags = ImageCms.Flags.NOOPTIMIZE
            peer = np.asarray(ImageCms.profileToProfile(image, icc, srgb, outputMode="RGB", flags=flags), int)
            key = next(key for key in ours if key.rsplit(".", 1)[0] in (path.stem, path.name.replace(".", "_")))
            apart, alone = np.abs(ours[key] - peer), np.abs(stored[key] - np.asarray(image.convert("RGB"), int))
            worst = max(worst, int(apart.max()) if alone.max() == 0 else 0)
            print(f"{path.suffix[1:]:6} {name:34} {apart.mean():6.3f} {apart.max():5}   {alone.mean():6.3f} {alone.max():6}")
    print(f"where both decode the same pixels they are at most {worst} apart")


if __name__ == "__main__":
    main()
