"""How sure the built-in classes may be: fits what `classify` without options uses, and measures it on other pictures.

    python3 training/doubt.py --pokedex target/release/pokedex --data ../shared/data

prints the constants of POKEDEX in src/classify/classes.rs, and a table of what they do, beside what would fit best. The probability of a species is
the softmax over cosines / temperature, with one more term for being none of them, exp(unknown / temperature).

Nothing here was trained on. What would fit best is looked for on team_crops, on the held-out pictures of the other folders
(training/held_out.csv), and on held-out front sprites pasted on every second photograph of `photos` that training did not
see, against these photographs without, and half of the held-out ones of photos_dev. They are measured on wild_a, on sprites
pasted on the photographs that training did see, and on the remaining photographs, plain, with those of Flickr8k among them.
The temperature and the logit of being none are those by which `training/export.py` makes the best score of how likely a
picture's species is right, so that the probability is that; the threshold says what is too unlikely to be told.
"""

import argparse
import csv
import hashlib
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from common import load_recipe
from images import is_fitted_on, is_kept_out, pasted

THRESHOLD = 0.3
FOLDERS = ["dreamworld", "front_sprites", "front_sprites_badcrc", "ingame_sprites", "box_icons"]


def embed(program, folder):
    with tempfile.NamedTemporaryFile(suffix=".parquet") as out:
        done = subprocess.run([*program, "-q", "--skip-ok", str(folder), "-o", out.name])
        if done.returncode not in (0, 3):
            raise SystemExit(f"embed failed for {folder}")
        table = pq.read_table(out.name)
    table = table.filter(table["embedding"].is_valid())
    vectors = np.stack(table["embedding"].to_numpy(zero_copy_only=False)).astype("f8")
    return vectors, np.array([i or 0 for i in table["id"].to_pylist()]), table["path"].to_pylist()


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def paste(photos, sprites, folder, seed, copies=4):
    (folder / "pasted").mkdir(parents=True)
    (folder / "plain").mkdir()
    for photo, copy, sprite, picture in pasted(photos, sprites, seed, copies):
        picture.save(folder / (f"pasted/{sprite.name[:4]}_{photo.stem}_{copy}.png" if sprite else f"plain/{photo.stem}.png"))


def scores(cosines, temperature, unknown):
    most = cosines.max(1)
    total = np.exp((cosines - most[:, None]) / temperature).sum(1) + np.exp((unknown - most) / temperature)
    return 1 / total


def loss(known, truth, strangers, temperature, unknown):
    most = known.max(1)
    total = np.log(np.exp((known - most[:, None]) / temperature).sum(1) + np.exp((unknown - most) / temperature))
    right = (known[np.arange(len(truth)), truth - 1] - most) / temperature - total
    # Of two pictures that are classified one is a stranger's: an assumption.
    none = np.log1p(-np.minimum(strangers_share(strangers, temperature, unknown), 1 - 1e-12))
    return -right.mean() / 2 - none.mean() / 2


def strangers_share(cosines, temperature, unknown):
    most = cosines.max(1)
    inside = np.exp((cosines - most[:, None]) / temperature).sum(1)
    return inside / (inside + np.exp((unknown - most) / temperature))


def ece(score, right):
    which = np.clip(np.ceil(score * 15) - 1, 0, 14)
    return sum(abs(score[which == b].sum() - right[which == b].sum()) for b in range(15)) / len(score)


def expected(score, draws=200):
    """The calibration error that so many pictures of these probabilities would show were each right exactly so often: what
    no probabilities can be expected to come below."""
    rng = np.random.default_rng(0)
    return np.mean([ece(score, rng.random(len(score)) < score) for _ in range(draws)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pokedex", default="target/release/pokedex")
    parser.add_argument("--model", type=Path, help="folder of a model with its pokedex.arrow, else the built-in one")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    args = parser.parse_args()
    held = {row["sha256"] for row in csv.DictReader(open(Path(__file__).parent / "held_out.csv"))}
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        table = args.model / "pokedex.arrow" if args.model else "pokedex:"
        program = [args.pokedex, "embed", *(["--model", str(args.model)] if args.model else [])]
        subprocess.run([args.pokedex, "export", "-q", str(table), "--format", "npy", "-o", str(scratch / "s.npy")], check=True)
        species = np.load(scratch / "s.npy").astype("f8")
        photos = sorted(p for p in (args.data / "photos").iterdir() if p.suffix.lower() not in (".csv", ".md"))
        seen, unseen = photos[: len(photos) // 2], photos[len(photos) // 2 :]
        sprites = [p for p in sorted((args.data / "front_sprites").glob("*.png")) if "shiny" not in p.name and digest(p) in held]
        paste(unseen[0::2], sprites, scratch / "fit", 4)
        paste(unseen[1::2], sprites, scratch / "rest", 5, copies=0)
        paste(seen, sprites, scratch / "seen", 6)
        listed = [r for r in csv.DictReader(open(args.data / "photos_dev" / "captions.csv"))]
        kept = [r for r in listed if r["kind"] == "caption" or is_kept_out("photos_dev", 0, r["file"], 0)]
        for row in kept:
            part = "fit" if row["kind"] != "caption" and is_fitted_on(row["file"]) else "rest"
            (scratch / part / "plain" / row["file"]).symlink_to((args.data / "photos_dev" / row["file"]).resolve())
        pool = {name: embed(program, scratch / name) for name in ["fit/pasted", "fit/plain", "rest/plain", "seen/pasted"]}
        for folder in [*FOLDERS, "team_crops", "wild_a"]:
            vectors, ids, paths = embed(program, args.data / folder)
            keep = [folder in ("team_crops", "wild_a") or digest(path) in held for path in paths]
            pool[folder] = (vectors[keep], ids[keep], None)
    cosines = {name: vectors @ species.T for name, (vectors, _, _) in pool.items()}
    ids = {name: ids for name, (_, ids, _) in pool.items()}
    fit = ["fit/pasted", "team_crops", *FOLDERS]
    # Every folder counts the same, however many pictures it has.
    rng = np.random.default_rng(0)
    rows = {name: rng.choice(len(ids[name]), 200) for name in fit}
    known = np.concatenate([cosines[name][rows[name]] for name in fit])
    truth = np.concatenate([ids[name][rows[name]] for name in fit])
    strangers = cosines["fit/plain"]
    export = load_recipe()["export"]
    # By construction of the tower; the best for these pictures would be:
    temperature, unknown, threshold = export["sure_step"], export["sure_middle"], THRESHOLD
    print("best of a grid:", min((loss(known, truth, strangers, t, u), t, u) for t in np.geomspace(0.01, 0.2, 24) for u in np.linspace(0.0, 1.0, 51)))
    print(f"temperature: {temperature:.4f}, unknown: Some({unknown:.2f}), min_score: {threshold:.3f}\n")
    groups = {"team_crops (fitted)": ["team_crops"], "sprites on photographs": ["seen/pasted"], "both": ["wild_a", "seen/pasted"]}
    groups |= {folder: [folder] for folder in [*FOLDERS, "wild_a"]}
    print("| pictures | n | right | kept of the right | right of the kept | ECE | expected | log loss |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for title, names in groups.items():
        c, y = np.concatenate([cosines[n] for n in names]), np.concatenate([ids[n] for n in names])
        s, right = scores(c, temperature, unknown), c.argmax(1) + 1 == y
        kept = s >= threshold
        log_loss = -np.log(np.where(right, s, 1 - s).clip(1e-6)).mean()
        print(f"| {title} | {len(y)} | {right.mean():.3f} | {kept[right].mean():.3f} | {right[kept].mean():.3f} | {ece(s, right):.3f} | {expected(s):.3f} | {log_loss:.3f} |")
    nine = np.quantile(np.concatenate([scores(cosines[n], temperature, unknown)[cosines[n].argmax(1) + 1 == ids[n]] for n in ("wild_a", "seen/pasted")]), 0.1)
    print(f"at {nine:.3f} nine of ten right answers are kept, and of photographs pass {np.mean(scores(cosines['rest/plain'], temperature, unknown) >= nine):.3f}")
    for title, names in {"photographs (fitted)": ["fit/plain"], "photographs": ["rest/plain"]}.items():
        s = scores(np.concatenate([cosines[n] for n in names]), temperature, unknown)
        print(f"{title}: {np.mean(s >= threshold):.4f} of {len(s)} pass, {np.mean(s >= 0.5):.4f} above 0.5")


if __name__ == "__main__":
    main()
