"""Compares `pokedex export --format yolo` with the Pillow script that people write for the same job.

Both make JPEGs of 416 x 416 pixels, quality 90, with label files, of the pictures of a folder, taken as often as it
takes to have --images of them. The script has a process for each processor. The bars:

  time     at least 1.5 times as fast (medians of whole processes run in turn)
  bytes    within 10 % of Pillow's
  quality  both as close to the picture that was scaled exactly and not compressed: PSNR no more than 0.5 dB lower

Exit status: 0 when all bars are met or there is no data, 1 when one is missed. Needs Pillow and NumPy.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import record

LEAST_SPEED = 1.5
MOST_BYTES = 1.1
MOST_LOSS = 0.5

PILLOW_SCRIPT = """
import sys
from multiprocessing import Pool
from pathlib import Path
from PIL import Image

source, target, filter = Path(sys.argv[1]), Path(sys.argv[2]), getattr(Image, sys.argv[3])

def make(job):
    path, split, name, class_id = job
    image = Image.open(path).convert("RGBA")
    background = Image.new("RGB", image.size, (255, 255, 255))
    background.paste(image, mask=image.getchannel("A"))
    background.resize((416, 416), filter).save(target / "images" / split / f"{name}.jpg", quality=90)
    (target / "labels" / split / f"{name}.txt").write_text(f"{class_id} 0.5 0.5 1.0 1.0\\n")

if __name__ == "__main__":
    for split in ("train", "validation", "test"):
        (target / "images" / split).mkdir(parents=True, exist_ok=True)
        (target / "labels" / split).mkdir(parents=True, exist_ok=True)
    counts, jobs = {}, []
    for i, path in enumerate(sorted(source.iterdir())):
        number = int(path.name[:4])
        count = counts[number] = counts.get(number, 0) + 1
        jobs.append((path, ("train", "train", "validation", "test")[i % 4], f"{number:04}_{count:03}", number - 1))
    with Pool() as pool:
        for _ in pool.imap_unordered(make, jobs, chunksize=16):
            pass
"""


def run(command):
    """Runs a command; returns the seconds by the clock, those of all processors, and the peak of memory in MB."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", WATCH, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wall, after = time.perf_counter() - start, os.times()
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed with {done.returncode}:\n{done.stderr}")
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return wall, cpu, int(done.stdout.split()[-1]) / 1024


# Of a process and its children, the largest that any of them had.
WATCH = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


def psnr(sources, ours, theirs, filter):
    """The mean PSNR of both results to the exactly scaled picture, and to each other."""
    import numpy as np
    from PIL import Image

    def decibels(a, b):
        error = np.mean((a - b) ** 2)
        return 99.0 if error == 0 else 10 * np.log10(255**2 / error)

    sums = np.zeros(3)
    for source, a, b in zip(sources, ours, theirs, strict=True):
        image = Image.open(source).convert("RGBA")
        exact = Image.new("RGB", image.size, (255, 255, 255))
        exact.paste(image, mask=image.getchannel("A"))
        exact, a, b = (
            np.asarray(i, np.float64)
            for i in (exact.resize((416, 416), filter), Image.open(a).convert("RGB"), Image.open(b).convert("RGB"))
        )
        sums += decibels(a, exact), decibels(b, exact), decibels(a, b)
    return sums / len(sources)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pokedex", default="target/release/pokedex", help="the program [default: %(default)s]")
    parser.add_argument("--source", default="../shared/data/artwork_256", help="pictures NNNN_*.png [default: %(default)s]")
    parser.add_argument("--images", type=int, default=20000, help="how many pictures [default: %(default)s]")
    parser.add_argument("--runs", type=int, default=3, help="runs of each program [default: %(default)s]")
    parser.add_argument("--filter", default="BILINEAR", help="Pillow's filter; its own default is BICUBIC")
    args = parser.parse_args()
    source = Path(args.source)
    if not source.is_dir():
        print(f"skipped: {source} is not there")
        return 0
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        pictures, ours, theirs = folder / "pictures", folder / "ours", folder / "theirs"
        pictures.mkdir()
        files = sorted(source.glob("[0-9][0-9][0-9][0-9]*.png"))
        for i in range(args.images):
            path = files[i % len(files)]
            shutil.copy(path, pictures / f"{path.stem}-{i // len(files):03}.png")
        script = folder / "peer.py"
        script.write_text(PILLOW_SCRIPT)
        table = folder / "split.parquet"
        run([args.pokedex, "split", pictures, "-o", table])
        times = {"pokedex": [], "pillow": []}
        for _ in range(args.runs):
            for name, out, command in (
                ("pokedex", ours, [args.pokedex, "export", table, "--format", "yolo", "-o", ours]),
                ("pillow", theirs, [sys.executable, script, pictures, theirs, args.filter]),
            ):
                shutil.rmtree(out, ignore_errors=True)
                times[name].append(run(command))
        walls = {name: statistics.median(run[0] for run in runs) for name, runs in times.items()}
        for name, runs in times.items():
            cpu = statistics.median(run[1] for run in runs)
            memory = max(run[2] for run in runs)
            print(f"{name:8} {walls[name]:7.2f} s, {cpu:7.2f} s of processors, at most {memory:.0f} MB in a process")
        ratio = walls["pillow"] / walls["pokedex"]

        def named(out):
            return {path.name: path for path in (out / "images").glob("*/*.jpg")}

        a, b = named(ours), named(theirs)
        if set(a) != set(b):
            sys.exit("the two folders do not hold the same pictures")
        sizes = [sum(path.stat().st_size for path in side.values()) for side in (a, b)]
        counts, some = {}, []
        for path in sorted(pictures.iterdir()):
            number = path.name[:4]
            count = counts[number] = counts.get(number, 0) + 1
            some.append((path, f"{number}_{count:03}.jpg"))
        some = some[:: max(1, len(some) // 200)]
        chosen = getattr(Image, args.filter)
        quality = psnr([p for p, _ in some], [a[n] for _, n in some], [b[n] for _, n in some], chosen)

    record(f"export yolo, {args.images} pictures", ratio, 2.5, against="a pool of Pillow", ours=walls["pokedex"], theirs=walls["pillow"])
    bars = [
        ("speed", ratio >= LEAST_SPEED, f"{ratio:.2f} times as fast"),
        ("bytes", sizes[0] <= MOST_BYTES * sizes[1], f"{sizes[0] / sizes[1]:.3f} times as many"),
        (
            "quality",
            quality[0] >= quality[1] - MOST_LOSS,
            f"{quality[0]:.2f} dB and Pillow {quality[1]:.2f} dB from the exact picture; {quality[2]:.2f} dB apart",
        ),
    ]
    for name, met, text in bars:
        print(f"{name:8} {'met' if met else 'MISSED'}: {text}")
    return 0 if all(met for _, met, _ in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
