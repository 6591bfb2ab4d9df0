"""Makes pictures of every kind that matters and holds what `convert-rgb` makes of them against Pillow, pixel by pixel.

JPEGs come from an encoder of our own (every sampling, one component a scan, restart intervals, colour marks), TIFFs from
tifffile and Pillow, the rest from Pillow. Nothing is copied: the pictures are waves and squares.

    python tests/pictures.py target/release/pokedex [-v]

A picture passes if it is Pillow's (over white, upright): JPEG and lossy TIFF to a mean of 1.5 and 40 at most where colours
are at a lower resolution (decoders smooth them differently), all others to 2 at most; if Pillow cannot read it either; or if
the message says "unsupported". "damaged" is right only for what was damaged here; what was cut short must either be refused
or be named "truncated". Prints a table; exit status 1 if anything fails. Needs NumPy, Pillow, PyArrow, tifffile, imagecodecs.
"""

import io
import itertools
import struct
import subprocess
import sys
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin

warnings.simplefilter("ignore")
W, H = 53, 38


def scene(width=W, height=H, channels=3):
    """Waves of colour with a square in a corner, so that every turn shows."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 100 * np.sin(x / (5 + 2 * k) + k) * np.cos(y / (7 - k) + k) for k in range(channels)]
    picture = np.stack(planes, axis=-1)
    picture[2:10, 3:15] = [250, 20, 40, 200][:channels]
    return np.clip(picture, 0, 255).astype(np.uint8)


# ---------------------------------------------------------------- JPEG

ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, (i % 8 if (i // 8 + i % 8) % 2 == 0 else i // 8)))
DCT = np.array([[np.sqrt((1 if u == 0 else 2) / 8) * np.cos((2 * x + 1) * u * np.pi / 16) for x in range(8)] for u in range(8)])


def segment(marker, data):
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


class Bits:
    def __init__(self):
        self.text = []

    def put(self, value, length):
        if length:
            self.text.append(format(value & ((1 << length) - 1), f"0{length}b"))

    def bytes(self):
        text = "".join(self.text)
        text += "1" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0") if text else b""


def magnitude(value):
    size = int(abs(value)).bit_length()
    return size, value if value >= 0 else value + (1 << size) - 1


def jpeg(picture, sampling, interleaved=True, restart=0, progressive=False, app=b"", ids=None, step=4):
    """A JPEG of these planes; `sampling`: factors across and down of each. Codes of 8 bits for all symbols."""
    height, width, count = picture.shape
    ids = ids or list(range(1, count + 1))
    across, down = max(h for h, _ in sampling), max(v for _, v in sampling)
    mcus = -(-width // (8 * across)), -(-height // (8 * down))
    blocks, own = [], []
    for k, (h, v) in enumerate(sampling):
        # The mean of the pixels that share a sample; ratios that are not whole are not made.
        full = np.pad(picture[..., k].astype(float), ((0, mcus[1] * 8 * down - height), (0, mcus[0] * 8 * across - width)), "edge")
        ry, rx = down // v, across // h
        plane = full[: full.shape[0] // ry * ry, : full.shape[1] // rx * rx]
        plane = plane.reshape(plane.shape[0] // ry, ry, plane.shape[1] // rx, rx).mean(axis=(1, 3)) - 128
        rows, columns = mcus[1] * v, mcus[0] * h
        cut = plane[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).swapaxes(1, 2)
        blocks.append(np.round(DCT @ cut @ DCT.T / step).astype(int).reshape(rows, columns, 64)[..., ZIGZAG])
        own.append((-(-(-(-width * h // across)) // 8), -(-(-(-height * v // down)) // 8)))

    def scan(components, first=0, last=63):
        order, groups = [], []
        if len(components) == 1:
            (k,) = components
            groups = [[(k, y, x)] for y in range(own[k][1]) for x in range(own[k][0])]
        else:
            for my, mx in itertools.product(range(mcus[1]), range(mcus[0])):
                group = []
                for k in components:
                    h, v = sampling[k]
                    group += [(k, my * v + y, mx * h + x) for y in range(v) for x in range(h)]
                groups.append(group)
        data, bits, before = b"", Bits(), [0] * count
        for index, group in enumerate(groups):
            if restart and index and index % restart == 0:
                data += bits.bytes() + bytes([0xFF, 0xD0 + (index // restart - 1) % 8])
                bits, before = Bits(), [0] * count
            for k, y, x in group:
                block = blocks[k][y, x]
                if first == 0:
                    size, value = magnitude(int(block[0]) - before[k])
                    before[k] = int(block[0])
                    bits.put(size, 8)
                    bits.put(value, size)
                run = 0
                for place in range(max(first, 1), last + 1):
                    if block[place] == 0:
                        run += 1
                        continue
                    while run > 15:
                        bits.put(0xF0, 8)
                        run -= 16
                    size, value = magnitude(int(block[place]))
                    bits.put(run << 4 | size, 8)
                    bits.put(value, size)
                    run = 0
                if run and last > 0:
                    bits.put(0, 8)
        head = bytes([len(components)]) + b"".join(bytes([ids[k], 0]) for k in components) + bytes([first, last, 0])
        return segment(0xDA, head) + data + bits.bytes()

    frame = struct.pack(">BHHB", 8, height, width, count)
    frame += b"".join(bytes([ids[k], h << 4 | v, 0]) for k, (h, v) in enumerate(sampling))
    # Codes of 8 bits; the one of all ones is none.
    dc, ac = (bytes([0] * 7 + [n] + [0] * 8) + bytes(range(n)) for n in (12, 255))
    out = b"\xff\xd8" + app + segment(0xDB, b"\0" + bytes([step] * 64)) + segment(0xC2 if progressive else 0xC0, frame)
    out += segment(0xC4, b"\0" + dc) + segment(0xC4, b"\x10" + ac)
    if restart:
        out += segment(0xDD, struct.pack(">H", restart))
    every = list(range(count))
    if progressive:
        out += b"".join(scan([k], 0, 0) for k in every) if not interleaved else scan(every, 0, 0)
        out += b"".join(scan([k], 1, 9) + scan([k], 10, 63) for k in every)
    else:
        out += scan(every) if interleaved else b"".join(scan([k]) for k in every)
    return out + b"\xff\xd9"


JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
SAMPLINGS = {
    "4:4:4": [(1, 1), (1, 1), (1, 1)], "4:2:2": [(2, 1), (1, 1), (1, 1)], "4:4:0": [(1, 2), (1, 1), (1, 1)],
    "4:2:0": [(2, 2), (1, 1), (1, 1)], "4:1:1": [(4, 1), (1, 1), (1, 1)], "4:1:0": [(4, 2), (1, 1), (1, 1)],
    "1x4": [(1, 4), (1, 1), (1, 1)], "3x1": [(3, 1), (1, 1), (1, 1)], "1x3": [(1, 3), (1, 1), (1, 1)],
    "2x4": [(2, 4), (1, 1), (1, 1)], "2x2 all": [(2, 2), (2, 2), (2, 2)], "2x1 all": [(2, 1), (2, 1), (2, 1)],
    "coarse luma": [(1, 1), (2, 2), (2, 2)], "coarse luma across": [(1, 1), (2, 1), (2, 1)],
    "one fine": [(1, 1), (2, 1), (1, 1)], "unlike colours": [(2, 2), (2, 1), (1, 2)],
    "half": [(2, 2), (1, 2), (1, 2)], "half across": [(2, 2), (2, 1), (2, 1)], "not whole": [(3, 1), (2, 1), (1, 1)],
}


def adobe(transform):
    return segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))


def jpegs():
    ycc = np.asarray(Image.fromarray(scene()).convert("YCbCr"))
    for (name, sampling), interleaved, progressive, restart in itertools.product(
        SAMPLINGS.items(), (True, False), (False, True), (0, 1, 5)
    ):
        across = max(h for h, _ in sampling)
        if any(across % h for h, _ in sampling):
            continue
        blocks = sum(h * v for h, v in sampling)
        if interleaved and blocks > 10:
            continue
        kind = f"JPEG {'progressive' if progressive else 'baseline'}{'' if interleaved else ', one component a scan'}"
        yield kind, f"{name} r{restart}.jpg", jpeg(ycc, sampling, interleaved, restart, progressive, JFIF)
    for sampling, progressive, interleaved in itertools.product([(1, 1), (2, 2), (2, 1), (1, 4)], (False, True), (True, False)):
        yield "JPEG grey", f"{sampling}{progressive}{interleaved}.jpg", jpeg(scene(channels=1), [sampling], interleaved, 3, progressive)
    marks = {
        "none": b"", "jfif": JFIF, "adobe0": adobe(0), "adobe1": adobe(1), "adobe2": adobe(2), "jfif+adobe0": JFIF + adobe(0),
        "adobe0+jfif": adobe(0) + JFIF, "adobe9": adobe(9),
    }
    for (name, app), ids in itertools.product(marks.items(), (None, list(b"RGB"), [0, 1, 2], [7, 8, 9])):
        yield "JPEG colour marks", f"{name}{ids}.jpg", jpeg(scene(), SAMPLINGS["4:4:4"], True, 0, False, app, ids)
        yield "JPEG colour marks", f"{name}{ids} p.jpg", jpeg(scene(), SAMPLINGS["4:2:0"], True, 0, True, app, ids)
    for (name, app), sampling in itertools.product(marks.items(), ([(1, 1)] * 4, [(2, 2), (1, 1), (1, 1), (2, 2)])):
        for progressive, interleaved in itertools.product((False, True), (True, False)):
            data = jpeg(scene(channels=4), sampling, interleaved, 0, progressive, app)
            yield "JPEG CMYK, YCCK", f"{name}{sampling}{progressive}{interleaved}.jpg", data
    for name, app in marks.items():
        yield "JPEG grey", f"{name}.jpg", jpeg(scene(channels=1), [(1, 1)], app=app)
    usual = jpeg(ycc, SAMPLINGS["4:2:0"], True, 0, False, JFIF)
    yield "JPEG oddities", "trailing.jpg", usual + b"garbage" * 99
    yield "JPEG oddities", "two pictures.jpg", usual + jpeg(ycc[::2, ::2], SAMPLINGS["4:4:4"])
    yield "JPEG oddities", "bytes between.jpg", usual[:2] + JFIF + b"\0" * 9 + usual[2 + len(JFIF):]
    yield "JPEG oddities", "fill bytes.jpg", usual[:2] + b"\xff\xff\xff" + usual[2:]
    yield "JPEG oddities", "comment.jpg", usual[:2] + segment(0xFE, b"x" * 999) + usual[2:]
    yield "JPEG oddities", "two channels.jpg", jpeg(scene(channels=4)[..., :2], [(1, 1)] * 2)
    import imagecodecs

    yield "JPEG other coding", "12 bits.jpg", imagecodecs.jpeg_encode(scene().astype(np.uint16) * 16, bitspersample=12)
    yield "JPEG other coding", "lossless.jpg", imagecodecs.jpeg_encode(scene(), lossless=True, predictor=4)
    yield "JPEG other coding", "lossless grey.jpg", imagecodecs.jpeg_encode(np.ascontiguousarray(scene()[..., 0]), lossless=True, predictor=1)
    yield "JPEG other coding", "lossless 16.jpg", imagecodecs.ljpeg_encode(np.ascontiguousarray(scene()[..., 0]).astype(np.uint16) * 257, bitspersample=16)
    arithmetic = bytearray(usual)
    arithmetic[usual.index(b"\xff\xc0") + 1] = 0xC9
    yield "JPEG other coding", "arithmetic.jpg", bytes(arithmetic)


# ---------------------------------------------------------------- TIFF


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def tiffs():
    image = Image.fromarray(scene())
    with_alpha = Image.fromarray(scene(channels=4), "RGBA")
    modes = {
        "1": image.convert("1"), "L": image.convert("L"), "LA": with_alpha.convert("LA"), "P": image.quantize(200),
        "RGB": image, "RGBA": with_alpha, "CMYK": image.convert("CMYK"), "YCbCr": image.convert("YCbCr"),
        "I;16": Image.fromarray(scene()[..., 0].astype(np.uint16) * 257), "F": image.convert("F"), "I": image.convert("I"),
    }
    packings = [None, "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "zstd", "jpeg", "lzma"]
    fax = ["group3", "group4", "tiff_ccitt"]
    for (mode, picture), packing in [*itertools.product(modes.items(), packings), *((("1", modes["1"]), each) for each in fax)]:
        for big in (False, True):
            try:
                data = saved(picture, "TIFF", compression=packing, big_tiff=big)
            except Exception:
                continue
            yield f"TIFF {packing or 'plain'}", f"{mode}{big}.tif", data
        if packing in ("tiff_lzw", "tiff_adobe_deflate", "zstd"):
            try:
                yield f"TIFF {packing}, predictor", f"{mode}.tif", saved(picture, "TIFF", compression=packing, tiffinfo={317: 2})
            except Exception:
                continue
    import tifffile

    def written(array, **options):
        out = io.BytesIO()
        tifffile.imwrite(out, array, metadata=None, **options)
        return out.getvalue()

    grey, rgb = scene()[..., 0], scene()
    arrays = {
        "u8": grey, "u16": grey.astype(np.uint16) * 257, "u32": grey.astype(np.uint32), "i8": (grey // 2).astype(np.int8),
        "i16": grey.astype(np.int16) - 20, "i32": grey.astype(np.int32) - 20, "f16": grey.astype(np.float16),
        "f32": grey.astype(np.float32) * 1.3 - 20, "f64": grey.astype(np.float64), "bool": grey > 127,
    }
    for (name, array), order, tile, packing, predictor in itertools.product(
        arrays.items(), "<>", (None, (16, 32)), (None, "lzw", "zlib", "zstd", "packbits"), (False, True)
    ):
        if (predictor and packing not in ("lzw", "zlib")) or (name == "bool" and (predictor or packing)):
            continue
        if order == ">" and packing and name in ("i16", "i32", "f32"):
            continue  # Pillow takes libtiff's numbers, which are native, for big-endian ones
        photometric = "miniswhite" if order == ">" and name in ("u8", "bool") else "minisblack"
        try:
            data = written(array, byteorder=order, tile=tile, compression=packing, predictor=predictor, photometric=photometric)
        except Exception:
            continue
        yield "TIFF numbers", f"{name}{order}{tile}{packing}{predictor}.tif", data
    for depth, planar, tile, order in itertools.product((8, 16), ("contig", "separate"), (None, (16, 16)), "<>"):
        if depth == 16 and planar == "separate":
            continue  # Pillow mixes up the bytes
        for channels, extra in ((3, None), (4, ["unassalpha"]), (4, ["assocalpha"]), (4, ["unspecified"])):
            array = scene(channels=channels).astype(np.uint8 if depth == 8 else np.uint16) * (1 if depth == 8 else 257)
            if extra == ["assocalpha"]:
                array[..., :3] = array[..., :3] // 2 * (array[..., 3:] / array[..., 3:].max())
            stored = array if planar == "contig" else np.moveaxis(array, -1, 0)
            data = written(stored, photometric="rgb", planarconfig=planar, tile=tile, extrasamples=extra, byteorder=order)
            yield "TIFF planes and tiles", f"{depth}{planar}{tile}{extra}{order}.tif", data
    for bits, packing in itertools.product((2, 4), (None, "lzw", "zlib")):
        try:
            yield "TIFF few bits", f"{bits}{packing}.tif", written(grey >> 8 - bits, bitspersample=bits, compression=packing)
        except Exception:
            continue
    for sampling, tile, planar in itertools.product(((1, 1), (2, 1), (2, 2), (4, 1), (4, 2)), (None, (32, 32)), (False,)):
        for colours in ("ycbcr", "rgb"):
            try:
                data = written(rgb, photometric=colours, compression="jpeg", subsampling=sampling, tile=tile)
            except Exception:
                continue
            yield "TIFF jpeg", f"{colours}{sampling}{tile}.tif", data
    ycc = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    for packing in (None, "lzw", "zlib"):
        yield "TIFF brightness and colours", f"{packing}.tif", written(ycc, photometric="ycbcr", subsampling=(1, 1), compression=packing)
    many = io.BytesIO()
    image.save(many, "TIFF", save_all=True, append_images=[ImageOps.flip(image)])
    yield "TIFF several pictures", "two.tif", many.getvalue()
    old = bytearray(saved(image.convert("L"), "TIFF"))
    at = old.index(struct.pack("<HHI", 259, 3, 1))
    old[at + 8] = 6
    yield "TIFF other", "old jpeg.tif", bytes(old)
    yield "TIFF other", "lab.tif", saved(Image.fromarray(rgb, "LAB"), "TIFF")


# ---------------------------------------------------------------- the rest


def exif(value, kind=3, count=1, order="<"):
    head = b"II*\0\x08\0\0\0" if order == "<" else b"MM\0*\0\0\0\x08"
    number = {3: "HH", 4: "I", 9: "i", 8: "hh", 11: "f", 1: "BBBB", 2: "4s"}[kind]
    values = [value] + [0] * (len(number) - 1) if kind != 2 else [b"6\0\0\0"]
    return head + struct.pack(order + "H", 1) + struct.pack(order + "HHI", 274, kind, count) + struct.pack(order + number, *values) + b"\0" * 4


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def orientations():
    image = Image.fromarray(scene())
    picture, png, webp = saved(image, "JPEG", quality=95), saved(image, "PNG"), saved(image, "WEBP", lossless=True)
    xmps = {
        "attribute": '<rdf:Description tiff:Orientation="6"/>', "element": "<tiff:Orientation>8</tiff:Orientation>",
        "single": "<rdf:Description tiff:Orientation='6'/>", "spaced": '<x tiff:Orientation = "6"/>', "nine": 'tiff:Orientation="9"',
    }
    def app1(data):
        return segment(0xE1, b"Exif\0\0" + data)

    def xap(text):
        return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text.encode())

    def with_apps(*apps):
        return picture[:2] + b"".join(apps) + picture[2:]

    def with_chunk(data, late=False):
        at = png.rindex(b"IEND") - 4 if late else 33
        return png[:at] + data + png[at:]

    for value, order in itertools.product(range(10), "<>"):
        yield "orientation EXIF", f"{value}{order}.jpg", with_apps(app1(exif(value, order=order)))
        yield "orientation EXIF", f"{value}{order}.png", with_chunk(chunk(b"eXIf", exif(value, order=order)))
        yield "orientation EXIF", f"{value}{order}.webp", saved(image, "WEBP", lossless=True, exif=exif(value, order=order))
        yield "orientation EXIF", f"{value}{order}.tif", saved(image, "TIFF", tiffinfo={274: value})
    for kind, count in ((4, 1), (9, 1), (8, 1), (11, 1), (1, 1), (2, 2), (3, 2)):
        yield "orientation EXIF types", f"{kind}{count}.jpg", with_apps(app1(exif(6, kind, count)))
    yield "orientation several", "first of two.jpg", with_apps(app1(exif(6)), app1(exif(3)))
    yield "orientation several", "exif twice named.jpg", with_apps(app1(b"Exif\0\0" + exif(6)))
    yield "orientation several", "exif and xmp.jpg", with_apps(app1(exif(3)), xap(xmps["attribute"]))
    yield "orientation several", "exif without, and xmp.jpg", with_apps(app1(b"II*\0\x08\0\0\0\0\0\0\0\0\0"), xap(xmps["attribute"]))
    yield "orientation several", "two xmp.jpg", with_apps(xap(xmps["attribute"]), xap(xmps["element"]))
    yield "orientation several", "broken exif.jpg", with_apps(app1(b"II*\0\xff\xff\0\0"), xap("none"))
    for name, xmp in xmps.items():
        yield "orientation XMP", f"{name}.jpg", with_apps(xap(xmp))
        text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp.encode()
        yield "orientation XMP", f"{name}.png", with_chunk(chunk(b"iTXt", text))
        yield "orientation XMP", f"{name} late.png", with_chunk(chunk(b"iTXt", text), True)
        packed = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp.encode())
        yield "orientation XMP", f"{name} packed.png", with_chunk(chunk(b"iTXt", packed))
        yield "orientation XMP", f"{name}.webp", saved(image, "WEBP", lossless=True, xmp=xmp.encode())
        yield "orientation XMP", f"{name}.tif", saved(image, "TIFF", tiffinfo={700: xmp.encode()})
    data = b"Exif\0\0" + exif(6)
    raw = f"\nexif\n{len(data):8}\n{data.hex()}\n".encode()
    for key, late in itertools.product((b"exif", b"APP1"), (False, True)):
        name = b"Raw profile type " + key + b"\0"
        yield "orientation in PNG texts", f"{key}{late} t.png", with_chunk(chunk(b"tEXt", name + raw), late)
        yield "orientation in PNG texts", f"{key}{late} z.png", with_chunk(chunk(b"zTXt", name + b"\0" + zlib.compress(raw)), late)
        yield "orientation in PNG texts", f"{key}{late} i.png", with_chunk(chunk(b"iTXt", name + b"\0\0\0\0" + raw), late)
    yield "orientation in PNG texts", "late.png", with_chunk(chunk(b"eXIf", exif(6)), True)
    yield "orientation in PNG texts", "both.png", with_chunk(chunk(b"eXIf", exif(3)) + chunk(b"tEXt", b"Raw profile type exif\0" + raw))
    del webp


def others():
    image, with_alpha = Image.fromarray(scene()), Image.fromarray(scene(channels=4), "RGBA")
    modes = {"1": image.convert("1"), "L": image.convert("L"), "LA": with_alpha.convert("LA"), "P": image.quantize(64),
             "RGB": image, "RGBA": with_alpha, "I;16": Image.fromarray(scene()[..., 0].astype(np.uint16) * 257)}
    for (mode, picture), kind in itertools.product(modes.items(), ("PNG", "GIF", "BMP", "WEBP", "PPM", "TGA", "ICO")):
        options = {"lossless": True} if kind == "WEBP" else {}
        if kind == "ICO":
            options = {"sizes": [(32, 32), (16, 16)]}
        try:
            yield f"{kind}", f"{mode}.{kind.lower()}", saved(picture, kind, **options)
            if kind == "ICO":
                yield "ICO of bitmaps", f"{mode}.ico", saved(picture, kind, bitmap_format="bmp", **options)
        except Exception:
            continue
    for mode in ("L", "RGB", "P", "1"):
        for bits in (8,):
            inside = saved(modes[mode].resize((32, 32)), "PNG")
            icon = struct.pack("<HHHBBBBHHII", 0, 1, 1, 32, 32, 0, 0, 1, bits, len(inside), 22) + inside
            yield "ICO of PNGs", f"{mode}.ico", icon
    for mode, kind in itertools.product(("1", "L", "P", "RGB", "RGBA"), (1, 2)):
        bitmap = saved(modes[mode].resize((24, 24)), "BMP")[14:]
        depth = struct.unpack("<H", bitmap[14:16])[0]
        bitmap = bitmap[:8] + struct.pack("<i", 48) + bitmap[12:] + b"\0" * (4 * 24)
        icon = struct.pack("<HHHBBBBHHII", 0, kind, 1, 24, 24, 0, 0, 9 if kind == 2 else 1, 300 if kind == 2 else depth, len(bitmap), 22)
        yield "cursors" if kind == 2 else "ICO of bitmaps", f"{mode}{kind}.ico", icon + bitmap
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "x" * 1000)
    yield "PNG", "text.png", saved(image, "PNG", pnginfo=info)
    for kind, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {})):
        yield "animations", f"first.{kind.lower()}", saved(image, kind, save_all=True, append_images=[ImageOps.flip(image)], **options)


def cut():
    """Files that end early."""
    image = Image.fromarray(scene(200, 150))
    kinds = {
        "jpg": saved(image, "JPEG"), "progressive.jpg": saved(image, "JPEG", progressive=True), "png": saved(image, "PNG"),
        "gif": saved(image, "GIF"), "webp": saved(image, "WEBP"), "lossless.webp": saved(image, "WEBP", lossless=True),
        "bmp": saved(image, "BMP"), "tif": saved(image, "TIFF"), "lzw.tif": saved(image, "TIFF", compression="tiff_lzw"),
        "ppm": saved(image, "PPM"), "tga": saved(image, "TGA"), "cmyk.jpg": saved(image.convert("CMYK"), "JPEG"),
    }
    for (name, data), share in itertools.product(kinds.items(), (0.05, 0.3, 0.6, 0.9, 0.99)):
        yield "cut short", f"{share}.{name}", data[: int(len(data) * share)]
    kinds["jpg"] = kinds["jpg"][:-2]
    yield "cut short", "no end.jpg", kinds["jpg"]


def pillow(data):
    """What Pillow makes of it, over white and upright, and whether colours may be smoothed differently."""
    with Image.open(io.BytesIO(data)) as image:
        kind = image.format
        lossy = kind == "JPEG" or getattr(image, "_compression", "") == "jpeg"
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16") or (image.mode == "I" and kind in ("PNG", "PPM")):
            return np.repeat(np.asarray(image)[..., None].astype(float) / 257, 3, axis=2), lossy
        if image.has_transparency_data:
            image = image.convert("RGBA")
            over = Image.new("RGB", image.size, "white")
            over.paste(image, mask=image.getchannel("A"))
            image = over
        return np.asarray(image.convert("RGB"), dtype=float), lossy


def convert(pokedex, folder):
    """Error, pixels and message of every file, by `convert-rgb`."""
    import pyarrow.parquet

    table = Path(folder).with_suffix(".parquet")
    run = subprocess.run([pokedex, "convert-rgb", folder, "--ids", "none", "-v", "-o", table], capture_output=True, text=True)
    if run.returncode not in (0, 3):
        sys.exit(f"convert-rgb: exit status {run.returncode}\n{run.stderr}")
    said = dict(line.removeprefix("pokedex: ").split(": ", 1) for line in run.stderr.splitlines() if ": " in line)
    out = {}
    for row in pyarrow.parquet.read_table(table).to_pylist():
        pixels = None if row["error"] else np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])), dtype=float)
        out[row["key"]] = (row["error"], pixels, said.get(row["key"], ""))
    return out


def verdict(kind, data, error, pixels, said):
    """`same`, `unsupported`, `refused`, `named`, or what is wrong."""
    if kind == "cut short":
        if error:
            return "refused" if "damaged" in error or "not an image" in error else f"says {error}"
        return "named" if "truncated" in said else "is cut short, and nothing was said"
    try:
        expected, lossy = pillow(data)
    except Exception:
        expected = None
    if error:
        if "unsupported" in error:
            return "unsupported"
        return f"says {error}" if expected is not None or "damaged" in error else "refused"
    if said:
        return f"says {said}"
    if expected is None:
        return "read (Pillow cannot)"
    if expected.shape != pixels.shape:
        return f"is {pixels.shape[1::-1]}, and should be {expected.shape[1::-1]}"
    apart = np.abs(expected - pixels)
    smooth = lossy and (apart.mean() > 1.5 or apart.max() > 40)
    if smooth or (not lossy and apart.max() > 2):
        return f"is {apart.mean():.1f} off in the mean, {apart.max():.0f} at most"
    return "same"


def main(convert=convert):
    verbose = "-v" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "-v"]
    pokedex = arguments[0] if arguments else "target/release/pokedex"
    cases = list(itertools.chain(jpegs(), tiffs(), orientations(), others(), cut()))
    names = ("same", "unsupported", "read (Pillow cannot)", "refused", "named")
    table, wrong = {}, []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "pictures"
        folder.mkdir()
        files = {}
        for number, (kind, name, data) in enumerate(cases):
            # In one folder, so numbered; the name says the rest.
            file = f"{number:04} {name}".replace("/", "-")
            files[file] = (kind, data)
            (folder / file).write_bytes(data)
        rows = convert(pokedex, folder)
        wrong += [f"{kind}: {file}: is not in the table" for file, (kind, _) in files.items() if file not in rows]
        for file, (error, pixels, said) in rows.items():
            kind, data = files[file]
            judged = verdict(kind, data, error, pixels, said)
            row = table.setdefault(kind, dict.fromkeys((*names, "wrong"), 0))
            row[judged if judged in names else "wrong"] += 1
            if judged not in names:
                wrong.append(f"{kind}: {file}: {judged}")
            elif verbose and judged != "same":
                print(f"{kind}: {file}: {judged}: {error or said}")
    print(f"{'':45} " + " ".join(f"{name:>20}" for name in (*names, "wrong")))
    for kind, row in table.items():
        print(f"{kind:45} " + " ".join(f"{count or '':>20}" for count in row.values()))
    print(f"{len(cases)} pictures, {len(wrong)} wrong")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
