"""Makes the small detectors and classifiers beside this file, and what the program must see with them.

No weights of anybody are here, nor a graph that another program drew: every network is defined below, initialised at
random with a fixed seed, and far too small to know anything. But each has the ends, the operators and the metadata of
models that people export, and each has an oracle, run in Python on the same file:

  file            as exported by                        the oracle
  columns.onnx    Ultralytics, YOLOv8, 9, 11            Ultralytics' own predict
  wide.onnx       the same, 96 x 64, open axes          the same (rect=False)
  many.onnx       the same, 1025 classes, dictionary    the same
  corners.onnx    Ultralytics, YOLOv10, 26              the same
  rows.onnx       YOLOv5, YOLOv7 (objectness)           YOLOv5's rule: objectness x class, then Ultralytics' suppression
  middle.onnx     Ultralytics, -cls                     Ultralytics' own predict
  border.onnx     the same, a border before a MaxPool   the same preparation, then PyTorch: ONNX Runtime 1.31 is wrong
  plain/          Optimum, AutoModelForImage…           transformers' ViTImageProcessor, then onnxruntime and softmax
  convnext/       the same, crop_pct                    transformers' ConvNextImageProcessor, the same
  timm/           timm, as on the hub                   timm's create_transform, then onnxruntime and softmax

Golden are also the letterboxes themselves, as FNV-1a sums of the pixels that Ultralytics and OpenCV make ("letterboxes").
Pictures are a formula, so that no file is needed. Thresholds are chosen, and seeds skipped, so that nothing hangs on the
last digits: no score is nearly at the threshold or nearly another's, and the result stays with a slightly different IoU.

Needs PyTorch, torchvision, timm, ultralytics, opencv-python-headless, transformers, onnx, onnxruntime and Pillow.
"""

import io
import json
import logging
import os
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["YOLO_OFFLINE"] = "true"
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import numpy as np
import onnx
import onnxruntime
import timm
import torch
import transformers
import ultralytics
from PIL import Image
from torch import nn
from ultralytics import YOLO
from ultralytics.data.augment import LetterBox, classify_transforms
from ultralytics.utils.nms import non_max_suppression
from ultralytics.utils.ops import scale_boxes

HERE = Path(__file__).resolve().parent
BINS = 8  # of a side's distribution (DFL); Ultralytics has 16
NAMES = ["bulba", "farfetch'd", 'quo"ted', "back\\slash", "flabébé ♀"]

# Widths and heights: as the input, square, landscape, portrait, to enlarge, to shrink, odd, extreme.
SHAPES = [(64, 64), (96, 64), (64, 96), (40, 30), (30, 40), (16, 16), (300, 200), (201, 333), (33, 47), (150, 7), (1, 1)]
IMAGES = [
    {"width": width, "height": height, "block": block, "seed": seed}
    for seed, ((width, height), block) in enumerate(zip(SHAPES, [4, 8, 9, 5, 3, 1, 40, 25, 7, 6, 1]), 1)
]
FRAMES = [(64, 64), (64, 96), (96, 64), (160, 160), (33, 57)]  # heights and widths


def picture(image):
    """The pixels of a formula: blocks of one colour, each a splitmix64 of its place."""
    y, x, k = np.mgrid[0 : image["height"], 0 : image["width"], 0:3].astype(np.uint64)
    block = np.uint64(image["block"])
    z = np.uint64(image["seed"] << 40) + (y // block << np.uint64(20)) + (x // block << np.uint64(2)) + k
    with np.errstate(over="ignore"):
        z = z * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(56)).astype(np.uint8)


def fnv(pixels):
    total = 0xCBF29CE484222325
    for byte in np.ascontiguousarray(pixels).tobytes():
        total = (total ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return total


def convolution(inputs, outputs, stride=2):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.SiLU())


class Body(nn.Module):
    """Features at strides 8 and 16, the coarser ones enlarged and joined to the finer ones, as in the necks of YOLO."""

    def __init__(self, width):
        super().__init__()
        self.stem = nn.Sequential(convolution(3, width), convolution(width, width), convolution(width, width))
        self.pool, self.down = nn.MaxPool2d(5, 1, 2), convolution(width, width)

    def forward(self, x):
        fine = self.stem(x)
        coarse = self.down(torch.cat([fine, self.pool(fine)], 1).split(fine.shape[1], 1)[1])
        return [torch.cat([fine, nn.functional.interpolate(coarse, scale_factor=2.0)], 1), coarse]


def cells(feature, dtype):
    height, width = feature.shape[2:]
    y = torch.arange(height, dtype=dtype) + 0.5
    x = torch.arange(width, dtype=dtype) + 0.5
    return torch.stack([x.repeat(height), y.repeat_interleave(width)])


class Columns(nn.Module):
    """[batch, 4 + classes, boxes]: sides as distributions, classes by sigmoid."""

    corners = False

    def __init__(self, classes, width=8):
        super().__init__()
        self.body, self.classes = Body(width), classes
        self.sides = nn.ModuleList(nn.Conv2d(inputs, 4 * BINS, 1) for inputs in (2 * width, width))
        self.scores = nn.ModuleList(nn.Conv2d(inputs, classes, 1) for inputs in (2 * width, width))

    def forward(self, x):
        features = self.body(x)
        batch = x.shape[0]
        sides = torch.cat([head(f).view(batch, 4 * BINS, -1) for head, f in zip(self.sides, features)], 2)
        scores = torch.cat([head(f).view(batch, self.classes, -1) for head, f in zip(self.scores, features)], 2)
        middles = torch.cat([cells(f, x.dtype) for f in features], 1)
        strides = torch.cat([torch.full((1, cells(f, x.dtype).shape[1]), s) for f, s in zip(features, (8.0, 16.0))], 1)
        bins = torch.arange(BINS, dtype=x.dtype).view(1, BINS, 1, 1)
        shares = sides.view(batch, 4, BINS, -1).transpose(2, 1).softmax(1)
        near, far = nn.functional.conv2d(shares, bins.view(1, BINS, 1, 1)).view(batch, 4, -1).chunk(2, 1)
        first, last = middles - near, middles + far
        if self.corners:
            boxes = torch.cat([first, last], 1) * strides
            boxes, scores = boxes.permute(0, 2, 1), scores.sigmoid().permute(0, 2, 1)
            index = scores.amax(-1).topk(20)[1].unsqueeze(-1)
            boxes, scores = boxes.gather(1, index.repeat(1, 1, 4)), scores.gather(1, index.repeat(1, 1, self.classes))
            scores, index = scores.flatten(1).topk(20)
            rows = boxes.gather(1, (index // self.classes).unsqueeze(-1).repeat(1, 1, 4))
            return torch.cat([rows, scores.unsqueeze(-1), (index % self.classes).unsqueeze(-1).float()], -1)
        return torch.cat([torch.cat([(first + last) / 2, last - first], 1) * strides, scores.sigmoid()], 1)


class Corners(Columns):
    """[batch, 20, 6]: the best boxes, chosen by TopK."""

    corners = True


class Rows(nn.Module):
    """[batch, boxes, 5 + classes]: three anchors a cell, objectness, everything by sigmoid."""

    def __init__(self, classes, width=8):
        super().__init__()
        self.body, self.wide = Body(width), classes + 5
        self.heads = nn.ModuleList(nn.Conv2d(inputs, 3 * self.wide, 1) for inputs in (2 * width, width))

    def forward(self, x):
        rows = []
        for head, feature, stride in zip(self.heads, self.body(x), (8.0, 16.0)):
            height, width = feature.shape[2:]
            raw = head(feature).view(x.shape[0], 3, self.wide, height, width).permute(0, 1, 3, 4, 2).sigmoid()
            middle, side, rest = raw.split((2, 2, self.wide - 4), 4)
            corner = (cells(feature, x.dtype) - 1.0).t().view(1, 1, height, width, 2)
            anchors = torch.tensor([[1.5, 2.0], [3.0, 2.5], [4.0, 5.0]]).view(1, 3, 1, 1, 2) * stride
            y = torch.cat([(middle * 2 + corner) * stride, (side * 2) ** 2 * anchors, rest], 4)
            rows.append(y.reshape(x.shape[0], -1, self.wide))
        return torch.cat(rows, 1)


class Classes(nn.Module):
    def __init__(self, classes, is_done, width=8):
        super().__init__()
        self.stem = nn.Sequential(convolution(3, width), convolution(width, width), nn.AdaptiveAvgPool2d(1))
        self.last, self.is_done = nn.Linear(width, classes), is_done

    def forward(self, x):
        logits = self.last(self.stem(x).flatten(1))
        return logits.softmax(1) if self.is_done else logits


class Bordered(Classes):
    """The border is zeros among numbers that are mostly less."""

    def __init__(self, classes):
        super().__init__(classes, True)
        self.border = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.MaxPool2d(2, 1))

    def forward(self, x):
        *body, mean = self.stem
        for layer in body:
            x = layer(x)
        return self.last(mean(self.border(-x)).flatten(1)).softmax(1)


def drawn(model, seed, bias=0.0):
    """Random weights that keep the signal's size, so that different places see different things."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            weight.copy_(noise * 2.0 / weight[0].numel() ** 0.5 if weight.dim() > 1 else noise * 0.3)
            if "scores" in name and weight.dim() == 1:
                weight.add_(bias)
    return model.eval()


def export(path, model, size, metadata, axes=None, names=("images", "output0")):
    buffer = io.BytesIO()
    torch.onnx.export(
        model,
        (torch.rand(1, 3, *size),),
        buffer,
        input_names=[names[0]],
        output_names=[names[1]],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    graph = onnx.load_from_string(buffer.getvalue())
    for key, value in metadata.items():
        graph.metadata_props.add(key=key, value=str(value))
    path.parent.mkdir(exist_ok=True)
    onnx.save(graph, path)
    return path


def told(task, size, names, **more):
    """What Ultralytics writes, as far as anybody reads it."""
    about = {"stride": 32, "task": task, "batch": 1, "imgsz": list(size), "names": names, "channels": 3}
    return about | {"args": {"nms": None, "dynamic": False}, "end2end": False} | more


def ultralytics_boxes(path, pixels, options, size, **more):
    model = YOLO(path, task="detect")
    found = model.predict(
        pixels[..., ::-1].copy(),
        conf=options["confidence"],
        iou=options["iou"],
        max_det=options["most"],
        imgsz=size,
        rect=False,
        verbose=False,
        device="cpu",
        **more,
    )[0].boxes
    return torch.cat([found.xyxy, found.conf[:, None], found.cls[:, None]], 1).double().numpy()


def yolov5_boxes(path, pixels, options, size):
    """`non_max_suppression` of YOLOv5 multiplies the classes with the objectness; what follows is the same."""
    boxed = LetterBox(size, auto=False)(image=pixels)
    tensor = (torch.from_numpy(boxed).permute(2, 0, 1)[None].float() / 255).numpy()
    rows = torch.from_numpy(onnxruntime.InferenceSession(path).run(None, {"images": tensor})[0])
    rows = rows[:, rows[0, :, 4] > options["confidence"]]
    rows[..., 5:] *= rows[..., 4:5]
    columns = torch.cat([rows[..., :4], rows[..., 5:]], 2).transpose(1, 2)
    found = non_max_suppression(columns, options["confidence"], options["iou"], max_det=options["most"])[0]
    found[:, :4] = scale_boxes(size, found[:, :4], pixels.shape)
    return found.double().numpy()


def is_stable(oracle, options, confidence=1e-4, iou=5e-3, gap=3e-5):
    """What the oracle sees, if that is the same with thresholds a little to either side and no two scores are nearly
    equal; otherwise None."""
    found = oracle(options)
    if len(found) == 0 or np.abs(np.diff(np.sort(found[:, 4]))).min(initial=1) < gap:
        return None
    for name, change in [("confidence", confidence), ("iou", iou)]:
        for changed in (options[name] - change, options[name] + change):
            other = oracle(options | {name: changed})
            if other.shape != found.shape or not np.array_equal(other, found):
                return None
    return found


def detector(name, make, size, metadata, options, oracle, axes=None):
    """A detector and what it sees in the pictures where that is stable; there must be enough of those."""
    for seed in range(1, 60):
        path = export(HERE / name, drawn(make(), seed, options.get("bias", 0.0)), size, metadata, axes)
        seen, count = [], 0
        for number, image in enumerate(IMAGES):
            pixels = picture(image)
            found = is_stable(lambda options: oracle(path, pixels, options, size), options)
            if found is not None and len(found) <= 40:
                seen.append({"image": number, "boxes": [[round(x, 6) for x in row] for row in found.tolist()]})
                count += len(found)
        wide = max((len(entry["boxes"]) for entry in seen), default=0)
        if len(seen) >= 5 and count >= 25 and wide >= 5:
            print(f"{name}: seed {seed}, {len(seen)} pictures, {count} boxes, {path.stat().st_size} bytes")
            kept = {key: value for key, value in options.items() if key != "bias"}
            return {"size": list(size), "options": kept, "seen": seen}
    sys.exit(f"{name}: no seed gives stable boxes")


def classes(name, size):
    labels = dict(enumerate(NAMES))
    path = export(HERE / name, drawn(Classes(len(NAMES), True), 3), size, told("classify", size, labels))
    model, seen = YOLO(path, task="classify"), []
    for number, image in enumerate(IMAGES[:-2]):
        found = model.predict(picture(image)[..., ::-1].copy(), imgsz=size, verbose=False, device="cpu")[0]
        seen.append({"image": number, "scores": [round(x, 6) for x in found.probs.data.double().tolist()]})
    print(f"{name}: {path.stat().st_size} bytes")
    return {"size": list(size), "seen": seen}


def bordered(name, size):
    model, seen, worst = drawn(Bordered(len(NAMES)), 4), [], 0.0
    path = export(HERE / name, model, size, told("classify", size, dict(enumerate(NAMES))))
    session, prepared = onnxruntime.InferenceSession(path), classify_transforms(size[0])
    for number, image in enumerate(IMAGES[:-2]):
        pixels = prepared(Image.fromarray(picture(image)))[None]
        with torch.no_grad():
            scores = model(pixels)[0]
        worst = max(worst, np.abs(session.run(None, {"images": pixels.numpy()})[0][0] - scores.numpy()).max())
        seen.append({"image": number, "scores": [round(x, 6) for x in scores.double().tolist()]})
    print(f"{name}: {path.stat().st_size} bytes; ONNX Runtime is off by {worst:.3f}")
    return {"size": list(size), "seen": seen}


def plain(name, processor):
    """A folder as Optimum leaves it."""
    folder, axes = HERE / name, {"pixel_values": {0: "batch_size"}, "logits": {0: "batch_size"}}
    model = drawn(Classes(len(NAMES), False), 5)
    path = export(folder / "model.onnx", model, (32, 32), {}, axes, ("pixel_values", "logits"))
    processor.save_pretrained(folder)
    config = {"architectures": ["ViTForImageClassification"], "id2label": {str(i): n for i, n in enumerate(NAMES)}}
    (folder / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    session, seen = onnxruntime.InferenceSession(path), []
    for number, image in enumerate(IMAGES):
        pixels = processor(Image.fromarray(picture(image)), return_tensors="np")["pixel_values"]
        scores = torch.from_numpy(session.run(None, {"pixel_values": pixels})[0]).double().softmax(1)[0]
        seen.append({"image": number, "scores": [round(x, 6) for x in scores.tolist()]})
    print(f"{name}: {path.stat().st_size} bytes")
    return {"size": [32, 32], "seen": seen}


def of_timm(name):
    folder, seen = HERE / name, []
    path = export(folder / "model.onnx", drawn(Classes(len(NAMES), False), 6), (32, 32), {}, None, ("input", "output"))
    about = {"input_size": [3, 32, 32], "interpolation": "bicubic", "crop_pct": 0.9, "crop_mode": "center"}
    about |= {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "num_classes": len(NAMES)}
    (folder / "config.json").write_text(json.dumps({"architecture": "none", "pretrained_cfg": about}, indent=2) + "\n")
    (folder / "classes.txt").write_text("\n".join(NAMES) + "\n")
    about |= {"input_size": (3, 32, 32)}
    prepared = timm.data.create_transform(**timm.data.resolve_data_config(pretrained_cfg=about), is_training=False)
    session = onnxruntime.InferenceSession(path)
    for number, image in enumerate(IMAGES):
        pixels = prepared(Image.fromarray(picture(image)))[None].numpy()
        scores = torch.from_numpy(session.run(None, {"input": pixels})[0]).double().softmax(1)[0]
        seen.append({"image": number, "scores": [round(x, 6) for x in scores.tolist()]})
    print(f"{name}: {path.stat().st_size} bytes, {prepared}")
    return {"size": [32, 32], "seen": seen}


def letterboxes():
    boxes = []
    for number, image in enumerate(IMAGES):
        for height, width in FRAMES:
            boxed = LetterBox((height, width), auto=False)(image=picture(image))
            assert boxed.shape == (height, width, 3)
            boxes.append({"image": number, "height": height, "width": width, "fnv": f"{fnv(boxed):016x}"})
    return boxes


def main():
    square, wide = (64, 64), (64, 96)
    few, numbered = len(NAMES), dict(enumerate(NAMES))
    many = {i: f"species {i + 1}" for i in range(1025)}
    open_axes = {"images": {0: "batch", 2: "height", 3: "width"}, "output0": {0: "batch", 2: "anchors"}}
    usual = {"confidence": 0.6, "iou": 0.5, "most": 300}
    models = {
        "columns.onnx": detector(
            "columns.onnx", lambda: Columns(few), square, told("detect", square, numbered), usual, ultralytics_boxes
        ),
        # A graph with open axes, but traced: it takes the size that its metadata tell.
        "wide.onnx": detector(
            "wide.onnx",
            lambda: Columns(few),
            wide,
            told("detect", wide, NAMES, args={"nms": None, "dynamic": True}),
            usual | {"most": 9},
            ultralytics_boxes,
            open_axes,
        ),
        "many.onnx": detector(
            "many.onnx",
            lambda: Columns(1025),
            square,
            told("detect", square, many),
            usual | {"confidence": 0.5, "bias": -6.0},
            ultralytics_boxes,
        ),
        "corners.onnx": detector(
            "corners.onnx",
            lambda: Corners(few),
            square,
            told("detect", square, numbered, end2end=True),
            usual,
            ultralytics_boxes,
        ),
        "rows.onnx": detector(
            "rows.onnx",
            lambda: Rows(few),
            square,
            {"stride": 16, "names": numbered},
            usual | {"confidence": 0.4},
            yolov5_boxes,
        ),
        "middle.onnx": classes("middle.onnx", square),
        "border.onnx": bordered("border.onnx", square),
        "plain": plain("plain", transformers.ViTImageProcessorPil(size={"height": 32, "width": 32}, do_convert_rgb=True)),
        "convnext": plain("convnext", transformers.ConvNextImageProcessorPil(size=32, crop_pct=0.8)),
        "timm": of_timm("timm"),
    }
    versions = {
        "ultralytics": ultralytics.__version__,
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "transformers": transformers.__version__,
        "timm": timm.__version__,
    }
    golden = {
        "versions": versions,
        "names": NAMES,
        "images": [image | {"byte_sum": int(picture(image).sum())} for image in IMAGES],
        "letterboxes": letterboxes(),
        "models": models,
    }
    text = json.dumps(golden, ensure_ascii=False, separators=(",", ":"))
    (HERE / "golden.json").write_text(text.replace('{"image"', '\n{"image"').replace('"models"', '\n"models"') + "\n")


if __name__ == "__main__":
    main()
