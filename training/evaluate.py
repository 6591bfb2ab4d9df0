"""Measure an export: image to species by folder, text to species, text to pictures, CLIP neighbours."""
import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from anchors import clip_overlap, dev_queries, rank_scores
from common import Tokenizer, read_csv
from export import Runner


def image_table(vectors, meta, species, unseen):
    """Top-1 and top-5 per folder, seen and held-out apart."""
    groups = {}
    for i, m in enumerate(meta):
        if m["folder"] == "photos":
            continue
        state = "held out" if m["held_out"] == "1" else "seen"
        if m["folder"] in unseen or m["folder"] in ("team_crops", "wild_a"):
            state = "unseen style"
        if m["folder"] == "artwork_475":
            state = "seen at 256"
        if "back" in m["file"]:
            state = "back view, unseen"
        groups.setdefault((m["folder"], state), []).append(i)
    out = []
    for (folder, state), rows in sorted(groups.items()):
        truth = np.array([int(meta[i]["id"]) - 1 for i in rows])
        order = np.argsort(-(vectors[rows] @ species.T), axis=1)[:, :5]
        hit = order == truth[:, None]
        out.append({"folder": folder, "state": state, "pictures": len(rows), "species": len(set(truth)),
                    "top1": float(hit[:, 0].mean()), "top5": float(hit.any(1).mean())})
    return out


def text_to_pictures(run, tok, queries, vectors, meta, rows):
    """Precision@5 and MRR on an index of pictures, no ids used."""
    truth = np.array([int(meta[i]["id"]) - 1 for i in rows])
    scores = []
    for text, relevant in queries:
        want = np.flatnonzero(np.isin(truth, relevant))
        if len(want):
            scores.append(rank_scores(vectors[rows] @ run.texts([tok.encode(text)])[0], want))
    mean = np.mean(scores, axis=0)
    return {"pictures": len(rows), "queries": len(scores), "p5": float(mean[0]), "mrr": float(mean[1]), "top1": float(mean[2])}


def known_or_not(vectors, meta, species):
    """Best cosine of ordinary photographs against that of pictures of species."""
    best = (vectors @ species.T).max(1)
    photo = np.array([m["folder"] == "photos" and m["held_out"] == "1" for m in meta])
    known = np.array([m["folder"] != "photos" and m["held_out"] == "1" for m in meta])
    pairs = best[known][:, None] > best[photo][None]
    return {"photos": int(photo.sum()), "pictures": int(known.sum()), "auc": float(pairs.mean())}


def evaluate(data, work, export, unseen):
    """All figures as a dictionary."""
    meta = read_csv(Path(work) / "render" / "meta.csv")
    test = np.load(Path(work) / "render" / "test.npy", mmap_mode="r")
    run = Runner(Path(work) / "onnx")
    tok = Tokenizer.load(Path(export) / "vocab.txt")
    table = pq.read_table(Path(export) / "pokedex.parquet")
    species = np.stack(table["embedding"].to_pylist()).astype(np.float32)
    vectors = run.pixels(test)
    queries = dev_queries(data)
    text = np.mean([rank_scores(species @ run.texts([tok.encode(t)])[0], rel) for t, rel in queries], axis=0)
    clip = np.load(f"{data}/clip_vit_b32_artwork.npy")
    clip = clip - clip.mean(0)
    clip /= np.linalg.norm(clip, axis=1, keepdims=True)
    dream = [i for i, m in enumerate(meta) if m["folder"] == "dreamworld" and (m["held_out"] == "1" or "dreamworld" in unseen)]
    front = [i for i, m in enumerate(meta) if m["folder"].startswith("front_sprites") and m["held_out"] == "1" and "shiny" not in m["file"]]
    art = [i for i, m in enumerate(meta) if m["folder"] == "artwork_256"]
    return {
        "image_to_species": image_table(vectors, meta, species, unseen),
        "text_to_species": {"queries": len(queries), "p5": float(text[0]), "mrr": float(text[1]), "top1": float(text[2])},
        "text_to_pictures_held_out": text_to_pictures(run, tok, queries, vectors, meta, dream + front),
        "text_to_pictures_artwork_seen": text_to_pictures(run, tok, queries, vectors, meta, art),
        "clip_overlap10_species_vectors": clip_overlap(species, clip),
        "clip_overlap10_artwork_vectors": clip_overlap(vectors[art], clip),
        "species_or_photo": known_or_not(vectors, meta, species),
    }


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--export", required=True)
    p.add_argument("--unseen", nargs="*", default=[], help="folders never trained on so far")
    p.add_argument("--json", help="write the figures here")
    args = p.parse_args()
    result = evaluate(args.data, args.work, args.export, args.unseen)
    print(f"{'folder':22s}{'state':20s}{'pictures':>9s}{'top1':>8s}{'top5':>8s}")
    for r in result["image_to_species"]:
        print(f"{r['folder']:22s}{r['state']:20s}{r['pictures']:9d}{r['top1']:8.3f}{r['top5']:8.3f}")
    for key, value in result.items():
        if key != "image_to_species":
            print(key, value)
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
