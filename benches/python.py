#!/usr/bin/env python3
"""The Python package beside the command: what an import costs, and questions in this process beside a process for each.

    python3 benches/python.py        (in an environment that has the wheel)
"""

import csv
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pokedex

COMMAND = shutil.which("pokedex")
BARE = sys.argv[1] if len(sys.argv) > 1 else None


def seconds(*command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main():
    print(f"{platform.machine()}, Python {platform.python_version()}, pokedex {pokedex.__version__}")
    bare, imported = [], []
    for _ in range(30):
        bare.append(seconds(sys.executable, "-c", "pass"))
        imported.append(seconds(sys.executable, "-c", "import pokedex"))
    more = statistics.median(imported) - statistics.median(bare)
    print(f"import pokedex: {1000 * more:.1f} ms more than `python -c pass` (medians of 30 by turns)")

    with open(Path(__file__).with_name("queries.csv"), newline="", encoding="utf-8") as file:
        questions = [row["query"] for row in csv.DictReader(file)]
    index = pokedex.Index.open()
    index.query("fire dog", top=5)
    differing = 0
    for question in questions[:40]:
        there = subprocess.run([COMMAND, "query", question, "--top", "5", "--format", "csv"], capture_output=True, text=True)
        keys = [row["key"] for row in csv.DictReader(there.stdout.splitlines())]
        differing += keys != index.query(question, top=5).column("key")
    print(f"answers that differ from the command's: {differing} of {len(questions[:40])}")

    start = time.perf_counter()
    for question in questions:
        index.query(question, top=5)
    here = (time.perf_counter() - start) / len(questions)
    there = statistics.mean(seconds(COMMAND, "query", question, "--top", "5") for question in questions)
    print(f"a question: {1000 * here:.2f} ms here, {1000 * there:.1f} ms by a process; {there / here:.0f} times as many a second")
    if BARE:
        pairs = [(seconds(COMMAND, "--version"), seconds(BARE, "--version")) for _ in range(60)]
        wheel, binary = (statistics.median(times) for times in zip(*pairs))
        print(f"the wheel's command: {1000 * (wheel - binary):+.2f} ms beside the bare binary")


main()
