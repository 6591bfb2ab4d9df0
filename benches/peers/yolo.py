"""Compares what this program sees with what Ultralytics sees, on models of full size and the same ONNX files.

Every model is built from the configuration that comes with Ultralytics and exported by it, with random weights: no
weights have to be fetched, and exactness does not depend on what a model has learned. Batch normalisation is fitted to
the pictures, so that different places look different, and the threshold is where about --boxes boxes remain.

  python3 benches/peers/yolo.py --data ../shared/data --work /tmp/yolo

makes the models and the pictures (PNG, since decoders of JPEG differ by a step of 255) in --work where they are not
there yet, runs `predict` of Ultralytics, writes oracle.json, and runs the test that compares (`tests/yolo.rs`) with the
engine in the binary and, where ORT_DYLIB_PATH or the machine has it, ONNX Runtime. The bars:

  boxes   the same number, order and classes; every side within 0.001 pixels of the picture (0.01
          in the engine in the binary; Ultralytics runs ONNX Runtime), every score within 0.0001
  -cls    every score within 0.0001

Where a picture's result hangs on the last digits (it changes when a threshold moves by 0.0001 or less, or two scores are
equal to five digits, as in flat areas), it may differ; how many do is told, and they do not count. Exit status: that of the test. Needs Ultralytics, opencv-python-headless,
PyTorch, torchvision, onnx, onnxruntime, Pillow and cargo.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "data" / "yolo"))

import make
import numpy as np
import onnxruntime
import torch
from PIL import Image
from ultralytics import YOLO

# ONNX Runtime 1.31 joins a border of zeros and the MaxPool after it (YOLOv3-tiny) into one whose border is less than any
# number, which PyTorch does not; neither does this program.
session = onnxruntime.InferenceSession
onnxruntime.InferenceSession = lambda *args, **more: session(*args, **more, disabled_optimizers=["Pad_Fusion"])

# File, configuration, options of the export, classes (None: as configured).
MODELS = [
    ("v8.onnx", "yolov8n.yaml", {"imgsz": 320}, None),
    ("v8-1025.onnx", "yolov8n.yaml", {"imgsz": 160}, 1025),
    ("v8-wide.onnx", "yolov8n.yaml", {"imgsz": (192, 320)}, None),
    ("v8-open.onnx", "yolov8n.yaml", {"imgsz": 256, "dynamic": True}, None),
    ("v8-nms.onnx", "yolov8n.yaml", {"imgsz": 320, "nms": True, "conf": 0.01, "iou": 0.7}, None),
    ("v8-640.onnx", "yolov8n.yaml", {"imgsz": 640}, None),
    ("v5u.onnx", "yolov5n.yaml", {"imgsz": 320}, None),
    ("v3u-tiny.onnx", "yolov3-tiny.yaml", {"imgsz": 160}, None),
    ("v11.onnx", "yolo11n.yaml", {"imgsz": 320}, None),
    ("v10.onnx", "yolov10n.yaml", {"imgsz": 320}, None),
    ("v10-end.onnx", "yolov10n.yaml", {"imgsz": 320, "nms": False}, None),
    ("v26-end.onnx", "yolo26n.yaml", {"imgsz": 320, "nms": False}, 1025),
    ("v8-seg.onnx", "yolov8n-seg.yaml", {"imgsz": 320}, None),
    ("v8-cls.onnx", "yolov8n-cls.yaml", {"imgsz": 224}, None),
]
KINDS = {"photos": 6, "artwork_475": 3, "front_sprites": 3, "wild_a": 3}


def pictures(data, work):
    """RGB PNGs of real pictures, at most 1280 pixels wide and high, some of them cut to odd shapes."""
    folder, made = work / "pictures", []
    folder.mkdir(parents=True, exist_ok=True)
    for kind, count in KINDS.items():
        files = sorted(path for path in (data / kind).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        for number, path in enumerate(files[:: max(1, len(files) // count)][:count]):
            target = folder / f"{kind}-{number}.png"
            made.append(target)
            if not target.exists():
                image = Image.open(path).convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
                image.thumbnail((1280, 1280))
                width, height = image.size
                shapes = [(width, height), (width, height * 2 // 5 + 1), (width // 3 + 1, height)]
                image.crop((0, 0, *shapes[number % 3])).save(target)
    return made


def fitted(model, images, size):
    """Random weights of which batch normalisation makes signals of size 1, and classes that are not all unlikely."""
    network = model.model
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None
    side = size if isinstance(size, int) else max(size)
    batch = [torch.from_numpy(np.array(Image.open(path).resize((side, side)))).permute(2, 0, 1) for path in images]
    with torch.no_grad():
        network.train()(torch.stack(batch).float() / 255)
        network.eval()
        for name, weight in network.named_parameters():
            if "cv3" in name and name.endswith("2.weight"):
                weight.mul_(3)
            if "cv3" in name and name.endswith("2.bias"):
                weight.fill_(-3.0 if len(weight) < 1000 else -6.0)
    return model


def exported(work, images, name, configuration, options, classes):
    path = work / name
    if not path.exists():
        torch.manual_seed(0)
        model = YOLO(configuration)
        if classes:
            network = type(model.model)(configuration, nc=classes, verbose=False)
            network.args, network.task, network.names = model.model.args, model.task, dict(enumerate(map(str, range(classes))))
            model.model = network
        made = fitted(model, images, options["imgsz"]).export(format="onnx", simplify=False, opset=17, **options)
        Path(made).replace(path)
    return path


def boxes_of(path, images, size, wanted):
    model = YOLO(path, task="segment" if "seg" in path.name else "detect")

    def oracle(image, options):
        chosen = {"conf": options["confidence"], "iou": options["iou"], "max_det": options["most"]}
        found = model.predict(image, imgsz=size, rect=False, verbose=False, device="cpu", **chosen)[0].boxes
        return torch.cat([found.xyxy, found.conf[:, None], found.cls[:, None]], 1).double().numpy()

    options = {"confidence": 0.01, "iou": 0.7, "most": 300}
    # A threshold that leaves about as many as wanted of the middling picture.
    scores = [np.sort(oracle(image, options)[:, 4])[::-1] for image in images]
    scores = [float(found[min(wanted, len(found) - 1)]) for found in scores if len(found)]
    options["confidence"] = round(float(np.median(scores)), 4)
    seen = []
    for image in images:
        is_stable = make.is_stable(lambda changed: oracle(image, changed), options, 2e-5, 1e-4, 5e-6) is not None
        seen.append({"picture": str(image), "boxes": oracle(image, options).tolist(), "stable": is_stable})
    return {"file": str(path), "options": options, "seen": seen}


def scores_of(path, images, size):
    model, seen = YOLO(path, task="classify"), []
    for image in images:
        found = model.predict(image, imgsz=size, verbose=False, device="cpu")[0]
        seen.append({"picture": str(image), "scores": found.probs.data.double().tolist()})
    return {"file": str(path), "seen": seen}


def through_the_program(program, models):
    """What the program itself writes, beside what Ultralytics saw: one line a model."""
    for model in models:
        pictures, options = [seen["picture"] for seen in model["seen"]], model.get("options")
        command = [program, "-q", "classify", *pictures, "--model", model["file"], "--ids", "none", "--format", "jsonl", "--top", "1000"]
        if options:
            command += ["--boxes", "--confidence", repr(options["confidence"]), "--iou", str(options["iou"])]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows = {row["path"]: row for row in map(json.loads, text.splitlines())}
        stable, same, worst = 0, 0, 0.0
        for seen in model["seen"]:
            row = rows[seen["picture"]]
            if not options:
                stable, same = stable + 1, same + 1
                worst = max(worst, abs(max(seen["scores"]) - row["predictions"][0]["score"]))
            elif seen["stable"]:
                stable += 1
                same += len(row["boxes"]) == len(seen["boxes"])
                pairs = zip(row["boxes"], seen["boxes"])
                worst = max([worst, *(abs(x - y) for a, b in pairs for x, y in zip(a["xyxy"], b[:4]))])
        print(f"{Path(model['file']).name}: classify: {same} of {stable} stable pictures alike, worst difference {worst:.6f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--work", type=Path, required=True, help="where models and pictures are kept")
    parser.add_argument("--pokedex", help="also compare what `classify` of this binary writes")
    parser.add_argument("--only", default="", help="models whose names contain this")
    parser.add_argument("--boxes", type=int, default=25, help="about so many on a picture")
    parser.add_argument("--oracle-only", action="store_true", help="do not run the test")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    arguments.pokedex = arguments.pokedex and str(Path(arguments.pokedex).resolve())
    os.chdir(work)
    images, models = pictures(arguments.data.resolve(), work), []
    for name, configuration, options, classes in MODELS:
        if arguments.only not in name:
            continue
        path = exported(work, images[:8], name, configuration, options, classes)
        is_classifier = name.endswith("-cls.onnx")
        size = options["imgsz"]
        model = scores_of(path, images, size) if is_classifier else boxes_of(path, images, size, arguments.boxes)
        count = sum(len(entry.get("boxes", [])) for entry in model["seen"])
        stable = sum(entry.get("stable", True) for entry in model["seen"])
        print(f"{name}: {len(images)} pictures, {stable} stable, {count} boxes, {model.get('options')}", flush=True)
        models.append(model)
    oracle = work / "oracle.json"
    oracle.write_text(json.dumps(models))
    if arguments.pokedex:
        through_the_program(arguments.pokedex, models)
    if arguments.oracle_only:
        return
    command = ["cargo", "test", "--release", "--test", "yolo", "other_models", "--", "--nocapture"]
    sys.exit(subprocess.run(command, cwd=ROOT, env=os.environ | {"YOLO_ORACLE": str(oracle)}).returncode)


if __name__ == "__main__":
    main()
