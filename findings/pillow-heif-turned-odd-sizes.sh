#!/bin/sh
# pillow-heif (libheif) and a HEIC with colours at half resolution (4:2:0), a width or a height that is odd, and a turn in its boxes.
#
# One would guess: a quarter or a half turn and a mirror move pixels and change none, whatever the size: the picture is what the same
# one without a turn is after the same turn by numpy.
# Instead: colours are brought to full resolution in another way. Without a turn, or with even sides, a sample is repeated for the two
# by two pixels that share it; with an odd side and a turn it is blended with its neighbours by 3 to 1. Brightness stays. So whether
# edges of colours are sharp or soft depends on size and orientation. Only a quarter turn whose new first row or column is not of the
# odd side is as without (6 with an odd width, 8 with an odd height); a mirror blends by whichever side is odd. With colours at full
# resolution (4:4:4) nothing changes. pillow-heif writes turns for pictures whose EXIF has an orientation.
# Seen with pillow-heif 1.8.1 (libheif 1.23.6), on squares of saturated colours, mean and largest difference: 8.0 and 106 for 97x60 with
# the orientations 2, 3, 4 and 8, none with 6; none for 96x60. Blending the repeated samples gives the other picture to two steps
# of 255 (1.6, where they differ by 14 as they are). Fails when that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q pillow-heif==1.8.1 pillow==13.0.0 numpy
venv/bin/python - <<'PYTHON'
import io

import numpy as np
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()
TURNS = {2: lambda p: p[:, ::-1], 3: lambda p: np.rot90(p, 2), 4: lambda p: p[::-1], 6: lambda p: np.rot90(p, -1), 8: np.rot90}


def decoded(pixels, chroma, orientation=None):
    exif = Image.Exif()
    exif[0x112] = orientation or 1
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "HEIF", quality=90, chroma=chroma, exif=exif.tobytes())
    assert (b"irot" in file.getvalue() or b"imir" in file.getvalue()) == bool(orientation)
    return np.asarray(Image.open(file).convert("RGB")).astype(int)


def squares(width, height, colours):
    picks = np.random.default_rng(0).integers(0, len(colours), (height // 12 + 2, width // 12 + 2))
    pixels = np.array(colours, np.uint8)[picks].repeat(12, 0).repeat(12, 1)
    return np.ascontiguousarray(pixels[3 : 3 + height, 3 : 3 + width])


def largest(width, height, chroma, orientation):
    pixels = squares(width, height, [[255, 0, 0], [0, 0, 255], [0, 255, 0], [255, 255, 0], [128, 128, 128], [255, 0, 255]])
    off = np.abs(TURNS[orientation](decoded(pixels, chroma)) - decoded(pixels, chroma, orientation))
    print(f"{width}x{height} {chroma} orientation {orientation}: mean {off.mean():.1f}, largest {off.max()}")
    return off.max()


for orientation in TURNS:
    assert largest(96, 60, 420, orientation) == 0
    assert largest(97, 61, 444, orientation) == 0
    assert (largest(97, 60, 420, orientation) > 60) == (orientation != 6)
    assert (largest(96, 61, 420, orientation) > 60) == (orientation != 8)


def blended(samples, length):
    """Twice as many along the first axis, of which each is three parts the nearest and one the next."""
    padded = np.concatenate([samples[:1], samples, samples[-1:]])
    pairs = np.stack([0.75 * samples + 0.25 * padded[:-2], 0.75 * samples + 0.25 * padded[2:]], 1)
    return pairs.reshape(-1, *samples.shape[1:])[:length]


# Soft colours, of which nothing is cut off at 0 or 255.
pixels = squares(97, 60, [[150, 100, 110], [110, 140, 150]])
plain, turned = decoded(pixels, 420), np.rot90(decoded(pixels, 420, 3), 2)
grey = (plain @ np.array([0.299, 0.587, 0.114]))[..., None]
colours = blended((plain - grey)[::2, ::2], 60).swapaxes(0, 1)
off = np.abs(grey + blended(colours, 97).swapaxes(0, 1) - turned).max()
print(f"the turned one and the other, blended: largest {off:.1f}; and as it is: {np.abs(plain - turned).max()}")
assert off < 2 and np.abs(plain - turned).max() > 10
PYTHON
