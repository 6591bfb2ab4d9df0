"""Compares `pokedex read` and the words that `query` finds with rapidocr on the same models, on rendered pictures of text.

    python3 benches/peers/read.py [target/release/pokedex] [--pictures 300] [--seed 1] [--backgrounds FOLDER] [--engine ort] [--keep FOLDER]

Needs rapidocr (3.10 was compared), onnxruntime, Pillow and PyArrow, and DejaVu or Liberation fonts (or --fonts FOLDER). Pictures are
of one to six lines in fonts of several sizes over plain colours, noise, or photographs of a folder: on a plate, with an outline
like a meme, or plain; some slanted, some on their head, some grey, with a palette, or with 16 bits, which rapidocr cannot read and which therefore
count for the words alone. Prints

- the share of words (of four letters and more) whose picture is among those that `query --by words` finds for the word,
- the characters by which our text differs from rapidocr's (Levenshtein, over the length of rapidocr's), and both from the truth,
- the time of both on the same pictures with the same number of threads.

Exit status: 1 where fewer than 95 % of the words are found or more than 1 % of the characters differ.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORDS = """birthday happy summer party ticket museum station platform coffee garden mountain river winter holiday invoice total
receipt monday friday market street library concert festival bakery kitchen recipe butter sugar flour orange purple yellow
silver golden castle harbor island volcano thunder rainbow dragon electric water grass psychic legend trainer gym badge
keyboard monitor password settings download upload account message reply forward delete archive calendar meeting agenda
budget project deadline report chapter science history biology chemistry planet rocket engine bridge tunnel airport luggage
passport boarding gate closing opening discount special offer fresh daily menu lunch dinner breakfast welcome exit entrance
danger caution private public parking minutes hours today tomorrow yesterday never always nobody everyone because therefore
question answer problem solution error warning success failure please thanks sorry hello goodbye love peace freedom""".split()


def distance(a, b):
    """Levenshtein's."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def render(rng, fonts, photos, number, folder):
    from PIL import Image, ImageDraw, ImageFont

    width, height = rng.choice([(640, 480), (800, 600), (480, 640), (1200, 800), (720, 720), (1600, 1200)])
    kind = rng.choice(["plain", "plain", "plate", "meme", "noise"])
    if kind in ("meme", "plate") and photos:
        image = Image.open(rng.choice(photos)).convert("RGB").resize((width, height))
    elif kind == "noise":
        image = Image.effect_noise((width, height), 24).convert("RGB").point(lambda x: min(255, x // 3 + 150))
    else:
        image = Image.new("RGB", (width, height), tuple(rng.randrange(170, 256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    size = rng.randrange(22, 56)
    font = ImageFont.truetype(str(rng.choice(fonts)), size)
    y, lines = rng.randrange(10, 60), []
    for _ in range(rng.randint(1, 6)):
        words = [rng.choice(WORDS) for _ in range(rng.randint(1, 5))]
        if rng.random() < 0.2:
            words.append(str(rng.randrange(1, 9999)))
        if kind == "meme" or rng.random() < 0.2:
            words = [word.upper() for word in words]
        while draw.textlength(" ".join(words), font=font) > width - 60 and len(words) > 1:
            words.pop()
        text = " ".join(words)
        wide = draw.textlength(text, font=font)
        if wide > width - 40 or y + size * 1.4 > height:
            break
        x = rng.randrange(20, max(21, int(width - wide - 20)))
        dark = tuple(rng.randrange(0, 90) for _ in range(3))
        if kind == "plate":
            draw.rectangle((x - 8, y - 4, x + wide + 8, y + size * 1.3), fill=(250, 250, 245))
        if kind == "meme":
            draw.text((x, y), text, font=font, fill="white", stroke_width=max(2, size // 14), stroke_fill="black")
        else:
            draw.text((x, y), text, font=font, fill=dark)
        lines.append(text)
        y += int(size * rng.uniform(1.5, 2.4))
    odd = rng.random()
    mode = "RGB"
    if odd < 0.08:
        image = image.rotate(rng.uniform(-8, 8), expand=True, fillcolor=image.getpixel((1, 1)), resample=Image.BICUBIC)
        mode = "slanted"
    elif odd < 0.12:
        image, mode = image.rotate(180), "head"
    elif odd < 0.16:
        image = image.convert("L")
    elif odd < 0.20:
        image, mode = image.quantize(64), "P"
    elif odd < 0.23:
        image, mode = image.convert("L").convert("I").point(lambda x: x * 257).convert("I;16"), "I;16"
    name = f"{number:04}-{kind}-{mode.replace(';', '')}.{'jpg' if mode in ('RGB', 'slanted', 'head') and rng.random() < 0.5 else 'png'}"
    image.save(folder / name, quality=88)
    return name, lines


def fonts_in(folders):
    good = [path for folder in folders for path in sorted(Path(folder).rglob("*.ttf"))]
    return [path for path in good if not any(part in path.name for part in ("Symbol", "Display", "Condensed", "STIX", "cm", "Narrow"))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", nargs="?", default="target/release/pokedex")
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fonts", default=None)
    parser.add_argument("--backgrounds", default=None)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--words", type=int, default=400, help="so many of the words are asked for")
    parser.add_argument("--keep", default=None)
    options = parser.parse_args()

    import pyarrow.parquet as pq
    import rapidocr

    rng = random.Random(options.seed)
    fonts = fonts_in([options.fonts] if options.fonts else ["/usr/share/fonts"])
    photos = [p for p in sorted(Path(options.backgrounds).rglob("*")) if p.suffix in (".jpg", ".png", ".jpeg")][:200] if options.backgrounds else []
    place = options.keep or tempfile.mkdtemp()
    folder = Path(place) / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    truth = dict(render(rng, fonts, photos, number, folder) for number in range(options.pictures))

    binary, table = os.path.abspath(options.binary), str(Path(place) / "read.parquet")
    model = os.path.dirname(rapidocr.__file__)
    start = time.perf_counter()
    command = [binary, "read", str(folder), "--model", model, "--engine", options.engine, "-o", table, "-q"]
    subprocess.run(command, check=True)
    ours_took = time.perf_counter() - start
    rows = pq.read_table(table, columns=["key", "text"]).to_pylist()
    ours = {row["key"].split("/")[-1]: row["text"] for row in rows}

    engine = rapidocr.RapidOCR(params={"Global.log_level": "error"})
    theirs = {}
    start = time.perf_counter()
    for name in truth:
        theirs[name] = "\n".join(engine(str(folder / name)).txts or ())
    theirs_took = time.perf_counter() - start

    def error(of, against, names):
        apart = sum(distance(of[name], against[name]) for name in names)
        return apart / max(1, sum(len(against[name]) for name in names))

    same = [name for name in truth if not name.split("-")[2].startswith(("P.", "I16."))]
    written = {name: "\n".join(lines) for name, lines in truth.items()}
    apart = error(ours, theirs, same)
    print(f"characters that differ from rapidocr's: {apart:.2%} ({len(same)} pictures)")
    print(f"characters that differ from what is written: ours {error(ours, written, same):.2%}, rapidocr's {error(theirs, written, same):.2%}")
    for name in sorted(same, key=lambda name: -distance(ours[name], theirs[name]))[:5]:
        if ours[name] != theirs[name]:
            print(f"  {name}\n    ours   {ours[name]!r}\n    theirs {theirs[name]!r}\n    truth  {written[name]!r}")
    odd = [name for name in truth if name not in same]
    if odd:
        print(f"palettes and 16 bits ({len(odd)}): ours {error(ours, written, odd):.2%}, rapidocr's {error(theirs, written, odd):.2%}")

    pairs = sorted({(word.lower(), name) for name, lines in truth.items() for line in lines for word in line.split() if len(word) >= 4})
    words = sorted({word for word, _ in pairs})
    rng.shuffle(words)
    words = set(words[: options.words])
    questions = Path(place) / "words.txt"
    questions.write_text("\n".join(sorted(words)) + "\n")
    answered = subprocess.run(
        [binary, "query", "--queries", str(questions), "--index", table, "--by", "words", "--top", str(options.pictures), "--format", "jsonl", "-q"],
        check=True, capture_output=True, text=True)
    found = {(hit["query"], hit["key"].split("/")[-1]) for hit in map(json.loads, answered.stdout.splitlines())}
    asked = [pair for pair in pairs if pair[0] in words]
    share = sum(pair in found for pair in asked) / max(1, len(asked))
    print(f"words whose picture is found: {share:.2%} ({len(asked)} of {len(words)} words)")
    print(f"time: ours {ours_took:.1f} s, rapidocr {theirs_took:.1f} s, ratio {ours_took / theirs_took:.2f}")
    return 0 if share >= 0.95 and apart <= 0.01 else 1


if __name__ == "__main__":
    sys.exit(main())
