"""How well ordinary photographs are found and told apart: a part of `eval_model.py`, which says what its rows are."""

import csv
import random
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))
from images import is_kept_out  # noqa: E402

POOL = 416
LABELS = 16


def listed(data):
    """Of photos/ and photos_dev/: (path, kind, captions, is it kept from training?)."""
    with open(data / "photos" / "labels.csv", newline="") as file:
        rows = [(data / "photos" / r["file"], "photos", [r["caption"]]) for r in csv.DictReader(file)]
    with open(data / "photos_dev" / "captions.csv", newline="") as file:
        rows += [(data / "photos_dev" / r["file"], r["kind"], r["captions"].split("|")) for r in csv.DictReader(file)]
    files = sorted(p for p in (data / "photos").iterdir() if p.suffix.lower() not in (".csv", ".md"))
    place = {p.name: i for i, p in enumerate(files)}
    kept = lambda p, kind: kind == "caption" or is_kept_out(p.parent.name, place.get(p.name, 0), p.name, len(files))
    return [(p, kind, captions, kept(p, kind)) for p, kind, captions in rows]


def vectors(program, files):
    """Unit vectors [N, dimension] of files, through `embed`."""
    with tempfile.TemporaryDirectory() as scratch:
        names = {}
        for i, path in enumerate(files):
            link = Path(scratch) / "pictures" / f"{i:05}{path.suffix}"
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(path.resolve())
            names[link.name] = i
        out = Path(scratch) / "out.parquet"
        program.run("embed", link.parent, "-q", "--no-cache", *program.model, "-o", out)
        table = pq.read_table(out)
    at = [names[Path(p).name] for p in table["path"].to_pylist()]
    result = np.zeros((len(files), len(table["embedding"][0].as_py())), np.float32)
    result[at] = np.stack(table["embedding"].to_numpy(zero_copy_only=False))
    return result


def text_vectors(program, texts):
    """Unit vectors of texts, through `embed --text`."""
    with tempfile.TemporaryDirectory() as scratch:
        source, out = Path(scratch) / "texts.parquet", Path(scratch) / "out.parquet"
        pq.write_table(pa.table({"key": [f"{i:06}" for i in range(len(texts))], "text": texts}), source)
        program.run("embed", source, "-q", "--text", "text", "--no-cache", *program.model, "-o", out)
        table = pq.read_table(out)
    assert table.num_rows == len(texts)
    return np.stack(table["embedding"].to_numpy(zero_copy_only=False))


def interval(values, of=np.mean):
    """The middle 95 of 100 of means of samples with replacement."""
    rng = np.random.default_rng(0)
    values = np.asarray(values)
    means = [of(values[rng.integers(len(values), size=len(values))]) for _ in range(1000)]
    return [round(float(x), 4) for x in np.percentile(means, [2.5, 97.5])]


def find_captioned(program, report, title, captions, pictures):
    """Each of the captions [a list a picture] against all pictures: where its own stands."""
    own = np.repeat(np.arange(len(captions)), [len(c) for c in captions])
    scores = text_vectors(program, sum(captions, [])) @ pictures.T
    place = 1 + (scores > scores[np.arange(len(own)), own][:, None]).sum(1)
    chance = {"MRR": float(np.mean(1 / np.arange(1, len(pictures) + 1))), "recall@10": 10 / len(pictures)}
    report.add(f"captions to photographs, {title}", len(own), {"MRR": float(np.mean(1 / place)), "recall@10": float(np.mean(place <= 10))},
               {"random": chance}, {"MRR": interval(1 / place)})


def measure(program, data, report):
    rows = listed(data)
    all_vectors = vectors(program, [r[0] for r in rows])
    pick = lambda *kinds: [i for i, r in enumerate(rows) if r[1] in kinds]
    kept = lambda *kinds: [i for i in pick(*kinds) if rows[i][3]]

    some = random.Random(0).sample(pick("caption"), min(POOL, len(pick("caption"))))
    for title, some in {"Flickr8k": some, "photos": pick("photos")}.items():
        find_captioned(program, report, title, [rows[i][2] for i in some], all_vectors[some])

    labelled = kept("object", "scene")
    labels = np.array([rows[i][2][0] for i in labelled])
    for title, some in {"Caltech 101": kept("object"), "six scenes": kept("scene")}.items():
        own = np.array([rows[i][2][0] for i in some])
        names = sorted(set(own))
        scores = text_vectors(program, names) @ all_vectors[some].T
        precision = [average_precision(score, own == name) for name, score in zip(names, scores)]
        report.add(f"labels to photographs, {title}", len(some), {"mAP": float(np.mean(precision))},
                   {"random": {"mAP": float(np.mean([np.mean(own == n) for n in names]))}}, {"mAP": interval(precision)})
        near = all_vectors[some] @ all_vectors[some].T
        np.fill_diagonal(near, -9)
        right = own[near.argmax(1)] == own
        share = np.mean([(np.sum(own == x) - 1) / (len(own) - 1) for x in own])
        report.add(f"nearest photograph shows the same, {title}", len(some), {"top-1": float(right.mean())},
                   {"random": {"top-1": float(share)}}, {"top-1": interval(right)})
    # Pools of a few labels, as a folder of one's own has.
    rng, picks = random.Random(1), []
    for _ in range(20):
        some = rng.sample(sorted(set(labels)), LABELS)
        rows_of = [i for i, label in zip(labelled, labels) if label in some]
        own = np.array([rows[i][2][0] for i in rows_of])
        scores = text_vectors(program, some) @ all_vectors[rows_of].T
        picks.append(np.mean([average_precision(score, own == name) for name, score in zip(some, scores)]))
    report.add(f"labels to photographs, {LABELS} of both", len(picks), {"mAP": float(np.mean(picks))}, {"random": {"mAP": 1 / LABELS}})


def average_precision(scores, right):
    order = np.argsort(-scores, kind="stable")
    hits = right[order]
    return float((np.cumsum(hits)[hits] / (1 + np.flatnonzero(hits))).mean())
