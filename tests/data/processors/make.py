"""Makes golden.json beside this file: what transformers' image processors make of a few small pictures.

No model is needed, and no torch: the processors over Pillow and NumPy are the oracle (`...ImageProcessorPil`). DINOv3's
exists over torchvision only, which scales floating-point tensors; Pillow's mode F computes the same filter of 32-bit
numbers, so that it stands in.

Each case is a configuration as it stands in preprocessor_config.json, and perhaps the model_type of config.json. Of each
picture PLACES pixels are kept, in thousandths. Needs transformers 5.24, Pillow 13 and NumPy.
"""

import importlib
import json
import math
from pathlib import Path

import numpy as np
from PIL import Image

SHAPES = [(40, 30), (33, 47), (100, 20), (9, 14)]
PLACES = 9
RESCALE = 0.00392156862745098
SMALL = {"height": 24, "width": 24}


def picture(width, height):
    """As `picture` in the test has it: no file is needed."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            for k in range(3):
                pixels[y, x, k] = (x * (3 + 2 * k) + y * (7 - k) + (x * y) % 11 * 9 + k * 40) % 256
    return Image.fromarray(pixels)


def config(name, **keys):
    return {"image_processor_type": f"{name}ImageProcessor", **keys}


CASES = [
    config("CLIP", size=24, crop_size=20),
    config("CLIP", size={"shortest_edge": 24}, crop_size={"height": 20, "width": 18}, resample=2),
    config("CLIP", size={"shortest_edge": 16}, crop_size={"height": 21, "width": 21}),
    config("CLIP", size=SMALL, do_center_crop=False, do_rescale=False, do_normalize=False),
    config("CLIP", size=SMALL, crop_size=SMALL, rescale_factor=0.5, image_mean=0.25, image_std=[0.5, 1.0, 2.0]),
    config("ChineseCLIP", size=24, crop_size=24, do_normalize=False),
    config("Bit", size={"shortest_edge": 24}, crop_size=20, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]),
    config("ViT", size=24),
    config("ViT", size=[20, 24], resample=3),
    config("ViT", size=SMALL, resample=0, do_normalize=False),
    config("ViT", size=SMALL, resample=1),
    config("ViT", size=SMALL, resample=4),
    config("ViT", size=SMALL, resample=5),
    config("Beit", size=24),
    config("Beit", size=24, do_center_crop=True, crop_size=20, do_reduce_labels=True),
    config("DeiT", size={"height": 32, "width": 32}, crop_size=SMALL),
    config("DeiT", size=SMALL, crop_size=29),
    config("DeiT", size=SMALL, do_center_crop=False),
    config("Levit", size={"shortest_edge": 28}, crop_size=28),
    config("Levit", size=25, crop_size=25, resample=2),
    config("Levit", size=SMALL, crop_size=20),
    config("EfficientNet", size=SMALL),
    config("EfficientNet", size=SMALL, include_top=False, rescale_offset=True, rescale_factor=1 / 127.5),
    config("EfficientNet", size=SMALL, rescale_offset=True, do_normalize=False, resample=0),
    config("EfficientNet", size=SMALL, do_center_crop=True, crop_size=20),
    config("ConvNext", size={"shortest_edge": 24}),
    config("ConvNext", size=24, crop_pct=0.95, resample=2),
    config("Siglip", size=SMALL),
    config("Blip", size=24),
    config("DINOv3ViT", size=SMALL),
    config("DINOv3ViT", size={"height": 20, "width": 24}, resample=3, image_mean=0.5, image_std=0.5),
    config("MobileNetV1", size={"shortest_edge": 28}, crop_size=24),
    config("MobileNetV2", size=28, crop_size=24, resample=3),
    config("MobileViT", size={"shortest_edge": 24}, crop_size=28),
    config("MobileViT", size=28, crop_size=24, do_flip_channel_order=False, resample=2),
    config("OwlViT", size=24),
    config("Flava", size=28, crop_size=24),
    config("Perceiver", size=SMALL, crop_size={"height": 28, "width": 28}),
    config("Perceiver", size={"height": 20, "width": 24}, crop_size={"height": 25, "width": 26}, resample=2),
    config("PoolFormer", size={"shortest_edge": 24}, crop_size=24),
    config("PoolFormer", size=SMALL, crop_size=20, crop_pct=0.8),
    config("PoolFormer", size={"height": 20, "width": 24}, crop_size=18),
    config("Pvt", size=SMALL),
    config("Segformer", size=SMALL, do_center_crop=True, crop_size=20),
    config("VideoMAE", size=28, crop_size=24),
    {"feature_extractor_type": "ViTFeatureExtractor", "size": 24},
    {"image_processor_type": "ViTImageProcessorFast", "size": 24, "do_center_crop": None, "device": None, "data_format": "channels_first"},
    {"size": 24, "crop_size": 20, "model_type": "clip"},
    {"size": 24, "model_type": "swin", "resample": 3},
]
# What each class makes of nothing at all.
DEFAULTS = [
    "Beit", "Bit", "Blip", "ChineseCLIP", "CLIP", "ConvNext", "DeiT", "DINOv3ViT", "EfficientNet", "Flava", "Levit",
    "MobileNetV1", "MobileNetV2", "MobileViT", "OwlViT", "Perceiver", "PoolFormer", "Pvt", "Segformer", "Siglip",
    "VideoMAE", "ViT",
]  # fmt: skip
MODELS = {"clip": "CLIP", "swin": "ViT"}
IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def float_oracle(keys, image):
    size = keys.get("size", {"height": 224, "width": 224})
    mean, std = (np.broadcast_to(keys.get(key, usual), 3) for key, usual in zip(("image_mean", "image_std"), IMAGENET))
    planes = np.asarray(image, np.float32) / 255
    scaled = [Image.fromarray(plane).resize((size["width"], size["height"]), keys.get("resample", 2)) for plane in np.moveaxis(planes, -1, 0)]
    return (np.stack([np.asarray(plane) for plane in scaled]) - mean[:, None, None]) / std[:, None, None]


def oracle(keys, image):
    keys = dict(keys)
    kind = keys.get("image_processor_type") or keys.get("feature_extractor_type")
    name = kind.removesuffix("Fast").removesuffix("ImageProcessor").removesuffix("FeatureExtractor") if kind else MODELS[keys.pop("model_type")]
    if name == "DINOv3ViT":
        return float_oracle(keys, image)
    module = {"ChineseCLIP": "chinese_clip", "MobileNetV1": "mobilenet_v1", "MobileNetV2": "mobilenet_v2"}.get(name, name.lower())
    module = importlib.import_module(f"transformers.models.{module}.image_processing_pil_{module}")
    processor = getattr(module, f"{name}ImageProcessorPil").from_dict(keys)
    values = np.asarray(processor([[image]] if name == "VideoMAE" else image, return_tensors="np")["pixel_values"], np.float64)
    return values.reshape(values.shape[-3:])


def places(height, width):
    """Spread over the picture, corners among them."""
    return [((i * 7 % PLACES) * (height - 1) // (PLACES - 1), i * (width - 1) // (PLACES - 1)) for i in range(PLACES)]


cases = []
for keys in CASES + [config(name) for name in DEFAULTS]:
    pictures = []
    for shape in SHAPES if len(keys) > 1 else SHAPES[:2]:
        values = oracle(keys, picture(*shape))
        _, height, width = values.shape
        pictures.append([round(float(values[k, y, x]) * 1000) for y, x in places(height, width) for k in range(3)])
    cases.append({"config": keys, "width": width, "height": height, "pictures": pictures})
    print(keys, width, height)
lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
(Path(__file__).parent / "golden.json").write_text(f"[\n{lines}\n]\n")
