#!/bin/sh
# `datasets` and shards that hold pictures of several formats.
#
# One would guess: every sample of a shard is a row with its picture, whatever the picture's extension.
# Instead: the first five samples decide which extensions become columns. Pictures of another extension are left out without a
# word; their rows are there, and null. So a shard of six PNGs and six JPEGs has twelve rows and six pictures.
# Seen with datasets 4.4.1; fails when that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q datasets==4.4.1 Pillow==12.0.0
HF_HUB_OFFLINE=1 venv/bin/python - <<'PYTHON'
import io, tarfile
from PIL import Image
from datasets import load_dataset

def picture(kind, number):
    bytes = io.BytesIO()
    Image.new("RGB", (8, 8), (number, number, number)).save(bytes, kind)
    return bytes.getvalue()

with tarfile.open("train-000000.tar", "w") as shard:
    for number in range(12):
        kind, end = ("PNG", "png") if number < 6 else ("JPEG", "jpg")
        for name, data in ((f"{number:04}.{end}", picture(kind, number)), (f"{number:04}.cls", b"0")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            shard.addfile(member, io.BytesIO(data))

rows = load_dataset("webdataset", data_files={"train": "train-000000.tar"}, split="train", cache_dir="cache")
assert rows.column_names == ["png", "cls", "__key__", "__url__"], rows.column_names
assert len(rows) == 12 and sum(row["png"] is not None for row in rows) == 6
print("12 rows, 6 pictures")
PYTHON
