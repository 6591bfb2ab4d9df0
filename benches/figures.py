"""How well the built-in model and Pokédex find things, measured through the program itself.

Prints a table and, with --json, writes the figures. Needs the data folder (pictures, never committed) and nothing but
Python's standard library:

    python3 benches/figures.py --pokedex target/release/pokedex --data ../shared/data

- text to Pokédex: the natural queries of benches/queries.csv (written before any output was seen, never used in
  training) against the built-in Pokédex: every second one, the others having chosen the weights of the fused score.
  precision@5 counts hits in the first five over min(5, number accepted).
- text to pictures: the same queries against an index of one folder's pictures under random names, without ids or labels.
- picture to species: each picture of a folder, asked of the built-in Pokédex.
- names: all 1025, and each with one typo (seeded: a letter left out, doubled, replaced or swapped).

Only pictures that the shipped model never saw count: whole folders that training leaves out, and in the others the
files whose SHA-256 stands in training/held_out.csv.
"""

import argparse
import csv
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

UNSEEN_STYLES = {"team_crops", "wild_a"}
FOLDERS = ["dreamworld", "front_sprites", "ingame_sprites", "box_icons", "team_crops", "wild_a"]


def run(pokedex, *arguments, stdin=None):
    """The program's standard output; its standard error is shown if it fails."""
    done = subprocess.run([pokedex, *map(str, arguments)], input=stdin, capture_output=True, text=True)
    if done.returncode not in (0, 3):
        sys.exit(f"pokedex {arguments[0]} failed: {done.stderr}")
    return done.stdout


def ask(pokedex, queries, top, *more):
    """Hits of many queries as one list of objects a query, in order."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(queries) + "\n")
        file.flush()
        lines = run(pokedex, "query", "--queries", file.name, "--top", top, "--format", "jsonl", *more).splitlines()
    groups = []
    for hit in map(json.loads, lines):
        if hit["rank"] == 1:
            groups.append([])
        groups[-1].append(hit)
    assert len(groups) == len(queries), (len(groups), len(queries))
    return groups


def retrieval(found, accepted):
    """precision@5, MRR, top-1 of ranked lists of species against sets of accepted ones."""
    precision = reciprocal = first = 0.0
    for species, right in zip(found, accepted):
        hits = [s in right for s in species]
        precision += sum(hits[:5]) / min(5, len(right))
        reciprocal += next((1 / rank for rank, hit in enumerate(hits, 1) if hit), 0.0)
        first += bool(hits and hits[0])
    return {"queries": len(found), "p5": precision / len(found), "mrr": reciprocal / len(found), "top1": first / len(found)}


def chance(species, accepted, top=1000, seed=0):
    """The same figures for pictures in random order."""
    rng = random.Random(seed)
    lists = [rng.sample(species, min(top, len(species))) for _ in accepted]
    return retrieval(lists, accepted)


def pictures(data, folder, held_out):
    """The pictures of a folder that training did not see."""
    files = sorted(p for p in (data / folder).iterdir() if p.name[:4].isdigit())
    if folder in UNSEEN_STYLES:
        return files
    return [p for p in files if hashlib.sha256(p.read_bytes()).hexdigest() in held_out]


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pokedex", default="target/release/pokedex")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if not args.data.is_dir():
        print(f"{args.data} is absent: nothing measured")
        return
    here = Path(__file__).resolve().parent
    with open(here / "queries.csv", newline="") as file:
        rows = [(r["query"], {int(i) for i in r["accepted"].split("|")}) for r in csv.DictReader(file)]
    queries, accepted = [q for q, _ in rows], [a for _, a in rows]
    with open(here.parent / "training" / "held_out.csv", newline="") as file:
        held_out = {r["sha256"] for r in csv.DictReader(file)}
    figures = {}

    for title, part in [("text to Pokédex", slice(1, None, 2)), ("text to Pokédex, the others", slice(0, None, 2))]:
        found = [[h["id"] for h in hits] for hits in ask(args.pokedex, queries[part], 50)]
        figures[title] = retrieval(found, accepted[part])
    figures["text to Pokédex, chance"] = chance(list(range(1, 1026)), accepted)

    names = [r.split(",", 1)[1] for r in run(args.pokedex, "export", "pokedex:", "--format", "csv", "--columns", "id,label").splitlines()[1:]]
    rng = random.Random(0)
    for title, asked in [("names, exact", names), ("names, one typo", [typo(n, rng) for n in names])]:
        first = [hits[0]["id"] for hits in ask(args.pokedex, asked, 1)]
        figures[title] = {"queries": len(names), "top1": sum(f == i for i, f in enumerate(first, 1)) / len(names)}

    os.environ.pop("POKEDEX_INDEX", None)
    for folder in FOLDERS:
        files = pictures(args.data, folder, held_out)
        if not files:
            continue
        hits = ask(args.pokedex, [f"img:{p}" for p in files], 5)
        ranks = [[h["id"] for h in group] for group in hits]
        truth = [int(p.name[:4]) for p in files]
        figures[f"picture to species, {folder}"] = {
            "queries": len(files),
            "top1": sum(r[0] == t for r, t in zip(ranks, truth)) / len(files),
            "top5": sum(t in r for r, t in zip(ranks, truth)) / len(files),
        }
        with tempfile.TemporaryDirectory() as scratch:
            species, order = {}, random.Random(1)
            for path in files:
                name = f"{order.getrandbits(48):012x}{path.suffix}"
                (Path(scratch) / name).symlink_to(path.resolve())
                species[name] = int(path.name[:4])
            index = Path(scratch) / "index.parquet"
            table = Path(scratch) / "embeddings.parquet"
            run(args.pokedex, "embed", scratch, "--no-cache", "-o", table)
            run(args.pokedex, "index", table, "-o", index)
            # Only queries that some picture of the folder answers; a species counts once, at its best picture.
            present = set(species.values())
            asked = [(q, a & present) for q, a in rows if a & present]
            groups = ask(args.pokedex, [q for q, _ in asked], len(files), "--index", str(index))
            lists = [list(dict.fromkeys(species[h["key"]] for h in group)) for group in groups]
            figures[f"text to pictures, {folder}"] = retrieval(lists, [a for _, a in asked])
            figures[f"text to pictures, {folder}, chance"] = chance(sorted(present), [a for _, a in asked])

    for title, values in figures.items():
        shown = "  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items())
        print(f"{title:45} {shown}")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
