#!/bin/sh
# ExifTool and the place of a GPS directory in the EXIF of an AVIF.
#
# One would guess: ExifTool reads the tags that it wrote itself, whatever the length of the text that is written with them.
# Instead: where a text has one of two lengths, of 400 tried, the latitude is written, as Pillow sees, but ExifTool does not give it;
# it says "GPS pointer references previous EXIF directory". ExifTool refuses to read a directory twice, by its address, and two
# addresses that are counted from different beginnings seem to be equal here by chance. Writing another tag brings the place back.
# Seen with ExifTool 13.59 (npm's exiftool-vendored.pl 13.59.3), in an AVIF made by Pillow 13.0.0 with descriptions of 228 and 229
# letters; 12.57 did so, too, with other tags, in one picture of 600. Needs Perl and npm. Fails when no length does so, any more.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q pillow==13.0.0
npm install --silent --no-audit --no-fund exiftool-vendored.pl@13.59.3
venv/bin/python - <<'PYTHON'
import json
import subprocess
from pathlib import Path

from PIL import Image

exiftool = ["perl", "node_modules/exiftool-vendored.pl/bin/exiftool"]
print("ExifTool", subprocess.check_output([*exiftool, "-ver"], text=True).strip())
rows = []
for length in range(1, 401):
    file = f"{length}.avif"
    Image.linear_gradient("L").convert("RGB").resize((32, 24)).save(file)
    said = {"IFD0:ImageDescription": "x" * length, "ExifIFD:ISO": 100, "GPS:GPSLatitude": 10.5, "GPS:GPSLatitudeRef": "N"}
    rows.append({"SourceFile": file} | said)
Path("said.json").write_text(json.dumps(rows))
files = [row["SourceFile"] for row in rows]
subprocess.run([*exiftool, "-q", "-n", "-overwrite_original", "-json=said.json", *files], check=True)
read = json.loads(subprocess.check_output([*exiftool, "-q", "-json", "-n", "-GPSLatitude", "-Warning", *files]))
# Pillow finds all of them: 10 degrees and 30 minutes.
for file in files:
    assert [float(part) for part in Image.open(file).getexif().get_ifd(0x8825)[2]] == [10, 30, 0]
lost = [picture for picture in read if "GPSLatitude" not in picture]
for picture in lost:
    print(picture)
assert len(read) == 400 and 0 < len(lost) < 10
assert all(picture["Warning"] == "GPS pointer references previous EXIF directory" for picture in lost)
PYTHON
