#!/usr/bin/env python3
"""`check --quality` beside cleanvision: sound photographs, and the same with planted defects.

    python3 -m venv peers && peers/bin/pip install numpy pillow cleanvision
    peers/bin/python benches/peers/quality.py target/release/pokedex PHOTOS... [--most 300]

Of every six photographs one is left as it is, and one each is blurred (a Gaussian of 0.4 to 1.5 % of the longer side), made dark (3 to 15 % of its
brightness), made pale (bleached to the upper tenth), replaced by a plain colour with a little noise, or put over (or under) a strip of one colour
with writing in it, of 4 to 12 % of its height; cleanvision does not look for these. The answer is what was done to a
file; what either calls blurred of a plain colour, and the like, counts as wrong. Printed: precision, recall and F1 of each kind for both at their defaults, and the
seconds. Photographs that were poor before are in the figures of both.
"""

import argparse
import csv
import pathlib
import subprocess
import tempfile
import time

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

KINDS = ["sound", "blurred", "dark", "pale", "empty", "strip"]
PEER = {"blurred": "is_blurry_issue", "dark": "is_dark_issue", "pale": "is_light_issue", "empty": "is_low_information_issue"}


def with_strip(image, random):
    high = max(16, round(image.height * random.uniform(0.04, 0.12)))
    colour = [(255, 255, 255), (0, 0, 0), tuple(int(c) for c in random.integers(0, 256, 3))][random.integers(3)]
    writing = (255, 255, 255) if sum(colour) < 384 else (30, 30, 30)
    strip = Image.new("RGB", (image.width, high), colour)
    font = ImageFont.load_default(size=high * random.uniform(0.4, 0.6))
    left, top, right, bottom = font.getbbox(text := f"Picture no. {random.integers(10**6)}  example.com")
    place = random.uniform(0.03, max(0.04, 0.97 - (right - left) / image.width)) * image.width
    ImageDraw.Draw(strip).text((place, (high - bottom - top) / 2), text, fill=writing, font=font)
    whole = Image.new("RGB", (image.width, image.height + high))
    above = random.random() < 0.3
    whole.paste(image, (0, high if above else 0))
    whole.paste(strip, (0, 0 if above else image.height))
    return whole


def planted(image, kind, random):
    if kind == "strip":
        return with_strip(image, random)
    if kind == "blurred":
        return image.filter(ImageFilter.GaussianBlur(max(image.size) * random.uniform(0.004, 0.015)))
    pixels = np.asarray(image, float)
    if kind == "dark":
        pixels = pixels * random.uniform(0.03, 0.15)
    if kind == "pale":
        pixels = 255 - (255 - pixels) * random.uniform(0.01, 0.04)
    if kind == "empty":
        pixels = np.full_like(pixels, random.uniform(40, 215, 3)) + random.normal(0, 0.6, pixels.shape)
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def scores(truth, found):
    right = len(truth & found)
    precision, recall = right / max(1, len(found)), right / max(1, len(truth))
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pokedex")
    parser.add_argument("photos", nargs="+", type=pathlib.Path)
    parser.add_argument("--most", type=int, default=300)
    arguments = parser.parse_args()
    paths = sorted(p for folder in arguments.photos for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"})
    random = np.random.default_rng(1)
    paths = [paths[i] for i in random.permutation(len(paths))[: arguments.most]]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "pictures"
        folder.mkdir()
        truth = {kind: set() for kind in KINDS}
        for number, path in enumerate(paths):
            kind = KINDS[number % len(KINDS)]
            name = f"{number:04}.jpg"
            planted(Image.open(path).convert("RGB"), kind, random).save(folder / name, quality=90)
            truth[kind].add(name)
        findings = pathlib.Path(temporary) / "findings.csv"
        start = time.perf_counter()
        options = ["--quality", "--no-near-duplicates", "--fail-on", "never", "-q"]
        subprocess.run([arguments.pokedex, "check", folder, *options, "--findings", findings], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        rows = list(csv.DictReader(findings.open()))
        ours = {kind: {row["key"] for row in rows if row["rule"] == kind} for kind in KINDS[1:]}

        from cleanvision import Imagelab

        start = time.perf_counter()
        lab = Imagelab(data_path=str(folder))
        lab.find_issues({"blurry": {}, "dark": {}, "light": {}, "low_information": {}}, n_jobs=2, verbose=False)
        peer_seconds = time.perf_counter() - start
        issues = lab.issues
        peer = {"strip": set()} | {kind: {pathlib.Path(p).name for p in issues.index[issues[column]]} for kind, column in PEER.items()}
        print(f"{len(paths)} photographs, {len(truth['sound'])} of them sound")
        for kind in KINDS[1:]:
            a, b = scores(truth[kind], ours[kind]), scores(truth[kind], peer[kind])
            show = lambda s: "precision {:.3f}, recall {:.3f}, F1 {:.3f}".format(*s)
            print(f"{kind:8} ours {show(a)}   cleanvision {show(b)}")
        print(f"ours {seconds:.1f} s, cleanvision {peer_seconds:.1f} s: {peer_seconds / seconds:.1f} x")


if __name__ == "__main__":
    main()
