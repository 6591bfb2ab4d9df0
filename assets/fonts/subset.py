"""Makes `regular.ttf` and `bold.ttf`, which texts in pictures of maps are drawn with, of Noto Sans.

    npm pack @expo-google-fonts/noto-sans@0.4.2 && tar xzf expo-google-fonts-noto-sans-0.4.2.tgz
    python3 subset.py package

Latin, Greek and Cyrillic letters, with kerning and marks, without hints; Noto Sans has no ♀ and ♂, so these are drawn here. Needs
PyPI fonttools 4.60. The fonts are under the SIL Open Font License 1.1 (`OFL.txt`).
"""

import math
import sys
from pathlib import Path

from fontTools import subset
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

LETTERS = ("20-17F,192,1CD-1DC,218-21B,259,2BC,300-304,306-30C,323,327,328,370-3FF,400-45F,490-493,1E9E,1EA0-1EF9,2010-2027,"
           "2030-203A,20AC,20BD,2122,2190-2193,2212,2260,2264,2265,FFFD")


def ring(pen, x, y, outer, inner):
    for radius, turn in ((outer, -1), (inner, 1)):
        at = lambda step, far=1.0: (round(x + far * radius * math.cos(turn * step * math.pi / 8)), round(y + far * radius * math.sin(turn * step * math.pi / 8)))
        pen.moveTo(at(0))
        for step in range(0, 16, 2):
            pen.qCurveTo(at(step + 1, 1 / math.cos(math.pi / 8)), at(step + 2))
        pen.closePath()


def bar(pen, start, end, width):
    """A line, its contour clockwise."""
    (ax, ay), (bx, by) = start, end
    far = math.hypot(bx - ax, by - ay)
    dx, dy = (by - ay) / far * width / 2, -(bx - ax) / far * width / 2
    corners = [(ax - dx, ay - dy), (bx - dx, by - dy), (bx + dx, by + dy), (ax + dx, ay + dy)]
    pen.moveTo(tuple(map(round, corners[0])))
    for corner in corners[1:]:
        pen.lineTo(tuple(map(round, corner)))
    pen.closePath()


def signs(font, width):
    """♀ and ♂ in lines of this width."""
    female, male = TTGlyphPen(None), TTGlyphPen(None)
    ring(female, 300, 490, 210, 210 - width)
    bar(female, (300, 300), (300, -20), width)
    bar(female, (150, 130), (450, 130), width)
    ring(male, 260, 230, 210, 210 - width)
    bar(male, (395, 365), (590, 560), width)
    bar(male, (400, 590 - width / 2), (620, 590 - width / 2), width)
    bar(male, (620 - width / 2, 590), (620 - width / 2, 370), width)
    order = font.getGlyphOrder()
    for letter, name, pen, advance in ((0x2640, "female", female, 600), (0x2642, "male", male, 680)):
        glyph = pen.glyph()
        glyph.recalcBounds(font["glyf"])
        order.append(name)
        font["glyf"].glyphs[name] = glyph
        font["hmtx"].metrics[name] = (advance, min(point[0] for point in glyph.coordinates))
        for table in font["cmap"].tables:
            table.cmap[letter] = name
    font.setGlyphOrder(order)


def main(package):
    for weight, name, width in (("400Regular", "regular", 66), ("700Bold", "bold", 110)):
        options = subset.Options(layout_features=["kern", "mark", "ccmp"], hinting=False, notdef_outline=True)
        options.recalc_timestamp = False
        font = subset.load_font(str(Path(package, weight, f"NotoSans_{weight}.ttf")), options)
        chosen = subset.Subsetter(options)
        chosen.populate(unicodes=subset.parse_unicodes(LETTERS))
        chosen.subset(font)
        signs(font, width)
        subset.save_font(font, str(Path(__file__).with_name(f"{name}.ttf")), options)


if __name__ == "__main__":
    main(sys.argv[1])
