#!/usr/bin/env python3
"""Two builds of pokedex on one folder: do they write the same bytes, say the same words, and end with the same code?

    python3 benches/same_bytes.py target/old/pokedex target/release/pokedex [--only TEXT] [--data ../shared/data]

Every line of JOBS runs with each build in a folder of its own (same pictures, same name, one after the other), and every file
that it leaves, its standard output, its standard error and its exit code are compared. Meant for changes that must change
nothing; where two versions differ on purpose, what differs is listed. Pictures are made here; --data adds real ones. Needs
numpy, pyarrow and Pillow. Ends with 1 where anything differs.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

JOBS = """
P
P --help
P query "fire dog" --top 5
P query "fire dog" --top 5 --format json --explain
P query "fier dog" water --format csv --columns rank,label,type1,parts
P query 2:golden + red - blue --diverse --min-score 0.1
P query --id 25 --where "type1 = 'electric'" --format jsonl
P query ./pics/a/red_0.png --top 3
P query nosuchword_qq --top 2
P query ""
P query dragon --where "type1 ="
P query dragon --columns nope
P query img:nosuch.png
P query key:nope --index e.parquet
P query id:9999
printf 'fire dog\\nid:25\\n2:red + bird\\n' | P query --queries - --format tsv
printf 'fire dog\\n' | P query --queries - --format parquet -o q.parquet
P scan pics -o m.parquet
P scan pics/ --verify -o mv.parquet
P scan pics --meta meta.csv --on key -o meta.parquet
P scan pics nosuch -o no.parquet
P scan pics | P export - --format csv
find pics -name '*.png' -print0 | sort -z | P scan -0 - | P export - --format jsonl
P convert-rgb pics -o rgb/
P convert-rgb pics -o rgb/
P convert-rgb pics -o small/ --size 32x24 --encode jpeg --background '#102030'
P convert-rgb pics -o rgb.parquet --size 48
P convert-rgb pics --strict -o strict.parquet
P convert-rgb pics -o pics/inside/
P convert-rgb pics | P embed - --no-cache -o viapipe.parquet
P embed pics --no-cache -o e.parquet
P embed pics --no-cache -j 1 --batch 4 --keep-images -o eb.parquet
P embed meta.parquet --text note --as note_embedding -o et.parquet
P embed e.parquet --text nope -o no.parquet
P embed pics --strict --no-cache -o no.parquet
P embed pics --no-cache -o e.csv
P split e.parquet -o s.parquet
P split pics --near-duplicates --min-size 20 --by label -o sn.parquet
P split s.parquet --keep --ratios 50/25/25 -o sk.parquet
P split pics --keep=s.parquet --near-duplicates -o sk2.parquet
P split e.parquet --group nope -o no.parquet
P check pics
P check pics --format json
P check sn.parquet
P check e.parquet --fail-on warning
P index e.parquet -o i.parquet
P index e.parquet --kind exact -o ix.parquet
P index e.parquet --kind annoy --trees 5 -o ia.parquet
P index e.parquet --kind graph -o ig.parquet
P index e.parquet --kind exact --model unknown -o iu.parquet
P index pics -o no.parquet
P index info ix.parquet
P index info ia.parquet --json --verify
P index info e.parquet
P query "red" --index i.parquet --top 3
P query "red" --index ix.parquet --top 3 --format json
P query key:a/red_0.png --index ia.parquet --top 3 --explain
P query id:nope --index ix.parquet
P query ./pics/a/red_0.png --index ig.parquet --top 3 --columns rank,key,score,label,width
P query vec:one.npy --top 2 --index ix.parquet --model unknown --format csv
P query --queries q.npy --index ix.parquet --model unknown --format csv
P query "red" --index nosuch.parquet
P query --index ia.ann --dim 256 --metric angular --queries q.npy
P train s.parquet -o h.parquet
P train s.parquet --method knn -o hk.parquet
P train e.parquet -o h2.parquet --log runs.parquet
P train e.parquet --target id -o no.parquet
P classify s.parquet --head h.parquet -o c.parquet
P classify s.parquet --head h.parquet --format tsv --top 2
P classify pics --head h.parquet --format json --no-cache
P classify pics --no-cache --format csv
P classify pics --no-cache --labels labels.txt --format jsonl
P classify s.parquet --index i.parquet --format csv
P classify s.parquet --head hk.parquet --format csv
P classify e.parquet --head nosuch.parquet
P classify pics --strict --no-cache
P evaluate c.parquet --bootstrap 100
P evaluate c.parquet --bootstrap 100 --format json
P evaluate c.parquet --bootstrap 50 --by split --format tsv -o f.tsv
P evaluate c.parquet --bootstrap 50 --report report/ --log runs2.parquet
P evaluate c.parquet --compare c.parquet --bootstrap 50 --format csv
P evaluate theirs.csv --truth true --prediction predicted --score confidence --bootstrap 50
P evaluate theirs.csv
P evaluate nosuch.parquet
P export s.parquet -o s.csv
P export s.parquet --format tsv --columns key,label,split --where "split = 'test'"
P export e.parquet -o v.npy
P export e.parquet -o v.faiss
P export pokedex: --format csv --where "type1 = 'fire' and generation < 3 and name like 'C%'"
P export s.parquet --format yolo -o yolo/
P export s.parquet --format yolo -o yolo/
P export s.parquet --format imagefolder --size 24 --encode jpeg -o imagefolder/
P export s.parquet --format coco -o coco/
P export s.parquet --format webdataset --shard-size 20kB -o wds/
P export s.parquet --format huggingface -o hf/
P export s.parquet --format yolo --columns key -o no/
P export s.parquet --where "nope = 1"
P export e.parquet --format web-json
P augment s.parquet --copies 2 -o aug/
P augment s.parquet --copies 2 -o aug/
P augment s.parquet --floor 12 --only-new -o aug.parquet
P augment s.parquet --copies 1 --preview sheet.png -o aug2/
P augment pics -o no/
P scan yolo/ -o back.parquet
P scan coco/ -o back2.parquet
P check yolo/
P model list
P model info pokedex-mini
P model info h.parquet
P model info nosuch
P nosuch
P embed
P completions bash
"""
HELPS = "scan convert-rgb split check augment embed index query train classify evaluate export model cache completions man".split()


def make(folder):
    """Pictures of three classes, near copies, broken files; a CSV; somebody's predictions; query vectors."""
    import numpy as np
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(7)
    colours = {"a": ("red", (200, 40, 30)), "b": ("green", (40, 180, 60)), "c": ("blue", (30, 60, 200))}
    for place, (name, colour) in colours.items():
        (folder / "pics" / place).mkdir(parents=True)
        for n in range(8):
            picture = Image.new("RGBA", (40 + n, 36), (*colour, 255))
            draw = ImageDraw.Draw(picture)
            for _ in range(6):
                x, y = rng.integers(0, 34, 2)
                draw.ellipse([x, y, x + 6 + n % 3, y + 8], fill=tuple(int(c) for c in rng.integers(0, 255, 3)) + (200,))
            picture.save(folder / "pics" / place / f"{name}_{n}.png")
            if n == 1:
                picture.convert("RGB").save(folder / "pics" / place / f"{name}_{n}.jpg", quality=88)
    shutil.copy(folder / "pics/a/red_2.png", folder / "pics/b/copy.png")
    whole = (folder / "pics/c/blue_3.png").read_bytes()
    (folder / "pics/c/cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "pics/c/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    keys = sorted(p.relative_to(folder / "pics").as_posix() for p in (folder / "pics").rglob("*.png"))
    (folder / "meta.csv").write_text("key,note,weight\n" + "".join(f"{k},a {k[0]} thing,{i}\n" for i, k in enumerate(keys[:-2])))
    lines = [f"{'abc'[i % 3]},{'abc'[(i + (i % 7 == 0)) % 3]},{0.5 + (i * 37 % 50) / 100}" for i in range(90)]
    (folder / "theirs.csv").write_text("true,predicted,confidence\n" + "\n".join(lines) + "\n")
    (folder / "labels.txt").write_text("red\ngreen\nblue\n")
    np.save(folder / "one.npy", rng.standard_normal(256).astype(np.float32))
    np.save(folder / "q.npy", rng.standard_normal((3, 256)).astype(np.float32))


def run(build, line, folder):
    command = line.replace("P ", f"{build} ") if line != "P" else str(build)
    env = {**os.environ, "POKEDEX_CACHE": str(folder.parent / f"cache-{folder.name}"), "SOURCE_DATE_EPOCH": "1"}
    env.pop("POKEDEX_INDEX", None)
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, env=env, stdin=subprocess.DEVNULL, timeout=600)
    return done.returncode, done.stdout, done.stderr


def files(folder):
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


# Figures that hold how long something took.
TIMED = ("runs.parquet", "runs2.parquet", "h2.parquet")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--only", default="", help="only the lines with this text")
    parser.add_argument("--data", type=Path, help="a folder with front_sprites, photos_dev, …: some of their pictures too")
    parser.add_argument("--keep", type=Path, help="work here and leave everything")
    args = parser.parse_args()
    lines = [line for line in JOBS.strip().splitlines() if args.only in line]
    lines += [f"P {name} --help" for name in HELPS if args.only in f"P {name} --help"]
    with tempfile.TemporaryDirectory() as temporary:
        # Both work under one name, since names are written into tables.
        work = args.keep or Path(temporary)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        # Both are called by one name, which usage errors say.
        builds = [work / side / "pokedex" for side in ("old", "new")]
        for build, path in zip(builds, (args.old, args.new)):
            build.parent.mkdir()
            os.symlink(path.resolve(), build)
        start = work / "start"
        start.mkdir()
        make(start)
        if args.data:
            for name in ("front_sprites", "photos_dev", "edge_cases"):
                source = sorted(p for p in (args.data / name).rglob("*") if p.is_file())[:60]
                for path in source:
                    (start / "pics" / name).mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, start / "pics" / name / path.name)
        results, seen = [], []
        for build in builds:
            folder = work / "folder"
            shutil.copytree(start, folder, copy_function=shutil.copy2)
            told, left = [], []
            for line in lines:
                told.append(run(build, line, folder))
                left.append(files(folder))
            results.append(told)
            seen.append(left)
            folder.rename(work / f"left-{len(results)}")
        worse = 0
        for at, line in enumerate(lines):
            differs = []
            for what, one, other in zip(("exit code", "standard output", "standard error"), results[0][at], results[1][at]):
                if one != other:
                    differs.append(f"{what}:\n    {one!r:.400}\n    {other!r:.400}")
            before = [left[at - 1] if at else {} for left in seen]
            new = [{k: v for k, v in left[at].items() if before[i].get(k) != v} for i, left in enumerate(seen)]
            names = sorted(k for k in new[0].keys() | new[1].keys() if seen[0][at].get(k) != seen[1][at].get(k))
            names = [k for k in names if not k.endswith(TIMED)]
            if names:
                differs.append(f"files: {', '.join(names[:12])}")
            worse += bool(differs)
            print(f"{'differs' if differs else 'same   '}  {results[0][at][0]:>3}  {line}")
            for text in differs:
                print("   ", text)
        print(f"{len(lines)} lines, {worse} differ")
        sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
