"""`pokedex dedup` beside imagededup and czkawka: which planted copies are found, by kind, and what else is called a copy.

    python3 benches/peers/dedup.py --pokedex target/release/pokedex --pictures photos/ --work /tmp/dedup_bench

Takes distinct pictures (those of equal bytes and of a side below 64 pixels are left out), makes each at most --side pixels large,
and plants one copy of every --every-th: all kinds in turn. A pair counts where a tool puts a picture and another into one group:
of one original it is found, of two it is false, and named, since real folders hold near copies that nobody planted. Recall is by
kind; precision is the share of copies that a tool names that are of the original they are grouped with.

imagededup (its PHash, at its own threshold of 10 bits of 64) and czkawka_cli (`similar images`, preset Minimal and its default) run
where they are installed; else it says that they were not run. Needs Pillow, numpy and pyarrow.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import time
from collections import defaultdict
from pathlib import Path
from unittest import mock

from PIL import Image, ImageDraw, ImageEnhance, ImageOps


def crop(picture, share):
    """The middle, but for a bit, of so much of the area."""
    width, height = picture.size
    w, h = round(width * share**0.5), round(height * share**0.5)
    left, top = (width - w) // 3, (height - h) * 2 // 3
    return picture.crop((left, top, left + w, top + h))


def framed(picture, colour, below=0):
    side = max(4, picture.width // 20)
    return ImageOps.expand(picture, border=(side, side, side, side + round(picture.height * below)), fill=colour)


def narrowed(picture):
    """The middle three quarters of the longer side."""
    width, height = picture.size
    across, down = (width // 8, 0) if width >= height else (0, height // 8)
    return picture.crop((across, down, width - across, height - down))


def caption(picture):
    picture = picture.copy()
    width, height = picture.size
    draw = ImageDraw.Draw(picture)
    draw.text((width * 0.05, height * 0.88), "holiday, 12 August 2019", fill=(255, 255, 255), stroke_width=1, stroke_fill=(0, 0, 0))
    return picture


def scaled(picture, factor):
    return picture.resize([max(1, round(side * factor)) for side in picture.size], Image.Resampling.LANCZOS)


# The kind, what is done to the picture, and how it is written.
KINDS = [
    ("identical", None, None, {}),
    ("half size", lambda p: scaled(p, 0.5), "jpg", {"quality": 85}),
    ("larger", lambda p: scaled(p, 1.5), "jpg", {"quality": 85}),
    ("quality 30", lambda p: p, "jpg", {"quality": 30}),
    ("PNG", lambda p: p, "png", {}),
    ("WebP", lambda p: p, "webp", {"quality": 60}),
    ("brighter", lambda p: ImageEnhance.Brightness(p).enhance(1.2), "jpg", {"quality": 85}),
    ("contrast", lambda p: ImageEnhance.Contrast(p).enhance(1.25), "jpg", {"quality": 85}),
    ("saturation", lambda p: ImageEnhance.Color(p).enhance(0.7), "jpg", {"quality": 85}),
    ("grey", lambda p: ImageOps.grayscale(p).convert("RGB"), "jpg", {"quality": 85}),
    ("white frame", lambda p: framed(p, (255, 255, 255)), "jpg", {"quality": 85}),
    ("black frame", lambda p: framed(p, (0, 0, 0)), "jpg", {"quality": 85}),
    ("red frame", lambda p: framed(p, (150, 40, 30)), "jpg", {"quality": 85}),
    ("polaroid", lambda p: framed(p, (250, 248, 240), 1 / 6), "jpg", {"quality": 85}),
    ("text", caption, "jpg", {"quality": 85}),
    ("mirrored", ImageOps.mirror, "jpg", {"quality": 85}),
    ("turned 90", lambda p: p.transpose(Image.Transpose.ROTATE_270), "jpg", {"quality": 85}),
    ("turned 180", lambda p: p.transpose(Image.Transpose.ROTATE_180), "jpg", {"quality": 85}),
    ("crop 90 %", lambda p: crop(p, 0.9), "jpg", {"quality": 85}),
    ("crop 80 %", lambda p: crop(p, 0.8), "jpg", {"quality": 85}),
    ("crop 70 %", lambda p: crop(p, 0.7), "jpg", {"quality": 85}),
    ("other shape", narrowed, "jpg", {"quality": 85}),
    ("crop, smaller", lambda p: scaled(crop(p, 0.8), 0.6), "jpg", {"quality": 60}),
]


def is_wanted(path, half):
    """By the name: `a` is what limits were tried on, `b` what they are tested on."""
    return half is None or "ab"[hashlib.sha256(path.name.encode()).digest()[0] & 1] == half


def originals(folders, count, half):
    seen = set()
    for path in sorted(path for folder in folders for path in Path(folder).rglob("*")):
        if path.suffix.lower() not in {".jpg", ".jpeg", ".png", ".webp"} or not is_wanted(path, half):
            continue
        digest = hashlib.sha256(path.read_bytes()).digest()
        if digest in seen:
            continue
        seen.add(digest)
        try:
            picture = ImageOps.exif_transpose(Image.open(path))
            flat = Image.new("RGB", picture.size, (255, 255, 255))
            flat.paste(picture, mask=picture.getchannel("A") if picture.mode in ("RGBA", "LA") else None)
        except (OSError, ValueError):
            continue
        if min(flat.size) >= 64:
            yield path, flat
            count -= 1
        if count == 0:
            return


def plant(args):
    """Writes the pictures; the name of a copy says its original and kind."""
    folder = args.work / "pictures"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    kinds, number, sources = {}, 0, {}
    kinds_of = [kind for kind in KINDS if args.kinds is None or kind[0] in args.kinds]
    for number, (path, picture) in enumerate(originals(args.pictures, args.count, args.half)):
        picture.thumbnail((args.side, args.side), Image.Resampling.LANCZOS)
        own = folder / f"{number:06}.jpg"
        picture.save(own, quality=92)
        sources[number] = str(path)
        if number % args.every == 0:
            kind, change, extension, options = kinds_of[number // args.every % len(kinds_of)]
            copy = folder / f"{number:06}_copy.{extension or 'jpg'}"
            kinds[number] = kind
            if change is None:
                shutil.copy(own, copy)
            else:
                change(Image.open(own).convert("RGB")).save(copy, **options)
    if args.decoded:
        for path in list(folder.iterdir()):
            with Image.open(path) as picture:
                picture.convert("RGB").save(path.with_suffix(".bmp"))
            path.unlink()
    return folder, number + 1, kinds, sources


def number_of(name):
    return int(Path(name).name[:6])


def pokedex(args, folder, *flags):
    start = time.perf_counter()
    command = [args.pokedex, "dedup", folder, "--format", "jsonl", "-q", *flags]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    groups = defaultdict(list)
    for row in map(json.loads, out.splitlines()):
        groups[row["group"]].append((not row["keep"], row["key"]))
    pairs = []
    for rows in groups.values():
        rows.sort()
        pairs += [(rows[0][1], key) for _, key in rows[1:]]
    return pairs, time.perf_counter() - start


def imagededup(folder):
    import torch

    # 0.3.3 loads a network's weights from the web when it is imported, whichever method is wanted.
    with mock.patch("torch.hub.load_state_dict_from_url", return_value={}), mock.patch.object(torch.nn.Module, "load_state_dict"):
        from imagededup.methods import PHash

    start = time.perf_counter()
    found = PHash(verbose=False).find_duplicates(image_dir=str(folder))
    pairs = {tuple(sorted((name, other))) for name, others in found.items() for other in others}
    return sorted(pairs), time.perf_counter() - start


def czkawka(args, folder, preset):
    start = time.perf_counter()
    told = args.work / "czkawka.json"
    command = [args.czkawka, "image", "-d", folder, "-s", preset, "-C", told, "-m", "1", "-H"]
    subprocess.run(command, check=False, capture_output=True)
    pairs = []
    for group in json.loads(told.read_text()):
        names = sorted(Path(entry["path"]).name for entry in group)
        pairs += [(names[0], name) for name in names[1:]]
    return pairs, time.perf_counter() - start


def report(name, pairs, took, kinds, sources, count):
    found, false = set(), []
    for one, other in pairs:
        if number_of(one) == number_of(other):
            found.add(number_of(one))
        else:
            false.append((one, other))
    right = sum(number_of(one) == number_of(other) for one, other in pairs)
    precision = right / len(pairs) if pairs else 1.0
    print(f"\n{name}: {len(pairs)} pairs, {len(false)} false among {count} distinct pictures, precision {precision:.4f}, {took:.1f} s")
    totals = defaultdict(lambda: [0, 0])
    for number, kind in kinds.items():
        totals[kind][0] += number in found
        totals[kind][1] += 1
    for kind, *_ in KINDS:
        hits, all_of_it = totals[kind]
        if all_of_it:
            print(f"  {kind:<13} {hits:>4} of {all_of_it:<4} {hits / all_of_it:.3f}")
    for one, other in false[:20]:
        print(f"  false: {sources[number_of(one)]} {sources[number_of(other)]}")
    return precision, sum(hits for hits, _ in totals.values()) / max(1, len(kinds))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pokedex", default="target/release/pokedex", help="the program")
    parser.add_argument("--czkawka", default=shutil.which("czkawka_cli"), help="its program")
    parser.add_argument("--pictures", nargs="+", required=True, help="folders of pictures that differ")
    parser.add_argument("--work", type=Path, default=Path("dedup_work"), help="folder for pictures and results")
    parser.add_argument("--count", type=int, default=2000, help="distinct pictures at most")
    parser.add_argument("--side", type=int, default=320, help="their longer side at most")
    parser.add_argument("--every", type=int, default=2, help="every how manyth has a copy")
    parser.add_argument("--half", choices=["a", "b"], help="half of the pictures only, by their names")
    parser.add_argument("--runs", nargs="+", type=int, help="these of the runs only, from 0")
    parser.add_argument("--kinds", nargs="+", help="these kinds of copies only")
    parser.add_argument("--decoded", action="store_true", help="write all pictures as BMP, so that the times are those from decoded files to groups")
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True, help="run the others as well")
    args = parser.parse_args()
    folder, count, kinds, sources = plant(args)
    print(f"{count} distinct pictures, {len(kinds)} copies")
    figures = {}
    runs = [
        ("pokedex", ()),
        ("pokedex --crops", ("--crops",)),
        ("pokedex --any-orientation", ("--any-orientation",)),
        ("pokedex --crops --any-orientation", ("--crops", "--any-orientation")),
        ("pokedex --identical", ("--identical",)),
    ]
    for name, flags in [runs[i] for i in args.runs or range(len(runs))]:
        figures[name] = report(name, *pokedex(args, folder, *flags), kinds, sources, count)
    if args.peers:
        try:
            figures["imagededup"] = report("imagededup PHash", *imagededup(folder), kinds, sources, count)
        except ImportError:
            print("\nimagededup: not installed, not run")
        if args.czkawka:
            for preset in ("Minimal", "High"):
                name = f"czkawka {preset}"
                figures[name] = report(name, *czkawka(args, folder, preset), kinds, sources, count)
        else:
            print("\nczkawka_cli: not installed, not run")
    own = next(iter(figures.values()))
    print(f"\n{'':<34} {'precision':>9} {'recall':>7} {'ratio':>7}")
    for name, (precision, recall) in figures.items():
        print(f"{name:<34} {precision:9.4f} {recall:7.3f} {recall / own[1] if own[1] else 0:7.2f}")


if __name__ == "__main__":
    main()
