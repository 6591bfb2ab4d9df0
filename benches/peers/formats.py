#!/usr/bin/env python3
"""Pictures of phones and archives, as `pokedex convert-rgb` reads them, beside the decoders of others.

    python3 -m venv peers && peers/bin/pip install numpy pillow pillow-heif imagecodecs
    peers/bin/python benches/peers/formats.py target/release/pokedex [--speed]

Makes pictures of every format, depth, sampling, transparency and turn that the encoders offer, and prints by kind how far the
pixels are from those of libheif (`pillow-heif`), libavif and dav1d (Pillow), libjxl and OpenJPEG (`imagecodecs`). `--speed`:
decodes 12 megapixels of each, by turns, and compares processor time.
"""

import argparse
import io
import pathlib
import resource
import subprocess
import sys
import tempfile

import imagecodecs
import numpy as np
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()
RANDOM = np.random.default_rng(7)


def picture(width, height):
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = [127 + 120 * np.sin(x / 17 + y / 31), 127 + 120 * np.cos(x / 23 - y / 13), 255 * (x + y) / (width + height)]
    colours = np.stack(waves, -1)
    colours[height // 4 : height // 2, width // 3 : width // 2] = [250, 30, 40]
    colours[height // 2 : height // 2 + height // 5, width // 8 : width // 4] = [10, 200, 60]
    return np.clip(colours + RANDOM.normal(0, 3, colours.shape), 0, 255).astype(np.uint8)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def with_orientation(number):
    exif = Image.Exif()
    exif[274] = number
    return exif.tobytes()


def corpus(sizes):
    """(name, bytes): the name's first word is the kind."""
    for width, height in sizes:
        pixels = picture(width, height)
        deep = (pixels.astype(np.uint16) * 257 + RANDOM.integers(0, 200, pixels.shape)).clip(0, 65535).astype(np.uint16)
        ramp = np.clip(np.mgrid[0:height, 0:width][1] * 255 / width, 0, 255).astype(np.uint8)
        rgb, rgba = Image.fromarray(pixels), Image.fromarray(np.dstack([pixels, ramp]))
        grey, size = rgb.convert("L"), f"{width}x{height}"
        for sampling in ("420", "422", "444"):
            yield f"{sampling} {size}.heic", saved(rgb, "HEIF", quality=90, chroma=sampling)
            colon = ":".join(sampling)
            yield f"{sampling} {size}.avif", saved(rgb, "AVIF", quality=90, subsampling=colon)
            yield f"{sampling}-limited {size}.avif", saved(rgb, "AVIF", quality=90, subsampling=colon, range="limited")
        yield f"exact {size}.heic", saved(rgb, "HEIF", quality=-1, chroma="444", matrix_coefficients=0)
        yield f"exact {size}.avif", saved(rgb, "AVIF", quality=100, subsampling="4:4:4")
        for kind, name in (("HEIF", "heic"), ("AVIF", "avif")):
            yield f"grey {size}.{name}", saved(grey, kind, quality=90)
            yield f"alpha {size}.{name}", saved(rgba, kind, quality=90)
        yield f"premultiplied {size}.avif", saved(rgba, "AVIF", quality=90, alpha_premultiplied=True)
        ten = pillow_heif.from_bytes("RGB;16", (width, height), deep.tobytes())
        out = io.BytesIO()
        ten.save(out, quality=90)
        yield f"10-bits {size}.heic", out.getvalue()
        for bits in (10, 12):
            yield f"{bits}-bits {size}.avif", imagecodecs.avif_encode(deep >> (16 - bits), level=90, bitspersample=bits)
        for name, array in (("rgb", pixels), ("grey", np.asarray(grey)), ("alpha", np.asarray(rgba)), ("16-bits", deep)):
            for distance in (0, 1, 3):
                how = "exact" if distance == 0 else "lossy"
                data = imagecodecs.jpegxl_encode(array, distance=float(distance), lossless=distance == 0)
                yield f"{name}-{how} {size} {distance}.jxl", data
            for container in ("jp2", "j2k"):
                for exact in (True, False):
                    how = "exact" if exact else "lossy"
                    data = imagecodecs.jpeg2k_encode(
                        array, level=0 if exact else 40, reversible=exact, codecformat=container
                    )
                    yield f"{name}-{how} {size}.{container}", data
        yield f"jpeg {size}.jxl", imagecodecs.jpegxl_encode_jpeg(saved(rgb, "JPEG", quality=90))
        yield f"float {size}.jxl", imagecodecs.jpegxl_encode((pixels / 255).astype(np.float32), lossless=True)
        yield f"frames {size}.jxl", imagecodecs.jpegxl_encode(np.stack([pixels, pixels[::-1].copy()]), distance=1.0)
        yield f"tiles {size}.jp2", saved(rgb, "JPEG2000", tile_size=(64, 64))
    for number in range(1, 9):
        turned = Image.fromarray(picture(96, 60))
        yield f"turned {number}.heic", saved(turned, "HEIF", quality=90, exif=with_orientation(number))
        yield f"turned {number}.avif", saved(turned, "AVIF", quality=90, exif=with_orientation(number))


def over_white(array):
    """Three channels of 8 bits."""
    if array.dtype == np.uint16:
        array = (array.astype(np.float64) * 255 / 65535 + 0.5).astype(np.uint8)
    elif array.dtype.kind == "f":
        array = np.clip(array * 255 + 0.5, 0, 255).astype(np.uint8)
    if array.ndim == 2:
        array = array[..., None]
    colours, alpha = array, None
    if array.shape[-1] in (2, 4):
        colours, alpha = array[..., :-1], array[..., -1:].astype(np.float64) / 255
    colours = np.repeat(colours, 3, -1) if colours.shape[-1] == 1 else colours
    if alpha is None:
        return colours
    return np.floor(colours * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8)


def reference(name, data):
    kind = name.rsplit(".", 1)[1]
    if kind == "jxl":
        array = imagecodecs.jpegxl_decode(data)
        return over_white(array[0] if name.startswith("frames") else array)
    if kind in ("jp2", "j2k"):
        array = imagecodecs.jpeg2k_decode(data)
        return over_white(array)
    image = Image.open(io.BytesIO(data))
    # Pillow makes up an EXIF orientation of what AVIF says: obey it, but not for HEIC, whose decoder turns by itself.
    turned = image.getexif().get(274, 1) if kind == "avif" else 1
    array = over_white(np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGBA")))
    turns = {2: "fliplr", 3: "rot180", 4: "flipud", 5: "T", 6: "rot270", 7: "anti", 8: "rot90"}
    do = {
        "fliplr": lambda a: a[:, ::-1],
        "rot180": lambda a: a[::-1, ::-1],
        "flipud": lambda a: a[::-1],
        "T": lambda a: a.transpose(1, 0, 2),
        "rot270": lambda a: np.rot90(a, -1),
        "anti": lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
        "rot90": lambda a: np.rot90(a),
    }
    return do[turns[turned]](array) if turned in turns else array


def compare(pokedex):
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "in").mkdir()
        files = dict(corpus([(97, 61), (256, 192), (640, 480)]))
        for name, data in files.items():
            stem, kind = name.rsplit(".", 1)
            (folder / "in" / f"{stem} {kind}.{kind}").write_bytes(data)
        command = [pokedex, "convert-rgb", str(folder / "in"), "-o", f"{folder}/out/", "--skip-ok"]
        done = subprocess.run(command, capture_output=True, text=True)
        print(done.stderr.strip()[:3000])
        for name, data in files.items():
            stem, kind = name.rsplit(".", 1)
            row = rows.setdefault((kind, stem.split()[0]), [0, 0, 0, 0.0, 0])
            row[0] += 1
            made = folder / "out" / f"{stem} {kind}.png"
            if not made.exists():
                row[1] += 1
                continue
            ours, theirs = np.asarray(Image.open(made).convert("RGB")).astype(int), reference(name, data).astype(int)
            if ours.shape != theirs.shape:
                row[2] += 1
                print(f"{name}: {ours.shape} and {theirs.shape}")
                continue
            apart = np.abs(ours - theirs)
            row[3], row[4] = max(row[3], float(apart.mean())), max(row[4], int(apart.max()))
    print(f"{'format':8}{'kind':18}{'files':>6}{'refused':>9}{'other size':>12}{'mean apart':>12}{'most':>6}")
    for (kind, name), (files, refused, other, mean, most) in sorted(rows.items()):
        print(f"{kind:8}{name:18}{files:6}{refused:9}{other:12}{mean:12.3f}{most:6}")
    bad = sum(row[1] + row[2] for row in rows.values())
    return bad


def processor_time(work):
    """Of this process and of those it ran."""
    def spent():
        own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    before = spent()
    work()
    return spent() - before


def speed(pokedex):
    pixels = picture(4032, 3024)
    image = Image.fromarray(pixels)
    files = {
        "heic": saved(image, "HEIF", quality=60),
        "avif": saved(image, "AVIF", quality=65, speed=8),
        "jxl": imagecodecs.jpegxl_encode(pixels, distance=1.5, effort=3),
        "jp2": imagecodecs.jpeg2k_encode(pixels, level=35, reversible=False),
    }
    print(f"{'format':8}{'peer ms':>9}{'pokedex ms':>12}{'ratio':>7}   processor time, 12 megapixels, median of 5 by turns")
    with tempfile.TemporaryDirectory() as folder:
        empty = pathlib.Path(folder) / "small.png"
        Image.fromarray(pixels[:8, :8]).save(empty)
        for kind, data in files.items():
            path = pathlib.Path(folder) / f"x.{kind}"
            path.write_bytes(data)
            def run(what):
                subprocess.run([pokedex, "scan", "--verify", what, "-o", f"{folder}/t.parquet", "-q", "-j1"], check=True)
            peer, ours = [], []
            for _ in range(5):
                if kind in ("heic", "avif"):
                    peer.append(processor_time(lambda: Image.open(path).convert("RGB").load()))
                elif kind == "jxl":
                    peer.append(processor_time(lambda: imagecodecs.jpegxl_decode(data)))
                else:
                    peer.append(processor_time(lambda: imagecodecs.jpeg2k_decode(data)))
                ours.append(processor_time(lambda: run(path)) - processor_time(lambda: run(empty)))
            peer, ours = np.median(peer) * 1e3, np.median(ours) * 1e3
            print(f"{kind:8}{peer:9.0f}{ours:12.0f}{peer / ours:7.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pokedex")
    parser.add_argument("--speed", action="store_true", help="compare processor time too")
    arguments = parser.parse_args()
    wrong = compare(arguments.pokedex)
    if arguments.speed:
        speed(arguments.pokedex)
    sys.exit(1 if wrong else 0)
