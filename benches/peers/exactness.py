"""Compares the vectors of `pokedex embed` with those of the models' own pipelines, on models of full size.

The pictures are of many shapes and kinds: extreme aspect ratios, one pixel, 12 megapixels, transparent, grey, palette,
turned by EXIF, and those of --images. The texts are of many scripts, as they are, in capitals and decomposed. Each goes
through `pokedex embed` with each engine, and through the reference: Pillow makes the picture upright and RGB over
white, the processor and the tokenizer of the model's authors (transformers or open_clip) prepare it, and onnxruntime
runs the same graphs, one input at a time. (That the graphs give what PyTorch gives, tests/data/models/make.py checks
on small ones.) Two bars for every model and engine:

  pictures   every vector's cosine with the reference at least 0.9999
  texts      every one at least 0.99999

Odd texts (markup, names of special tokens, mojibake, invisible characters) are shown, but have no bar. "alike" is the
median cosine of two inputs: were it near 1, the bars would mean nothing. "torchvision" is a yardstick: the
transformers processors over torchvision instead of Pillow.

Exit status: 0 when all bars are met, 1 when one is missed. clip_models.py makes the models. Needs what
tests/data/models/make.py needs, and PyArrow.
"""

import argparse
import json
import math
import random
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "data" / "models"))

import make
import numpy as np
import open_clip
import pyarrow as pa
import pyarrow.parquet as pq
import transformers
from PIL import Image, ImageDraw, ImageOps

LEAST_PICTURE = 0.9999
LEAST_TEXT = 0.99999

SHAPES = [(1, 1), (2, 1), (1, 3), (1, 300), (300, 1), (2000, 25), (25, 2000), (3, 5), (16, 16), (31, 33), (96, 96)]
SHAPES += [(224, 224), (225, 224), (223, 224), (256, 256), (257, 255), (255, 300), (448, 448), (475, 475), (512, 512)]
SHAPES += [(640, 480), (480, 640), (333, 777), (1000, 999), (1920, 1080), (1080, 1920), (2048, 1365)]

PHRASES = """
a photo of a dog
The quick brown fox jumps over the lazy dog, and then it sleeps.
don't you think it's what they've always wanted? I'd say we'll see.
Flabébé, Farfetch'd, Mr. Mime, Type: Null, Nidoran♀ and Porygon-Z
ein süßer Bär läuft über die Straße im Frühling
le garçon a mangé une crème brûlée près de l'hôtel
el niño soñó con un pingüino en la montaña, ¿verdad?
zażółć gęślą jaźń
příliš žluťoučký kůň úpěl ďábelské ódy
İstanbul'da yağmurlu bir gün, ılık ırmak
Tiếng Việt có nhiều dấu thanh và chữ cái lạ
красная птица сидит на зелёном дереве у реки
η γρήγορη αλεπού πηδάει πάνω από τον σκύλο
هذا طائر أحمر يجلس على شجرة خضراء
זו ציפור אדומה שיושבת על עץ ירוק
यह एक लाल चिड़िया है जो हरे पेड़ पर बैठी है
এটি একটি লাল পাখি
இது ஒரு சிவப்பு பறவை
นี่คือนกสีแดงที่นั่งอยู่บนต้นไม้สีเขียว
这是一只坐在绿树上的红鸟
這是一隻坐在綠樹上的紅鳥
赤い鳥が緑の木にとまっています。ピカチュウ!
이것은 초록 나무에 앉아 있는 빨간 새입니다
ეს არის წითელი ჩიტი
սա կարմիր թռչուն է
ይህ ቀይ ወፍ ነው
🐦 on a 🌳 in the ☀️, with 👩‍👩‍👧‍👦 and 🏳️‍🌈 and 🇩🇪 👍🏽
3.14159 x 10^23 = 1,000,000 (approx.) at 12:30 on 2024-02-29; 50% of №7 is ½?
""".strip().split("\n")


def draw(width, height, seed):
    """A picture with slopes, edges and some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    slopes = enumerate(rng.uniform(0, 5, (3, 2)) * 6.283 / (width, height))
    waves = np.stack([np.sin(x * a + y * b + k) for k, (a, b) in slopes], -1)
    pixels = 127.5 * (1 + waves) + rng.normal(0, 8, (height, width, 3))
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for color in rng.integers(0, 256, (4, 3)):
        left, top = rng.uniform(0, 0.8, 2) * (width, height)
        size = rng.uniform(0.05, 0.4, 2) * (width, height)
        pen.ellipse([left, top, left + size[0], top + size[1]], fill=tuple(map(int, color)))
    return picture


def draw_all(folder):
    """Files of every shape and kind."""
    folder.mkdir()
    for seed, (width, height) in enumerate(SHAPES):
        draw(width, height, seed).save(folder / f"shape-{width}x{height}.png")
    base = draw(300, 200, 100)
    alpha = draw(300, 200, 101).convert("L")
    base.save(folder / "kind-jpeg.jpg", quality=90)
    base.save(folder / "kind-jpeg-444.jpg", quality=95, subsampling=0)
    base.convert("L").save(folder / "kind-grey.png")
    base.convert("L").save(folder / "kind-grey.jpg")
    base.convert("1").save(folder / "kind-bits.png")
    base.quantize(64).save(folder / "kind-palette.png")
    base.quantize(64).save(folder / "kind-palette-transparent.png", transparency=3)
    base.save(folder / "kind-lossless.webp", lossless=True)
    base.save(folder / "kind.bmp")
    transparent = base.copy()
    transparent.putalpha(alpha)
    transparent.save(folder / "kind-alpha.png")
    transparent.save(folder / "kind-alpha.webp", lossless=True)
    transparent.convert("LA").save(folder / "kind-grey-alpha.png")
    for turn in (3, 6, 8, 5):
        exif = Image.Exif()
        exif[0x0112] = turn
        base.save(folder / f"kind-turned-{turn}.jpg", quality=90, exif=exif)
    draw(4000, 3000, 102).save(folder / "large-12mp.jpg", quality=92)
    draw(3000, 4000, 103).save(folder / "large-12mp-progressive.jpg", quality=85, progressive=True)


def upright_rgb(path):
    """The picture as people see it, over white."""
    picture = ImageOps.exif_transpose(Image.open(path))
    if "transparency" not in picture.info and picture.mode not in ("RGBA", "LA", "PA"):
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    white = Image.new("RGB", picture.size, (255, 255, 255))
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def all_texts():
    """About two hundred, and the odd ones apart."""
    rng = random.Random(0)
    texts = [*make.TEXTS, *PHRASES]
    texts += [phrase.upper() for phrase in PHRASES] + [unicodedata.normalize("NFD", phrase) for phrase in PHRASES]
    texts += [f"{a}; {b}" for a, b in zip(PHRASES, rng.sample(PHRASES, len(PHRASES)))]
    words = " ".join(PHRASES).split()
    texts += [" ".join(rng.choices(words, k=rng.randint(1, 60))) for _ in range(70)]
    return list(dict.fromkeys(texts)), make.ODD_TEXTS


class Reference:
    """The pipeline of a model's authors over the graphs in its folder."""

    def __init__(self, folder):
        self.folder = folder
        self.pixels = self.torchvision = self.ids = self.image = self.text = None
        if (folder / "visual.onnx").exists():
            self.read_open_clip()
        else:
            self.read_transformers()

    def read_open_clip(self):
        self.image, self.text = (make.graph(self.folder / f"{name}.onnx", "output") for name in ("visual", "textual"))
        size = make.session(self.folder / "visual.onnx").get_inputs()[0].shape[2:]
        config = self.folder / "open_clip_config.json"
        settings = json.loads(config.read_text())["preprocess_cfg"] if config.exists() else {}
        settings = open_clip.transform.PreprocessCfg(**{"size": tuple(size)} | settings)
        transform = open_clip.transform.image_transform_v2(settings, is_train=False)
        tokenizer = open_clip.tokenizer.SimpleTokenizer(bpe_path=str(self.folder / "bpe_simple_vocab_16e6.txt.gz"))
        self.pixels = lambda picture: {"input": transform(picture)[None]}
        self.ids = lambda text: {"input": tokenizer([text])}

    def read_transformers(self):
        preparation = json.loads((self.folder / "preprocessor_config.json").read_text())
        kind = preparation["image_processor_type"]
        kinds = [getattr(transformers, kind + suffix) for suffix in ("Pil", "")]
        self.pixels, self.torchvision = make.image_processors(preparation, *kinds)
        onnx_folder = self.folder / "onnx"
        vision = onnx_folder / "vision_model.onnx"
        self.image = self.open(vision if vision.exists() else onnx_folder / "model.onnx", "image_embeds")
        if not (onnx_folder / "text_model.onnx").exists():
            return
        self.text = self.open(onnx_folder / "text_model.onnx", "text_embeds")
        is_siglip = json.loads((self.folder / "config.json").read_text())["model_type"] == "siglip"
        # transformers' own class for SigLIP wants another file than the tokenizer.json that Optimum leaves.
        kind = transformers.PreTrainedTokenizerFast if is_siglip else transformers.AutoTokenizer
        tokenizer = kind.from_pretrained(self.folder)
        padding = "max_length" if is_siglip else False
        self.ids = lambda text: dict(tokenizer([text], padding=padding, truncation=True, return_tensors="pt"))

    def open(self, path, name):
        names = [output.name for output in make.session(path).get_outputs()]
        for name in (name, "pooler_output"):
            if name in names:
                return make.graph(path, name)
        return make.graph(path, "last_hidden_state", lambda value: value[:, 0])


def embed(args, engine, model, inputs, out):
    """The vectors of `pokedex embed`, by key."""
    command = [args.pokedex, "embed", *map(str, inputs), "--model", f"{model}/", "--no-cache", "-o", str(out)]
    done = subprocess.run(command + (["--engine", engine] if engine else []), capture_output=True, text=True)
    if done.returncode not in (0, 3):
        print(f"{model.name}, {engine}: pokedex failed with {done.returncode}:\n{done.stderr.strip()}")
        return {}
    return {row["key"]: row["embedding"] for row in pq.read_table(out, columns=["key", "embedding"]).to_pylist()}


class Report:
    """A line for every model, engine and kind; remembers whether a bar was missed."""

    def __init__(self):
        self.missed, self.rows = False, []
        print(f"{'model':32} {'inputs':9} {'by':12} {'n':>4} {'least':>10} {'bar':>8} {'alike':>7}  worst")

    def line(self, model, what, by, expected, found, bar, alike):
        found = {key: vector for key, vector in found.items() if vector is not None}
        cosines = {key: float(make.unit(found[key]) @ expected[key]) if key in found else 0.0 for key in expected}
        worst = min(cosines, key=cosines.get)
        least = cosines[worst]
        missed = bar is not None and not least >= bar
        self.missed |= missed
        row = {"model": model, "inputs": what, "by": by, "count": len(cosines), "least": least, "worst": worst}
        self.rows.append(row | {"bar": bar, "below": sorted(key for key in cosines if bar and not cosines[key] >= bar)})
        verdict = "" if bar is None else "MISSED" if missed else "ok"
        short = worst if len(worst) <= 32 else worst[:31] + "…"
        print(f"{model:32} {what:9} {by:12} {len(cosines):4} {least:10.7f} {bar or '':>8} {alike:7.4f}", end="  ")
        print(f"{short!r} {verdict}")


def median_cosine(vectors):
    cosines = np.array(vectors) @ np.array(vectors).T
    return float(np.median(cosines[np.triu_indices(len(vectors), 1)]))


def compare_pictures(args, model, reference, files, report, scratch):
    pictures = {key: upright_rgb(path) for key, path in files.items()}
    inputs = {key: reference.pixels(picture) for key, picture in pictures.items()}
    expected = {key: make.unit(reference.image(tensors)) for key, tensors in inputs.items()}
    alike = median_cosine(list(expected.values()))
    if reference.torchvision:
        found = {key: reference.image(reference.torchvision(picture)) for key, picture in pictures.items()}
        report.line(model.name, "pictures", "torchvision", expected, found, None, alike)
    for engine in args.engines:
        found = embed(args, engine, model, [scratch / "pictures"], scratch / "e.parquet")
        report.line(model.name, "pictures", engine or "default", expected, found, LEAST_PICTURE, alike)


def compare_texts(args, model, reference, what, texts, bar, report, scratch):
    inputs = {text: reference.ids(text) for text in texts}
    expected = {text: make.unit(reference.text(tensors)) for text, tensors in inputs.items()}
    alike = median_cosine(list(expected.values()))
    table = scratch / "texts.parquet"
    keys = [f"{i:04}" for i in range(len(texts))]
    pq.write_table(pa.table({"key": keys, "text": texts}), table)
    for engine in args.engines:
        found = embed(args, engine, model, [table, "--text", "text"], scratch / "t.parquet")
        found = {text: found.get(key) for key, text in zip(keys, texts)}
        report.line(model.name, what, engine or "default", expected, found, bar, alike)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, help="folders of models, as clip_models.py makes them")
    parser.add_argument("--pokedex", default="target/release/pokedex", help="the program [default: %(default)s]")
    parser.add_argument("--engines", default="rten,ort", help="separated by commas; empty: the program's choice")
    parser.add_argument("--images", type=Path, help="a folder of further pictures")
    parser.add_argument("--most", type=int, default=40, help="of the further pictures [default: %(default)s]")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    args = parser.parse_args()
    args.engines = args.engines.split(",")
    args.pokedex = str(Path(args.pokedex).resolve())
    report = Report()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        folder = scratch / "pictures"
        draw_all(folder)
        if args.images:
            known = (".png", ".jpg", ".jpeg", ".webp")
            further = [path for path in sorted(args.images.rglob("*")) if path.suffix.lower() in known]
            for i, path in enumerate(further[:: math.ceil(len(further) / args.most) or 1]):
                shutil.copyfile(path, folder / f"further-{i:03}{path.suffix}")
        files = {path.name: path for path in sorted(folder.iterdir())}
        texts, odd = all_texts()
        for model in args.models:
            reference = Reference(model)
            compare_pictures(args, model, reference, files, report, scratch)
            if reference.text:
                compare_texts(args, model, reference, "texts", texts, LEAST_TEXT, report, scratch)
                compare_texts(args, model, reference, "odd texts", odd, None, report, scratch)
    if args.json:
        args.json.write_text(json.dumps(report.rows, indent=1, ensure_ascii=False) + "\n")
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
