"""Render every picture once and split train and held-out."""
import argparse
import hashlib
import random
from pathlib import Path

import numpy as np
from PIL import Image

from common import HERE, fraction, read_csv, replacing, write_csv
from pokedex_train.pictures import fit_pad, open_rgba, over_white, premultiplied

SIZE = 192
STYLES = ["artwork_256", "dreamworld", "front_sprites", "front_sprites_badcrc", "ingame_sprites", "box_icons"]
TEST_ONLY = ["artwork_475", "team_crops", "wild_a"]
SHARE = {"dreamworld": 0.2, "front_sprites": 0.1, "ingame_sprites": 0.1, "box_icons": 0.1}
DRAWING = [*SHARE, "front_sprites_badcrc"]
PHOTOS = ["photos", "photos_dev"]  # Photographs of no species. Of photos_dev only objects and scenes: Flickr8k is for measuring.


def is_drawn(folder, ident):
    """Is this species drawn for the test of this folder? Each folder draws for itself."""
    folder = "front_sprites" if folder.startswith("front_sprites") else folder
    return folder in SHARE and fraction(f"{folder} {ident}") < SHARE[folder]


def is_kept_out(folder, position, name, count):
    """Is this file for measuring only? Of `photos` the second half, of `photos_dev` half of each label, by a hash."""
    if folder == "photos":
        return position >= count // 2
    return fraction(f"photograph {name}") < 0.5 if folder == "photos_dev" else folder in TEST_ONLY


def is_fitted_on(name):
    """Of the photographs of photos_dev that are kept out: may doubts be fitted on this file, or is it for measuring?"""
    return fraction(f"doubt {name}") < 0.5


def pasted(photos, sprites, seed, copies):
    """Each photograph, no larger than 512 pixels, and so many copies of it with a sprite somewhere: photograph's path,
    copy, sprite's path (None: without), picture."""
    rng = random.Random(seed)
    for photo in photos:
        scene = over_white(open_rgba(photo.read_bytes()))
        scene.thumbnail((512, 512))
        yield photo, 0, None, scene
        for copy in range(copies):
            path = rng.choice(sprites)
            sprite = open_rgba(path.read_bytes())
            sprite = sprite.crop(sprite.getchannel("A").getbbox())
            scale = rng.uniform(0.5, 0.9) * min(scene.width / sprite.width, scene.height / sprite.height)
            size = (max(1, round(sprite.width * scale)), max(1, round(sprite.height * scale)))
            sprite = sprite.resize(size, Image.BILINEAR)
            both = scene.copy()
            both.paste(sprite, (rng.randint(0, scene.width - sprite.width), rng.randint(0, scene.height - sprite.height)), sprite)
            yield photo, copy, path, both


def outline(premultiplied):
    """What a recolour keeps of a picture [4, H, W]: its cropped mask and its edges, 32x32 each."""
    x = premultiplied.astype(np.float32) / 255
    ys, xs = np.nonzero(x[3] > 0.3)
    box = (slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1)) if len(ys) else (slice(None), slice(None))
    over_white = x[:3].mean(0) + 1 - x[3]
    mask, grey = (Image.fromarray((part[box].clip(0, 1) * 255).astype(np.uint8)).resize((32, 32), Image.BOX) for part in (x[3], over_white))
    dy, dx = np.gradient(np.asarray(grey, np.float32) / 255)
    return np.asarray(mask, np.float32) / 255, np.hypot(dx, dy)


def is_near_copy(a, b):
    """The same drawing, perhaps mirrored, recoloured or at another size? A recolour has overlap 1 and edges above 0.9;
    different drawings of one species in one pose have 0.7 and 0.3."""
    for mask, edges in ((b[0], b[1]), (b[0][:, ::-1], b[1][:, ::-1])):
        overlap = np.minimum(a[0], mask).sum() / max(np.maximum(a[0], mask).sum(), 1)
        spread = a[1].std() * edges.std()
        alike = ((a[1] - a[1].mean()) * (edges - edges.mean())).mean() / spread if spread > 0 else 0
        if alike > 0.55 or overlap > 0.9 and alike > 0.3:
            return True
    return False


def split(rows, pictures):
    """Set row["held_out"]: 1 for drawn pictures and, over and over, every near copy of one in any folder that draws; 2
    for those of them whose near copy is artwork, which stays in training: they are neither trained on nor counted."""
    by_species = {}
    for i, row in enumerate(rows):
        if row["folder"] in STYLES:
            by_species.setdefault(row["id"], []).append(i)
    for ident, members in by_species.items():
        drawn = [i for i in members if is_drawn(rows[i]["folder"], ident)]
        if not drawn:
            continue
        outlines = {i: outline(pictures[i]) for i in members}
        queue = list(drawn)
        while queue:
            i = queue.pop()
            near = [j for j in members if j != i and is_near_copy(outlines[i], outlines[j])]
            fixed = any(rows[j]["folder"] not in DRAWING for j in near)
            rows[i]["held_out"] = 2 if fixed else max(rows[i]["held_out"], 1)
            for j in near:
                if rows[j]["folder"] in DRAWING and not rows[j]["held_out"]:
                    rows[j]["held_out"] = 1
                    queue.append(j)


def render(data, work):
    """Write train.npy (premultiplied RGBA, planar), test.npy (RGB), meta.csv and held_out.csv."""
    out = Path(work) / "render"
    out.mkdir(parents=True, exist_ok=True)
    if (out / "meta.csv").exists():
        return
    rows = []
    lessons = {r["file"] for r in read_csv(Path(data) / "photos_dev" / "captions.csv") if r["kind"] != "caption"}
    for folder in STYLES + TEST_ONLY + PHOTOS:
        paths = sorted(p for p in (Path(data) / folder).iterdir() if p.suffix.lower() not in (".csv", ".md"))
        paths = [p for p in paths if folder != "photos_dev" or p.name in lessons]
        for n, path in enumerate(paths):
            ident = 0 if folder in PHOTOS else int(path.name[:4])
            held = is_kept_out(folder, n, path.name, len(paths))
            sha = hashlib.sha256(path.read_bytes()).hexdigest()
            rows.append({"folder": folder, "file": path.name, "id": ident, "held_out": int(held), "sha256": sha})
    train = np.lib.format.open_memmap(out / "train.npy", "w+", np.uint8, (len(rows), 4, SIZE, SIZE))
    test = np.lib.format.open_memmap(out / "test.npy", "w+", np.uint8, (len(rows), SIZE, SIZE, 3))
    for i, row in enumerate(rows):
        image = open_rgba((Path(data) / row["folder"] / row["file"]).read_bytes())
        test[i] = np.asarray(fit_pad(over_white(image), SIZE, (255, 255, 255)))
        train[i] = premultiplied(image, SIZE)
    train.flush()
    test.flush()
    split(rows, train)
    held = [{"sha256": r["sha256"], "folder": r["folder"]} for r in rows if r["held_out"] == 1]
    write_csv(HERE / "held_out.csv", held, ["sha256", "folder"])
    with replacing(out / "meta.csv") as temporary:
        write_csv(temporary, rows, list(rows[0]))


def main():
    p = argparse.ArgumentParser(description=render.__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--work", required=True)
    args = p.parse_args()
    render(args.data, args.work)


if __name__ == "__main__":
    main()
