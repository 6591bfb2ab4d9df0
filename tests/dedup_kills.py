"""`pokedex dedup --action …` killed at random moments, again and again: no content is lost, the next run ends the work, undo
brings everything back.

    python3 tests/dedup_kills.py --pokedex target/release/pokedex --rounds 300 --work /tmp/dedup_kills

Each round plants pictures with identical and near copies, starts a run, kills it (SIGKILL) after a random part of the time that a
whole run takes, sometimes kills the next run as well, and sometimes an undo. After each kill the set of all contents below the folder,
trash included, must be what it was; at the end the tree must be what it was before, modes and times of files included. Needs
Pillow and numpy.
"""

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

ACTIONS = [
    ["--action", "trash"],
    ["--action", "move", "--to", "away"],
    ["--identical", "--action", "hardlink"],
    ["--identical", "--action", "symlink"],
]


def plant(folder, pictures, rng):
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "in" / "more").mkdir(parents=True)
    for number in range(pictures):
        small = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(small).resize((64, 48), Image.Resampling.BICUBIC)
        own = folder / "in" / f"{number}.jpg"
        picture.save(own, quality=92)
        shutil.copy2(own, folder / "in" / "more" / f"copy {number}.jpg")
        picture.resize((48, 36)).save(folder / "in" / "more" / f"small {number}.jpg", quality=80)


def tree(folder):
    """Every name below a folder: its content or target, mode and time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        if path.is_symlink():
            found[str(path.relative_to(folder))] = os.readlink(path)
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(folder))] = (content, about.st_mode, about.st_mtime_ns)
    return found


def contents(folder):
    own = (what for name, what in tree(folder).items() if not name.endswith((".journal", ".trashinfo")))
    return {what[0] for what in own if isinstance(what, tuple)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pokedex", default="target/release/pokedex", help="the program")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("dedup_kills_work"), help="a folder of its own")
    args = parser.parse_args()
    program, rng, chance = str(Path(args.pokedex).absolute()), np.random.default_rng(args.seed), random.Random(args.seed)
    folder = args.work.absolute()
    environment = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data")}
    took = {}
    killed = 0

    def run(arguments, kill):
        """Runs it; with `kill`, for a part of the time that it takes. Whether it was killed."""
        key = tuple(arguments)
        started = time.perf_counter()
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        child = subprocess.Popen([program, "dedup", *arguments], cwd=folder, env=environment, **silent)
        if kill:
            # Most of a run is looking at pictures: the later half is where files are touched.
            time.sleep(took.get(key, 0.5) * chance.uniform(0.2, 1.05))
            child.kill()
        _, said = child.communicate()
        if not kill:
            took[key] = min(time.perf_counter() - started, took.get(key, 1e9))
            if child.returncode != 0:
                sys.exit(f"{arguments}: {child.returncode}: {said.decode()}")
        return child.returncode == -9

    for number in range(args.rounds):
        action = ["in", "--journal", "dedup.journal", *ACTIONS[number % len(ACTIONS)]]
        plant(folder, args.pictures, rng)
        before, everything = tree(folder / "in"), contents(folder)
        undo = ["--undo", "dedup.journal"]
        for _ in range(chance.choice([1, 1, 2, 3])):
            killed += run(action, kill=number >= len(ACTIONS))
            assert contents(folder) == everything, f"round {number}, {action}: contents are not what they were"
        run(action, kill=False)
        assert contents(folder) == everything, f"round {number}, {action}: after the run that ended the work"
        left = [name for name in tree(folder / "in") if ".pokedex-" in name]
        assert not left, f"round {number}, {action}: {left}"
        kept = args.pictures if "--identical" not in action else 2 * args.pictures
        names = [name for name, what in tree(folder / "in").items() if isinstance(what, tuple)]
        inodes = {(folder / "in" / name).stat().st_ino for name in names}
        assert len(inodes) == kept, f"round {number}, {action}: {len(inodes)} files instead of {kept}"
        if number % 3 == 0 and (folder / "dedup.journal").exists():
            killed += run(undo, kill=number >= len(ACTIONS))
            assert contents(folder) == everything, f"round {number}, {action}: contents after a killed undo"
        run(undo, kill=False)
        assert tree(folder / "in") == before, f"round {number}, {action}: the tree is not what it was"
        if (number + 1) % 20 == 0:
            print(f"{number + 1} rounds, {killed} kills, nothing lost", flush=True)
    shutil.rmtree(folder)
    print(f"{args.rounds} rounds, {killed} kills: no content lost, every tree restored")


if __name__ == "__main__":
    main()
