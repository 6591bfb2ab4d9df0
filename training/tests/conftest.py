"""Pictures that tests draw themselves, and the program that they ask."""
import io
import os
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw

COLOURS = {"red": (220, 30, 30), "green": (40, 180, 60), "blue": (40, 60, 220)}
SHAPES = ["circle", "square"]


@pytest.fixture(scope="session")
def tool() -> str:
    """The program: $POKEDEX, or a build of this checkout, or pokedex on the path."""
    target = Path(__file__).resolve().parents[2] / "target"
    named = [os.environ.get("POKEDEX"), str(target / "release" / "pokedex"), str(target / "debug" / "pokedex"), "pokedex"]
    found = next((path for name in named if name and (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no program pokedex: POKEDEX=target/release/pokedex")
    return found


def draw(colour: str, shape: str, rng: random.Random, alpha: bool = False) -> bytes:
    """A PNG of a shape somewhere."""
    image = Image.new("RGBA", (96, 80), (0, 0, 0, 0) if alpha else (rng.randrange(200, 256),) * 3 + (255,))
    side, x, y = rng.randrange(30, 50), rng.randrange(0, 40), rng.randrange(0, 25)
    pen = ImageDraw.Draw(image)
    (pen.ellipse if shape == "circle" else pen.rectangle)((x, y, x + side, y + side), fill=(*COLOURS[colour], 255))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def write_table(path: Path, rows: list[dict[str, object]]) -> Path:
    """A table as `split` writes one, pictures within."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    arrays = {name: pa.array([{"bytes": data, "path": None} for data in column]) if name == "image" else pa.array(column) for name, column in columns.items()}
    pq.write_table(pa.table(arrays), path)
    return path


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six kinds of shapes: four pictures each to learn from, two to judge by."""
    rng, rows = random.Random(3), list[dict[str, object]]()
    for colour in COLOURS:
        for shape in SHAPES:
            for n in range(6):
                split = "train" if n < 4 else "validation"
                rows.append({"key": f"{colour}-{shape}-{n}.png", "image": draw(colour, shape, rng, n == 0), "label": f"{colour} {shape}", "split": split})
    return write_table(tmp_path_factory.mktemp("table") / "split.parquet", rows)
