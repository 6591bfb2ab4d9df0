"""From the data folder to the shipped files: every stage, resumable and seeded."""
import argparse
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import anchors
import curves
import export
import images
import text
import tower
from common import HERE, load_recipe, seed_all


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True, help="folder with the pictures, facts.csv, flavor_en.csv, clip_vit_b32_artwork.npy")
    p.add_argument("--work", required=True, help="folder for intermediate files; delete one to redo its stage")
    p.add_argument("--out", default=HERE.parent / "assets" / "model", help="folder for the shipped files")
    p.add_argument("--image-out", default=HERE.parent / "crates" / "eye", help="folder for the shipped image tower")
    p.add_argument("--golden", default=HERE.parent / "tests" / "data" / "golden.json", help="file for the golden values")
    args = p.parse_args()
    recipe = load_recipe()
    work = Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    rng = seed_all(recipe["seed"])
    images.render(args.data, work)
    text.prepare(args.data, work, recipe, rng)
    text.distill(work, recipe)
    for phase in tower.PHASES:
        if phase in ("a", "b"):
            anchors.align(args.data, work, recipe, phase)
        tower.train(work, recipe, phase)
        if phase == "a":
            export.export(args.data, work, work / "sibling", recipe, phase)
        elif phase == tower.PHASES[-1]:
            export.export(args.data, work, args.out, recipe, phase, args.golden, args.image_out)
    curves.draw()


if __name__ == "__main__":
    main()
