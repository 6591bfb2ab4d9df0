"""What each effect of `augment` adds to a model: trained with it and without it, asked about photographs that it never saw.

    python3 benches/augment.py --pokedex target/release/pokedex --data ../shared/data
    python3 benches/augment.py head --arms default,+glare,all-four       # some arms only
    python3 benches/augment.py finetune --arms originals,default,all-four

The species are those of `wild_a` (cards, toys, drawings, photographed) and `team_crops` (screenshots); their official artworks
teach, their other drawn pictures (`dreamworld`) choose. An arm is a recipe, which makes --copies copies of each artwork:

- originals: no copies. default: the recipe of --print-recipe. bare: one that changes nothing.
- +NAME: the default recipe and this effect, at --probability. all-four: the default recipe and all four of photographs.
- -NAME: the default recipe without this section (or group of sections).
- +mixup/soft and so on: the default recipe and this, at --probability; soft: learnt by the soft labels; hard: by `label` alone.

head: a linear head on the vectors of the built-in model (with --torch by the tower of `pokedex_train`, which needs no release
build; they agree to 10⁻⁴). finetune: the built-in model, fine-tuned for --epochs, asked by
names for all 1025 species. Shown are top-1, and the difference to the arm `default`: 95 % intervals of 2000 bootstrap
resamples of the test pictures, of differences in pairs. Prints Markdown.
"""

import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
RESAMPLES = 2000
FOUR = ("print_raster", "glare", "table", "moire")
GROUPS = {
    "geometry": ("rotation", "flip", "translation", "scale", "shear", "perspective"),
    "background": ("background",),
    "colours": ("colour", "grey"),
    "erasing": ("erasing",),
    "lens": ("gaussian_blur", "motion_blur", "defocus", "gaussian_noise", "salt_and_pepper", "jpeg"),
}
ARMS = ["originals", "bare", "default", *(f"+{name}" for name in FOUR), "all-four", *(f"-{name}" for name in GROUPS),
        "+mixup/soft", "+mixup/hard", "+mosaic/soft", "+mosaic/hard"]


def sections(recipe):
    """The recipe's head and its sections by name."""
    parts = re.split(r"(?m)^\[(\w+)\]\n", recipe)
    return parts[0], dict(zip(parts[1::2], parts[2::2]))


def recipe_of(arm, default, probability):
    head, own = sections(default)

    def certain(name):
        own[name] = re.sub(r"(?m)^probability = \S+", f"probability = {probability}", own[name])

    name = arm.split("/")[0]
    if name == "bare":
        own = {}
    elif name == "all-four":
        for name in FOUR:
            certain(name)
    elif name.startswith("+"):
        certain(name[1:])
    elif name.startswith("-"):
        for gone in GROUPS[name[1:]]:
            own.pop(gone)
    return head + "".join(f"[{name}]\n{text}" for name, text in own.items())


class Bench:
    def __init__(self, args, scratch):
        self.args, self.scratch, self.data = args, scratch, args.data.resolve()
        self.eye, self.vectors = None, {}
        self.default = self.program("augment", "--print-recipe", by=args.augment).decode()

    def program(self, *arguments, by=None):
        done = subprocess.run([by or self.args.pokedex, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode not in (0, 3):
            sys.exit(f"{arguments}: {done.stderr.decode()}")
        return done.stdout

    def table(self):
        """The pictures, as `split` would have them."""
        def of(folder):
            files = collections.defaultdict(list)
            for path in sorted((self.data / folder).iterdir()):
                files[int(path.name[:4])].append(path)
            return files

        tests = {folder: of(folder) for folder in ("wild_a", "team_crops")}
        species = sorted({number for files in tests.values() for number in files})
        rows = []
        for folder, split, most in (("artwork_256", "train", 1), ("dreamworld", "validation", 1), ("wild_a", "test", 999), ("team_crops", "test", 999)):
            for number, files in of(folder).items():
                rows += [(f"{folder}/{path.name}", str(path), number, split) for path in files[:most] if number in species]
        keys, paths, ids, splits = zip(*rows)
        path = self.scratch / "own.parquet"
        pq.write_table(pa.table({"key": keys, "path": paths, "id": pa.array(ids, pa.int32()), "label": [f"{n:04}" for n in ids], "split": splits}), path)
        self.program("scan", path, "-o", self.scratch / "split.parquet", "-q")
        return self.scratch / "split.parquet"

    def augmented(self, table, arm, keep=True):
        out = self.scratch / f"{arm.replace('/', '_')}.parquet"
        if arm == "originals":
            return table
        recipe = self.scratch / "recipe.toml"
        recipe.write_text(recipe_of(arm, self.default, self.args.probability))
        self.program("augment", table, "--recipe", recipe, "--copies", self.args.copies, "--size", self.args.size, "-o", out, "-q", by=self.args.augment)
        return out

    def embed(self, table, out):
        self.program("embed", table, "-o", out, "-q")

    def embed_by_torch(self, table, out):
        sys.path.insert(0, str(HERE.parent / "training"))
        import torch
        from pokedex_train.augment import normalise
        from pokedex_train.base import open_base
        from pokedex_train.pictures import framed, over_white
        from pokedex_train.pixels import open_upright

        torch.set_num_threads(self.args.threads)
        base = open_base("builtin")
        if self.eye is None:
            self.eye = base.eye()
        whole = pq.read_table(table)
        contents = whole["content_hash"].to_pylist()
        images = whole["image"].to_pylist() if "image" in whole.column_names else [None] * len(whole)
        paths = whole["path"].to_pylist() if "path" in whole.column_names else [None] * len(whole)
        new = [i for i, content in enumerate(contents) if content not in self.vectors]
        for at in range(0, len(new), 32):
            some = new[at : at + 32]
            data = [images[i]["bytes"] if images[i] and images[i]["bytes"] else Path(paths[i]).read_bytes() for i in some]
            x = np.stack([framed(over_white(open_upright(one)), base.size, base.margin) for one in data])
            with torch.no_grad():
                vectors = self.eye.vectors(normalise(torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255)).numpy()
            self.vectors.update((contents[i], vector) for i, vector in zip(some, vectors))
        flat = pa.array(np.concatenate([self.vectors[content] for content in contents]))
        column = pa.FixedSizeListArray.from_arrays(flat, len(flat) // len(whole))
        pq.write_table(whole.drop_columns([name for name in ("image",) if name in whole.column_names]).append_column("embedding", column), out)

    def head(self, table, arm):
        """Which test pictures a head has right, by folder."""
        embedded, head, out = (self.scratch / f"{name}.parquet" for name in ("e", "h", "p"))
        (self.embed_by_torch if self.args.torch else self.embed)(self.augmented(table, arm), embedded)
        if arm.endswith("/hard"):
            whole = pq.read_table(embedded)
            pq.write_table(whole.drop_columns(["soft_labels"]).replace_schema_metadata(whole.schema.metadata), embedded)
        self.program("train", embedded, "-o", head, "-q", *(["--l2", self.args.l2] if self.args.l2 else []), by=self.args.augment if arm.endswith("/soft") else None)
        self.program("classify", embedded, "--head", head, "-o", out, "-q")
        return self.right(out, lambda row: row["prediction_1"] == row["label"])

    def finetune(self, table, arm):
        model, out = self.scratch / f"model {arm}", self.scratch / "p.parquet"
        lessons = self.scratch / "lessons.parquet"
        whole = pq.read_table(self.augmented(table, arm))
        # Labels are the species' names, whose vectors the words have.
        names = pq.read_table(self.names()).to_pydict()
        by = dict(zip(names["id"], names["label"]))
        whole = whole.set_column(whole.schema.get_field_index("label"), "label", pa.array([by[n] for n in whole["id"].to_pylist()]))
        pq.write_table(whole, lessons)
        environment = os.environ | {"PYTHONPATH": str(HERE.parent / "training"), "POKEDEX": str(Path(self.args.pokedex).resolve())}
        command = [sys.executable, "-m", "pokedex_train", "finetune", lessons, "--captions", "labels", "-o", model, "--epochs", self.args.epochs,
                   "--views", self.args.epochs, "--threads", self.args.threads]
        done = subprocess.run(list(map(str, command)), env=environment, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"{arm}: {done.stderr}")
        print(f"{arm}: {done.stderr.splitlines()[-2]}", file=sys.stderr, flush=True)
        self.program("classify", table, "--model", model, "-o", out, "-q")
        return self.right(out, lambda row: row["prediction_1"] == by[row["id"]])

    def names(self):
        out = self.scratch / "names.parquet"
        if not out.exists():
            self.program("export", "pokedex:", "-o", out)
        return out

    def right(self, predictions, is_right):
        rows = pq.read_table(predictions, columns=["key", "id", "label", "split", "prediction_1"]).to_pylist()
        found = collections.defaultdict(list)
        for row in rows:
            if row["split"] == "test":
                found[row["key"].split("/")[0]].append((row["key"], float(is_right(row))))
        return {folder: np.array([value for _, value in sorted(pairs)]) for folder, pairs in found.items()}


def interval(values):
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(1)
    return f"{values.mean():.3f} ({np.quantile(means, 0.025):.3f} to {np.quantile(means, 0.975):.3f})"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", nargs="?", choices=["head", "finetune"], default="head")
    p.add_argument("--pokedex", default="target/release/pokedex")
    p.add_argument("--augment", help="the program that augments, where it is another build")
    p.add_argument("--data", type=Path, default=Path("../shared/data"))
    p.add_argument("--arms", default=",".join(ARMS))
    p.add_argument("--copies", type=int, default=8)
    p.add_argument("--size", type=int, default=192)
    p.add_argument("--probability", type=float, default=0.35)
    p.add_argument("--epochs", type=int, default=4)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--l2", type=float, help="else it is chosen by dreamworld")
    p.add_argument("--torch", action="store_true")
    p.add_argument("--scratch", type=Path)
    args = p.parse_args()
    args.augment = args.augment or args.pokedex
    with tempfile.TemporaryDirectory() as temporary:
        scratch = args.scratch or Path(temporary)
        scratch.mkdir(parents=True, exist_ok=True)
        bench = Bench(args, scratch.resolve())
        table = bench.table()
        arms = args.arms.split(",")
        if unknown := set(arms) - set(ARMS):
            p.error(f"no such arms: {', '.join(sorted(unknown))}; there are {', '.join(ARMS)}")
        arms = ["default", *(arm for arm in arms if arm != "default")]
        found = {}
        for arm in arms:
            began = time.monotonic()
            found[arm] = (bench.head if args.what == "head" else bench.finetune)(table, arm)
            if arm == "default":
                folders = sorted(found[arm])
                print("| arm | " + " | ".join(f"{f} ({len(found[arm][f])}), top-1 | to `default`" for f in folders) + " |")
                print("| --- |" + " ---: | ---: |" * len(folders))
            cells = [f"{interval(found[arm][f])} | {interval(found[arm][f] - found['default'][f]) if arm != 'default' else ''}" for f in folders]
            print(f"| {arm} | " + " | ".join(cells) + " |", flush=True)
            print(f"{arm}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


main()
