"""How well the built-in Pokédex answers plain words: names in ten languages, families, regions, weaknesses, forms, numbers.

    python3 benches/plain.py target/release/pokedex [--queries benches/plain_queries.csv] [--names] [--everyday FILE] [--wrong]

prints precision@5 (hits in the first five over min(5, number accepted)), MRR and first right by style. --names asks for every
name in the list of the binary (assets/model/names.tsv), as it is and with one slip (Latin letters, seeded). --everyday counts
the lines of a file that are read as more than words, which none should be. --wrong shows what is not right. Needs nothing but Python.
"""

import argparse
import collections
import csv
import json
import random
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def ask(binary, queries, *more):
    """For each query the keys of its hits, and what it was read as."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join(queries) + "\n")
        file.flush()
        out = subprocess.run([binary, "query", "--queries", file.name, "--top", "5", "--format", "jsonl", *more],
                             capture_output=True, text=True)
    if out.returncode:
        raise SystemExit(out.stderr)
    found, read = collections.defaultdict(list), {}
    for row in map(json.loads, out.stdout.splitlines()):
        found[row["query"]].append(row["key"])
        read[row["query"]] = row.get("read_as")
    return found, read


def figures(found, asked):
    precision = reciprocal = first = 0.0
    for query, accepted in asked:
        hits = [key in accepted for key in found[query]]
        precision += sum(hits[:5]) / min(5, len(accepted))
        reciprocal += next((1 / rank for rank, hit in enumerate(hits, 1) if hit), 0.0)
        first += bool(hits and hits[0])
    return precision / len(asked), reciprocal / len(asked), first / len(asked)


def queries(binary, path, wrong):
    styles = collections.defaultdict(list)
    for row in csv.DictReader(open(path, encoding="utf-8")):
        styles[row["style"]].append((row["query"], set(row["accepted"].split("|"))))
    every = [pair for pairs in styles.values() for pair in pairs]
    found, read = ask(binary, [query for query, _ in every])
    print("| style | queries | precision@5 | MRR | first right |\n| --- | ---: | ---: | ---: | ---: |")
    for style, asked in [*styles.items(), ("all", every)]:
        print(f"| {style} | {len(asked)} | " + " | ".join(f"{value:.3f}" for value in figures(found, asked)) + " |")
    for style, asked in styles.items() if wrong else ():
        for query, accepted in asked:
            if figures(found, [(query, accepted)]) != (1, 1, 1):
                print(f"{style}: {query!r}: read as {read.get(query)!r}: {found[query]}, accepted {sorted(accepted)[:8]} ({len(accepted)})")


def slip(name, rng):
    """A name with a letter left out, doubled, replaced or swapped with the next, but for the first."""
    at = rng.randrange(1, len(name) - 1)
    kind = rng.choice(["out", "twice", "other", "swapped"])
    other = rng.choice("abcdefghijklmnopqrstuvwxyz")
    ends = {"out": name[at + 1:], "twice": name[at] * 2 + name[at + 1:], "other": other + name[at + 1:],
            "swapped": name[at + 1] + name[at] + name[at + 2:]}
    return name[:at] + ends[kind]


def names(binary, wrong):
    rng, plain, slips = random.Random(7), collections.defaultdict(set), collections.defaultdict(set)
    languages = collections.defaultdict(set)
    species = {}
    for row in csv.DictReader(subprocess.run([binary, "query", "--sort", "id", "--top", "1025", "--format", "csv"], capture_output=True,
                                             text=True, check=True).stdout.splitlines()):
        species[row["key"]] = row["label"]
    for line in open(HERE.parent / "assets/model/names.tsv", encoding="utf-8"):
        _, key, written = line.rstrip("\n").split("\t")
        for part in written.split(";") if key in species and written else ():
            language, name = part.split("=", 1)
            plain[name].add(key)
            languages[name].add(language)
    for name in sorted(plain):
        if name.isascii() and name.isalpha() and len(name) >= 5:
            wrongly = slip(name, rng)
            if wrongly not in plain:
                slips[wrongly] |= plain[name]
                languages[wrongly] |= languages[name]
    for title, asked in (("names", plain), ("with one slip", slips)):
        found, _ = ask(binary, list(asked))
        by = collections.defaultdict(list)
        for name, keys in asked.items():
            right = bool(found[name]) and found[name][0] in keys
            for language in [*languages[name], "all"]:
                by[language].append(right)
            if wrong and not right:
                print(f"{title}: {name!r} ({', '.join(sorted(languages[name]))}): {found[name][:1]}, wanted {sorted(keys)}")
        print(f"{title}: " + ", ".join(f"{language} {100 * sum(right) / len(right):.2f} % of {len(right)}" for language, right in sorted(by.items())))


def everyday(binary, path):
    lines = [line.strip() for line in open(path, encoding="utf-8") if line.strip()]
    _, read = ask(binary, lines)
    changed = {line: read[line] for line in lines if read.get(line)}
    print(f"everyday English: {len(changed)} of {len(lines)} are read as more than words")
    for line, what in changed.items():
        print(f"  {line!r}: {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pokedex")
    parser.add_argument("--queries", type=Path, default=HERE / "plain_queries.csv")
    parser.add_argument("--names", action="store_true")
    parser.add_argument("--everyday", type=Path)
    parser.add_argument("--wrong", action="store_true")
    args = parser.parse_args()
    queries(args.pokedex, args.queries, args.wrong)
    if args.names:
        names(args.pokedex, args.wrong)
    if args.everyday:
        everyday(args.pokedex, args.everyday)


if __name__ == "__main__":
    main()
