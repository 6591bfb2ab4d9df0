"""How quickly are pictures augmented? `pokedex augment` beside OpenCV and Pillow doing comparable steps.

    python3 benches/peers/augment.py target/release/pokedex PICTURES [--copies 5]

PICTURES is a folder, best of PNGs with transparency. All three make --copies pictures of 416 x 416 of each, with a flip, a
homography, a background of one colour, jitter of colours, and now and then blur, noise and compression, and write JPEGs of
quality 90, on one thread. The steps are comparable, not identical, and drawn with about the same chances; seconds are those
of the processor, of the whole process. Needs pillow, numpy and opencv-python.
"""

import argparse
import io
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile

SIDE = 416


def chances(seed):
    """What is drawn for one copy."""
    r = random.Random(seed)
    colour = [r.randrange(256) for _ in range(3)]
    return r, r.random() < 0.5, colour, r.random() < 0.8, r.random() < 0.16, r.random() < 0.12, r.random() < 0.15


def with_pillow(files, copies, out):
    import numpy
    from PIL import Image, ImageEnhance, ImageFilter, ImageOps

    for number, (file, copy) in enumerate((file, copy) for file in files for copy in range(copies)):
        r, flips, colour, jitters, blurs, is_noisy, is_pressed = chances(number)
        if copy == 0:
            source = Image.open(file).convert("RGBA")
        image = source.resize((SIDE, SIDE), Image.BILINEAR)
        if flips:
            image = ImageOps.mirror(image)
        a, shift = r.uniform(-0.02, 0.02), r.uniform(-10, 10)
        image = image.transform((SIDE, SIDE), Image.PERSPECTIVE, (1.05, a, shift, a, 1.05, -10, 1e-5, 1e-5), Image.BILINEAR)
        image = Image.alpha_composite(Image.new("RGBA", image.size, (*colour, 255)), image).convert("RGB")
        if jitters:
            image = ImageEnhance.Brightness(image).enhance(r.uniform(0.75, 1.25))
            image = ImageEnhance.Contrast(image).enhance(r.uniform(0.75, 1.25))
            image = ImageEnhance.Color(image).enhance(r.uniform(0.7, 1.3))
            hue, saturation, value = image.convert("HSV").split()
            hue = Image.fromarray(numpy.asarray(hue) + numpy.uint8(r.randrange(5)))
            image = Image.merge("HSV", (hue, saturation, value)).convert("RGB")
        if blurs:
            image = image.filter(ImageFilter.GaussianBlur(1.0))
        if is_noisy:
            noise = numpy.random.default_rng(number).normal(0, 8, (SIDE, SIDE, 3))
            image = Image.fromarray(numpy.clip(numpy.asarray(image) + noise, 0, 255).astype("uint8"))
        if is_pressed:
            pressed = io.BytesIO()
            image.save(pressed, "JPEG", quality=60)
            image = Image.open(pressed).convert("RGB")
        image.save(out / f"{number}.jpg", quality=90)


def with_opencv(files, copies, out):
    import cv2
    import numpy

    cv2.setNumThreads(1)
    for number, (file, copy) in enumerate((file, copy) for file in files for copy in range(copies)):
        r, flips, colour, jitters, blurs, is_noisy, is_pressed = chances(number)
        if copy == 0:
            source = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
            if source.ndim == 2 or source.shape[2] == 3:
                source = cv2.cvtColor(source, cv2.COLOR_BGR2BGRA if source.ndim == 3 else cv2.COLOR_GRAY2BGRA)
        image = cv2.resize(source, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        if flips:
            image = image[:, ::-1].copy()
        matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), r.uniform(-15, 15), r.uniform(0.8, 1.2))
        matrix = numpy.vstack([matrix, [r.uniform(-1e-4, 1e-4), 0, 1]])
        image = cv2.warpPerspective(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        alpha = image[..., 3:].astype(numpy.float32) / 255
        image = (image[..., :3] * alpha + numpy.float32(colour) * (1 - alpha)).astype(numpy.uint8)
        if jitters:
            image = cv2.convertScaleAbs(image, alpha=r.uniform(0.75, 1.25))
            mean, steps = image.mean(), numpy.arange(256)
            contrast = numpy.clip((steps - mean) * r.uniform(0.75, 1.25) + mean, 0, 255).astype(numpy.uint8)
            hue, saturation, value = cv2.split(cv2.cvtColor(cv2.LUT(image, contrast), cv2.COLOR_BGR2HSV))
            hue = cv2.LUT(hue, ((steps + r.randrange(4)) % 180).astype(numpy.uint8))
            saturation = cv2.LUT(saturation, numpy.clip(steps * r.uniform(0.7, 1.3), 0, 255).astype(numpy.uint8))
            image = cv2.cvtColor(cv2.merge([hue, saturation, value]), cv2.COLOR_HSV2BGR)
        if blurs:
            image = cv2.GaussianBlur(image, (0, 0), 1.0)
        if is_noisy:
            noise = numpy.random.default_rng(number).normal(0, 8, image.shape)
            image = numpy.clip(image + noise, 0, 255).astype(numpy.uint8)
        if is_pressed:
            image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
        cv2.imwrite(str(out / f"{number}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 90])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("pictures", type=pathlib.Path)
    parser.add_argument("--copies", type=int, default=5)
    parser.add_argument("--peer", choices=["pillow", "opencv"], help=argparse.SUPPRESS)
    parser.add_argument("--out", type=pathlib.Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    files = sorted(path.resolve() for path in args.pictures.iterdir() if path.suffix.lower() in (".png", ".jpg"))
    if args.peer:
        {"pillow": with_pillow, "opencv": with_opencv}[args.peer](files, args.copies, args.out)
        return
    binary = args.binary.resolve()

    def seconds(command):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        os.environ["OMP_NUM_THREADS"] = "1"
        table = folder / "split.parquet"
        subprocess.run([binary, "split", args.pictures, "--ratios", "1/0/0", "-o", table], check=True)
        runs = {"pokedex": [binary, "augment", table, "--copies", args.copies, "--size", SIDE, "-j", 1, "-o", f"{folder}/ours/"]}
        for peer in ("opencv", "pillow"):
            (folder / peer).mkdir()
            script = [sys.executable, __file__, binary, args.pictures, "--copies", args.copies]
            runs[peer] = [*script, "--peer", peer, "--out", folder / peer]
        count = len(files) * args.copies
        ours = None
        for name, command in runs.items():
            taken = min(seconds(command) for _ in range(2))
            ours = ours or taken
            print(f"{name:8} {taken:6.2f} s of processor time, {count / taken:6.1f} pictures a second and core, {taken / ours:.2f} x ours")


if __name__ == "__main__":
    main()
