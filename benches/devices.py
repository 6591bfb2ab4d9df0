#!/usr/bin/env python3
"""Compiles a model by every toolchain that can be had, and compares each with the ONNX file: the table of docs/devices.md.

    python3 benches/devices.py target/release/pokedex --model species/model.onnx --pictures split.parquet --work /tmp/devices

makes a bundle (`pokedex export --format edge`), an environment for each target with what `targets/TARGET.txt` names, and calls
`device.py`. A target whose packages do not install here, or whose toolchain fails, is listed with the reason, not left out.
`--python k210=/usr/bin/python3.9` names the Python of a target; without one that its packages want, it is looked for on the PATH. Multiply-adds
are counted on the ONNX file (needs onnx). Seconds of processor are those of this machine, on one thread; a simulator's say nothing of the
device's.
"""
import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

# What the packages want, the newest first.
PYTHONS = {"onnx": ["3.13", "3.12", "3.11"], "litert": ["3.11", "3.10"], "k210": ["3.9", "3.8", "3.10"], "k230": ["3.11", "3.12", "3.10"],
           "maixcam": ["3.10"], "rknn": ["3.11", "3.10", "3.12"]}
# The C library of Ubuntu 22.04 in the package of tpu-mlir, which must not come before a newer one of the system.
OLD_LIBRARIES = ["libc.so.6", "libm.so.6", "libpthread.so.0"]


def multiply_adds(path):
    """Of the convolutions and matrix products of an ONNX file of one shape."""
    import onnx

    model = onnx.shape_inference.infer_shapes(onnx.load(str(path)))
    shapes = {w.name: list(w.dims) for w in model.graph.initializer}
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        shapes[value.name] = [axis.dim_value for axis in value.type.tensor_type.shape.dim]
    total = 0
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        size = 1
        for side in shapes[node.output[0]]:
            size *= side
        weight = shapes[node.input[1]]
        inner = weight[1:] if node.op_type == "Conv" else weight[-2:-1]
        for side in inner:
            size *= side
        total += size
    return total


def run(command, log, seconds, **options):
    """The exit code of a program, and the last line that it said; 124 where it took too long."""
    with open(log, "a", encoding="utf-8") as out:
        try:
            code = subprocess.run([str(part) for part in command], stdout=out, stderr=subprocess.STDOUT, timeout=seconds, check=False, **options).returncode
        except subprocess.TimeoutExpired:
            return 124, f"took longer than {seconds} s"
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return code, lines[-1] if lines else ""


def python_of(target, named):
    """A Python of the version that the target's packages want."""
    for name in [named.get(target), *(f"python{version}" for version in PYTHONS[target])]:
        if name and shutil.which(name):
            return shutil.which(name)
    return None


def environment(target, bundle, work, named):
    """The Python of the target's environment; or why there is none."""
    folder = work / f"venv-{target}"
    python, log = folder / "bin" / "python", work / f"{target}.log"
    if not (folder / "ready").exists():
        base = python_of(target, named)
        if base is None:
            return None, f"no Python {' or '.join(PYTHONS[target])} here"
        shutil.rmtree(folder, ignore_errors=True)
        for command in ([base, "-m", "venv", folder], [python, "-m", "pip", "install", "--quiet", "-r", bundle / "targets" / f"{target}.txt"]):
            code, said = run(command, log, 3600)
            if code:
                return None, f"its packages do not install here: {said}"
        (folder / "ready").touch()
    if target == "maixcam":
        for library in OLD_LIBRARIES:
            for path in folder.glob(f"lib/*/site-packages/tpu_mlir/lib/third_party/{library}"):
                path.unlink()
    return python, None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pokedex", type=Path)
    parser.add_argument("--model", type=Path, required=True, help="an ONNX file")
    parser.add_argument("--pictures", type=Path, required=True, help="a table with a column split")
    parser.add_argument("--work", type=Path, required=True, help="a folder for bundle, environments and logs")
    parser.add_argument("--targets", default=",".join(PYTHONS), help="separated by commas [default: all]")
    parser.add_argument("--python", action="append", default=[], metavar="TARGET=FILE", help="the Python of a target")
    parser.add_argument("--judge", action="append", default=[], metavar="TARGET=N", help="judge a target by so many pictures [default: 500]")
    parser.add_argument("--calibration", type=int, default=200, help="pictures to calibrate with [default: 200]")
    parser.add_argument("--seconds", type=int, default=7200, help="the longest that a target may take [default: 7200]")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    work = args.work.resolve()
    bundle = work / "bundle"
    subprocess.run([args.pokedex, "export", args.pictures, "--format", "edge", "--model", args.model, "--calibration", str(args.calibration),
                    "--no-check", "-o", bundle], check=True)
    named, judges = (dict(pair.split("=", 1) for pair in pairs) for pairs in (args.python, args.judge))
    rows, untested, failed = [], [], False
    for target in args.targets.split(","):
        python, why = environment(target, bundle, work, named)
        if python is None:
            untested.append((target, why))
            continue
        figures = bundle / "build" / target / "figures.json"
        figures.unlink(missing_ok=True)
        code, said = run([python, bundle / "device.py", target, "--pictures", judges.get(target, "500")], work / f"{target}.log", args.seconds)
        if not figures.exists():
            untested.append((target, said))
            continue
        failed |= code != 0
        report = json.loads(figures.read_text(encoding="utf-8"))
        rows += [(target, variant, found) for variant, found in report["files"].items()]
        print(f"{target}: {', '.join(f'{name} {version}' for name, version in report['versions'].items())}", file=sys.stderr)
    macs = multiply_adds(args.model) / 1e6
    print(f"{args.model}: {macs:.0f} million multiply-adds, {args.model.stat().st_size / 1e6:.1f} MB\n")
    print("| target | file | bits | MB | million multiply-adds | CPU, ms a picture | run by | top-1 as ONNX | pictures | mean cosine | right | |")
    print("| --- | --- | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | --- |")
    for target, variant, f in rows:
        print(f"| `{target}` | {variant} | {f['bits']} | {f['bytes'] / 1e6:.2f} | {macs:.0f} | {f['cpu_ms']:.1f} | {f['run_by']} | {f['agreement']:.3f} | "
              f"{f['pictures']} | {f['mean_cosine']:.4f} | {f.get('right', '')} | {'refused' if f['refused'] else 'passed'} |")
    for target, why in untested:
        print(f"\nuntested: {target}: {why}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
