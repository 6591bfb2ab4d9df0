"""Do exported tables, vectors and device bundles load in the programs that they are for? (Data sets: training_tools.py.)

    pip install faiss-cpu duckdb pandas onnxruntime pillow
    python3 benches/peers/load_exports.py target/release/pokedex PICTURES [--model MODEL.onnx]

PICTURES is a folder whose files begin with Pokédex numbers (0025_front.png), or one with a folder for each class.
FAISS must give our neighbours, DuckDB and pandas our rows, and ONNX Runtime the same numbers from the `--model` before and
after its shape was fixed. Ends with 1 where anything differs.
"""

import argparse
import atexit
import csv
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("binary", type=pathlib.Path)
parser.add_argument("pictures", type=pathlib.Path)
parser.add_argument("--model", type=pathlib.Path)
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
atexit.register(lambda: (os.chdir(start), shutil.rmtree(root)))
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
print(f"{len(truth)} pictures")


# Vectors
pokedex("embed", table, "-o", "vectors.parquet", code=(0, 3))
pokedex("export", "vectors.parquet", "--format", "faiss", "-o", "vectors.faiss")
pokedex("export", "vectors.parquet", "--format", "npy", "-o", "vectors.npy")
import faiss  # noqa: E402
import numpy  # noqa: E402

index = faiss.read_index("vectors.faiss")
array = numpy.load("vectors.npy")
check("faiss: the vectors of NumPy's file", numpy.array_equal(index.reconstruct_n(0, index.ntotal), array), array.shape)
keys = [row["key"] for row in csv.DictReader(open("vectors.npy.keys.csv", encoding="utf-8"))]
agree = 0
for row in range(0, len(keys), max(1, len(keys) // 25)):
    scores, found = index.search(array[row : row + 1], 6)
    theirs = {keys[i]: score for i, score in zip(found[0], scores[0]) if i != row}
    ours = json.loads(pokedex("query", f"key:{keys[row]}", "--index", "vectors.parquet", "--top", 5, "--format", "json"))
    same_scores = numpy.allclose(sorted((hit["score"] for hit in ours), reverse=True), sorted(theirs.values(), reverse=True)[:5], atol=1e-5)
    agree += same_scores
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
pokedex("export", table, "--format", "yolo", "--size", 64, "-o", "yolo/", code=(0, 4))
count = duckdb.sql("select count(*), count(distinct file) from 'yolo/manifest.parquet'").fetchall()[0]
check("duckdb: a data set's manifest", count == (len(truth), len(truth)), count)
if all(row["id"] for row in truth.values()):
    pokedex("export", "vectors.parquet", "--format", "web-json", "-o", "pokemon_embeddings.json")
    web = json.load(open("pokemon_embeddings.json", encoding="utf-8"))
    check("web-json: an array by id", len(web) >= 1025 and len({len(vector) for vector in web}) == 1, len(web))
    listed = list(csv.DictReader(open("vectors.npy.keys.csv", encoding="utf-8")))
    means = {}
    for row in listed:
        means.setdefault(int(row["id"]), []).append(array[int(row["row"])])
    means = {number: numpy.mean(vectors, axis=0, dtype=numpy.float64) for number, vectors in means.items()}
    worst = max(numpy.abs(web[number - 1] - mean / numpy.linalg.norm(mean)).max() for number, mean in means.items())
    check("web-json: the normalised mean of an id's vectors", worst < 1e-6, f"{worst:.1e}")
    empty = [number for number in range(1, len(web) + 1) if number not in means and any(web[number - 1])]
    check("web-json: zeros where an id has none", not empty, empty[:3])

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

print(f"{len(failures)} failures")
sys.exit(bool(failures))
