"""Loads what `pokedex export` writes in the tools that it is written for.

The pictures of a folder are divided, exported in every layout, and loaded from another working directory: by
Ultralytics' own check and data loader (with --train for an epoch of a nano model, too), torchvision, pycocotools,
webdataset and Hugging Face's datasets. Each must find every picture, in its split, with its class. Pictures for YOLO must
be those that Pillow makes of the sources.

Exit status: 0 when all that is installed finds all, or there is no data; 1 else. What is not installed is named.
"""

import argparse
import csv
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

SPLITS = ("train", "validation", "test")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pokedex", default="target/release/pokedex", help="the program [default: %(default)s]")
    parser.add_argument("--source", default="../shared/data/front_sprites", help="pictures [default: %(default)s]")
    parser.add_argument("--train", action="store_true", help="train an epoch of a nano model as well")
    args = parser.parse_args()
    source = Path(args.source).resolve()
    if not source.is_dir():
        print(f"skipped: {source} is not there")
        return 0
    pokedex = Path(args.pokedex).resolve()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        os.environ.setdefault("HF_HOME", str(folder / "hf"))
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("YOLO_CONFIG_DIR", str(folder / "ultralytics"))

        def run(*command):
            done = subprocess.run([pokedex, *map(str, command)], capture_output=True, text=True, cwd=folder)
            if done.returncode not in (0, 3):
                sys.exit(f"pokedex {' '.join(map(str, command))}:\n{done.stderr}")
            return done.stdout

        run("split", source, "--skip-ok", "-o", "split.parquet")
        rows = csv.DictReader(io.StringIO(run("export", "split.parquet", "--format", "csv", "--columns", "key,id,label,split")))
        rows = [row for row in rows if row["split"]]
        expected = Counter((row["split"], row["label"]) for row in rows)
        os.chdir(tempfile.gettempdir())
        for check, tool in (
            (yolo, "ultralytics"),
            (imagefolder, "torchvision"),
            (coco, "pycocotools"),
            (webdataset, "webdataset"),
            (huggingface, "datasets"),
        ):
            if importlib.util.find_spec(tool) is None:
                print(f"{check.__name__:12} skipped: {tool} is not installed")
                continue
            out = folder / check.__name__
            run("export", "split.parquet", "--format", check.__name__, "-o", out, *SIZES.get(check.__name__, ()))
            found = check(out, args)
            same = found == expected
            failed |= not same
            missing, strange = expected - found, found - expected
            detail = "" if same else f"; missing {missing.most_common(3)}, strange {strange.most_common(3)}"
            print(f"{check.__name__:12} {'met' if same else 'MISSED'}: {sum(found.values())} of {len(rows)} pictures{detail}")
            if check is yolo:
                columns = ("--format", "csv", "--columns")
                made = csv.DictReader(io.StringIO(run("export", out / "manifest.parquet", *columns, "key,file")))
                paths = csv.DictReader(io.StringIO(run("export", "split.parquet", *columns, "key,path")))
                worst = worst_picture(out, list(made), {row["key"]: row["path"] for row in paths})
                failed |= worst >= MOST_DIFFERENCE
                verdict = "met" if worst < MOST_DIFFERENCE else "MISSED"
                print(f"{'':12} {verdict}: pictures differ from Pillow's by {worst:.1f} of 255 in the mean at most")
            # What comes back is what went in.
            back = run("scan", out, "--skip-ok", "-o", "back.parquet")
            back = csv.DictReader(io.StringIO(run("export", "back.parquet", "--format", "csv", "--columns", "key,id,label,split")))
            same = sorted(map(str, back)) == sorted(map(str, rows))
            failed |= not same
            print(f"{'':12} {'met' if same else 'MISSED'}: keys, ids, labels and splits come back by scan")
    return 1 if failed else 0


# Of 255, in the mean over a picture: JPEG and another bilinear filter.
MOST_DIFFERENCE = 6
COMPARED = 20


def worst_picture(out, made, paths):
    """The greatest mean difference between some exported pictures and what Pillow makes of their sources."""
    import numpy
    from PIL import Image

    worst = 0.0
    for row in made[:: max(1, len(made) // COMPARED)]:
        with Image.open(out / row["file"]) as picture:
            ours = numpy.asarray(picture.convert("RGB"), dtype=numpy.float32)
        with Image.open(paths[row["key"]]) as source:
            source = source.convert("RGBA")
        white = Image.new("RGBA", source.size, "white")
        theirs = Image.alpha_composite(white, source).convert("RGB").resize(ours.shape[1::-1], Image.Resampling.BILINEAR)
        worst = max(worst, float(numpy.abs(ours - numpy.asarray(theirs, dtype=numpy.float32)).mean()))
    return worst


SIZES = {"webdataset": ("--shard-size", "2MB"), "huggingface": ("--shard-size", "2MB"), "yolo": ("--size", "64")}


def yolo(out, args):
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(str(out / "data.yaml"))
    found = Counter()
    for key, split in zip(("train", "val", "test"), SPLITS):
        loaded = YOLODataset(img_path=data[key], data=data, task="detect", imgsz=64, augment=False)
        cache = loaded.get_cache() if hasattr(loaded, "get_cache") else loaded.cache_labels(out.parent / "labels.cache")
        labelled, missing, empty, corrupt, total = cache["results"]
        assert (labelled, missing, empty, corrupt) == (total, 0, 0, 0), cache["results"]
        assert not [message for message in cache["msgs"] if message], cache["msgs"]
        for label in loaded.labels:
            assert label["bboxes"].tolist() == [[0.5, 0.5, 1.0, 1.0]]
            found[split, data["names"][int(label["cls"][0][0])]] += 1
    if args.train:
        from ultralytics import YOLO

        YOLO("yolo11n.yaml").train(
            data=str(out / "data.yaml"), epochs=1, imgsz=64, batch=32, workers=0, device="cpu", plots=False,
            project=str(out.parent / "runs"), verbose=False,
        )
    return found


def imagefolder(out, _):
    from torchvision.datasets import ImageFolder

    found = Counter()
    listed = (out / "classes.txt").read_text().splitlines()
    folders = sorted({path.name for split in SPLITS for path in (out / split).glob("*")})
    labels = dict(zip(folders, listed, strict=True))
    for split in SPLITS:
        data = ImageFolder(str(out / split))
        for path, number in data.samples:
            data.loader(path)
            found[split, labels[data.classes[number]]] += 1
    return found


def coco(out, _):
    from pycocotools.coco import COCO

    found = Counter()
    for split in SPLITS:
        data = COCO(str(out / "annotations" / f"instances_{split}.json"))
        for annotation in data.anns.values():
            image = data.imgs[annotation["image_id"]]
            assert (out / "images" / split / image["file_name"]).is_file()
            assert annotation["bbox"] == [0, 0, image["width"], image["height"]]
            found[split, data.cats[annotation["category_id"]]["name"]] += 1
    return found


def webdataset(out, _):
    import webdataset as wds

    found = Counter()
    classes = (out / "classes.txt").read_text().splitlines()
    for split in SPLITS:
        shards = sorted(map(str, out.glob(f"{split}-*.tar")))
        for sample in wds.WebDataset(shards, shardshuffle=False).decode("pil"):
            assert sample["png"].size == (sample["json"]["width"], sample["json"]["height"])
            found[split, classes[sample["cls"]]] += 1
    return found


def huggingface(out, _):
    from datasets import ClassLabel, load_dataset

    found = Counter()
    for loaded in (
        load_dataset(str(out)),
        load_dataset("parquet", data_files={split: str(out / "data" / f"{split}-*.parquet") for split in SPLITS}),
    ):
        found = Counter()
        for split in SPLITS:
            assert isinstance(loaded[split].features["label"], ClassLabel)
            for row in loaded[split]:
                assert row["image"].size == (row["width"], row["height"])
                found[split, loaded[split].features["label"].int2str(row["label"])] += 1
    return found


if __name__ == "__main__":
    sys.exit(main())
