#!/usr/bin/env python3
"""Damages every kind of file that is read, in every way that files are damaged, and runs the binary on it.

    python3 tests/mutations.py [target/release/pokedex] [--inputs 20000] [--seed 0] [--only NAME,...] [--keep FOLDER]

Each run has 4 GB of address space. Wrong is: a signal, an exit code that is none of the contract's (101 is a panic), more than
10 seconds, more than 1 GB of memory, a failure without a word. What went wrong is kept in FOLDER with its command. Needs numpy,
pyarrow and Pillow; pillow-heif and pillow-jxl-plugin for HEIC and JPEG XL. Ends with 1 where anything was wrong.
"""

import argparse
import io
import json
import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pyarrow
import pyarrow.ipc
import pyarrow.parquet
from PIL import Image, ImageDraw

REPOSITORY = Path(__file__).resolve().parent.parent
SECONDS, MEMORY, SPACE = 10, 1 << 30, 4 << 30
CODES = {0, 1, 2, 3, 4}


def picture(mode="RGB", size=(48, 36), seed=1):
    chance = random.Random(seed)
    image = Image.new("RGB", size, (200, 180, 20))
    pen = ImageDraw.Draw(image)
    for _ in range(9):
        x, y = chance.randrange(size[0]), chance.randrange(size[1])
        pen.ellipse([x, y, x + chance.randrange(4, 30), y + chance.randrange(4, 30)], fill=tuple(chance.randrange(256) for _ in "rgb"))
    return image.convert(mode)


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pictures():
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb, frames = picture(), [picture(seed=n) for n in (2, 3)]
    return {
        "a.png": encoded(rgb, "PNG", exif=exif, icc_profile=b"\0" * 200),
        "b.png": encoded(picture("P"), "PNG", transparency=3),
        "c.png": encoded(picture("I;16") if False else Image.fromarray((numpy.arange(48 * 36).reshape(36, 48) * 37 % 65536).astype("uint16")), "PNG"),
        "d.png": encoded(rgb, "PNG", save_all=True, append_images=frames),
        "a.jpg": encoded(rgb, "JPEG", exif=exif),
        "b.jpg": encoded(rgb, "JPEG", progressive=True, subsampling=2, restart_marker_rows=1),
        "c.jpg": encoded(picture("CMYK"), "JPEG"),
        "a.gif": encoded(rgb, "GIF", save_all=True, append_images=frames),
        "a.webp": encoded(rgb, "WEBP", exif=exif),
        "b.webp": encoded(picture("RGBA"), "WEBP", lossless=True),
        "c.webp": encoded(rgb, "WEBP", save_all=True, append_images=frames),
        "a.bmp": encoded(rgb, "BMP"),
        "b.bmp": encoded(picture("P"), "BMP"),
        "a.tif": encoded(rgb, "TIFF"),
        "b.tif": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "c.tif": encoded(picture("P"), "TIFF", compression="tiff_adobe_deflate"),
        "d.tif": encoded(picture("1"), "TIFF", compression="group4"),
        "e.tif": encoded(rgb, "TIFF", compression="jpeg"),
        "f.tif": encoded(picture("F"), "TIFF"),
        "g.tif": encoded(rgb, "TIFF", big_tiff=True),
        "a.ico": encoded(rgb, "ICO", sizes=[(16, 16), (32, 32)]),
        "b.ico": encoded(rgb, "ICO", sizes=[(16, 16)], bitmap_format="bmp"),
        "a.tga": encoded(rgb, "TGA", compression="tga_rle"),
        "a.ppm": encoded(rgb, "PPM"),
        "a.qoi": encoded(rgb, "QOI"),
        "a.avif": encoded(rgb, "AVIF", quality=70),
        "b.avif": encoded(picture("RGBA"), "AVIF", exif=exif),
        "a.jp2": encoded(rgb, "JPEG2000"),
        "b.jp2": encoded(picture("RGBA"), "JPEG2000", irreversible=True),
        **phones(rgb, exif),
    }


def phones(rgb, exif):
    """Of encoders that are not everywhere: pillow-heif and pillow-jxl-plugin."""
    found = {}
    try:
        import pillow_heif

        pillow_heif.register_heif_opener()
        found["a.heic"] = encoded(rgb, "HEIF", quality=70, exif=exif)
        found["b.heic"] = encoded(picture("RGBA"), "HEIF", chroma="444")
    except ImportError:
        print("pillow-heif is not here: no HEIC")
    try:
        import pillow_jxl  # noqa: F401

        found["a.jxl"] = encoded(rgb, "JXL", quality=80)
        found["b.jxl"] = encoded(picture("RGBA"), "JXL", lossless=True, exif=exif.tobytes())
    except ImportError:
        print("pillow-jxl-plugin is not here: no JPEG XL")
    return found


def table(with_pictures=False, vectors=False):
    chance = numpy.random.default_rng(1)
    columns = {
        "key": [f"k{n}.png" for n in range(20)],
        "label": [("ant", "bee")[n % 2] for n in range(20)],
        "split": [("train", "train", "test")[n % 3] for n in range(20)],
        "id": pyarrow.array([n + 1 for n in range(20)], pyarrow.int32()),
    }
    if with_pictures:
        image = encoded(picture(size=(16, 16)), "PNG")
        columns["image"] = [{"bytes": image, "path": key} for key in columns["key"]]
    if vectors:
        rows = chance.normal(size=(20, 8)).astype("f4")
        columns["embedding"] = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(rows.ravel()), 8)
    return pyarrow.table(columns)


def as_parquet(rows, **options):
    out = io.BytesIO()
    pyarrow.parquet.write_table(rows, out, **options)
    return out.getvalue()


def as_arrow(rows, kind, **options):
    out = io.BytesIO()
    with kind(out, rows.schema, **options) as writer:
        writer.write_table(rows)
    return out.getvalue()


def shard():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for n in range(4):
            for end, content in (("png", encoded(picture(size=(16, 16)), "PNG")), ("cls", b"1"), ("json", b'{"label": "bee", "key": "x"}')):
                member = tarfile.TarInfo(f"{n:05}.{end}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


class Case:
    """A file to be damaged, what lies around it, and the commands that read it. `@` in a command is the file."""

    def __init__(self, name, content, commands, around=None, extra=None):
        self.name, self.content, self.commands = name, content, commands
        self.around = around or {}
        self.extra = extra


def cases(work, run):
    """All kinds of input. `run` makes some of them with the program itself."""
    found = [Case(f"pictures/{name}", content, [["convert-rgb", "@", "-o", "out.parquet"], ["embed", "@", "-o", "out.parquet", "--no-cache"], ["scan", "--verify", "@", "-o", "out.parquet"]]) for name, content in pictures().items()]

    stages = [["scan", "@", "-o", "out.parquet"], ["split", "@", "-o", "out.parquet"], ["check", "@"], ["export", "@", "--format", "jsonl"], ["convert-rgb", "@", "-o", "out.parquet"]]
    searches = [["query", "key:k3.png", "--index", "@"], ["index", "@", "--model", "unknown", "-o", "out.parquet"], ["train", "@", "-o", "out.parquet"], ["export", "@", "--format", "npy", "-o", "out.npy"]]
    with_pictures, vectors = table(with_pictures=True), table(vectors=True)
    found += [
        Case("tables/pictures.parquet", as_parquet(with_pictures), stages),
        Case("tables/zstd.parquet", as_parquet(with_pictures, compression="zstd", use_dictionary=True, data_page_version="2.0"), stages),
        Case("tables/brotli.parquet", as_parquet(vectors, compression="brotli"), searches),
        Case("tables/vectors.parquet", as_parquet(vectors, use_byte_stream_split=False), searches),
        Case("tables/stream.arrows", as_arrow(with_pictures, pyarrow.ipc.new_stream), stages),
        Case("tables/file.arrow", as_arrow(vectors, pyarrow.ipc.new_file), searches),
        Case("tables/lz4.feather", as_arrow(vectors, pyarrow.ipc.new_file, options=pyarrow.ipc.IpcWriteOptions(compression="lz4")), searches),
    ]

    predictions = "key,label,prediction_1,score_1\n" + "".join(f"a{n}.png,{('ant', 'bee')[n % 2]},ant,0.{n}\n" for n in range(1, 9))
    found += [
        Case("text/predictions.csv", predictions.encode(), [["evaluate", "@", "--bootstrap", "5"], ["evaluate", "@", "--report", "report/", "--bootstrap", "0"]]),
        Case("text/meta.csv", b"key,size,name\na.png,1,x\nb.png,2.5,\"y, z\"\n", [["scan", "pics", "--meta", "@", "--on", "key", "-o", "out.parquet"]]),
        Case("text/list.txt", b"pics/a.png\npics/b.png\n", [["scan", "-", "-o", "out.parquet"]], extra="stdin"),
        Case("text/queries.txt", b"fire dog\nid:25\nkey:pikachu\n2:water + blue - red\n", [["query", "--queries", "@", "--top", "2"]]),
        Case("text/recipe.toml", run("augment", "--print-recipe"), [["augment", "split.parquet", "--recipe", "@", "-o", "out.parquet"]]),
        Case("text/labels.txt", b"ant\nbee\na photo of a dog\n", [["classify", "pics", "--labels", "@"]]),
    ]

    # Folders as other tools make them.
    image = encoded(picture(size=(32, 32)), "PNG")
    yolo = {"images/train/a.png": image, "images/val/b.png": image, "labels/val/b.txt": b"1 0.5 0.5 0.2 0.2\n", "labels/train/a.txt": b"0 0.5 0.5 1.0 1.0\n1 0.1 0.2 0.3 0.2 0.3 0.4\n", "data.yaml": b"path: .\ntrain: images/train\nval: images/val\nnc: 2\nnames:\n  0: ant\n  1: bee\n"}
    folder = [["check", "%"], ["scan", "%", "-o", "out.parquet"]]
    coco = {"images": [{"id": 1, "file_name": "a.png", "width": 32, "height": 32}], "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 12], "area": 120, "iscrowd": 0}], "categories": [{"id": 1, "name": "ant"}]}
    found += [
        Case("folders/data.yaml", yolo["data.yaml"], folder, {**yolo}),
        Case("folders/labels/train/a.txt", yolo["labels/train/a.txt"], folder, {**yolo}),
        Case("folders/annotations/instances_train.json", json.dumps(coco).encode(), folder, {"train/a.png": image}),
        Case("folders/train-000000.tar", shard(), folder),
    ]

    # What the program makes itself and reads again.
    run("split", "pics", "--ids", "none", "-o", "split.parquet")
    (work / "v.parquet").write_bytes(as_parquet(vectors))
    for kind, ends in (("exact", ["arrow"]), ("annoy", ["ann"]), ("graph", ["graph"])):
        run("index", "v.parquet", "--model", "unknown", "--kind", kind, "-o", f"{kind}.parquet")
        whole = {f"{kind}.parquet": (work / f"{kind}.parquet").read_bytes()}
        whole |= {f"{kind}.{end}": (work / f"{kind}.{end}").read_bytes() for end in ("arrow", "ann", "graph") if (work / f"{kind}.{end}").exists()}
        for end in ends:
            found.append(Case(f"indexes/{kind}.{end}", whole[f"{kind}.{end}"], [["query", "key:k3.png", "--index", f"%/{kind}.parquet"], ["index", "info", f"%/{kind}.parquet"], ["index", "info", "--verify", f"%/{kind}.parquet"]], whole))
    found.append(Case("indexes/theirs.ann", (work / "annoy.ann").read_bytes(), [["query", "vec:v.npy", "--index", "@", "--dim", "8", "--metric", "angular"]]))
    array = io.BytesIO()
    numpy.save(array, numpy.ones(8, "f4"))
    (work / "v.npy").write_bytes(array.getvalue())
    found.append(Case("vectors/q.npy", array.getvalue(), [["query", "vec:@", "--index", "v.parquet", "--model", "unknown"]]))
    run("train", "v.parquet", "--method", "linear", "-o", "head.parquet")
    found.append(Case("heads/head.parquet", (work / "head.parquet").read_bytes(), [["classify", "v.parquet", "--head", "@", "--format", "csv"]]))

    # Models: as people have them.
    models = REPOSITORY / "tests/data/models"
    for name in ("clip", "dinov2", "openclip", "siglip", "wordpiece", "clip_combined"):
        around = {str(path.relative_to(models / name)): path.read_bytes() for path in sorted((models / name).rglob("*")) if path.is_file()}
        for part in around:
            if Path(part).suffix in (".onnx", ".json", ".rten", ".txt"):
                commands = [["embed", "pics", "--model", "%", "-o", "out.parquet", "--no-cache"], ["model", "info", "%"]]
                if "token" in part or "vocab" in part or "text" in part:
                    commands = [["query", "a red bird", "--model", "%", "--index", "none.parquet"], ["classify", "pics", "--model", "%", "--labels", "labels.txt"], ["model", "info", "%"]]
                found.append(Case(f"models/{part}", around[part], commands, around))
    built_in = {path.name: path.read_bytes() for path in (REPOSITORY / "assets/model").iterdir() if path.is_file() and path.name.count(".") == 1}
    built_in["image.safetensors"] = (REPOSITORY / "crates/eye/image.safetensors").read_bytes()
    for part in built_in:
        if part.endswith((".json", ".txt", ".rten")):
            found.append(Case(f"models/{part}", built_in[part], [["embed", "pics", "--model", "%", "-o", "out.parquet", "--no-cache"], ["model", "info", "%"]], built_in))
    for path in sorted((REPOSITORY / "tests/data/yolo").glob("*.onnx")):
        found.append(Case(f"lone/{path.name}", path.read_bytes(), [["classify", "pics", "--model", "@"]]))
    return found


EXTREMES = [0, 1, 2, 3, 7, 8, 15, 16, 127, 128, 255, 256, 32767, 32768, 65535, 65536, (1 << 24) - 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 40), (1 << 63) - 1, (1 << 64) - 1]
WORDS = [b"0", b"-1", b"1e308", b"NaN", b"999999999999999999999", b"\"", b"{", b"[", b"]", b"\n", b"\r\n", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"..", b"/", b"&a *a", b"true", b"null", b",,,,", b"\t", b"%00"]


def mutate(content, chance, others):
    """A file as transfers, disks, editors and attackers leave it."""
    data = bytearray(content)
    is_text = len(data) < 4096 and all(b < 128 for b in data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        if not data:
            break
        at = chance.randrange(len(data))
        # Most of what matters stands at the ends.
        if chance.random() < 0.5:
            at = min(at, chance.randrange(1, 200)) if chance.random() < 0.5 else max(len(data) - chance.randrange(1, 600), 0)
            at = min(at, len(data) - 1)
        way = chance.randrange(9)
        if is_text and chance.random() < 0.5:
            word = chance.choice(WORDS) * chance.choice((1, 1, 1, 50))
            data[at : at + chance.choice((0, 1, 3))] = word
        elif way == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif way == 1:
            data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif way == 2:
            del data[at:]
        elif way == 3:
            del data[at : at + chance.choice((1, 2, 4, 16, 300))]
        elif way == 4:
            part = data[at : at + chance.choice((1, 4, 64, 1000))]
            data[at:at] = part * chance.choice((1, 2, 40))
        elif way == 5:
            order, width = chance.choice("<>"), chance.choice("HIQ")
            value = chance.choice(EXTREMES) & ((1 << (8 * struct.calcsize(width))) - 1)
            data[at : at + struct.calcsize(width)] = struct.pack(order + width, value)
        elif way == 6:
            data[at : at + 8] = bytes(chance.randrange(256) for _ in range(8))
        elif way == 7:
            other = chance.choice(others)
            start = chance.randrange(max(len(other), 1))
            data[at:] = other[start:]
        else:
            length = chance.choice((1, 2, 4, 8))
            value = 0
            for byte in data[at : at + length]:
                value = value << 8 | byte
            value = (value + chance.choice((-1, 1, 256, -256))) % (1 << (8 * length))
            data[at : at + length] = value.to_bytes(length, "big")
    return bytes(data)


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (SPACE, SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def execute(command, folder, env, stdin=None):
    """Exit code (negative: a signal), seconds, bytes of memory, what was said; `None` for a run that had to be stopped."""
    with open(folder / "stderr", "wb") as said:
        began = time.monotonic()
        source = open(stdin, "rb") if stdin else subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=folder, env=env, stdin=source, stdout=subprocess.DEVNULL, stderr=said, preexec_fn=limit)
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - began > SECONDS * 2:
                process.kill()
                os.wait4(process.pid, 0)
                process.returncode = -9
                return None, time.monotonic() - began, 0, b""
            time.sleep(0.003)
        process.returncode = os.waitstatus_to_exitcode(status)
        # Time that the processor spent on it: others use the machine as well.
        seconds = usage.ru_utime + usage.ru_stime
    return process.returncode, seconds, usage.ru_maxrss * 1024, (folder / "stderr").read_bytes()


def trouble(code, seconds, memory, said):
    if code is None:
        return f"did not end within {SECONDS * 2} s"
    if code < 0:
        return f"signal {-code}"
    if code not in CODES:
        return f"exit {code}"
    if b"panicked" in said:
        return "a panic was shown"
    if seconds > SECONDS:
        return f"{seconds:.0f} s"
    if memory > MEMORY:
        return f"{memory >> 20} MB"
    if code == 1 and not said:
        return "failed without a word"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default="target/release/pokedex", type=Path)
    parser.add_argument("--inputs", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="kinds whose names contain one of these words, separated by commas")
    parser.add_argument("--keep", type=Path, default=Path("target/mutations"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    binary = arguments.binary.resolve()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pokedex-mutations-") as work:
        work = Path(work)
        (work / "pics").mkdir()
        for n in range(3):
            picture(seed=n).save(work / f"pics/{'abc'[n]}.png")
        (work / "labels.txt").write_text("ant\nbee\n")
        env = {"PATH": os.environ["PATH"], "HOME": str(work), "POKEDEX_CACHE": str(work / "cache"), "POKEDEX_CACHE_LIMIT": "0"}

        def run(*command):
            made = subprocess.run([binary, *command], cwd=work, env=env, stdin=subprocess.DEVNULL, capture_output=True)
            if made.returncode not in (0, 3):
                sys.exit(f"{command}: {made.stderr.decode()}")
            return made.stdout

        everything = cases(work, run)
        # A table of the model that is asked in words.
        shutil.copy(work / "v.parquet", work / "none.parquet")
        if arguments.only:
            everything = [case for case in everything if any(word in case.name for word in arguments.only.split(","))]
        others = [case.content[:20000] for case in everything]

        def one(number):
            chance = random.Random(arguments.seed * 1_000_003 + number)
            case = everything[number % len(everything)]
            folder = work / f"run-{number}"
            folder.mkdir()
            for name in ("pics", "labels.txt", "split.parquet", "v.parquet", "v.npy", "none.parquet"):
                if (work / name).exists():
                    os.symlink(work / name, folder / name)
            for name, content in case.around.items():
                path = folder / "in" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            inside = case.name.split("/", 1)[1]
            path = folder / "in" / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(mutate(case.content, chance, others))
            command = [part.replace("@", f"in/{inside}").replace("%", "in") for part in chance.choice(case.commands)]
            code, seconds, memory, said = execute([binary, *command], folder, env, path if case.extra == "stdin" else None)
            wrong = trouble(code, seconds, memory, said)
            if wrong:
                kept = arguments.keep / f"{arguments.seed}-{number}"
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(folder, kept, symlinks=False, ignore_dangling_symlinks=True)
                (kept / "command").write_text(" ".join(command) + f"\n{wrong}\n")
                print(f"{number} {case.name}: {wrong}: pokedex {' '.join(command)}", flush=True)
            shutil.rmtree(folder)
            return case.name, wrong, code

        codes, faults = {}, 0
        with ThreadPoolExecutor(arguments.jobs) as pool:
            for done, (name, wrong, code) in enumerate(pool.map(one, range(arguments.inputs)), 1):
                codes[code] = codes.get(code, 0) + 1
                faults += wrong is not None
                if done % 2000 == 0:
                    print(f"{done} of {arguments.inputs}, {faults} wrong", flush=True)
    print(f"{arguments.inputs} damaged inputs of {len(everything)} kinds: {faults} wrong; exit codes {dict(sorted((str(k), v) for k, v in codes.items()))}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
