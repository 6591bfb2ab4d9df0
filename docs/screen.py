#!/usr/bin/env python3
"""Draws docs/screen.png, the terminal of the README, from what the binary really prints. Needs Pillow and `script`.

    python3 docs/screen.py [target/release/pokedex]
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

REPOSITORY = Path(__file__).resolve().parent.parent
COMMANDS = ['pokedex query "fire dog" --top 5', 'pokedex query "a yellow mouse" --index creatures.parquet --top 3 --preview']
FONT, SIZE, MARGIN = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf", 26, 28
GROUND, INK, PROMPT = "#16181d", "#dfe3ea", "#7fd18b"


def terminal(command, folder, env):
    """What a terminal of 84 columns is sent."""
    line = f"stty cols 84 rows 40; {command}"
    run = subprocess.run(["script", "-qec", line, "/dev/null"], cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return run.stdout.decode().replace("\r", "").rstrip("\n").split("\n")


def cells(line):
    """Letters with their colours: only 24-bit colours and resets occur."""
    ink, ground = INK, None
    for escape, letter in re.findall(r"\x1b\[([0-9;]*)m|([^\x1b])", line):
        if letter:
            yield letter, ink, ground
            continue
        numbers = [int(number or 0) for number in escape.split(";")]
        while numbers:
            kind = numbers.pop(0)
            if kind == 0:
                ink, ground = INK, None
            elif kind in (38, 48):
                colour, numbers = tuple(numbers[1:4]), numbers[4:]
                ink, ground = (colour, ground) if kind == 38 else (ink, colour)


def main():
    binary = Path(sys.argv[1] if len(sys.argv) > 1 else REPOSITORY / "target/release/pokedex").resolve()
    with tempfile.TemporaryDirectory() as folder:
        bin = Path(folder) / "bin"
        bin.mkdir()
        (bin / "pokedex").symlink_to(binary)
        (Path(folder) / "examples").symlink_to(REPOSITORY / "examples")
        env = {"PATH": f"{bin}:{os.environ['PATH']}", "HOME": folder, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        subprocess.run([bin / "pokedex", "embed", "examples/creatures", "-q", "-o", "creatures.parquet"], cwd=folder, env=env, check=True)
        lines = []
        for command in COMMANDS:
            lines += [(f"$ {command}", PROMPT), *((line, None) for line in terminal(command, folder, env)), ("", None)]
    lines.pop()
    font = ImageFont.truetype(FONT, SIZE)
    width, height = round(font.getlength("M")), round(SIZE * 1.25)
    image = Image.new("RGB", (width * 84 + 2 * MARGIN, height * len(lines) + 2 * MARGIN), GROUND)
    pen = ImageDraw.Draw(image)
    for row, (line, colour) in enumerate(lines):
        y = MARGIN + row * height
        for column, (letter, ink, ground) in enumerate(cells(line)):
            x = MARGIN + column * width
            if letter == "▀":
                pen.rectangle([x, y, x + width - 1, y + height // 2 - 1], fill=ink)
                pen.rectangle([x, y + height // 2, x + width - 1, y + height - 1], fill=ground)
            elif letter == "▄":
                pen.rectangle([x, y, x + width - 1, y + height // 2 - 1], fill=ground)
                pen.rectangle([x, y + height // 2, x + width - 1, y + height - 1], fill=ink)
            else:
                pen.text((x, y), letter, font=font, fill=colour or ink)
    image.quantize(128, dither=Image.Dither.NONE).save(REPOSITORY / "docs/screen.png", optimize=True)


if __name__ == "__main__":
    main()
