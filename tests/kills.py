#!/usr/bin/env python3
"""Kills every stage that writes at random moments, and fills its disk; then runs it again.

    python3 tests/kills.py [target/release/pokedex] [--kills 1000] [--disks 200] [--seed 0] [--only NAME,...]

After `kill -9` and a second run everything must be as if nothing had happened: the same bytes in every output, no foreign
file changed, no unfinished file left. On a full disk the run must fail with an error, every file that was there before must be
whole, nothing unfinished may be left, and with room again a second run must give the same bytes.

Full disks are small tmpfs mounts, so that part needs root; without it it is left out, and said so. Needs numpy, pyarrow
and Pillow. Ends with 1 where anything was wrong.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet
from PIL import Image, ImageDraw

REPOSITORY = Path(__file__).resolve().parent.parent


def draw(path, chance, size):
    image = Image.new("RGB", size, tuple(chance.randrange(256) for _ in "rgb"))
    pen = ImageDraw.Draw(image)
    for _ in range(14):
        x, y = chance.randrange(size[0]), chance.randrange(size[1])
        pen.ellipse([x, y, x + chance.randrange(4, size[0]), y + chance.randrange(4, size[1])], fill=tuple(chance.randrange(256) for _ in "rgb"))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def inputs(folder, binary, env):
    """Pictures and tables that the stages read; nothing of it may ever change."""
    chance = random.Random(1)
    for label in ("cat", "dog", "fox"):
        for number in range(24):
            draw(folder / f"pics/{label}/{number:02}.png", chance, (160, 120))
    chance = numpy.random.default_rng(1)
    centres = chance.normal(size=(40, 32))
    rows = (centres[chance.integers(0, 40, 6000)] + 0.4 * chance.normal(size=(6000, 32))).astype("f4")
    vectors = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(rows.ravel()), 32)
    keys = [f"row{number:05}" for number in range(6000)]
    table = pyarrow.table({"key": keys, "label": [f"class{number % 7}" for number in range(6000)], "embedding": vectors})
    pyarrow.parquet.write_table(table, folder / "vectors.parquet")
    shutil.copytree(REPOSITORY / "tests/data/yolo", folder / "yolo")

    def run(*arguments):
        subprocess.run([binary, *arguments, "-q"], cwd=folder, env=env, check=True)

    run("split", "pics", "--ids", "none", "-o", "split.parquet")
    run("embed", "split.parquet", "-o", "embedded.parquet")
    run("train", "embedded.parquet", "--method", "centroid", "-o", "head.parquet")
    run("classify", "embedded.parquet", "--head", "head.parquet", "-o", "predictions.parquet")


# Each stage: what an earlier run was told (so that something is there to be replaced), and what this one is told.
STAGES = {
    "convert-rgb": (["convert-rgb", "pics/cat", "--size", "40", "-o", "out/d/"], ["convert-rgb", "pics", "--size", "60", "-o", "out/d/"]),
    "convert-rgb-table": (["convert-rgb", "pics/cat", "-o", "out/t.parquet"], ["convert-rgb", "pics", "-o", "out/t.parquet"]),
    "augment": (["augment", "split.parquet", "--copies", "1", "--size", "30", "-o", "out/a/"], ["augment", "split.parquet", "--copies", "2", "--size", "64", "-o", "out/a/"]),
    "augment-table": (["scan", "pics", "-o", "out/t.parquet"], ["augment", "split.parquet", "--copies", "1", "-o", "out/t.parquet"]),
    "split": (["scan", "pics", "-o", "out/s.parquet"], ["split", "pics", "--ids", "none", "--near-duplicates", "-o", "out/s.parquet"]),
    "embed": (["scan", "pics", "-o", "out/e.parquet"], ["embed", "pics", "-o", "out/e.parquet"]),
    "train": (["scan", "pics", "-o", "out/h.parquet"], ["train", "embedded.parquet", "-o", "out/h.parquet"]),
    "classify": (["scan", "pics", "-o", "out/p.parquet"], ["classify", "embedded.parquet", "--head", "head.parquet", "-o", "out/p.parquet"]),
    "index-exact": (["index", "embedded.parquet", "--kind", "exact", "-o", "out/i.parquet"], ["index", "vectors.parquet", "--model", "unknown", "--kind", "exact", "-o", "out/i.parquet"]),
    "index-annoy": (["index", "embedded.parquet", "--kind", "annoy", "-o", "out/i.parquet"], ["index", "vectors.parquet", "--model", "unknown", "--kind", "annoy", "-o", "out/i.parquet"]),
    "index-graph": (["index", "embedded.parquet", "--kind", "graph", "-o", "out/i.parquet"], ["index", "vectors.parquet", "--model", "unknown", "--kind", "graph", "-o", "out/i.parquet"]),
    "evaluate": (["evaluate", "predictions.parquet", "--split", "test", "--bootstrap", "0", "--report", "out/r/"], ["evaluate", "predictions.parquet", "--bootstrap", "10", "--report", "out/r/"]),
    "export-csv": (["export", "split.parquet", "--format", "csv", "-o", "out/x.csv"], ["export", "embedded.parquet", "--format", "csv", "-o", "out/x.csv"]),
    "export-jsonl": (["export", "split.parquet", "--format", "jsonl", "-o", "out/x.jsonl"], ["export", "embedded.parquet", "--format", "jsonl", "-o", "out/x.jsonl"]),
    "export-npy": (["export", "embedded.parquet", "--format", "npy", "-o", "out/x.npy"], ["export", "vectors.parquet", "--format", "npy", "-o", "out/x.npy"]),
    "export-faiss": (["export", "embedded.parquet", "--format", "faiss", "-o", "out/x.faiss"], ["export", "vectors.parquet", "--format", "faiss", "-o", "out/x.faiss"]),
    **{
        f"export-{name}": (["export", "split.parquet", "--format", name, "--where", "label <> 'dog'", "--no-check", "-o", "out/d/"], ["export", "split.parquet", "--format", name, "--no-check", "-o", "out/d/"])
        for name in ("yolo", "imagefolder", "coco", "webdataset", "huggingface")
    },
    "export-edge": (["export", "split.parquet", "--format", "edge", "--model", "yolo/wide.onnx", "--calibration", "9", "--no-check", "-o", "out/d/"], ["export", "split.parquet", "--format", "edge", "--model", "yolo/wide.onnx", "--calibration", "30", "--no-check", "-o", "out/d/"]),
}


def state(folder):
    """Every file below a folder by what it is: its bytes, or where a link leads."""
    seen = {}
    for place, folders, files in os.walk(folder):
        for name in files + [name for name in folders if os.path.islink(os.path.join(place, name))]:
            path = os.path.join(place, name)
            what = os.readlink(path) if os.path.islink(path) else hashlib.sha256(Path(path).read_bytes()).hexdigest()
            seen[os.path.relpath(path, folder)] = what
    return seen


def differences(wanted, got):
    names = sorted(set(wanted) | set(got))
    return [f"{'lost' if n not in got else 'new' if n not in wanted else 'changed'}: {n}" for n in names if wanted.get(n) != got.get(n)]


class Trial:
    def __init__(self, binary, work, env):
        self.binary, self.work, self.env = binary, work, env
        self.faults = []

    def run(self, arguments, folder):
        env = {**self.env, "POKEDEX_CACHE": str(folder / "cache"), "TMPDIR": str(folder / "tmp")}
        (folder / "tmp").mkdir(exist_ok=True)
        return subprocess.Popen([self.binary, *arguments, "-q"], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def prepare(self, folder, first, out=None):
        """Inputs by hard links (they are never written to), an earlier run's output, and files of others beside it."""
        shutil.copytree(self.work / "inputs", folder, copy_function=os.link, symlinks=True)
        if out is None:
            (folder / "out").mkdir()
        else:
            os.symlink(out, folder / "out")
        (folder / "out/notes.txt").write_text("mine")
        (folder / "out/.hidden.part").write_text("not of this program")
        process = self.run(first, folder)
        _, told = process.communicate()
        if process.returncode:
            sys.exit(f"{first}: {told.decode()}")

    def fault(self, stage, what):
        self.faults.append(f"{stage}: {what}")
        print(f"  FAULT {stage}: {what}", flush=True)

    def kills(self, stage, count, chance):
        first, second = STAGES[stage]
        base = self.work / "base"
        self.prepare(base, first)
        keep = lambda folder: state(folder / "out")
        undisturbed = self.work / "undisturbed"
        shutil.copytree(base, undisturbed, symlinks=True)
        began = time.monotonic()
        process = self.run(second, undisturbed)
        process.communicate()
        took, code = time.monotonic() - began, process.returncode
        wanted, sources = keep(undisturbed), state(self.work / "inputs")
        landed = 0
        for number in range(count):
            folder = self.work / "killed"
            shutil.copytree(base, folder, symlinks=True)
            for _ in range(chance.choice((1, 1, 1, 2))):
                process = self.run(second, folder)
                try:
                    process.wait(chance.uniform(0, took * 1.05))
                except subprocess.TimeoutExpired:
                    landed += 1
                process.send_signal(signal.SIGKILL)
                process.communicate()
            process = self.run(second, folder)
            _, told = process.communicate()
            if process.returncode != code:
                self.fault(stage, f"kill {number}: the second run ends with {process.returncode}: {told.decode()[-300:]}")
            for difference in differences(wanted, keep(folder)):
                self.fault(stage, f"kill {number}: {difference}")
            shutil.rmtree(folder)
        for difference in differences(sources, state(self.work / "inputs")):
            self.fault(stage, f"an input: {difference}")
        for folder in (base, undisturbed):
            shutil.rmtree(folder)
        print(f"{stage}: {count} kills, {landed} of them while it ran ({took:.2f} s)", flush=True)

    def disks(self, stage, count, chance):
        first, second = STAGES[stage]
        small = self.work / "small"

        def mount(size):
            small.mkdir(exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", small], check=True)

        def size():
            return int(subprocess.run(["du", "-sk", small], check=True, capture_output=True).stdout.split()[0])

        def clear(folder):
            (folder / "out").unlink(missing_ok=True)
            shutil.rmtree(folder)
            subprocess.run(["umount", small], check=True)

        # How much room an undisturbed run takes at most is not known; what it leaves is.
        mount(1 << 20)
        folder = self.work / "undisturbed"
        self.prepare(folder, first, small)
        before = size()
        process = self.run(second, folder)
        process.communicate()
        code, wanted, after = process.returncode, state(small), size()
        clear(folder)
        full = 0
        for number in range(count):
            mount(1 << 20)
            folder = self.work / "full"
            self.prepare(folder, first, small)
            old = state(small)
            room = chance.randrange(before + 4, max(after, before) + max(after - before, 40))
            subprocess.run(["mount", "-o", f"remount,size={room}k", small], check=True)
            process = self.run(second, folder)
            _, told = process.communicate()
            now = state(small)
            if process.returncode == 1:
                full += 1
                if not told:
                    self.fault(stage, f"disk {number}: failed without a word")
                # In a folder what is made is made file by file; what was there and is of others stays.
                foreign = [name for name in old if now.get(name) != old[name]]
                torn = [name for name in now if name.endswith(".part") and name not in old]
                if torn:
                    self.fault(stage, f"disk {number}: left {torn[:3]}")
                if not second[-1].endswith("/") and foreign:
                    self.fault(stage, f"disk {number}: was whole and is not: {foreign[:3]}")
                if second[-1].endswith("/") and [n for n in foreign if n in ("notes.txt", ".hidden.part")]:
                    self.fault(stage, f"disk {number}: changed a foreign file")
            elif process.returncode != code:
                self.fault(stage, f"disk {number}: ends with {process.returncode}: {told.decode()[-300:]}")
            subprocess.run(["mount", "-o", f"remount,size={1 << 20}k", small], check=True)
            process = self.run(second, folder)
            _, told = process.communicate()
            if process.returncode != code:
                self.fault(stage, f"disk {number}: with room again it ends with {process.returncode}: {told.decode()[-300:]}")
            for difference in differences(wanted, state(small)):
                self.fault(stage, f"disk {number}: {difference}")
            clear(folder)
        print(f"{stage}: {count} small disks, {full} of them full", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default="target/release/pokedex", type=Path)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--disks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="stages, separated by commas")
    arguments = parser.parse_args()
    stages = arguments.only.split(",") if arguments.only else list(STAGES)
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="pokedex-kills-") as work:
        work = Path(work)
        env = {"PATH": os.environ["PATH"], "HOME": str(work), "POKEDEX_CACHE": str(work / "cache")}
        trial = Trial(arguments.binary.resolve(), work, env)
        (work / "inputs").mkdir()
        inputs(work / "inputs", trial.binary, env)
        share = lambda count, at: count // len(stages) + (at < count % len(stages))
        for at, stage in enumerate(stages):
            trial.kills(stage, share(arguments.kills, at), chance)
        if arguments.disks and os.geteuid() != 0:
            print("full disks: left out, since mounting small ones needs root")
        elif arguments.disks:
            try:
                for at, stage in enumerate(stages):
                    trial.disks(stage, share(arguments.disks, at), chance)
            finally:
                while subprocess.run(["umount", work / "small"], capture_output=True).returncode == 0:
                    pass
    print(f"{arguments.kills} kills, {arguments.disks} small disks: {len(trial.faults)} faults")
    sys.exit(1 if trial.faults else 0)


if __name__ == "__main__":
    main()
