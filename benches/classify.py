"""How well heads on the built-in model's vectors classify the 1025 species, style by style, on pictures of the test split.

    python3 benches/classify.py --pokedex target/release/pokedex --data ../shared/data

splits all folders of pictures together (`pokedex split`), embeds them, trains every kind of head on the train rows, and
prints a table (Markdown) of top-1 accuracy and of the calibration error on the test rows; `words` compares pictures with the
species' names alone, `species` is `classify` without options, `random` is what guessing gives. Needs pyarrow.

The built-in model was trained on most of these pictures (its card says which), so these are no figures for new pictures of
the same kind; what they compare are heads on the same vectors.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FOLDERS = ["artwork_256", "dreamworld", "front_sprites", "front_sprites_badcrc", "ingame_sprites", "box_icons", "team_crops", "wild_a"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pokedex", default="target/release/pokedex")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    args = parser.parse_args()
    program = str(Path(args.pokedex).resolve())
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)

        def run(*words):
            started = time.perf_counter()
            done = subprocess.run([program, "-q", *map(str, words)], check=True, capture_output=True, text=True)
            return done.stdout, time.perf_counter() - started

        run("split", *[args.data / folder for folder in FOLDERS], "-o", scratch / "split.parquet")
        run("embed", scratch / "split.parquet", "-o", scratch / "all.parquet")
        table = pq.read_table(scratch / "all.parquet")
        styles = [key.split("/")[0] for key in table["key"].to_pylist()]
        table = table.append_column("style", pa.array(styles))
        names = sorted(set(table["label"].to_pylist()))
        (scratch / "names.txt").write_text("\n".join(names))
        # Metadata goes on through pyarrow; what is not the test is left out of what is judged.
        pq.write_table(table, scratch / "styled.parquet")
        test = table.filter(pa.compute.equal(table["split"], "test"))
        pq.write_table(test, scratch / "test.parquet")
        ways = {"words": ["--labels", scratch / "names.txt"], "species": ["--no-cache"]}
        times = {}
        for method in ["centroid", "knn", "linear"]:
            _, times[method] = run("train", scratch / "styled.parquet", "--method", method, "-o", scratch / f"{method}.parquet")
            ways[method] = ["--head", scratch / f"{method}.parquet"]
        figures = {}
        for way, options in ways.items():
            run("classify", scratch / "test.parquet", *options, "-o", scratch / "predictions.parquet")
            text, _ = run("evaluate", scratch / "predictions.parquet", "--by", "style", "--bootstrap", 0, "--format", "json")
            figures[way] = json.loads(text)
        print("| pictures of the test | n | random | " + " | ".join(ways) + " |")
        print("| --- | ---: | ---: |" + " ---: |" * len(ways))
        whole = {way: {group["group"]: group for group in found["groups"]} for way, found in figures.items()}
        for folder in FOLDERS:
            cells = [f"{whole[way][folder]['top1']:.3f}" for way in ways]
            print(f"| {folder} | {whole['words'][folder]['rows']} | 0.001 | " + " | ".join(cells) + " |")
        for title, key in {"all": "top1", "all, top-5": "top5", "all, macro F1": "macro_f1", "all, calibration error": "ece"}.items():
            cells = [f"{figures[way][key]:.3f}" for way in ways]
            print(f"| {title} | {figures['words']['rows']} |  | " + " | ".join(cells) + " |")
        print("\ntraining: " + ", ".join(f"{method} {seconds:.1f} s" for method, seconds in times.items()))


if __name__ == "__main__":
    main()
