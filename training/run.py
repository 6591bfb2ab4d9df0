"""From the data folder to the shipped files: every stage, resumable and seeded."""
import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import anchors
import evaluate
import export
import images
import text
import tower
from common import load_recipe, seed_all


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True, help="folder with the pictures, facts.csv, flavor_en.csv, clip_vit_b32_artwork.npy")
    p.add_argument("--work", required=True, help="folder for intermediate files; delete one to redo its stage")
    p.add_argument("--out", required=True, help="folder for the shipped files")
    args = p.parse_args()
    recipe = load_recipe()
    work = Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    rng = seed_all(recipe["seed"])
    images.render(args.data, work)
    text.prepare(args.data, work, recipe, rng)
    text.distill(work, recipe)
    anchors.align(args.data, work, recipe, rng)
    tower.train(work, recipe, "a")
    if not (work / "evaluation_a.json").exists():
        export.export(args.data, work, work / "export_a", recipe)
        figures = evaluate.evaluate(args.data, work, work / "export_a", ["dreamworld"])
        (work / "evaluation_a.json").write_text(json.dumps(figures, indent=1) + "\n")
    tower.train(work, recipe, "b")
    export.export(args.data, work, args.out, recipe)
    figures = evaluate.evaluate(args.data, work, args.out, [])
    (work / "evaluation.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
