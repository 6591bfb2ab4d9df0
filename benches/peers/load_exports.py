"""Do the exported data sets load in the tools that train with them, without a line of glue?

    pip install ultralytics torchvision datasets webdataset pycocotools faiss-cpu duckdb pandas onnxruntime
    python3 benches/peers/load_exports.py target/release/pokedex PICTURES [--model MODEL.onnx] [--train]

PICTURES is a folder whose files begin with Pokédex numbers (0025_front.png), or one with a folder for each class.
Everything is exported, read by the peers' own readers, and compared with the table: which pictures, of which class, in
which split. `--train` trains a nano model of Ultralytics for one epoch; `--model` is bundled for a device and run by ONNX
Runtime before and after. Ends with 1 where anything differs.
"""

import argparse
import csv
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

os.environ.setdefault("YOLO_OFFLINE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
warnings.filterwarnings("ignore")

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("binary", type=pathlib.Path)
parser.add_argument("pictures", type=pathlib.Path)
parser.add_argument("--model", type=pathlib.Path)
parser.add_argument("--train", action="store_true")
parser.add_argument("--per-class", type=int, default=6, help="take at most so many pictures of a class")
arguments = parser.parse_args()
binary = str(arguments.binary.resolve())

failures = []


def check(name, is_right, detail=""):
    print(f"{'ok  ' if is_right else 'FAIL'} {name}{': ' + str(detail) if detail != '' else ''}", flush=True)
    if not is_right:
        failures.append(name)


def pokedex(*words, code=(0,)):
    run = subprocess.run([binary, *map(str, words)], capture_output=True, check=False)
    if run.returncode not in code:
        sys.exit(f"pokedex {' '.join(map(str, words))}: {run.returncode}\n{run.stderr.decode()}")
    return run.stdout


def rows(table, columns="key,id,label,split"):
    text = pokedex("export", table, "--format", "csv", "--columns", columns).decode()
    return list(csv.DictReader(io.StringIO(text)))


start = pathlib.Path.cwd()
root = pathlib.Path(tempfile.mkdtemp(prefix="pokedex-datasets-"))
os.chdir(root)
source = (start / arguments.pictures).resolve()
pokedex("scan", source, "-o", "all.parquet", code=(0, 3))
taken = {}
listed = []
for row in rows("all.parquet", "key,path,label,error"):
    taken[row["label"]] = taken.get(row["label"], 0) + 1
    if taken[row["label"]] <= arguments.per_class and not row["error"]:
        listed.append(row["path"])
pathlib.Path("list.txt").write_text("\n".join(listed))
table = root / "split.parquet"
with open("list.txt", "rb") as pipe:
    scanned = subprocess.run([binary, "scan", "-", "--root", str(source)], stdin=pipe, capture_output=True, check=False).stdout
    divided = subprocess.run([binary, "split", "-"], input=scanned, capture_output=True, check=True).stdout
    table.write_bytes(divided)
truth = {row["key"]: row for row in rows(table)}
counts = {split: sum(row["split"] == split for row in truth.values()) for split in ("train", "validation", "test")}
print(f"{len(truth)} pictures, {counts}")


def round_trip(folder):
    pokedex("scan", folder, "-o", f"{folder}.back.parquet")
    back = {row["key"]: row for row in rows(f"{folder}.back.parquet")}
    check(f"{folder}: scan gives back keys, ids, labels and splits", back == truth, f"{len(back)} rows")


exported = (0, 4)

# Ultralytics: its own check of the file, and its loader of pictures and labels.
pokedex("export", table, "--format", "yolo", "-o", "yolo/", code=exported)
round_trip("yolo")
from ultralytics import YOLO  # noqa: E402
from ultralytics.data.dataset import YOLODataset  # noqa: E402
from ultralytics.data.utils import check_det_dataset  # noqa: E402
from ultralytics.utils import LOGGER  # noqa: E402

LOGGER.setLevel("ERROR")
os.chdir("/")  # it must be found from anywhere
data = check_det_dataset(str(root / "yolo/data.yaml"))
os.chdir(root)
check("yolo: classes", data["nc"] == 1025 or data["nc"] == len({row["label"] for row in truth.values()}), data["nc"])
for split, key in (("train", "train"), ("validation", "val"), ("test", "test")):
    if not counts[split]:
        continue
    dataset = YOLODataset(img_path=data[key], data=data, task="detect", imgsz=64, augment=False)
    cache = dataset.get_cache() if hasattr(dataset, "get_cache") else dataset.cache_labels(root / "x.cache")
    found, missing, empty, corrupt, total = cache.pop("results") if "results" in cache else cache["results"]
    is_right = (found, missing, empty, corrupt, len(dataset)) == (counts[split], 0, 0, 0, counts[split])
    check(f"yolo: {split} has every picture and label, none to repair", is_right, (found, missing, empty, corrupt))
    messages = [m for m in cache.get("msgs", []) if m]
    check(f"yolo: {split} is not complained of", not messages, messages[:2] or "")
    classes = sorted(int(label["cls"][0, 0]) for label in dataset.labels)
    names = {name: number for number, name in data["names"].items()}
    wanted = sorted(names[row["label"]] for row in truth.values() if row["split"] == split)
    check(f"yolo: {split} has the right classes", classes == wanted)
if arguments.train:
    model = YOLO("yolo11n.yaml")
    result = model.train(data=str(root / "yolo/data.yaml"), epochs=1, imgsz=64, batch=32, workers=0, device="cpu",
                         project=str(root / "runs"), plots=False, verbose=False, amp=False)
    check("yolo: one epoch of yolo11n", (root / "runs").exists(), getattr(result, "save_dir", ""))

# torchvision
pokedex("export", table, "--format", "imagefolder", "-o", "folders/", code=exported)
round_trip("folders")
from torchvision.datasets import ImageFolder  # noqa: E402

folder = ImageFolder(root / "folders/train")
listed_classes = pathlib.Path("folders/classes.txt").read_text().splitlines()
check("imagefolder: every picture of train", len(folder) == counts["train"], len(folder))
trained = sorted({row["label"] for row in truth.values() if row["split"] == "train"})
check("imagefolder: as many classes as labels", len(folder.classes) == len(trained), len(folder.classes))
check("imagefolder: pictures open", all(folder[i][0].size[0] > 0 for i in range(0, len(folder), max(1, len(folder) // 50))))
check("imagefolder: classes.txt is in torchvision's order", listed_classes == folder.classes or len(listed_classes) >= len(folder.classes))

# Hugging Face
pokedex("export", table, "--format", "huggingface", "-o", "hub/", "--shard-size", "5MB", code=exported)
round_trip("hub")
import datasets  # noqa: E402

datasets.disable_progress_bars()
loaded = datasets.load_dataset(str(root / "hub"), cache_dir=str(root / "cache"))
check("huggingface: splits", {name: len(part) for name, part in loaded.items()} == {k: v for k, v in counts.items() if v})
part = loaded["train"]
check("huggingface: pictures are pictures", isinstance(part.features["image"], datasets.Image), part.features["image"])
check("huggingface: labels are classes", isinstance(part.features["label"], datasets.ClassLabel))
names = part.features["label"].names
same = all(names[row["label"]] == truth[row["key"]]["label"] for row in part.remove_columns("image"))
check("huggingface: labels are right", same)
check("huggingface: a picture opens", part[0]["image"].size[0] > 0, part[0]["image"].size)

# WebDataset
pokedex("export", table, "--format", "webdataset", "-o", "shards/", "--shard-size", "5MB", code=exported)
round_trip("shards")
import webdataset  # noqa: E402

for split, count in counts.items():
    shards = sorted(map(str, (root / "shards").glob(f"{split}-*.tar")))
    if not shards:
        continue
    samples = 0
    right = True
    for picture, about in webdataset.WebDataset(shards, shardshuffle=False).decode("pil").to_tuple("png;jpg;jpeg;webp;bmp", "json"):
        samples += 1
        row = truth[about["key"]]
        right &= picture.size[0] > 0 and about.get("label") == row["label"] and row["split"] == split
    check(f"webdataset: every sample of {split}", samples == count and right, f"{samples} in {len(shards)} shards")

# COCO
pokedex("export", table, "--format", "coco", "-o", "coco/", code=exported)
round_trip("coco")
import contextlib  # noqa: E402

from pycocotools.coco import COCO  # noqa: E402

for split, count in counts.items():
    file = root / f"coco/annotations/instances_{split}.json"
    if not file.exists():
        continue
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(file))
    images = coco.loadImgs(coco.getImgIds())
    boxes = coco.loadAnns(coco.getAnnIds())
    there = all((root / "coco/images" / split / image["file_name"]).exists() or (root / "coco" / image["file_name"]).exists() for image in images)
    check(f"coco: every picture of {split} with its box", len(images) == count == len(boxes) and there, len(images))

# Vectors
pokedex("embed", table, "-o", "vectors.parquet", code=(0, 3))
pokedex("export", "vectors.parquet", "--format", "faiss", "-o", "vectors.faiss")
pokedex("export", "vectors.parquet", "--format", "npy", "-o", "vectors.npy")
import faiss  # noqa: E402
import numpy  # noqa: E402

index = faiss.read_index("vectors.faiss")
array = numpy.load("vectors.npy")
check("faiss: the vectors of NumPy's file", numpy.array_equal(index.reconstruct_n(0, index.ntotal), array), array.shape)
keys = [row["key"] for row in csv.DictReader(open("vectors.keys.csv", encoding="utf-8"))]
agree = 0
for row in range(0, len(keys), max(1, len(keys) // 25)):
    scores, found = index.search(array[row : row + 1], 6)
    theirs = {keys[i]: score for i, score in zip(found[0], scores[0]) if i != row}
    ours = json.loads(pokedex("query", f"key:{keys[row]}", "--index", "vectors.parquet", "--top", 5, "--format", "json"))
    same_scores = numpy.allclose(sorted((hit["score"] for hit in ours), reverse=True), sorted(theirs.values(), reverse=True)[:5], atol=1e-5)
    agree += same_scores
    checked = row
check("faiss: our neighbours", agree == len(range(0, len(keys), max(1, len(keys) // 25))), f"{agree} queries")

# Tables
import duckdb  # noqa: E402
import pandas  # noqa: E402

for kind in ("csv", "tsv", "jsonl"):
    pokedex("export", table, "--format", kind, "-o", f"table.{kind}")
theirs = duckdb.sql("select key, label, split from 'table.csv' order by key").fetchall()
wanted = sorted((row["key"], row["label"] or None, row["split"]) for row in truth.values())
check("duckdb: csv", [tuple(row) for row in theirs] == wanted, len(theirs))
frame = pandas.read_csv("table.tsv", sep="\t", quoting=csv.QUOTE_NONE, keep_default_na=False)
check("pandas: tsv", sorted(zip(frame.key, frame.label, frame.split)) == [(k, l or "", s) for k, l, s in wanted])
frame = pandas.read_json("table.jsonl", lines=True)
check("pandas: jsonl", len(frame) == len(truth), len(frame))
for folder in ("yolo", "folders", "shards", "coco", "hub"):
    count = duckdb.sql(f"select count(*), count(distinct file) from '{folder}/manifest.parquet'").fetchall()[0]
    check(f"duckdb: {folder}/manifest.parquet", count[0] == len(truth), count)
if all(row["id"] for row in truth.values()):
    pokedex("export", "vectors.parquet", "--format", "web-json", "-o", "pokemon_embeddings.json")
    web = json.load(open("pokemon_embeddings.json", encoding="utf-8"))
    check("web-json: an array by id", len(web) >= 1025 and len({len(vector) for vector in web}) == 1, len(web))

# A device
if arguments.model:
    import onnxruntime

    model_path = (start / arguments.model).resolve()
    pokedex("export", table, "--format", "edge", "--model", model_path, "-o", "device/", "--calibration", 20)
    about = json.load(open("device/manifest.json", encoding="utf-8"))
    fixed = onnxruntime.InferenceSession("device/model.onnx")
    open_ = onnxruntime.InferenceSession(str(model_path))
    shape = fixed.get_inputs()[0].shape
    check("edge: the shape is fixed", all(isinstance(side, int) for side in shape) and shape == about["input"]["shape"], shape)
    pixels = numpy.random.default_rng(0).random(shape, dtype=numpy.float32)
    name = fixed.get_inputs()[0].name
    same = all(numpy.array_equal(a, b) for a, b in zip(fixed.run(None, {name: pixels}), open_.run(None, {name: pixels})))
    check("edge: the numbers are those of the model", same)
    from PIL import Image

    sizes = {Image.open(root / "device" / line).size for line in open("device/calibration.txt", encoding="utf-8").read().split()}
    check("edge: pictures are of the input's size", sizes == {(shape[3], shape[2])}, sizes)

print(f"{root}: {len(failures)} failures")
sys.exit(bool(failures))
