"""How good the built-in model and Pokédex are, measured through the program itself, beside honest baselines.

    python3 benches/eval_model.py --pokedex target/release/pokedex --data ../shared/data --json figures.json

prints a table (Markdown) and writes the same figures as JSON. It needs numpy, Pillow and the data folder (pictures,
never committed). With --model DIR it measures another model in this format, as `training/run.py` leaves one after
phase "a": a sibling that saw no picture of the --unseen folders and not CLIP's vectors of a fifth of the species.

- words: three sets of queries, each by another hand that saw neither program nor training words, never used in training.
  A (queries.csv): every second one, because the others chose the weights of the fused score. B (queries_b.csv): its
  failures led to the reading of misspelt words and to whole sentences among the captions. C (queries_c.csv): written when
  that was done; one of its failures led to the rule for words that are as near to a name as to a word. What also stands
  in training/dev_queries.csv or in an earlier set is left out. precision@5 counts hits in the first five over min(5,
  number accepted). Baselines: BM25 over facts.csv (types, colour, shape, habitat, genus, size, generation, rank), and BM25
  over the built-in table, which has hand-written words for each species too.
- words to pictures: all queries of set A against an index of one folder's pictures under random names, without ids, labels
  or facts. A species counts once, at its best picture. Baseline: random order.
- names: all 1025, and each with one typo (seeded: a letter left out, doubled, replaced or swapped).
- picture to species: each held-out picture of a folder, asked of the 1025 species. Baseline: the nearest artwork by
  colour histogram.
- similar pictures: how many of CLIP's ten nearest artworks are among ours. Baseline: colour histogram.
- Pokémon or not: area under the ROC curve of the best hit's score. Positives: wild_a, and held-out front sprites pasted on
  the photographs that training did not see. Negatives: the same photographs without, treated alike. Baseline: the colour
  histogram's similarity to the nearest artwork.
- photographs (`photographs.py`): captions to photographs, each of five captions by people against a pool of 416 of
  Flickr8k, no picture of which trained anything, and one caption each of `photos`; labels to photographs and the nearest
  photograph, on the half of Caltech 101 and of six scenes that training did not see. With 95 % intervals in the JSON.

Only pictures that the model never saw count: whole folders that training leaves out, and in the others the files whose
SHA-256 stands in training/held_out.csv, of which no near copy (a recolour, a mirror image, another size) is trained on.
From the --unseen folders, near copies of the species' artwork are left out.
"""

import argparse
import collections
import csv
import hashlib
import json
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "training"))
import photographs  # noqa: E402
import teacher  # noqa: E402
from images import is_near_copy, open_rgba, outline, over_white, premultiplied  # noqa: E402

UNSEEN = ["team_crops", "wild_a"]
FOLDERS = ["dreamworld", "front_sprites", "front_sprites_badcrc", "ingame_sprites", "box_icons", *UNSEEN]
SPECIES = 1025


class Program:
    """The program under test, and the table and model that it is asked to use."""

    def __init__(self, path, model):
        self.path = str(path)
        self.model = ["--model", str(model)] if model else []
        self.species = ["--index", str(Path(model) / "pokedex.arrow")] if model else []

    def run(self, *arguments):
        """Standard output; standard error is shown if it fails."""
        done = subprocess.run([self.path, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode not in (0, 3):
            sys.exit(f"pokedex {arguments[0]} failed: {done.stderr}")
        return done.stdout

    def ask(self, queries, top, *where):
        """Hits of many queries: one list of objects a query, in order."""
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(queries) + "\n")
            file.flush()
            asked = ["query", "--queries", file.name, "--top", top, "--format", "jsonl"]
            lines = self.run(*asked, *self.model, *(where or self.species)).splitlines()
        found = {}
        for hit in map(json.loads, lines):
            if hit["rank"] == 1:
                found[hit["query"]] = []
            found[hit["query"]].append(hit)
        # Of a query of which nothing is known nothing is found.
        return [found.get(query.strip(), []) for query in queries]

    def index(self, folder, out):
        """Make an index of a folder's pictures."""
        table = Path(out).with_suffix(".embeddings")
        self.run("embed", folder, "--no-cache", *self.model, "-o", table)
        self.run("index", table, "-o", out)


# Measures

def retrieval(found, accepted):
    """precision@5, MRR, top-1 of ranked lists of species against sets of accepted ones."""
    precision = reciprocal = first = 0.0
    for species, right in zip(found, accepted):
        hits = [s in right for s in species]
        precision += sum(hits[:5]) / min(5, len(right))
        reciprocal += next((1 / rank for rank, hit in enumerate(hits, 1) if hit), 0.0)
        first += bool(hits and hits[0])
    return {"p@5": precision / len(found), "MRR": reciprocal / len(found), "top-1": first / len(found)}


def shuffled(species, accepted):
    """The same measures for a random order, the mean of ten."""
    rng = random.Random(0)
    runs = [retrieval([rng.sample(species, len(species)) for _ in accepted], accepted) for _ in range(10)]
    return {k: statistics.mean(r[k] for r in runs) for k in runs[0]}


def ranks(found, truth):
    """top-1 and top-5 of ranked lists of species."""
    count = len(truth)
    return {"top-1": sum(f[0] == t for f, t in zip(found, truth)) / count, "top-5": sum(t in f[:5] for f, t in zip(found, truth)) / count}


def auroc(positive, negative):
    """Probability that a positive scores above a negative; ties count half."""
    p, n = np.asarray(positive)[:, None], np.asarray(negative)[None]
    return float((p > n).mean() + (p == n).mean() / 2)


def overlap(found, reference):
    """Share of the reference's ten that are among the found ten."""
    return statistics.mean(len(set(f) & set(r)) / len(r) for f, r in zip(found, reference))


# Baselines

class BM25:
    """Keyword search over one text a species."""

    def __init__(self, texts):
        self.documents = [collections.Counter(self.words(text)) for text in texts]
        self.mean = statistics.mean(d.total() for d in self.documents)
        self.holds = collections.Counter(word for d in self.documents for word in d)

    @staticmethod
    def words(text):
        return [w[:-1] if len(w) > 3 and w.endswith("s") else w for w in re.findall(r"[a-z0-9]+", text.lower())]

    @staticmethod
    def facts(row):
        """What a row of facts.csv says, its name left out."""
        size = ["small tiny little"] * (int(row["height_dm"]) <= 5) + ["big large giant huge"] * (int(row["height_dm"]) >= 20)
        rank = [w for w in ("legendary", "mythical", "baby") if row[f"is_{w}"].lower() in ("1", "true")]
        columns = ("genus", "type1", "type2", "color", "shape", "habitat", "egg_groups")
        return " ".join([row.get(c) or "" for c in columns] + size + rank + [f"generation {row['generation']}"])

    def ask(self, query):
        scores = np.zeros(len(self.documents))
        for word in self.words(query):
            rarity = math.log(1 + (len(self.documents) - self.holds[word] + 0.5) / (self.holds[word] + 0.5))
            for i, document in enumerate(self.documents):
                if count := document[word]:
                    scores[i] += rarity * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * document.total() / self.mean))
        order = np.argsort(-scores, kind="stable")
        return [int(i) + 1 for i in order if scores[i] > 0]


def histogram(image):
    """Root of the shares of 512 colours in an RGBA picture, what lies on the border's white or is clear left out."""
    small = image.copy()
    small.thumbnail((96, 96))
    pixels = np.asarray(small).reshape(-1, 4)
    body = pixels[(pixels[:, 3] > 127) & (pixels[:, :3].min(1) < 250)]
    body = body if len(body) else pixels
    counts = np.bincount((body[:, :3] // 32).astype(int) @ [64, 8, 1], minlength=512)
    return np.sqrt(counts / counts.sum())


# Tasks

def load_queries(name, part=slice(None), without=("../training/dev_queries.csv",)):
    """(query, accepted species) of a file's part, less those that other files have."""
    def rows(file):
        with open(HERE / file, newline="", encoding="utf-8") as handle:
            return list(csv.DictReader(handle))
    others = {r["query"].lower() for file in without for r in rows(file)}
    return [(r["query"], {int(i) for i in r["accepted"].split("|")}) for r in rows(name)[part] if r["query"].lower() not in others]


def typo(name, rng):
    """A name with one slip."""
    at = rng.randrange(1, len(name)) if len(name) > 1 else 0
    kind = rng.choice(["leave", "double", "replace", "swap"])
    if kind == "leave" and len(name) > 3:
        return name[:at] + name[at + 1 :]
    if kind == "double":
        return name[:at] + name[at] + name[at:]
    if kind == "swap" and at + 1 < len(name) and name[at] != name[at + 1]:
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return name[:at] + rng.choice("abcdefghijklmnopqrstuvwxyz".replace(name[at].lower(), "")) + name[at + 1 :]


def words_and_names(program, data, report):
    with open(data / "facts.csv", newline="", encoding="utf-8") as file:
        facts = [BM25.facts(row) for row in csv.DictReader(file)]
    columns = program.run("export", "pokedex:", "--format", "csv", "--columns", "looks_like,features,themes").splitlines()[1:]
    search = {"BM25 over facts": BM25(facts), "BM25 over the table": BM25([f"{f} {c}" for f, c in zip(facts, columns)])}
    dev = "../training/dev_queries.csv"
    sets = {"words, set C": load_queries("queries_c.csv", without=(dev, "queries.csv", "queries_b.csv")),
            "words, set B": load_queries("queries_b.csv", without=(dev, "queries.csv")),
            "words, set A": load_queries("queries.csv", slice(1, None, 2)),
            "words, set A, half that chose weights": load_queries("queries.csv", slice(0, None, 2))}
    for title, rows in sets.items():
        queries, accepted = zip(*rows)
        found = [[h["id"] for h in hits] for hits in program.ask(queries, SPECIES)]
        base = {**{title: retrieval([bm25.ask(q) for q in queries], accepted) for title, bm25 in search.items()},
                "random": shuffled(list(range(1, SPECIES + 1)), accepted)}
        report.add(title, len(queries), retrieval(found, accepted), base)
    listed = program.run("export", "pokedex:", "--format", "csv", "--columns", "id,label").splitlines()[1:]
    names = [line.split(",", 1)[1] for line in listed]
    rng = random.Random(0)
    for title, asked in [("names, exact", names), ("names, one typo", [typo(n, rng) for n in names])]:
        first = [hits[0]["id"] if hits else None for hits in program.ask(asked, 1)]
        report.add(title, len(names), {"top-1": sum(f == i for i, f in enumerate(first, 1)) / len(names)}, {})


def held_out_pictures(data, unseen):
    """The pictures of every folder that training did not see."""
    with open(HERE.parent / "training" / "held_out.csv", newline="") as file:
        hashes = {r["sha256"] for r in csv.DictReader(file)}
    out = {}
    for folder in FOLDERS:
        files = sorted(p for p in (data / folder).iterdir() if p.name[:4].isdigit())
        if folder not in {*UNSEEN, *unseen}:
            files = [p for p in files if hashlib.sha256(p.read_bytes()).hexdigest() in hashes]
        elif folder in unseen:
            shape = lambda path: outline(premultiplied(open_rgba(path.read_bytes())))
            files = [p for p in files if not is_near_copy(shape(p), shape(data / "artwork_256" / f"{p.name[:4]}_official.png"))]
        out[folder] = files
    return out


def pictures_to_species(program, pictures, art, report):
    for folder, files in pictures.items():
        truth = [int(p.name[:4]) for p in files]
        found = [[h["id"] for h in hits] for hits in program.ask([f"img:{p}" for p in files], 5)]
        colours = np.stack([histogram(open_rgba(p.read_bytes())) for p in files])
        nearest = (np.argsort(-colours @ art.T, 1, kind="stable")[:, :5] + 1).tolist()
        base = {"colours": ranks(nearest, truth), "random": {"top-1": 1 / SPECIES, "top-5": 5 / SPECIES}}
        report.add(f"picture to species, {folder}", len(files), ranks(found, truth), base)


def words_to_pictures(program, pictures, report):
    rows = load_queries("queries.csv")
    for folder, files in pictures.items():
        with tempfile.TemporaryDirectory() as scratch:
            species, rng = {}, random.Random(1)
            (Path(scratch) / "pictures").mkdir()
            for path in files:
                name = f"{rng.getrandbits(48):012x}{path.suffix}"
                (Path(scratch) / "pictures" / name).symlink_to(path.resolve())
                species[name] = int(path.name[:4])
            program.index(Path(scratch) / "pictures", Path(scratch) / "index.parquet")
            # Only queries that some picture of the folder answers.
            present = set(species.values())
            asked = [(q, a & present) for q, a in rows if a & present]
            accepted = [a for _, a in asked]
            groups = program.ask([q for q, _ in asked], len(files), "--index", Path(scratch) / "index.parquet")
            found = [list(dict.fromkeys(species[h["key"]] for h in group)) for group in groups]
            report.add(f"words to pictures, {folder}", len(asked), retrieval(found, accepted), {"random": shuffled(sorted(present), accepted)})


def similar_pictures(program, data, art, report, sibling):
    def ten(vectors):
        scores = vectors @ vectors.T
        np.fill_diagonal(scores, -9)
        return (np.argsort(-scores, 1, kind="stable")[:, :10] + 1).tolist()

    with tempfile.TemporaryDirectory() as scratch:
        program.index(data / "artwork_256", Path(scratch) / "index.parquet")
        keys = [p.name for p in sorted((data / "artwork_256").glob("*.png"))]
        groups = program.ask([f"key:{k}" for k in keys], 10, "--index", Path(scratch) / "index.parquet")
    found = [[int(h["key"][:4]) for h in hits] for hits in groups]
    reference, colours = ten(teacher.vectors(data)), ten(art)
    which = {"species withheld": np.flatnonzero(teacher.withheld())} if sibling else {"all species seen": range(SPECIES)}
    for title, rows in which.items():
        pick = [reference[i] for i in rows]
        base = {"colours": {"overlap@10": overlap([colours[i] for i in rows], pick)}, "random": {"overlap@10": 10 / (SPECIES - 1)}}
        report.add(f"similar pictures, {title}", len(rows), {"overlap@10": overlap([found[i] for i in rows], pick)}, base)


def not_a_pokemon(program, data, pictures, art, report):
    photos = sorted(p for p in (data / "photos").iterdir() if p.suffix.lower() not in (".csv", ".md"))
    photos = photos[len(photos) // 2 :]
    sprites = [p for p in pictures["front_sprites"] if "shiny" not in p.name]
    rng = random.Random(2)
    with tempfile.TemporaryDirectory() as scratch:
        plain, pasted = [], []
        for photo in photos:
            scene = over_white(open_rgba(photo.read_bytes()))
            scene.thumbnail((512, 512))
            plain.append(Path(scratch) / f"{photo.stem}.png")
            scene.save(plain[-1])
            for copy in range(4):
                sprite = open_rgba(rng.choice(sprites).read_bytes())
                sprite = sprite.crop(sprite.getchannel("A").getbbox())
                scale = rng.uniform(0.5, 0.9) * min(scene.width / sprite.width, scene.height / sprite.height)
                sprite = sprite.resize((max(1, round(sprite.width * scale)), max(1, round(sprite.height * scale))), Image.BILINEAR)
                spot = (rng.randint(0, scene.width - sprite.width), rng.randint(0, scene.height - sprite.height))
                both = scene.copy()
                both.paste(sprite, spot, sprite)
                pasted.append(Path(scratch) / f"{photo.stem}-{copy}.png")
                both.save(pasted[-1])
        groups = {"wild_a": pictures["wild_a"], "sprites pasted on unseen photographs": pasted, "photographs": plain}
        scores = {k: [h[0]["score"] for h in program.ask([f"img:{p}" for p in v], 1)] for k, v in groups.items()}
        colour = {k: [float((histogram(open_rgba(p.read_bytes())) @ art.T).max()) for p in v] for k, v in groups.items()}
    for title, names in {"wild_a and sprites": list(groups)[:2], "wild_a": ["wild_a"], "sprites on photographs": [list(groups)[1]]}.items():
        ours, theirs = (auroc(sum((s[n] for n in names), []), s["photographs"]) for s in (scores, colour))
        base = {"colours": {"AUROC": theirs}, "random": {"AUROC": 0.5}}
        report.add(f"Pokémon or not, {title}", sum(len(groups[n]) for n in names) + len(plain), {"AUROC": ours}, base)


def whole_process(program, report):
    times = []
    for _ in range(21):
        start = time.perf_counter()
        program.run("query", "fire dog")
        times.append(1000 * (time.perf_counter() - start))
    # A small process in between: what a child starts with is its parent's memory.
    measure = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); " \
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    peak = subprocess.run([sys.executable, "-c", measure, program.path, "query", "fire dog"], capture_output=True, text=True).stdout
    report.add('query "fire dog", whole process', 21, {"ms, median": statistics.median(times), "MB, peak": int(peak) / 1024}, {})
    assets = [p for folder in ("assets", "crates") for p in (HERE.parent / folder).rglob("*") if p.is_file()]
    report.add("bytes in the package", len(assets), {"MB": sum(p.stat().st_size for p in assets) / 1e6}, {})


class Report:
    """The figures, as a table and as JSON."""

    def __init__(self):
        self.rows = []
        print("| task | n | figures | baselines |\n| --- | ---: | --- | --- |")

    def add(self, task, count, figures, baselines, intervals=None):
        self.rows.append({"task": task, "n": count, "figures": figures, "baselines": baselines, **({"intervals": intervals} if intervals else {})})
        show = lambda f: " / ".join(f"{v:.1f}" if k.startswith(("ms", "MB")) else f"{v:.3f}" for k, v in f.items())
        base = "; ".join(f"{name} {show(values)}" for name, values in baselines.items())
        print(f"| {task} | {count} | {' / '.join(figures)}: **{show(figures)}** | {base} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pokedex", default="target/release/pokedex")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", type=Path, help="folder of another model, with its pokedex.arrow")
    parser.add_argument("--unseen", nargs="*", default=[], help="folders of which that model saw no picture")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if not args.data.is_dir():
        print(f"{args.data} is absent: nothing measured")
        return
    os.environ.pop("POKEDEX_INDEX", None)
    program, report = Program(args.pokedex, args.model), Report()
    pictures = held_out_pictures(args.data, args.unseen)
    art = np.stack([histogram(open_rgba(p.read_bytes())) for p in sorted((args.data / "artwork_256").glob("*.png"))])
    if not args.model:
        words_and_names(program, args.data, report)
    pictures_to_species(program, pictures, art, report)
    words_to_pictures(program, pictures, report)
    similar_pictures(program, args.data, art, report, bool(args.model))
    not_a_pokemon(program, args.data, pictures, art, report)
    photographs.measure(program, args.data, report)
    if not args.model:
        whole_process(program, report)
    if args.json:
        args.json.write_text(json.dumps(report.rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
