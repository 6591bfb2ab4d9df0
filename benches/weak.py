"""When is nothing really like what was asked? The best scores of questions that make sense, beside those of questions that
make none: what `serve` says of an answer ("nothing is really like that") rests on a score between the two.

    python3 benches/weak.py target/release/pokedex [--data ../shared/data]

Without pictures only the built-in Pokédex is asked. Needs nothing but Python.
"""

import argparse
import csv
import json
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
NONSENSE = """asdf qwer|zxcvb|ピカチュウの色|猫が好きです|Quantenfeldtheorie|Steuererklärung|tax declaration form|
quarterly earnings report|the meaning of life|python exception traceback|🔥🐶|мама мыла раму|xkcd 327|lorem ipsum dolor sit amet|
how do I cancel my subscription|interest rate of the federal reserve|SELECT * FROM users|localhost:8080|42|
democracy and justice|Wednesday afternoon|json parser|insurance|vielen Dank für das Gespräch|je ne sais quoi|monetary policy|
grammar of Latin verbs|jkjkjk lololo|qqqqqq|the"""


def best(binary, questions, extra):
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join(questions) + "\n")
        file.flush()
        out = subprocess.run([binary, "query", "--queries", file.name, "--top", "1", "--format", "json", *extra],
                             capture_output=True, text=True, check=True)
    return sorted((row["score"], row["query"]) for row in json.loads(out.stdout))


def compare(name, binary, sense, extra=()):
    nonsense = [line.strip() for line in NONSENSE.replace("\n", "").split("|")]
    good, bad = best(binary, sense, list(extra)), best(binary, nonsense, list(extra))
    print(f"{name}: {len(good)} questions that make sense, {len(bad)} that make none")
    for threshold in [0.04, 0.06, 0.08, 0.10, 0.12, 0.14, 0.16, 0.18, 0.20, 0.22, 0.24, 0.26, 0.28, 0.30]:
        wrong = sum(score < threshold for score, _ in good)
        right = sum(score < threshold for score, _ in bad)
        print(f"  below {threshold:.2f}: {100 * right / len(bad):5.1f} % of nonsense, {100 * wrong / len(good):5.1f} % of sense")
    print("  lowest of sense:", "; ".join(f"{score:.3f} {text}" for score, text in good[:5]))
    print("  highest of nonsense:", "; ".join(f"{score:.3f} {text}" for score, text in bad[-5:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--data", type=Path)
    args = parser.parse_args()
    binary = str(Path(args.binary).resolve())
    rows = [row["query"] for name in ["queries.csv", "queries_b.csv", "queries_c.csv"]
            for row in csv.DictReader(open(HERE / name, encoding="utf-8"))]
    compare("built-in Pokédex", binary, sorted(set(rows)))
    if args.data:
        with tempfile.TemporaryDirectory() as work:
            table = f"{work}/photos.parquet"
            subprocess.run([binary, "embed", args.data / "photos", "-o", table, "--no-cache", "-q"], check=True)
            captions = [row["caption"] for row in csv.DictReader(open(args.data / "photos/labels.csv", encoding="utf-8"))]
            compare("photographs", binary, captions, ["--index", table])


if __name__ == "__main__":
    main()
