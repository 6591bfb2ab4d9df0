"""A picture as the program prepares it for a model, and as training keeps it."""
import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def strip_ancillary(data: bytes) -> bytes:
    """Drop ancillary PNG chunks except tRNS (some files carry a wrong CRC there)."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    out, at = [data[:8]], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind = data[at + 4 : at + 8]
        if kind[:1].isupper() or kind == b"tRNS":
            out.append(data[at : at + 12 + length])
        at += 12 + length
    return b"".join(out)


def open_rgba(data: bytes) -> Image.Image:
    """Decode image bytes to RGBA."""
    return Image.open(io.BytesIO(strip_ancillary(data))).convert("RGBA")


def fit_pad(image: Image.Image, size: int, colour: tuple[int, ...]) -> Image.Image:
    """Pad to a centred square and resize with antialiased bilinear."""
    side = max(image.size)
    canvas = Image.new(image.mode, (side, side), colour)
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return canvas.resize((size, size), Image.Resampling.BILINEAR)


def framed(image: Image.Image, size: int, margin: float) -> NDArray[np.uint8]:
    """A picture over white in a square as the program prepares it (`Preprocess::fill`): cropped to what is not background
    but for a margin; padded, or if its corners differ, with up to a quarter of its longer side cut away."""
    pixels = np.asarray(image).astype(np.int16)
    height, width = pixels.shape[:2]
    differs = (np.abs(pixels - pixels[0, 0]) > 12).any(2)
    left, top, right, bottom = 0, 0, width, height
    if differs[[0, -1, -1], [-1, 0, -1]].any():
        across, down = (max(height, 0.75 * width), height) if width > height else (width, max(width, 0.75 * height))
        left, top, right, bottom = (width - across) / 2, (height - down) / 2, (width + across) / 2, (height + down) / 2
    elif differs.any():
        (xs,), (ys,) = differs.any(0).nonzero(), differs.any(1).nonzero()
        more = int(np.float32(margin) * np.float32(max(np.ptp(xs), np.ptp(ys)) + 1))
        left, top = max(xs[0] - more, 0), max(ys[0] - more, 0)
        right, bottom = min(xs[-1] + 1 + more, width), min(ys[-1] + 1 + more, height)
        image, left, top, right, bottom = image.crop((left, top, right, bottom)), 0, 0, right - left, bottom - top
    sides = [max(1, int(side + 0.5)) for side in (right - left, bottom - top)]
    inner = [min(size, max(1, int(side * (size / max(sides)) + 0.5))) for side in sides]
    canvas = Image.new("RGB", (size, size), (255, 255, 255))
    canvas.paste(image.resize(inner, Image.Resampling.BILINEAR, (left, top, right, bottom)), ((size - inner[0]) // 2, (size - inner[1]) // 2))
    return np.asarray(canvas)


def over_white(image: Image.Image) -> Image.Image:
    """Composite RGBA over white."""
    base = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(base, image).convert("RGB")


def premultiplied(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """An RGBA picture for training: premultiplied uint8 [4, size, size], padded with nothing."""
    small = fit_pad(image.convert("RGBa"), size, (0, 0, 0, 0))
    return np.frombuffer(small.tobytes(), np.uint8).reshape(size, size, 4).transpose(2, 0, 1)
