#!/bin/sh
# pillow-jxl-plugin and a picture that is to be turned.
#
# One would guess: a picture saved as JPEG XL with an EXIF orientation is shown as turned as the same one saved as JPEG.
# Instead: the plugin puts the orientation in the box of EXIF only. JPEG XL has one of its own in the codestream, and decoders turn by
# that and by no other: they show the picture on its side. libjxl, given the JPEG itself, writes it there. The plugin, in turn, gives
# the EXIF of its own file, so `ImageOps.exif_transpose` turns it, and nobody who tests with Pillow only sees a difference.
# Seen with pillow-jxl-plugin 1.3.8: 48x32 pixels with orientation 6, decoded by imagecodecs 2026.3.6 (libjxl 0.11.2), are 32x48 from
# the recompressed JPEG, as they should be, and 48x32 from the plugin's file. Fails when that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q pillow-jxl-plugin==1.3.8 pillow==13.0.0 imagecodecs==2026.3.6 numpy
venv/bin/python - <<'PYTHON'
import io

import imagecodecs
import pillow_jxl  # noqa: F401
from PIL import Image, ImageOps

picture = Image.linear_gradient("L").convert("RGB").resize((48, 32))
exif = Image.Exif()
exif[0x112] = 6
jpeg, saved = io.BytesIO(), io.BytesIO()
picture.save(jpeg, "JPEG", exif=exif)
picture.save(saved, "JXL", exif=exif.tobytes())
files = {"JPEG, recompressed": imagecodecs.jpegxl_encode_jpeg(jpeg.getvalue(), usecontainer=True), "plugin": saved.getvalue()}
sizes = {}
for name, file in files.items():
    height, width = imagecodecs.jpegxl_decode(file).shape[:2]
    sizes[name] = (width, height), ImageOps.exif_transpose(Image.open(io.BytesIO(file))).size
    print(name, "| libjxl:", *sizes[name][0], "| plugin and exif_transpose:", *sizes[name][1])
assert sizes == {"JPEG, recompressed": ((32, 48), (32, 48)), "plugin": ((48, 32), (32, 48))}
PYTHON
