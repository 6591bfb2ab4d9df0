#!/bin/sh
# Colours at half resolution (4:2:0) in HEIC by pillow-heif (libheif) and in AVIF by Pillow (libavif).
#
# One would guess: two decoders of the same family of files, used through the same Pillow, bring colours to full resolution alike.
# Instead: pillow-heif repeats a sample for the two by two pixels that share it; Pillow's AVIF blends it with its neighbours, as most
# decoders of JPEG do. At edges of colours the same picture is a different one, which numbers made of pixels (hashes, embeddings) see.
# Seen with pillow-heif 1.8.1 (libheif 1.23.6) and Pillow 13.0.0 (libavif 1.4.2), on squares of two colours, by how far the colour of
# pixels that share a sample differs, mean and largest: HEIC 0.0 and 0.0, AVIF 8.1 and 21.7. Fails when that changes.
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
rows, columns = np.mgrid[0:64, 0:64] // 8
# Soft colours: nothing is cut off at 0 or 255.
pixels = np.where(((rows + columns) % 2)[..., None] == 0, [150, 100, 110], [110, 140, 150]).astype(np.uint8)
spread = {}
for kind, options in (("HEIF", {"chroma": 420}), ("AVIF", {"subsampling": "4:2:0"})):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, quality=90, **options)
    red, green, blue = np.moveaxis(np.asarray(Image.open(file).convert("RGB")).astype(float), -1, 0)
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    pairs = np.stack([blue - grey, red - grey], -1).reshape(32, 2, 32, 2, 2)
    spread[kind] = pairs.max((1, 3)) - pairs.min((1, 3))
    print(kind, f"mean {spread[kind].mean():.1f}, largest {spread[kind].max():.1f}")
assert spread["HEIF"].max() < 2 and spread["AVIF"].max() > 10
PYTHON
