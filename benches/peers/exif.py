"""Compares `pokedex scan --exif` with ExifTool on pictures of several formats whose tags ExifTool wrote itself.

    python3 benches/peers/exif.py [target/release/pokedex] [--pictures 2000] [--seed 1] [--keep FOLDER]

Needs ExifTool (`exiftool`), Pillow and PyArrow; with pillow-heif and pillow-jxl-plugin there are HEIF, AVIF and JPEG XL, too. Each
picture gets random tags of EXIF, XMP and IPTC, some of them a sidecar. Then every column is compared with what `exiftool -json -G1 -a
-n` says of the file and of its sidecar, put together by the rule of docs/camera.md. Exit status: 1 where a value differs.
"""

import argparse
import datetime
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

FIELDS = ["taken", "taken_offset", "lat", "lon", "altitude", "camera", "lens", "iso", "exposure", "f_number", "focal_length", "caption",
          "keywords", "rating"]
MAKERS = [("Canon", "Canon EOS R5"), ("NIKON CORPORATION", "NIKON D850"), ("Apple", "iPhone 12"), ("SONY", "ILCE-7M3"),
          ("OLYMPUS IMAGING CORP.", "E-M1"), ("FUJIFILM", "X-T4"), ("Ünïcödé", "Kamera 1")]
WORDS = ["beach", "sea", "Straße", "a, b", "köln", "火", "O'Hara", "x < y & z", "two words", "Grüße aus Wien", "\"quoted\"", "1"]
LENSES = ["EF 50mm f/1.8 STM", "----", "24-70mm F2.8 DG", "iPhone 12 back camera 4.2mm f/1.6"]


def bases(folder):
    """A small picture of each format that can be made here."""
    from PIL import Image

    extensions = ["jpg", "png", "webp", "tif"]
    try:
        import pillow_heif

        pillow_heif.register_heif_opener()
        extensions.append("heic")
    except ImportError:
        print("no pillow-heif: without HEIF")
    try:
        import pillow_jxl  # noqa: F401

        extensions.append("jxl")
    except ImportError:
        print("no pillow-jxl-plugin: without JPEG XL")
    from PIL import features

    if features.check("avif"):
        extensions.append("avif")
    picture = Image.effect_noise((32, 24), 50).convert("RGB")
    made = {}
    for extension in extensions:
        made[extension] = folder / f"base.{extension}"
        picture.save(made[extension])
    return made


def clock(rng):
    start = datetime.datetime(1975, 1, 1)
    return start + datetime.timedelta(seconds=rng.randrange(60 * 365 * 86400))


def people(rng, group, some):
    """What people write, in XMP or IPTC."""
    tags = {}
    description, subject = ("Description", "Subject") if group == "XMP-dc" else ("Caption-Abstract", "Keywords")
    if rng.random() < some:
        tags[f"{group}:{description}"] = rng.choice(WORDS)
    if rng.random() < some:
        tags[f"{group}:{subject}"] = [rng.choice(WORDS) for _ in range(rng.randint(1, 5))]
    return tags


def camera_xmp(rng):
    tags = {}
    if rng.random() < 0.5:
        tags["XMP-exif:DateTimeOriginal"] = clock(rng).strftime("%Y:%m:%d %H:%M:%S") + rng.choice(["", ".5", "+02:00", "Z", ".25-03:30"])
    if rng.random() < 0.4:
        tags["XMP-exif:GPSLatitude"], tags["XMP-exif:GPSLongitude"] = round(rng.uniform(-90, 90), 5), round(rng.uniform(-180, 180), 5)
    if rng.random() < 0.3:
        tags["XMP-exif:GPSAltitude"], tags["XMP-exif:GPSAltitudeRef"] = rng.randint(0, 4000), rng.randint(0, 1)
    if rng.random() < 0.3:
        tags["XMP-tiff:Make"], tags["XMP-tiff:Model"] = rng.choice(MAKERS)
    if rng.random() < 0.3:
        tags[rng.choice(["XMP-aux:Lens", "XMP-exifEX:LensModel"])] = rng.choice(LENSES)
    if rng.random() < 0.3:
        tags["XMP-exif:ISO"] = rng.choice([100, 400, 51200])
    if rng.random() < 0.3:
        tags["XMP-exif:ExposureTime"], tags["XMP-exif:FNumber"] = rng.choice([0.004, 1.5, 30]), rng.choice([1.4, 2.8, 16])
    if rng.random() < 0.3:
        tags["XMP-exif:FocalLength"] = rng.choice([4.2, 50, 600])
    if rng.random() < 0.2:
        tags["XMP-photoshop:DateCreated"] = clock(rng).strftime("%Y:%m:%d")
    if rng.random() < 0.2:
        tags["XMP-xmp:CreateDate"] = clock(rng).strftime("%Y:%m:%d %H:%M:%S")
    return tags


def tags(rng, extension):
    """Random tags of one file."""
    said = {}
    if rng.random() < 0.8:
        said["ExifIFD:DateTimeOriginal"] = rng.choice([clock(rng).strftime("%Y:%m:%d %H:%M:%S")] * 9 + ["0000:00:00 00:00:00"])
        if rng.random() < 0.5:
            said["ExifIFD:SubSecTimeOriginal"] = rng.choice(["07", "7", "123456", "000", "1234567"])
        if rng.random() < 0.5:
            said["ExifIFD:OffsetTimeOriginal"] = rng.choice(["+02:00", "-03:30", "+00:00", "+14:00", "-11:00"])
    if rng.random() < 0.3:
        said["ExifIFD:CreateDate"] = clock(rng).strftime("%Y:%m:%d %H:%M:%S")
    if rng.random() < 0.6:
        lat, lon = round(rng.uniform(-90, 90), 6), round(rng.uniform(-180, 180), 6)
        said |= {"GPS:GPSLatitude": abs(lat), "GPS:GPSLongitude": abs(lon)}
        # Without a letter, sometimes.
        if rng.random() < 0.9:
            said |= {"GPS:GPSLatitudeRef": "S" if lat < 0 else "N", "GPS:GPSLongitudeRef": "W" if lon < 0 else "E"}
    if rng.random() < 0.4:
        said |= {"GPS:GPSAltitude": round(rng.uniform(0, 8000), 2), "GPS:GPSAltitudeRef": rng.randint(0, 1)}
    if rng.random() < 0.8:
        said["IFD0:Make"], said["IFD0:Model"] = rng.choice(MAKERS)
    if rng.random() < 0.5:
        said["ExifIFD:LensModel"] = rng.choice(LENSES)
    if rng.random() < 0.7:
        said["ExifIFD:ISO"] = rng.choice([50, 100, 640, 6400, 65534])
    if rng.random() < 0.7:
        said["ExifIFD:ExposureTime"] = rng.choice([1 / 8000, 1 / 250, 1 / 3, 0.5, 2, 30, 0])
    if rng.random() < 0.7:
        said["ExifIFD:FNumber"] = rng.choice([0.95, 1.4, 2.8, 5.6, 22, 0])
    if rng.random() < 0.7:
        said["ExifIFD:FocalLength"] = rng.choice([4.25, 18, 50, 600])
    if rng.random() < 0.3:
        said["IFD0:ImageDescription"] = rng.choice(WORDS)
    said |= people(rng, "XMP-dc", 0.4)
    if extension in ("jpg", "tif"):
        said |= people(rng, "IPTC", 0.4)
        if rng.random() < 0.2:
            said["IPTC:DateCreated"] = clock(rng).strftime("%Y:%m:%d")
            said["IPTC:TimeCreated"] = clock(rng).strftime("%H:%M:%S+02:00")
        if rng.random() < 0.5:
            said["IPTC:CodedCharacterSet"] = "UTF8"
    if rng.random() < 0.4:
        said["XMP-xmp:Rating"] = rng.randint(-1, 5)
    if rng.random() < 0.4:
        said |= camera_xmp(rng)
    if rng.random() < 0.1 and "ExifIFD:DateTimeOriginal" in said:
        said["XMP-exif:DateTimeOriginal"] = said["ExifIFD:DateTimeOriginal"] + "-05:00"
    return said


def make(folder, count, seed):
    rng = random.Random(seed)
    made = bases(folder)
    pictures = folder / "pictures"
    pictures.mkdir()
    said, beside = [], []
    for number in range(count):
        extension = rng.choice(list(made))
        path = pictures / f"{number:05}.{extension}"
        shutil.copy(made[extension], path)
        said.append({"SourceFile": str(path)} | tags(rng, extension))
        if rng.random() < 0.2:
            path = Path(f"{path}.xmp") if rng.random() < 0.5 else path.with_suffix(".xmp")
            beside.append({"SourceFile": str(path)} | people(rng, "XMP-dc", 0.7) | camera_xmp(rng) | {"XMP-xmp:Rating": rng.randint(-1, 5)})
    for name, rows in [("said", said), ("beside", beside)]:
        file = folder / f"{name}.json"
        file.write_text(json.dumps(rows))
        # -n: as numbers; -m: also into pictures that have to be wrapped for it. ExifTool makes sidecars that are not there.
        command = ["exiftool", "-q", "-q", "-m", "-n", "-overwrite_original", f"-json={file}", "-charset", "iptc=UTF8"]
        for row in rows:
            if not Path(row["SourceFile"]).exists():
                Path(row["SourceFile"]).write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>")
        files = [row["SourceFile"] for row in rows]
        for start in range(0, len(files), 500):
            subprocess.run(command + files[start : start + 500], check=False)
    return pictures


def moment(text):
    """A date of ExifTool's as (datetime, minutes of offset), by the calendar of Python."""
    text = str(text).strip()
    if len(text) == 10:
        text += " 00:00:00"
    offset = None
    for sign in "+-":
        at = text.rfind(sign)
        if at > 10:
            hours, minutes = text[at + 1 :].split(":")
            offset, text = int(sign + "1") * (int(hours) * 60 + int(minutes)), text[:at]
    if text.endswith("Z"):
        offset, text = 0, text[:-1]
    try:
        whole, _, fraction = text.partition(".")
        when = datetime.datetime.strptime(whole, "%Y:%m:%d %H:%M:%S")
        return when.replace(microsecond=int((fraction + "000000")[:6])), offset
    except ValueError:
        return None


def first(*values):
    return next((value for value in values if value is not None), None)


def expected(inside, beside):
    """The row of a picture, from what ExifTool says of it and of its sidecar, by the rule of docs/camera.md."""

    def get(name, said=inside):
        value = said.get(name)
        return None if value in ("", None) else value

    def positive(value):
        return float(value) if isinstance(value, (int, float)) and value > 0 else None

    def measured(exif, xmp, check=lambda x: x):
        return first(check(get(exif)), *[check(get(name, said)) for said in (beside, inside) for name in xmp])

    def exif_moment(time, fraction, offset):
        when = get(time) and moment(get(time))
        if not when:
            return None
        digits = str(get(fraction) or "")
        when = (when[0].replace(microsecond=int((digits + "000000")[:6])), when[1])
        zone = get(offset)
        return (when[0], moment("2000:01:01 00:00:00" + zone)[1]) if zone else when

    def xmp_moment(said, *names):
        return first(*[moment(get(name, said)) if get(name, said) else None for name in names])

    row = dict.fromkeys(FIELDS)
    original = ["XMP-exif:DateTimeOriginal", "XMP-photoshop:DateCreated"]
    iptc = get("IPTC:DateCreated") and moment(f"{get('IPTC:DateCreated')} {get('IPTC:TimeCreated') or '00:00:00'}")
    clocks = [
        exif_moment("ExifIFD:DateTimeOriginal", "ExifIFD:SubSecTimeOriginal", "ExifIFD:OffsetTimeOriginal"),
        xmp_moment(beside, *original), xmp_moment(inside, *original), iptc or None,
        exif_moment("ExifIFD:CreateDate", "ExifIFD:SubSecTimeDigitized", "ExifIFD:OffsetTimeDigitized"),
        xmp_moment(beside, "XMP-xmp:CreateDate"), xmp_moment(inside, "XMP-xmp:CreateDate")]
    taken = first(*clocks)
    if taken:
        alike = [clock[1] for clock in clocks if clock and clock[0].replace(microsecond=0) == taken[0].replace(microsecond=0)]
        row["taken"], row["taken_offset"] = taken[0], first(taken[1], *alike)

    def place(said, lat, lon, letters):
        lat_value, lon_value = get(lat, said), get(lon, said)
        if lat_value is None or lon_value is None:
            return None
        if letters:
            lat_value = -lat_value if get("GPS:GPSLatitudeRef") == "S" else lat_value
            lon_value = -lon_value if get("GPS:GPSLongitudeRef") == "W" else lon_value
        return float(lat_value), float(lon_value)

    xmp_place = ["XMP-exif:GPSLatitude", "XMP-exif:GPSLongitude", False]
    found = first(place(inside, "GPS:GPSLatitude", "GPS:GPSLongitude", True), place(beside, *xmp_place), place(inside, *xmp_place))
    if found:
        row["lat"], row["lon"] = found

    def altitude(said, name):
        value = get(name, said)
        return None if value is None else float(-value if get(name + "Ref", said) == 1 else value)

    row["altitude"] = first(altitude(inside, "GPS:GPSAltitude"), *[altitude(said, "XMP-exif:GPSAltitude") for said in (beside, inside)])

    def camera(said, group):
        make, model = get(f"{group}:Make", said), get(f"{group}:Model", said)
        if make is None or model is None:
            return first(make, model)
        return model if model.split()[0].lower() in make.lower().split() else f"{make} {model}"

    row["camera"] = first(camera(inside, "IFD0"), camera(beside, "XMP-tiff"), camera(inside, "XMP-tiff"))
    row["lens"] = measured("ExifIFD:LensModel", ["XMP-exifEX:LensModel", "XMP-aux:Lens"], lambda lens: None if lens == "----" else lens)
    row["iso"] = measured("ExifIFD:ISO", ["XMP-exif:ISO"], lambda iso: iso[0] if isinstance(iso, list) else iso)
    for field, name in [("exposure", "ExposureTime"), ("f_number", "FNumber"), ("focal_length", "FocalLength")]:
        row[field] = measured(f"ExifIFD:{name}", [f"XMP-exif:{name}"], positive)

    def text(value):
        return None if value is None else str(value).strip() or None

    row["caption"] = first(text(get("XMP-dc:Description", beside)), text(get("XMP-dc:Description")), text(get("IPTC:Caption-Abstract")),
                           text(get("IFD0:ImageDescription")))

    def words(value):
        value = [] if value is None else value if isinstance(value, list) else [value]
        return list(dict.fromkeys(str(word) for word in value)) or None

    row["keywords"] = first(words(get("XMP-dc:Subject", beside)), words(get("XMP-dc:Subject")), words(get("IPTC:Keywords")))
    row["rating"] = first(get("XMP-xmp:Rating", beside), get("XMP-xmp:Rating"))
    return row


def same(ours, theirs):
    if isinstance(ours, float) and isinstance(theirs, float):
        # ExifTool shows ten digits.
        return abs(ours - theirs) <= 1e-8 * max(1.0, abs(ours), abs(theirs))
    return ours == theirs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default="target/release/pokedex")
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="leave the pictures in this folder")
    args = parser.parse_args()
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        pictures = make(folder, args.pictures, args.seed)
        start = time.perf_counter()
        text = subprocess.run(["exiftool", "-q", "-q", "-json", "-G1", "-a", "-n", "-r", "-ext", "*", str(pictures)], capture_output=True, check=False).stdout
        peer_time = time.perf_counter() - start
        said = {row["SourceFile"]: row for row in json.loads(text)}
        listed = "\n".join(sorted(str(path) for path in pictures.iterdir() if path.suffix != ".xmp"))
        manifest = folder / "manifest.parquet"
        start = time.perf_counter()
        run = subprocess.run([args.binary, "scan", "-", "--exif", "-q", "--skip-ok", "-o", str(manifest)], input=listed, text=True, capture_output=True)
        own_time = time.perf_counter() - start
        if run.returncode != 0:
            sys.exit(run.stderr)
        rows = pq.read_table(manifest).to_pylist()

    counts, examples, unread = {field: Counter() for field in FIELDS}, [], 0
    for row in rows:
        path = Path(row["path"])
        beside = said.get(f"{path}.xmp") or said.get(str(path.with_suffix(".xmp"))) or {}
        wanted = expected(said[str(path)], beside)
        # ExifTool 12.57 takes some directories of GPS that it wrote into AVIFs for others, and passes over them.
        gps_unread = "GPS pointer references previous" in str(said[str(path)].get("ExifTool:Warning"))
        unread += gps_unread
        for field in FIELDS:
            if gps_unread and field in ("lat", "lon", "altitude"):
                continue
            ours, theirs = row[field], wanted[field]
            agrees = same(ours, theirs)
            counts[field]["nothing" if agrees and ours is None else "same" if agrees else "other"] += 1
            if not agrees and len(examples) < 20:
                examples.append(f"{path.name} {field}: here {ours!r}, ExifTool {theirs!r}")
    print(f"{'field':<13} {'same':>6} {'nothing':>8} {'other':>6}")
    for field in FIELDS:
        print(f"{field:<13} {counts[field]['same']:>6} {counts[field]['nothing']:>8} {counts[field]['other']:>6}")
    print(f"\n{len(rows)} pictures: exiftool {peer_time:.2f} s, scan --exif {own_time:.2f} s, {peer_time / own_time:.0f} times as fast")
    if unread:
        print(f"{unread} with a place that ExifTool wrote and does not read: not compared")
    for example in examples:
        print(example)
    sys.exit(1 if any(counts[field]["other"] for field in FIELDS) else 0)


if __name__ == "__main__":
    main()
