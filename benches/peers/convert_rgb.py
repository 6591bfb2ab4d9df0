"""Compares `pokedex convert-rgb` with the Pillow script that people write for the same job.

Both turn the RGBA files of DATA/artwork_475 into RGB PNGs over white. Three bars:

  pixels  every one equal to Pillow's within 1 step of 255
  bytes   at most 1.1 times as many as Pillow writes
  time    at least 4 times as fast, on two cores (medians of whole processes run in turn)

Exit status: 0 when all bars are met or there is no data, 1 when one is missed. Needs Pillow and NumPy.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import record

MOST_DIFFERENCE = 1
MOST_BYTES = 1.1
LEAST_SPEED = 4.0

PILLOW_SCRIPT = """
import sys
from pathlib import Path
from PIL import Image

source, target = map(Path, sys.argv[1:])
for path in sorted(source.glob("*.png")):
    image = Image.open(path)
    background = Image.new("RGB", image.size, (255, 255, 255))
    background.paste(image, mask=image.split()[3])
    background.save(target / path.name)
"""


def run(command):
    """Runs a command; returns the seconds by the clock and those of all processors together."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wall, after = time.perf_counter() - start, os.times()
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed with {done.returncode}:\n{done.stderr}")
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return wall, cpu


def compare(ours, theirs):
    """The number of files, the largest difference of a pixel, and the bytes in each folder."""
    import numpy as np
    from PIL import Image

    names = sorted(path.name for path in theirs.glob("*.png"))
    if names != sorted(path.name for path in ours.glob("*.png")):
        sys.exit("the two folders do not hold the same files")
    worst, sizes = 0, [0, 0]
    for name in names:
        a, b = Image.open(ours / name), Image.open(theirs / name)
        if (a.mode, a.size) != (b.mode, b.size):
            sys.exit(f"{name}: {a.mode} {a.size} where Pillow wrote {b.mode} {b.size}")
        worst = max(worst, int(np.abs(np.asarray(a, np.int16) - np.asarray(b, np.int16)).max()))
        sizes[0] += (ours / name).stat().st_size
        sizes[1] += (theirs / name).stat().st_size
    return len(names), worst, sizes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pokedex", default="target/release/pokedex", help="the program [default: %(default)s]")
    parser.add_argument("--data", default="../shared/data", help="the data folder [default: %(default)s]")
    parser.add_argument("--runs", type=int, default=5, help="runs of each program [default: %(default)s]")
    parser.add_argument("--jobs", help="threads of pokedex [default: the number of processors]")
    args = parser.parse_args()
    source = Path(args.data) / "artwork_475"
    if not source.is_dir():
        print(f"skipped: {source} is not there")
        return 0

    jobs = ["-j", args.jobs] if args.jobs else []
    times = {"pokedex": [], "pillow": []}
    with tempfile.TemporaryDirectory() as scratch:
        folders = {}
        for turn in range(args.runs):
            for name in times:
                folder = folders[name] = Path(scratch) / f"{name}{turn}"
                folder.mkdir()
                command = {
                    "pokedex": [args.pokedex, "convert-rgb", str(source), "-o", f"{folder}/", *jobs],
                    "pillow": [sys.executable, "-c", PILLOW_SCRIPT, str(source), str(folder)],
                }[name]
                times[name].append(run(command))
        files, worst, sizes = compare(folders["pokedex"], folders["pillow"])

    wall = {name: statistics.median(wall for wall, _ in runs) for name, runs in times.items()}
    cpu = {name: statistics.median(cpu for _, cpu in runs) for name, runs in times.items()}
    speed, growth = wall["pillow"] / wall["pokedex"], sizes[0] / sizes[1]
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{files} files of {source.name}, {args.runs} runs in turn, {os.cpu_count()} processors{load}\n")
    print(f"{'':10} {'median s':>9} {'all s':>25} {'cpu s':>7} {'MB':>7}")
    for name, size in zip(times, sizes):
        each = " ".join(f"{wall:.2f}" for wall, _ in times[name])
        print(f"{name:10} {wall[name]:9.2f} {each:>25} {cpu[name]:7.2f} {size / 1e6:7.2f}")
    bars = [
        ("largest difference of a pixel", f"{worst}", f"at most {MOST_DIFFERENCE}", worst <= MOST_DIFFERENCE),
        ("bytes written, of Pillow's", f"{growth:.3f}", f"at most {MOST_BYTES}", growth <= MOST_BYTES),
        ("times as fast as Pillow", f"{speed:.2f}", f"at least {LEAST_SPEED}", speed >= LEAST_SPEED),
    ]
    print(f"\n{'':31} {'found':>7} {'bar':>13}")
    for what, found, bar, met in bars:
        print(f"{what:31} {found:>7} {bar:>13}  {'ok' if met else 'MISSED'}")
    record("convert-rgb, RGBA artworks to PNG", speed, 9, against="Pillow", ours=wall["pokedex"], theirs=wall["pillow"])
    record("convert-rgb: bytes", growth, MOST_BYTES, most=True, against="Pillow")
    return 0 if all(met for *_, met in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
