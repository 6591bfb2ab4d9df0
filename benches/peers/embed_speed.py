"""Times `pokedex embed` and `pokedex query` beside other programs, on the same graphs, the same files and one machine.

Four ways from a folder of pictures to vectors, which take turns:

  pokedex       `pokedex embed --no-cache`, the whole process
  rclip         rclip 3.3 with an empty index, the whole process, but without the query that rclip makes after indexing
  transformers  the script that people write: CLIPImageProcessor and onnxruntime in a loop, 8 pictures at a time; its
                time is without its imports, which take seconds
  bare engine   onnxruntime alone, fed with tensors that are ready, no files and no decoding, its model loaded: the best
                of one session with all threads and of one session with one thread for each processor, 8 at a time. No
                program that uses it can be faster, and all the rest has to hide behind it

The sets: the pictures of --artwork as they are, and --count photos of 12 megapixels, which are those of --photos
enlarged, with grain, so that they cost what photos of cameras cost. They are kept in --work for the next run.

--text times a question to an index that exists: `pokedex query` and `rclip --no-indexing`, whole processes in turn.
--memory compares the peak memory of `pokedex embed` on 20,000 and on 2,000 small pictures, with a small model.

clip_models.py makes the model folder. Exit status: 0, unless a program fails. The scripts need NumPy, Pillow, PyTorch,
torchvision, transformers and onnxruntime; rclip has its own environment.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import record

# How many times as fast, beside whom.
BARS = {"artwork": {"rclip": 1.5, "bare engine": 0.95}, "photos": {"rclip": 2.2, "bare engine": 0.7}}
RCLIP_MODEL = "ViT-B-32-256-datacomp_s34b_b86k"
BATCH = 8
QUESTION = "a red bird"

# Indexing only, as rclip's main function does it.
RCLIP_SCRIPT = """
import os
from rclip.main import init_rclip
rclip, model, database = init_rclip(os.getcwd(), 8)
rclip.close(), model.close(), database.close()
"""

TRANSFORMERS_SCRIPT = """
import sys, time
from pathlib import Path
import numpy as np, onnxruntime, torch
from PIL import Image
from transformers import CLIPImageProcessor

folder, graph, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
start = time.perf_counter()
processor = CLIPImageProcessor(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
paths = sorted(folder.iterdir())
vectors = []
for i in range(0, len(paths), 8):
    images = [Image.open(path).convert("RGB") for path in paths[i : i + 8]]
    pixels = processor(images=images, return_tensors="np")["pixel_values"]
    vectors.append(session.run(None, {name: np.asarray(pixels)})[0])
vectors = np.concatenate(vectors)
vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
print(time.perf_counter() - start)
"""

ENGINE_SCRIPT = """
import sys, threading, time
import numpy as np, onnxruntime

graph, size, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sessions, threads = int(sys.argv[4]), int(sys.argv[5])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
opened = [onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"]) for _ in range(sessions)]
tensor = np.random.default_rng(0).normal(size=(8, 3, size, size)).astype(np.float32)
name = opened[0].get_inputs()[0].name
for session in opened:
    session.run(None, {name: tensor})
left = [min(8, count - i) for i in range(0, count, 8)]
lock = threading.Lock()

def work(session):
    while True:
        with lock:
            if not left:
                return
            size = left.pop()
        session.run(None, {name: tensor[:size]})

start = time.perf_counter()
workers = [threading.Thread(target=work, args=(session,)) for session in opened]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
print(time.perf_counter() - start)
"""

PHOTOS_SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image

source, target, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
paths = sorted(p for p in source.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
if not paths:
    sys.exit(f"no pictures in {source}")
for i in range(count):
    rng = np.random.default_rng(i)
    picture = Image.open(paths[i % len(paths)]).convert("RGB").resize((4000, 3000), Image.Resampling.BICUBIC)
    grain = rng.integers(-9, 10, (3000, 4000, 1), np.int16)
    pixels = (np.asarray(picture, np.int16) + grain).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(target / f"photo-{i:03}.jpg", quality=92)
"""

SMALL_SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image

folder, count = Path(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(0)
for i in range(count):
    Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8)).save(folder / f"{i:05}.png", compress_level=1)
"""

# A small process between this one and the program: else the peak of this one would count as the program's.
PEAK_SCRIPT = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(peak * (1 if sys.platform == "darwin" else 1024))
sys.exit(status)
"""


def run(command, folder=None, **environment):
    """Runs a command; returns its standard output, the seconds by the clock and those of all processors together."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=os.environ | environment, capture_output=True, text=True
    )
    wall, after = time.perf_counter() - start, os.times()
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed with {done.returncode}:\n{done.stderr}")
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return done.stdout, wall, cpu


def script(text, *arguments):
    """The seconds that a script of Python measured itself, and those of all processors for the whole of it."""
    out, _, cpu = run([sys.executable, "-c", text, *arguments])
    return float(out), cpu


def rclip_folder(args, scratch):
    """An empty data folder of rclip with the model linked into it."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    for name in (RCLIP_MODEL, "tokenizer"):
        os.symlink((args.rclip_models / name).resolve(), folder / name)
    return folder


def by_pokedex(args, folder, scratch):
    engine = ["--engine", args.engine] if args.engine else []
    command = [args.pokedex, "embed", folder, "--model", f"{args.model}/", "--no-cache", *engine]
    _, wall, cpu = run([*command, "-o", scratch / "e.parquet"])
    return wall, cpu


def by_rclip(args, folder, scratch):
    data = rclip_folder(args, scratch)
    _, wall, cpu = run([args.rclip.parent / "python", "-c", RCLIP_SCRIPT], folder=folder, RCLIP_DATADIR=str(data))
    return wall, cpu


def by_transformers(args, folder, scratch):
    return script(TRANSFORMERS_SCRIPT, folder, args.model / "visual.onnx", args.size)


def by_engine(args, folder, scratch):
    count, threads = len(os.listdir(folder)), os.cpu_count()
    ways = {(1, threads), (threads, 1)}
    return min(script(ENGINE_SCRIPT, args.model / "visual.onnx", args.size, count, *way) for way in sorted(ways))


PEERS = {"pokedex": by_pokedex, "rclip": by_rclip, "transformers": by_transformers, "bare engine": by_engine}


def in_turn(names, runs, what):
    """What each gave in every run: each run begins with another of them, so that none always follows the same."""
    found = {name: [] for name in names}
    for turn in range(runs):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            found[name].append(what(name))
    return found


def table(rows):
    """Prints rows of cells as Markdown."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rows = [rows[0], ["-" * width for width in widths], *rows[1:]]
    for row in rows:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
    print()


def photos(args):
    """The folder of large photos, made when it is not there."""
    folder = args.work / f"photos-12mp-{args.count}"
    if not folder.is_dir():
        unfinished = args.work / f"{folder.name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        run([sys.executable, "-c", PHOTOS_SCRIPT, args.photos.resolve(), unfinished, args.count])
        unfinished.rename(folder)
    return folder


def time_pictures(args, scratch):
    sets = {"artwork": args.artwork.resolve()} if args.artwork else {}
    if args.photos:
        sets["photos"] = photos(args)
    figures, names = {}, args.peers
    for title, folder in sets.items():
        files = [path for path in folder.iterdir()]
        size = sum(path.stat().st_size for path in files) / 1e6
        print(f"{title}: {len(files)} files, {size:.0f} MB, medians of {args.runs} runs in turn\n")
        found = in_turn(names, args.runs, lambda name: PEERS[name](args, folder, scratch))
        wall = {name: statistics.median(wall for wall, _ in runs) for name, runs in found.items()}
        rows = [["program", "seconds", "pictures a second", "cpu s", "all runs", "pokedex is"]]
        for name, runs in found.items():
            ratio = f"{wall[name] / wall['pokedex']:.2f} times as fast" if "pokedex" in wall else ""
            cpu = statistics.median(cpu for _, cpu in runs)
            each = " ".join(f"{wall:.2f}" for wall, _ in runs)
            rows.append([name, f"{wall[name]:.2f}", f"{len(files) / wall[name]:.1f}", f"{cpu:.1f}", each, ratio])
        table(rows)
        if {"pokedex", "rclip", "bare engine"} <= wall.keys():
            for other, bar in BARS[title].items():
                ratio, sides = wall[other] / wall["pokedex"], {"ours": wall["pokedex"], "theirs": wall[other]}
                record(f"embed, {title}, {len(files)} files, CLIP ViT-B/32 vs {other}", ratio, bar, against=other, **sides)
        figures[title] = {"files": len(files), "seconds": {name: [w for w, _ in runs] for name, runs in found.items()}}
    return figures


def time_text(args, scratch):
    """A question to an index that exists, as whole processes."""
    folder = args.artwork.resolve()
    index, data = scratch / "index.parquet", rclip_folder(args, scratch)
    commands, environment = {}, {"RCLIP_DATADIR": str(data)}
    if "pokedex" in args.peers:
        run([args.pokedex, "embed", folder, "--model", f"{args.model}/", "-o", index])
        commands["pokedex"] = [args.pokedex, "query", QUESTION, "--index", index, "--model", f"{args.model}/"]
    if "rclip" in args.peers:
        run([args.rclip, QUESTION], folder=folder, **environment)
        commands["rclip"] = [args.rclip, QUESTION, "--no-indexing"]
    found = in_turn(list(commands), args.text_runs, lambda name: run(commands[name], folder=folder, **environment)[1:])
    wall = {name: statistics.median(wall for wall, _ in runs) for name, runs in found.items()}
    print(f"a question to an index of {len(os.listdir(folder))} pictures, medians of {args.text_runs} runs in turn\n")
    rows = [["program", "milliseconds", "least", "most", "pokedex is"]]
    for name, runs in found.items():
        ratio = f"{wall[name] / wall['pokedex']:.2f} times as fast" if "pokedex" in wall else ""
        ends = [f"{end(wall for wall, _ in runs) * 1e3:.0f}" for end in (min, max)]
        rows.append([name, f"{wall[name] * 1e3:.0f}", *ends, ratio])
    table(rows)
    if {"pokedex", "rclip"} <= wall.keys():
        ratio, sides = wall["rclip"] / wall["pokedex"], {"ours": wall["pokedex"], "theirs": wall["rclip"]}
        record("query, CLIP ViT-B/32", ratio, 10, against="rclip", **sides)
    return {name: [wall for wall, _ in runs] for name, runs in found.items()}


def peak_memory(args, scratch):
    """The peak memory of embedding many pictures and of embedding ten times as many."""
    peaks = {}
    for count in (2_000, 20_000):
        folder = scratch / f"small-{count}"
        folder.mkdir()
        run([sys.executable, "-c", SMALL_SCRIPT, folder, count])
        command = [args.pokedex, "embed", folder, "--model", f"{args.memory}/", "--no-cache"]
        out, wall, _ = run([sys.executable, "-c", PEAK_SCRIPT, *command, "-o", scratch / "m.parquet"])
        peaks[count] = {"bytes": int(out), "seconds": wall}
    rows = [["pictures", "peak memory", "seconds"]]
    rows += [[f"{count:,}", f"{peak['bytes'] / 1e6:.1f} MB", f"{peak['seconds']:.1f}"] for count, peak in peaks.items()]
    table(rows)
    print(f"ten times as many pictures take {peaks[20_000]['bytes'] / peaks[2_000]['bytes']:.2f} times the memory\n")
    return peaks


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pokedex", default="target/release/pokedex", type=Path, help="the program [%(default)s]")
    parser.add_argument("--engine", help="of pokedex [default: the program's choice]")
    parser.add_argument("--rclip", default="rclip", type=Path, help="the rclip command of its own environment")
    parser.add_argument("--rclip-models", type=Path, help="the folder rclip/ that clip_models.py made")
    parser.add_argument("--size", type=int, default=256, help="of the model's input [default: %(default)s]")
    parser.add_argument("--artwork", type=Path, help="a folder of pictures, without other files in it")
    parser.add_argument("--photos", type=Path, help="a folder of photos to enlarge")
    parser.add_argument("--count", type=int, default=40, help="of large photos [default: %(default)s]")
    parser.add_argument("--work", type=Path, default=Path("target/peers"), help="where they are kept [%(default)s]")
    parser.add_argument("--runs", type=int, default=3, help="of each program on each set [default: %(default)s]")
    parser.add_argument("--peers", default=",".join(PEERS), help="which of them [default: %(default)s]")
    parser.add_argument("--text", action="store_true", help="time a question as well; needs --artwork")
    parser.add_argument("--text-runs", type=int, default=10, help="[default: %(default)s]")
    parser.add_argument("--memory", type=Path, metavar="MODEL", help="measure memory as well, with this small model")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    args = parser.parse_args()
    args.peers = args.peers.split(",")
    args.pokedex, args.work = args.pokedex.resolve(), args.work.resolve()
    args.rclip = Path(shutil.which(args.rclip) or args.rclip).absolute()
    if (args.artwork or args.photos) and not args.rclip_models:
        parser.error("--artwork and --photos need --rclip-models")
    if args.text and not args.artwork:
        parser.error("--text needs --artwork")
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{platform.machine()}, {os.cpu_count()} processors{load}\n")
    figures = {}
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        if args.rclip_models:
            args.rclip_models = args.rclip_models.resolve()
            args.model = args.rclip_models / RCLIP_MODEL
            figures = time_pictures(args, scratch)
        if args.text:
            figures["text"] = time_text(args, scratch)
        if args.memory:
            args.memory = args.memory.resolve()
            figures["memory"] = peak_memory(args, scratch)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
