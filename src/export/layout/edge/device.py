"""Compiles model.onnx for a device, and lets through only what answers as model.onnx does.

    python3 -m venv litert && litert/bin/pip install -r targets/litert.txt
    litert/bin/python device.py litert

Pictures of calibration/ find the ranges of 8 bits; those of held-out/, which did not, judge: model.onnx is run by ONNX
Runtime, what was compiled by the vendor's own interpreter or simulator. What answers alike gets its place in
build/TARGET/; what does not stays in build/TARGET/refused/, and the exit code is 1. build/TARGET/figures.json has the
figures either way. How pictures are prepared is read from manifest.json.
"""
import argparse
import importlib.util
import json
import os
import platform
import shutil
import sys
import time
import traceback
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
# The bundle's folders hold what their manifest says.
sys.dont_write_bytecode = True
# How often a compiled model must answer as model.onnx does.
LEAST = {"float": 0.99, "8 bits": 0.97}
# Boxes of a lower score are none.
SURE = 0.25


class Refused(Exception):
    """What is wrong, for the person who called."""


class Bundle:
    """The folder, and how its model is fed."""

    def __init__(self, folder):
        self.folder = folder
        try:
            self.manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            told = self.manifest["input"]
            self.input, self.shape = told["name"], told["shape"]
            self.mean, self.scale = (np.array(told[name], np.float32) for name in ("mean", "scale"))
            self.answers, self.held = self.manifest["answers"], self.manifest["held_out"]
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise Refused("manifest.json: %s %s: is this a folder of `pokedex export --format edge`?" % (type(e).__name__, e))
        classes = folder / "classes.txt"
        self.classes = classes.read_text(encoding="utf-8").splitlines() if classes.exists() else []
        self.model, self.kind = folder / "model.onnx", np.float32

    def pixels(self, file):
        """A picture as bytes [height, width, 3]."""
        pixels = np.asarray(Image.open(self.folder / file).convert("RGB"))
        if list(pixels.shape[:2]) != self.shape[2:]:
            raise Refused("%s: is of %d x %d pixels, and the model takes %d x %d" % (file, pixels.shape[1], pixels.shape[0], self.shape[3], self.shape[2]))
        return pixels

    def numbers(self, pixels):
        """Bytes [height, width, 3] -> what model.onnx is fed [1, 3, height, width]."""
        x = (pixels.astype(np.float32) - self.mean) * self.scale
        return np.ascontiguousarray(x.transpose(2, 0, 1)[None], self.kind)

    def calibration(self, most=None):
        """The pictures that find ranges, as bytes."""
        return [self.pixels(picture["file"]) for picture in self.manifest["calibration"][:most]]

    def held_out(self, most):
        """So many that judge, from all over the list: they are sorted by name."""
        count = min(most, len(self.held))
        return [self.held[i * len(self.held) // count] for i in range(count)]

    def output(self, session):
        """The place of the answer among the outputs."""
        names = [port.name for port in session.get_outputs()]
        if self.answers["output"] not in names:
            raise Refused("model.onnx has no output `%s`: it is not the one that manifest.json tells of" % self.answers["output"])
        return names.index(self.answers["output"])


def chosen(outputs, place, like):
    """Of what a toolchain gives, the output that is of model.onnx's shape, in its order of axes: some put channels last."""
    given = [np.asarray(output, np.float32) for output in outputs]
    ordered = given[place:] + given[:place]
    for output in ordered:
        if output.shape == like.shape or (output.size == like.size and like.size == max(like.shape)):
            return output.reshape(like.shape)
    for output in ordered:
        if output.ndim == 3 and output.transpose(0, 2, 1).shape == like.shape:
            return output.transpose(0, 2, 1)
    raise Refused("it gives %s, and model.onnx %s" % ([output.shape for output in given], like.shape))


def best_box(x, layout):
    """The class of the surest box; -1 where nothing is sure."""
    x = x[0]
    if layout == "end-to-end":
        return int(x[x[:, 4].argmax(), 5]) if x[:, 4].max() >= SURE else -1
    scores = x[4:].T if layout == "columns" else x[:, 5:] * x[:, 4:5]
    box, kind = np.unravel_index(scores.argmax(), scores.shape)
    return int(kind) if scores[box, kind] >= SURE else -1


def answers(outputs, told):
    """What each output says: a class, that of the surest box, or which other picture is nearest."""
    if told["kind"] == "boxes":
        return np.array([best_box(x, told.get("layout", "columns")) for x in outputs])
    flat = np.array([x.reshape(-1) for x in outputs])
    if told["kind"] == "classes":
        if flat.shape[1] == 1:
            return (flat[:, 0] > (0.5 if told.get("probability") else 0.0)).astype(int)
        return flat.argmax(1)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    near = flat @ flat.T
    np.fill_diagonal(near, -2)
    return near.argmax(1)


def judge(reference, found, told):
    """How alike the outputs of two models are, for the same pictures in the same order."""
    wanted, given = answers(reference, told), answers(found, told)
    cosines = []
    for a, b in zip(reference, found):
        a, b = a.reshape(-1).astype(np.float64), b.reshape(-1).astype(np.float64)
        length = np.linalg.norm(a) * np.linalg.norm(b)
        cosines.append(float(a @ b / length) if length > 0 and np.isfinite(b).all() else 0.0)
    return {
        "pictures": len(reference),
        "agreement": round(float((wanted == given).mean()), 4),
        "mean_cosine": round(float(np.mean(cosines)), 5),
        "least_cosine": round(float(np.min(cosines)), 5),
        "different_answers": [len(set(wanted.tolist())), len(set(given.tolist()))],
    }, wanted, given


def verdict(figures, least):
    """Why a compiled model must not be used; None where it may."""
    before, after = figures["different_answers"]
    if before == 1 and figures["pictures"] > 1:
        return "model.onnx answers the same for all %d pictures, so that agreement would say nothing" % figures["pictures"]
    if figures["agreement"] < least:
        return ("answers as model.onnx on %.4f of %d pictures (least %.2f); cosine %.4f (least %.4f); %d different answers where "
                "model.onnx has %d" % (figures["agreement"], figures["pictures"], least, figures["mean_cosine"], figures["least_cosine"],
                                       after, before))
    return None


def right(given, bundle, pictures):
    """The share of answers that are the picture's own class; None where that is not known."""
    numbers = {name: at for at, name in enumerate(bundle.classes)}
    own = [numbers.get(picture["shows"].get("label")) for picture in pictures]
    known = [(a, b) for a, b in zip(own, given.tolist()) if a is not None]
    if bundle.answers["kind"] != "classes" or not known:
        return None
    return round(sum(a == b for a, b in known) / len(known), 4)


def run(model, pictures):
    """The outputs of a model for all pictures, and the seconds of processor that each took, of simulators that are programs too."""
    outputs, began = [], sum(os.times()[:4])
    for pixels in pictures:
        outputs.append(model(pixels))
    return outputs, (sum(os.times()[:4]) - began) / max(len(pictures), 1)


def reference(bundle):
    """model.onnx by ONNX Runtime, on one thread: a function of bytes, and the place of the answer."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(bundle.model), options, providers=["CPUExecutionProvider"])
    place = bundle.output(session)
    if session.get_inputs()[0].type == "tensor(float16)":
        bundle.kind = np.float16
    name = session.get_outputs()[place].name
    return lambda pixels: session.run([name], {bundle.input: bundle.numbers(pixels)})[0], place


def target(name):
    """The module of a toolchain."""
    path = HERE / "targets" / (name + ".py")
    told = importlib.util.spec_from_file_location("target_" + name, path)
    module = importlib.util.module_from_spec(told)
    told.loader.exec_module(module)
    return module


def versions(module):
    """Of the packages that decide what comes out."""
    try:
        from importlib.metadata import PackageNotFoundError, version
    except ImportError:  # Python 3.7
        return {}
    found = {"python": platform.python_version()}
    for package in [*module.PACKAGES, "onnxruntime", "numpy"]:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            pass
    return found


def say(line):
    print("device.py: " + line, file=sys.stderr, flush=True)


def main():
    names = sorted(path.stem for path in (HERE / "targets").glob("*.py"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=names, help="for what")
    parser.add_argument("--pictures", type=int, default=500, metavar="N", help="judge by so many held-out pictures at most [default: 500]")
    parser.add_argument("--least", type=float, metavar="X", help="the least share of answers that stay [default: 0.99 in float, 0.97 in 8 bits]")
    parser.add_argument("--judge", type=Path, metavar="FILE", help="compile nothing, and judge this file, which has --bits")
    parser.add_argument("--bits", choices=["float", "8"], default="8", help="of the file of --judge [default: 8]")
    args = parser.parse_args()
    if args.pictures < 2 or (args.least is not None and not 0 <= args.least <= 1):
        parser.error("--pictures is at least 2, --least from 0 to 1")
    bundle = Bundle(HERE)
    if bundle.shape[0] != 1:
        raise Refused("model.onnx takes %d pictures at once, and devices one: export it with an open batch, or for one" % bundle.shape[0])
    if args.judge and not args.judge.is_file():
        raise Refused("%s: no such file" % args.judge)
    if not bundle.held:
        raise Refused("held-out/ is empty: nothing can judge (export from a table with a split `test`)")
    try:
        reference_model, place = reference(bundle)
        module = target(args.target)
        build = HERE / "build" / args.target
        refused = build / "refused"
        build.mkdir(parents=True, exist_ok=True)
        if args.judge:
            made = {args.judge.stem: (args.judge, "float" if args.bits == "float" else "8 bits")}
        else:
            shutil.rmtree(refused, ignore_errors=True)
            refused.mkdir()
            began = time.time()
            made = module.compile_model(bundle, refused)
            say("%s: compiled in %.0f s" % (args.target, time.time() - began))
        places = bundle.held_out(args.pictures)
        pictures = [bundle.pixels(picture["file"]) for picture in places]
        expected, seconds = run(reference_model, pictures)
        if not np.isfinite(np.array(expected)).all():
            raise Refused("model.onnx gives numbers that are not finite")
        own = {"bytes": bundle.model.stat().st_size, "cpu_ms": round(1000 * seconds, 2)}
        report = {"target": args.target, "versions": versions(module), "model.onnx": own, "files": {}}
        failed = False
        for variant, (path, bits) in sorted(made.items()):
            found, seconds = run(module.open_model(bundle, path), pictures)
            found = [chosen(outputs, place, like) for outputs, like in zip(found, expected)]
            figures, wanted, given = judge(expected, found, bundle.answers)
            figures.update(bits=bits, bytes=Path(path).stat().st_size, cpu_ms=round(1000 * seconds, 2), run_by=module.RUN_BY)
            for name, share in (("right", right(given, bundle, places)), ("right_by_onnx", right(wanted, bundle, places))):
                if share is not None:
                    figures[name] = share
            least = LEAST[bits] if args.least is None else args.least
            most = getattr(module, "MOST_BYTES", None)
            problem = verdict(figures, least)
            if problem is None and most is not None and figures["bytes"] > most:
                problem = "is of %.1f MB, and the device has %.1f MB of memory" % (figures["bytes"] / 1e6, most / 1e6)
            figures["refused"] = problem
            report["files"][variant] = figures
            if problem:
                failed = True
                say("%s: refused: %s" % (path.name if args.judge else variant, problem))
            elif not args.judge:
                path.replace(build / path.name)
        if not args.judge:
            for path in module.beside(bundle, build):
                shutil.copyfile(path, build / path.name)
            if not failed:
                shutil.rmtree(refused, ignore_errors=True)
        (build / "figures.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except ImportError as e:
        raise Refused("%s: pip install -r targets/%s.txt" % (e, args.target))
    except Refused:
        raise
    except Exception as e:
        traceback.print_exc()
        raise Refused("%s: its toolchain failed: %s: %s" % (args.target, type(e).__name__, e))
    columns = ["file", "bits", "MB", "cpu ms", "agreement", "pictures", "mean cosine", "least cosine", "right"]
    print("\t".join(columns))
    print("\t".join(["model.onnx", "float", "%.2f" % (own["bytes"] / 1e6), "%.1f" % own["cpu_ms"], "", str(len(pictures)), "", "",
                     str(next(iter(report["files"].values())).get("right_by_onnx", ""))]))
    for variant, f in report["files"].items():
        print("\t".join([variant, f["bits"], "%.2f" % (f["bytes"] / 1e6), "%.1f" % f["cpu_ms"], "%.4f" % f["agreement"], str(f["pictures"]),
                         "%.5f" % f["mean_cosine"], "%.5f" % f["least_cosine"], str(f.get("right", ""))]))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    try:
        main()
    except Refused as e:
        say(str(e))
        sys.exit(1)
