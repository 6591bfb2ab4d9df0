#!/usr/bin/env python3
"""Draws the creatures of `examples/creatures`: shapes of our own, so that the README's tour has pictures to look for.

    python3 examples/draw.py [FOLDER]
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

SIDE, FINE = 160, 4
INK = "#2b2b33"


class Pen:
    """Coordinates from 0 to 100; drawn four times as large, then scaled down."""

    def __init__(self, ground):
        self.image = Image.new("RGB", (SIDE * FINE, SIDE * FINE), ground)
        self.pen = ImageDraw.Draw(self.image)
        self.scale = SIDE * FINE / 100

    def points(self, points):
        return [(x * self.scale, y * self.scale) for x, y in points]

    def round(self, x, y, rx, ry, fill, line=1.2):
        self.pen.ellipse(self.points([(x - rx, y - ry), (x + rx, y + ry)]), fill=fill, outline=INK, width=int(line * self.scale))

    def shape(self, points, fill, line=1.2):
        points = self.points(points)
        self.pen.polygon(points, fill=fill)
        self.pen.line(points + points[:2], fill=INK, width=int(line * self.scale), joint="curve")

    def line(self, points, fill=INK, line=1.6):
        self.pen.line(self.points(points), fill=fill, width=int(line * self.scale), joint="curve")

    def eyes(self, x, y, apart, size=2.6):
        for side in (-1, 1):
            self.round(x + side * apart, y, size, size * 1.3, INK, 0)
            self.round(x + side * apart + size * 0.3, y - size * 0.5, size * 0.4, size * 0.4, "white", 0)

    def save(self, path):
        self.image.resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(path, optimize=True)


def mouse(pen, fur, ear, belly):
    pen.line([(68, 84), (82, 86), (92, 78), (95, 66)], ear, 2.2)
    for x in (26, 74):
        pen.round(x, 22, 14, 14, fur)
        pen.round(x, 22, 8, 8, ear, 0.8)
    pen.round(50, 72, 21, 20, fur)
    pen.round(50, 76, 12, 13, belly, 0)
    pen.round(38, 91, 8, 4, fur)
    pen.round(62, 91, 8, 4, fur)
    pen.round(50, 42, 24, 19, fur)
    pen.eyes(50, 39, 11)
    pen.round(50, 47, 3, 2.4, ear)
    for side in (-1, 1):
        pen.line([(50 + side * 10, 48), (50 + side * 26, 46)], line=0.8)
        pen.line([(50 + side * 10, 50), (50 + side * 25, 53)], line=0.8)


def turtle(pen, skin, shell, belly):
    for x, y in ((24, 78), (74, 78)):
        pen.round(x, y, 10, 9, skin)
    pen.round(84, 70, 9, 5, skin)
    pen.round(50, 62, 32, 25, shell)
    for points in ([(50, 44), (62, 53), (62, 68), (50, 77), (38, 68), (38, 53)],):
        pen.shape(points, belly)
    for a, b in (((38, 53), (24, 47)), ((62, 53), (76, 47)), ((38, 68), (24, 76)), ((62, 68), (76, 76)), ((50, 44), (50, 38)), ((50, 77), (50, 86))):
        pen.line([a, b])
    pen.round(26, 36, 17, 15, skin)
    pen.eyes(24, 33, 6)
    pen.line([(17, 42), (24, 44), (31, 42)])


def dragon(pen, skin, wing, belly):
    pen.shape([(58, 50), (92, 14), (90, 36), (98, 46), (84, 54), (66, 66)], wing)
    pen.shape([(42, 50), (8, 14), (10, 36), (2, 46), (16, 54), (34, 66)], wing)
    pen.line([(62, 84), (80, 88), (90, 78)], skin, 6)
    pen.shape([(84, 82), (96, 84), (92, 70)], wing)
    for y in (12, 20, 28):
        pen.shape([(47, y), (50, y - 9), (53, y)], wing)
    pen.round(50, 70, 20, 23, skin)
    pen.round(50, 74, 12, 16, belly, 0.8)
    pen.shape([(38, 22), (30, 6), (46, 17)], belly)
    pen.shape([(62, 22), (70, 6), (54, 17)], belly)
    pen.round(50, 34, 19, 17, skin)
    pen.eyes(50, 31, 8)
    pen.line([(42, 42), (50, 45), (58, 42)])
    pen.round(38, 92, 9, 4, skin)
    pen.round(62, 92, 9, 4, skin)


def ghost(pen, body, eye, mouth):
    pen.shape([(20, 90), (20, 42), (26, 24), (38, 13), (50, 10), (62, 13), (74, 24), (80, 42), (80, 90), (70, 80), (60, 90), (50, 80), (40, 90), (30, 80)], body)
    pen.shape([(30, 40), (45, 48), (33, 54)], eye)
    pen.shape([(70, 40), (55, 48), (67, 54)], eye)
    pen.shape([(36, 62), (50, 66), (64, 62), (58, 72), (42, 72)], mouth)


def sprout(pen, body, leaf, bud):
    pen.shape([(50, 34), (22, 30), (10, 10), (36, 12), (50, 28)], leaf)
    pen.shape([(50, 34), (78, 30), (90, 10), (64, 12), (50, 28)], leaf)
    pen.round(50, 18, 9, 11, bud)
    pen.round(50, 62, 28, 26, body)
    pen.round(34, 88, 9, 6, body)
    pen.round(66, 88, 9, 6, body)
    pen.eyes(50, 56, 11)
    pen.line([(43, 68), (50, 72), (57, 68)])


def fish(pen, body, fin, belly):
    pen.shape([(72, 50), (94, 28), (88, 50), (94, 74)], fin)
    pen.shape([(36, 30), (50, 8), (64, 32)], fin)
    pen.round(44, 52, 34, 25, body)
    pen.shape([(46, 60), (62, 78), (38, 74)], fin)
    pen.round(26, 46, 6, 7, "white")
    pen.round(25, 47, 2.6, 3.4, INK, 0)
    pen.line([(12, 60), (20, 63), (27, 60)])


def bird(pen, body, wing, beak):
    pen.line([(42, 84), (42, 95)], beak, 2.4)
    pen.line([(56, 84), (56, 95)], beak, 2.4)
    pen.shape([(70, 66), (94, 74), (88, 60), (96, 54), (72, 54)], wing)
    pen.round(48, 60, 28, 26, body)
    pen.round(40, 32, 19, 17, body)
    pen.shape([(36, 17), (40, 3), (46, 15)], wing)
    pen.shape([(22, 30), (6, 37), (23, 41)], beak)
    pen.eyes(38, 29, 7)
    pen.shape([(46, 52), (72, 56), (66, 72), (50, 74)], wing)


def rock(pen, stone, crack, eye):
    pen.shape([(18, 66), (4, 56), (8, 44), (22, 52)], stone)
    pen.shape([(82, 66), (96, 56), (92, 44), (78, 52)], stone)
    pen.shape([(22, 84), (14, 58), (26, 30), (48, 16), (72, 26), (86, 54), (80, 84), (52, 92)], stone)
    pen.line([(48, 16), (44, 30), (52, 38)], crack)
    pen.line([(80, 66), (70, 70), (72, 80)], crack)
    pen.line([(30, 44), (44, 50)])
    pen.line([(70, 44), (56, 50)])
    pen.eyes(50, 54, 11)
    pen.line([(40, 72), (60, 72)])


CREATURES = {
    "grass/sprout.png": (sprout, "#e9f4e4", ("#7fc46b", "#3f9440", "#f08aa8")),
    "fire/dragon.png": (dragon, "#fdeee3", ("#c4304a", "#7a1f3d", "#f3b8a0")),
    "fire/bird.png": (bird, "#fff3e0", ("#d8402f", "#f2a33a", "#f5c84c")),
    "water/turtle.png": (turtle, "#e6f2fa", ("#8cc05a", "#55703a", "#b9cf7a")),
    "water/fish.png": (fish, "#e2f1fb", ("#3f86cf", "#f0b440", "#bfe0f5")),
    "field/mouse.png": (mouse, "#fdf8dc", ("#f2c531", "#e79a9a", "#fbe9b0")),
    "ghost/ghost.png": (ghost, "#efe9f6", ("#6b4b96", "#f3ecff", "#c93a55")),
    "rock/boulder.png": (rock, "#efece6", ("#9a9186", INK, "#ffffff")),
}


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "creatures"
    for name, (draw, ground, colours) in CREATURES.items():
        pen = Pen(ground)
        draw(pen, *colours)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pen.save(path)


if __name__ == "__main__":
    main()
