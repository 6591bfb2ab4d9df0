#!/bin/sh
# pillow-jxl-plugin and an animation in JPEG XL.
#
# One would guess: a plugin that knows no animations shows the first frame, as Pillow does of every other kind of animation, and
# as a film's cover is its beginning.
# Instead: `Image.open` gives the last frame, says that there is one frame (`n_frames` 1, `is_animated` False), and warns of nothing.
# So its pixels are others than those which most programs show of the same file.
# Seen with pillow-jxl-plugin 1.3.8 and Pillow 13.0.0: of three frames of grey 10, 120 and 240 it is 240; Pillow's own WebP, GIF and
# PNG give 10. The file is written by imagecodecs 2026.3.6, which reads all three from it in order. Fails when that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q pillow-jxl-plugin==1.3.8 pillow==13.0.0 imagecodecs==2026.3.6 numpy
venv/bin/python - <<'PYTHON'
import io

import imagecodecs
import numpy as np
import pillow_jxl  # noqa: F401
from PIL import Image

frames = [np.full((32, 48, 3), grey, np.uint8) for grey in (10, 120, 240)]
pictures = [Image.fromarray(frame) for frame in frames]
jxl = imagecodecs.jpegxl_encode(np.stack(frames), lossless=True)
assert np.array_equal(imagecodecs.jpegxl_decode(jxl), np.stack(frames))
for kind in ("WEBP", "GIF", "PNG"):
    file = io.BytesIO()
    pictures[0].save(file, kind, save_all=True, append_images=pictures[1:], **({"lossless": True} if kind == "WEBP" else {}))
    picture = Image.open(file)
    grey = np.asarray(picture.convert("RGB")).mean()
    print(kind, "frames:", picture.n_frames, "grey:", grey)
    assert picture.n_frames == 3 and grey == 10
picture = Image.open(io.BytesIO(jxl))
grey = np.asarray(picture.convert("RGB")).mean()
print("JPEG XL frames:", picture.n_frames, "grey:", grey)
assert picture.n_frames == 1 and not picture.is_animated and grey == 240
PYTHON
