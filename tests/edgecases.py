"""Checks the program on DATA/edgecases: 423 files that break image programs, with what is right for each.

Every file goes through `convert-rgb`, `embed` and `scan` (the whole folder at once); pixels are compared with
Pillow's where Pillow can decode the file. Files that need it are run alone as well: those to be refused, hard names,
bombs (with their memory and time), and those whose nearest species must be Pikachu (`query`).

Prints the share that passes by category and every failing file with the reason. Exit status: 0 when all pass or are
in LENIENT, or there is no data; 1 otherwise. Needs NumPy, Pillow and PyArrow.
"""

import argparse
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

TIMEOUT = 120
MOST_MEMORY = 1_500_000_000
FAST_SECONDS, FAST_MEMORY = 1.0, 200_000_000
EXACT_STEP, LOSSY_MEAN = 1, 3.0
LOSSY = {"JPEG", "WEBP"}

DECODE = {"decode", "decode-is-25", "decode-first-frame", "decode-orient"}
REJECT = {"reject", "reject-fast"}

# What differs from expected.csv or from Pillow and is right all the same: file -> (kind of difference, reason).
# Everything else about these files is still checked.
BEYOND_THE_SCREEN = (
    "pixels",
    "the first frame does not fill the logical screen, or leaves it. We keep the screen's size, and what the frame "
    "does not cover is transparent; Pillow paints it in the background colour or widens the screen",
)
PARTIAL_JPEG = (
    "decoded",
    "a fuzzed progressive JPEG whose headers are sound and whose scans are damaged or end early: the part that is "
    "there is shown and named, as for made/pikachu_truncated_60pct.jpg; libjpeg does so too (Pillow with "
    "LOAD_TRUNCATED_IMAGES)",
)
LENIENT = {
    "gif_image/border_touching_layers.gif": BEYOND_THE_SCREEN,
    "gif_image/issue_1455_oversized.gif": BEYOND_THE_SCREEN,
    "gif_image/issue_1455_undersized.gif": BEYOND_THE_SCREEN,
    "gif_image/oob.gif": BEYOND_THE_SCREEN,
    "jpeg_imagetestsuite/194531363df5b73f59c4c0517422f917.jpg": PARTIAL_JPEG,
    "jpeg_imagetestsuite/46f5d9c1b0fe352353688f736e5617b6.jpg": PARTIAL_JPEG,
    "jpeg_imagetestsuite/59d3b529c78ac722127c41ba75b3355b.jpg": PARTIAL_JPEG,
    "tiff/ycbcr_lzw_bt709.tif": (
        "pixels",
        "the file says how brightness and colours are to be mixed (BT.709), which we heed; Pillow mixes as JPEGs do",
    ),
}

# A process between, because a child's peak counts from its parent's size, and this one is large.
MEASURE = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[2:], timeout=float(sys.argv[1]))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(done.returncode)
"""


class Tool:
    """Runs the program; a hang, a panic or an exit status that is not its own is noted against `about`."""

    def __init__(self, pokedex, scratch, fail):
        # Runs happen in other folders too, so its path is made absolute; nothing is written outside `scratch`.
        self.pokedex, self.scratch, self.fail = str(Path(pokedex).resolve()), Path(scratch), fail
        self.environment = {k: v for k, v in os.environ.items() if k != "POKEDEX_INDEX"}
        self.environment["POKEDEX_CACHE"] = str(self.scratch / "cache")

    def run(self, about, *arguments, cwd=None, measure=False):
        command = [self.pokedex, *map(str, arguments)]
        if measure:
            command = [sys.executable, "-c", MEASURE, str(TIMEOUT), *command]
        start, memory = time.perf_counter(), 0
        try:
            done = subprocess.run(command, cwd=cwd, env=self.environment, capture_output=True, timeout=TIMEOUT + 5)
            status, out, err = done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            status, out, err = None, b"", ""
        seconds = time.perf_counter() - start
        if measure and status is not None:
            err, _, last = err.rstrip("\n").rpartition("\n")
            memory = int(last) * (1 if sys.platform == "darwin" else 1024) if last.isdigit() else 0
        short = " ".join(map(str, arguments[:1]))
        if status is None or seconds > TIMEOUT:
            self.fail(about, "hang", f"{short}: still running after {TIMEOUT} s")
        elif status not in (0, 1, 2, 3) or "panicked" in err:
            self.fail(about, "panic", f"{short}: exit status {status}: {err.strip()[:200]}")
        return Run(status, out, err, seconds, memory)


class Run:
    """How a run ended."""

    def __init__(self, status, out, err, seconds, memory):
        self.status, self.out, self.err, self.seconds, self.memory = status, out, err, seconds, memory

    def lines_about(self, key):
        return [line for line in self.err.splitlines() if line.startswith(f"pokedex: {key}: ")]


def read_rows(path):
    """A table as a dictionary of its rows by key."""
    import pyarrow.parquet

    return {row["key"]: row for row in pyarrow.parquet.read_table(path).to_pylist()} if path.exists() else {}


def over_white(path):
    """The format, and the upright first frame over white, as Pillow decodes it."""
    import numpy as np
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        kind = "JPEG" if getattr(image, "_compression", "") == "jpeg" else image.format
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):
            # Pillow cuts 16-bit grey off at 255 where it should scale it.
            grey = np.asarray(image)
            white = grey == image.info.get("transparency", -1)
            return kind, np.repeat(np.where(white, 255.0, grey / 257)[..., None], 3, axis=2)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            background = Image.new("RGB", image.size, "white")
            background.paste(image, mask=image.getchannel("A"))
            image = background
        return kind, np.asarray(image.convert("RGB"), dtype=float)


def difference(path, converted):
    """Why the converted image is not what Pillow makes of the file, None if it is; and whether Pillow could tell."""
    import numpy as np
    from PIL import Image

    try:
        kind, expected = over_white(path)
    except Exception:  # Pillow refuses files in many ways, and then it is no judge
        return None, False
    found = np.asarray(Image.open(io.BytesIO(converted)), dtype=float)
    if found.shape != expected.shape:
        return f"size {found.shape[1::-1]} where Pillow has {expected.shape[1::-1]}", True
    apart = np.abs(found - expected)
    if kind in LOSSY:
        wrong = apart.mean() > LOSSY_MEAN
    else:
        wrong = apart.max() > EXACT_STEP
    problem = f"pixels differ from Pillow's by {apart.mean():.1f} in the mean, {apart.max():.0f} at most"
    return problem if wrong else None, True


def check_folder(tool, folder, cases, fail):
    """The whole folder through convert-rgb, embed and scan; returns the rows of each and prints what it took."""
    tables = {}
    for command, more in (("convert-rgb", []), ("embed", ["--no-cache"]), ("scan", [])):
        table = tool.scratch / f"{command}.parquet"
        run = tool.run("(whole folder)", command, folder, *more, "-o", table, measure=True)
        rows = tables[command] = read_rows(table)
        print(f"{command:12} {len(rows)} rows, exit {run.status}, {run.seconds:.1f} s, peak {run.memory / 1e6:.0f} MB")
        if run.status != 3:
            fail("(whole folder)", "status", f"{command}: exit status {run.status}, expected 3")
        if run.memory > MOST_MEMORY:
            fail("(whole folder)", "memory", f"{command}: {run.memory / 1e6:.0f} MB")
        for key in rows.keys() - {case["file"] for case in cases}:
            fail("(whole folder)", "listing", f"{command}: unknown row {key}")
        for key, row in rows.items():
            said = run.lines_about(key)
            # A picture that is read as far as it goes has a line and no error; headers do not tell.
            flawed = [line for line in said if "as far as it goes" in line]
            if len(said) != (1 if row["error"] else len(flawed)) or (command == "scan" and flawed):
                fail(key, "message", f"{command}: {len(said)} lines on stderr, error column {row['error']!r}")
    return tables


def check_listing(case, tables, fail):
    """Whether each table has the row or rightly has not."""
    absent = case["expect"] in ("skip-not-image", "decode-or-skip")
    for command, rows in tables.items():
        if (case["file"] in rows) == absent:
            fail(case["file"], "listing", f"{command}: {'listed' if absent else 'not listed'} in the folder")


def check_decoding(case, tables, fail):
    """Whether convert-rgb and embed decode the file or refuse it, as they should."""
    file, expect = case["file"], case["expect"]
    for command in ("convert-rgb", "embed"):
        row = tables[command].get(file)
        if row is None:
            continue
        error = row["error"]
        if expect in DECODE and error:
            fail(file, "refused", f"{command}: {error}")
        elif expect in REJECT and not error:
            fail(file, "decoded", f"{command}: decoded, but should be refused")
        elif expect == "decode-or-clear-unsupported" and error and "unsupported" not in error:
            fail(file, "message", f"{command}: does not say that the format is unsupported: {error}")
    refused = {tables[command].get(file, {}).get("error") is not None for command in ("convert-rgb", "embed")}
    if len(refused) > 1:
        fail(file, "status", "convert-rgb and embed do not agree whether it can be decoded")


def check_pixels(case, tables, folder, fail):
    """Size and pixels; returns whether Pillow could be asked."""
    file = case["file"]
    row = tables["convert-rgb"].get(file)
    if row is None or row["error"] or case["expect"] not in DECODE | {"decode-or-clear-unsupported"}:
        return False
    scanned, converted = ((r.get("width"), r.get("height")) for r in (tables["scan"].get(file, {}), row))
    if scanned != converted:
        fail(file, "size", f"{scanned} says scan, {converted} convert-rgb")
    problem, asked = difference(folder / file, row["image"]["bytes"])
    if problem:
        fail(file, "pixels", problem)
    return asked


def check_vector(case, tables, fail):
    """A vector where there is no error: finite, of length 1."""
    import numpy as np

    row = tables["embed"].get(case["file"])
    if row is None or row["error"]:
        return
    vector = np.array(row["embedding"] or [np.nan], dtype=float)
    if not np.isfinite(vector).all() or abs(np.linalg.norm(vector) - 1) > 1e-4:
        fail(case["file"], "vector", "not a finite vector of length 1")


def check_orientation(cases, tables, fail):
    """The nine Landscape_* (Portrait_*) are one upright picture: same size, nearly the same vector."""
    import numpy as np

    for group in ("Landscape", "Portrait"):
        files = [case["file"] for case in cases if case["file"].startswith(f"exif/{group}_")]
        converted = [tables["convert-rgb"].get(file, {}) for file in files]
        embedded = [tables["embed"].get(file, {}) for file in files]
        first = np.array(embedded[1].get("embedding") or [0.0])
        for file, row, vector in zip(files, converted, embedded):
            width, height = row.get("width"), row.get("height")
            if (width, height) != (converted[1].get("width"), converted[1].get("height")):
                fail(file, "size", f"{width} x {height} is not the size of {group}_1")
            elif (width > height) != (group == "Landscape"):
                fail(file, "size", f"{width} x {height} is not upright")
            cosine = float(np.dot(first, vector.get("embedding") or [0.0]))
            if cosine < 0.95:
                fail(file, "vector", f"cosine with {group}_1 is {cosine:.3f}")


def check_alone(tool, case, folder, fail):
    """Files to be refused: alone each gives one row with an error and exit status 3; `query` fails with a message."""
    file = case["file"]
    fast = case["expect"] == "reject-fast"
    name = Path(file).name
    for command in ("convert-rgb", "embed", "scan") if fast else ("convert-rgb",):
        table = tool.scratch / "alone.parquet"
        table.unlink(missing_ok=True)
        run = tool.run(file, command, folder / file, "-o", table, measure=fast)
        rows = read_rows(table)
        if run.status == 0:
            fail(file, "decoded", f"{command} alone: exit status 0")
        elif run.status != 3 or list(rows) != [name] or not rows[name]["error"] or len(run.lines_about(name)) != 1:
            fail(file, "message", f"{command} alone: exit status {run.status}, {len(rows)} rows: {run.err.strip()}")
        if fast and (run.seconds >= FAST_SECONDS or run.memory >= FAST_MEMORY):
            fail(file, "memory", f"{command} alone: {run.seconds:.2f} s, {run.memory / 1e6:.0f} MB")
    run = tool.run(file, "query", f"img:{folder / file}")
    if run.status == 0:
        fail(file, "decoded", "query: exit status 0")
    elif run.status != 1 or name not in run.err:
        fail(file, "message", f"query: exit status {run.status}: {run.err.strip()}")


def check_bomb(tool, case, folder, fail):
    """A bomb alone stays within memory, whatever becomes of it."""
    file, out = case["file"], ["-o", tool.scratch / "bomb.parquet"]
    commands = [
        ["convert-rgb", folder / file, *out],
        ["embed", folder / file, "--no-cache", *out],
        ["query", f"img:{folder / file}"],
    ]
    for command in commands:
        run = tool.run(file, *command, measure=True)
        took = f"exit {run.status}, {run.seconds:5.2f} s, peak {run.memory / 1e6:5.0f} MB"
        print(f"  {file:40} {command[0]:12} {took}")
        if run.memory > MOST_MEMORY:
            fail(file, "memory", f"{command[0]}: {run.memory / 1e6:.0f} MB")


def check_pikachu(tool, case, folder, fail):
    """The nearest species to the picture is Pikachu, or it is among the first so many where the note says so."""
    file, note = case["file"], case["note"]
    drawn = case["expect"] == "decode-is-25" or file.startswith("made/pikachu_then_charizard")
    if not drawn and file != "made/pikachu_tiny24.png":
        return
    most = int((re.search(r"rank <=\s*(\d+)", note) or [0, "1"])[1])
    run = tool.run(file, "query", f"img:{folder / file}", "--top", 20, "--format", "json")
    if run.status != 0:
        return fail(file, "refused", f"query: exit status {run.status}: {run.err.strip()}")
    hits = json.loads(run.out)
    rank = next((hit["rank"] for hit in hits if hit["id"] == 25), None)
    if rank is None or rank > most:
        first = ", ".join(f"{hit['label']} {hit['score']:.3f}" for hit in hits[:3])
        fail(file, "rank", f"query: Pikachu has rank {rank or 'over 20'}, may have {most}; first are {first}")


def check_names(tool, folder, fail):
    """Names that need care on the command line and in CSV, and files that only count when they are named."""
    out = tool.scratch / "named.parquet"
    names = folder / "names"

    def decodes(file, *arguments, cwd=None):
        out.unlink(missing_ok=True)
        run = tool.run(file, *arguments, cwd=cwd)
        rows = list(read_rows(out).values())
        if run.status != 0 or len(rows) != 1 or rows[0]["key"] != Path(file).name or rows[0]["error"]:
            fail(file, "refused", f"{' '.join(map(str, arguments))}: exit status {run.status}: {run.err.strip()}")

    dash = "names/-leading-dash.png"
    for command in ("convert-rgb", "embed"):
        decodes(dash, command, "./-leading-dash.png", "-o", out, cwd=names)
        decodes(dash, command, "-o", out, "--", "-leading-dash.png", cwd=names)
        for file in ("made/pikachu_noext", "names/.hidden.png"):
            decodes(file, command, folder / file, "-o", out)
    if tool.run(dash, "query", "./-leading-dash.png", cwd=names).status != 0:
        fail(dash, "refused", "query ./-leading-dash.png")

    text = "formats/rclip_not-an-image.txt"
    run = tool.run(text, "convert-rgb", folder / text, "-o", out)
    if run.status in (0, None) or Path(text).name not in run.err:
        fail(text, "message", f"named explicitly: exit status {run.status}: {run.err.strip()}")

    tool.run("(names)", "scan", names, "-o", out)
    exported = tool.run("(names)", "export", out, "--format", "csv")
    keys = [row["key"] for row in csv.DictReader(io.StringIO(exported.out.decode("utf-8"), newline=""))]
    on_disk = [str(path.relative_to(names)) for path in names.rglob("*.png") if path.is_file() and path.name[0] != "."]
    if sorted(keys) != sorted(on_disk):
        fail("(names)", "listing", f"the CSV of names/ has the keys {keys}")


def print_report(cases, failures, compared):
    """Prints pass rates, leniencies and failures; returns whether all is well."""
    excused = {}
    for file, (kind, reason) in LENIENT.items():
        found = failures.get(file, [])
        if any(k == kind for k, _ in found):
            excused[file] = reason
            failures[file] = [(k, text) for k, text in found if k != kind]
        else:
            failures.setdefault(file, []).append(("lenient", "is in LENIENT and needs no leniency"))
    failures = {file: found for file, found in failures.items() if found}

    categories = sorted({case["category"] for case in cases})
    print(f"\n{'category':16} {'files':>6} {'pass':>6} {'lenient':>8} {'fail':>6} {'rate':>8}")
    for category in [*categories, "all"]:
        files = [case["file"] for case in cases if category in (case["category"], "all")]
        bad = sum(file in failures for file in files)
        lenient = sum(file in excused and file not in failures for file in files)
        rate = 100 * (len(files) - bad) / len(files)
        print(f"{category:16} {len(files):6} {len(files) - bad - lenient:6} {lenient:8} {bad:6} {rate:7.1f}%")
    print(f"\npixels of {compared} files compared with Pillow's")
    for reason in dict.fromkeys(excused.values()):
        print(f"\nlenient: {reason}:")
        print("".join(f"  {file}\n" for file, why in excused.items() if why == reason), end="")
    if failures:
        print("\nfailures:")
    for file, found in failures.items():
        for kind, text in dict.fromkeys(found):
            print(f"  {file}: [{kind}] {text}")
    return not failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pokedex", default="target/release/pokedex", help="the program [default: %(default)s]")
    parser.add_argument("--data", default="../shared/data", help="the data folder [default: %(default)s]")
    args = parser.parse_args()
    folder = Path(args.data).resolve() / "edgecases"
    if not (folder / "expected.csv").is_file():
        print(f"skipped: {Path(args.data) / 'edgecases'} is not there")
        return 0
    warnings.simplefilter("ignore")  # Pillow's, about the files
    with open(folder / "expected.csv", encoding="utf-8", newline="") as file:
        cases = list(csv.DictReader(file))

    failures = {}

    def fail(file, kind, text):
        failures.setdefault(file, []).append((kind, text))

    with tempfile.TemporaryDirectory() as scratch:
        tool = Tool(args.pokedex, scratch, fail)
        tables = check_folder(tool, folder, cases, fail)
        compared = 0
        for case in cases:
            check_listing(case, tables, fail)
            check_decoding(case, tables, fail)
            check_vector(case, tables, fail)
            compared += check_pixels(case, tables, folder, fail)
            check_pikachu(tool, case, folder, fail)
            if case["expect"] in REJECT:
                check_alone(tool, case, folder, fail)
            if case["category"] == "bomb":
                check_bomb(tool, case, folder, fail)
        check_orientation(cases, tables, fail)
        check_names(tool, folder, fail)
    return 0 if print_report(cases, failures, compared) else 1


if __name__ == "__main__":
    sys.exit(main())
