"""What the scripts of this folder found, for performance.py: each figure is a line of JSON in $POKEDEX_FIGURES, where that is set."""

import json
import os


def record(row, ratio, bar=None, most=False, **details):
    """Notes a ratio of one run: how many times as fast as `against`, or with `most` what part of its time or size. `bar` is what
    it should reach, or not exceed; the details say what was compared."""
    if path := os.environ.get("POKEDEX_FIGURES"):
        line = {"row": row, "ratio": ratio, "bar": bar, "most": most, **details}
        with open(path, "a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
