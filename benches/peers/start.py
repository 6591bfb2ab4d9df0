#!/usr/bin/env python3
"""What a process costs before it does anything: a question to the built-in Pokédex, and a folder of one picture with a CLIP.

    python3 benches/peers/start.py target/release/pokedex [--model DIR] [--runs 60]

  a question   `pokedex query "fire dog" --top 5` and `/usr/bin/python3 -c pass`, whole processes by turns; and the most memory
               that was resident
  sessions     with --model, a folder with the ONNX files of a CLIP: `pokedex embed` of one picture, which loads a session for
               each processor, with what ONNX Runtime packed kept (--runs / 6 times), and without ($POKEDEX_CACHE_LIMIT=0); and the
               private memory of the first while it embeds many

Counted are the medians. Needs Pillow and NumPy for --model. Exit status: 0, unless a program fails.
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

QUESTION = ["query", "fire dog", "--top", "5"]


def timed(command, **environment):
    """Seconds of a process, and the most memory that was resident, in MB."""
    start = time.perf_counter()
    child = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, env=os.environ | environment)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command[0]} failed with {child.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def a_question(pokedex, runs):
    ours, python = [pokedex, *QUESTION], ["/usr/bin/python3", "-c", "pass"]
    for command in (ours, python):
        [timed(command) for _ in range(3)]
    found = [(timed(ours), timed(python)) for _ in range(runs)]
    mine, theirs = (statistics.median(run[i][0] for run in found) for i in (0, 1))
    memory = statistics.median(run[0][1] for run in found)
    print(f"a question: {mine * 1e3:.1f} ms, an empty Python {theirs * 1e3:.1f} ms: {mine / theirs:.2f} of it; {memory:.1f} MB")
    record("query, built in", mine / theirs, 0.8, most=True, against="python3 -c pass", ours=mine, theirs=theirs)
    record("query, built in: resident MB", memory, 20, most=True, against="")


def private_of(command, environment):
    """The most private memory of a process, in MB, looked at while it runs."""
    child = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, env=os.environ | environment)
    most = 0
    while child.poll() is None:
        try:
            lines = Path(f"/proc/{child.pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            break
        most = max(most, sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1024)
        time.sleep(0.1)
    child.wait()
    return most


def sessions(pokedex, model, runs):
    import numpy as np
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, count in (("one", 1), ("many", 40)):
            (folder / name).mkdir()
            for i in range(count):
                pixels = np.random.default_rng(i).integers(0, 256, (96, 96, 3), np.uint8)
                Image.fromarray(pixels).save(folder / name / f"{i:03}.png")

        def embed(name):
            return [pokedex, "embed", folder / name, "--model", f"{model}/", "--engine", "ort", "--no-cache", "-o", folder / "e.parquet"]

        ways = {"packed": {"POKEDEX_CACHE": str(folder / "packed")}}
        ways["plain"] = {"POKEDEX_CACHE": str(folder / "plain"), "POKEDEX_CACHE_LIMIT": "0"}
        for environment in ways.values():
            [timed(embed("one"), **environment) for _ in range(2)]
        found = {name: [] for name in ways}
        for _ in range(runs):
            for name, environment in ways.items():
                found[name].append(timed(embed("one"), **environment)[0])
        seconds = {name: statistics.median(runs) for name, runs in found.items()}
        memory = {name: private_of(embed("many"), environment) for name, environment in ways.items()}
    for name in ways:
        print(f"sessions, {name}: {seconds[name]:.2f} s for one picture, {memory[name]:.0f} MB private")
    ratio = seconds["packed"] / seconds["plain"]
    record("embed one picture, CLIP, packed", ratio, 0.5, most=True, against="the same, not packed", ours=seconds["packed"], theirs=seconds["plain"])
    record("sessions of one model: private MB", memory["packed"], 100, most=True, against="")


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("pokedex", type=Path)
parser.add_argument("--model", type=Path)
parser.add_argument("--runs", type=int, default=60)
args = parser.parse_args()
a_question(args.pokedex.resolve(), args.runs)
if args.model:
    sessions(args.pokedex.resolve(), args.model.resolve(), max(3, args.runs // 6))
