"""Which rows of a table teach what, and which are left out, and why."""
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .failure import Failure

# As the program reads splits.
SPLITS = {"train": "train", "training": "train", "validation": "validation", "val": "validation", "valid": "validation",
          "dev": "validation", "test": "test", "testing": "test", "eval": "test", "evaluation": "test"}
LABELS = "labels"
FEW = 20


@dataclass
class Row:
    """A picture that teaches or judges."""

    # Its place in the table.
    at: int
    key: str
    split: str
    # Numbers of the texts that say what it shows; none: it only keeps what the base knows.
    texts: list[int]
    # How much its words count: the score of a pseudo-label, else 1.
    weight: float
    # Are its words what a classifier said?
    pseudo: bool = False
    # Of a mixture: how much it shows of each of its texts, 1 in all; of one class: none.
    shares: tuple[float, ...] = ()


@dataclass
class Lessons:
    """What a table has to teach."""

    path: Path
    rows: list[Row] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def of(self, split: str) -> list[Row]:
        return [row for row in self.rows if row.split == split]

    def report(self) -> list[str]:
        """What is used and what is left out, in lines."""
        train = self.of("train")
        pseudo = [row.weight for row in train if row.pseudo]
        plain = sum(not row.texts for row in train)
        lines = [f"{len(train)} rows to learn from, {len(self.of('validation'))} to judge by, {len(self.texts)} texts"]
        if len(self.of("validation")) < FEW:
            lines.append("so few judges are easily mistaken about which epoch is best")
        if pseudo:
            lines.append(f"{len(pseudo)} of them by pseudo-labels, whose mean weight is {sum(pseudo) / len(pseudo):.2f}")
        if mixtures := sum(bool(row.shares) for row in train):
            lines.append(f"{mixtures} of them are mixtures, taught by their soft labels")
        if plain:
            lines.append(f"{plain} of them have no words: they teach only to see them as the base does")
        return lines + [f"left out: {count} rows: {why}" for why, count in sorted(self.left_out.items())]


def _words(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text.strip() for text in map(str, (v for v in values if v is not None)) if text.strip()]


def read_lessons(path: Path, captions: str, pseudo_labels: bool) -> Lessons:
    """Reads all but the pictures: `captions` is a column, or LABELS."""
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as e:
        raise Failure(f"{path}: {e}") from e
    names = set(file.schema_arrow.names)
    column = "label" if captions == LABELS else captions
    if column not in names:
        hint = "--captions COLUMN names another" if captions == LABELS else f"it has {', '.join(sorted(names))}"
        raise Failure(f"{path}: has no column `{column}`", hint)
    if "split" not in names:
        raise Failure(f"{path}: has no column `split`", "pokedex split TABLE -o split.parquet")
    if not names & {"path", "image"}:
        raise Failure(f"{path}: has neither `path` nor `image`: there are no pictures to learn from")
    if pseudo_labels and (captions != LABELS or not {"prediction_1", "score_1"} <= names):
        raise Failure(f"{path}: --pseudo-labels needs --captions labels and the columns `prediction_1` and `score_1`",
                      "pokedex classify TABLE --head head.parquet -o predictions.parquet")
    lessons, numbers = Lessons(path), dict[str, int]()
    wanted = [name for name in ("key", "split", "error", column, "prediction_1", "score_1", "rejected", "soft_labels") if name in names]
    at = 0
    for batch in file.iter_batches(columns=list(dict.fromkeys(wanted)), batch_size=4096):
        for cells in batch.to_pylist():
            row, why = _row(at, cells, column, pseudo_labels, numbers)
            at += 1
            if row is None:
                lessons.left_out[why] += 1
            else:
                lessons.rows.append(row)
    lessons.texts = list(numbers)
    if not any(row.texts for row in lessons.of("train")):
        raise Failure(f"{path}: no row of split train has words in `{column}`", "\n".join(lessons.report()[1:]) or None)
    if not lessons.of("validation"):
        raise Failure(f"{path}: no row of split validation has words: nothing could say when to stop", "pokedex split --ratios 8:1:1")
    return lessons


def _row(at: int, cells: dict[str, Any], column: str, pseudo_labels: bool, numbers: dict[str, int]) -> tuple[Row | None, str]:
    """A row that is used, or why it is not."""
    split = SPLITS.get(str(cells["split"]).lower()) if cells["split"] is not None else None
    if cells.get("error") is not None:
        return None, "an earlier stage failed on them"
    if split is None:
        return None, "they are in no split"
    if split == "test":
        return None, "they are of split test, which nothing here looks at"
    words, weight, pseudo = _words(cells[column]), 1.0, False
    if not words and pseudo_labels and split == "train" and cells["prediction_1"] is not None:
        if cells.get("rejected"):
            return None, "their prediction was rejected"
        words, pseudo = _words(cells["prediction_1"]), True
        score = cells["score_1"]
        weight = float(score) if isinstance(score, (int, float)) else 0.0
        if not 0 < weight <= 1:
            return None, "the score of their prediction is no probability"
    soft = cells.get("soft_labels") if column == "label" and split == "train" else None
    if soft is not None:
        shares, why = _shares(soft)
        if not shares:
            return None, why
        texts = [numbers.setdefault(word, len(numbers)) for word in shares]
        return Row(at, str(cells.get("key") or at), split, texts, 1.0, shares=tuple(shares.values())), ""
    if split == "validation" and not words:
        return None, "they are of split validation and have no words"
    texts = list(dict.fromkeys(numbers.setdefault(word, len(numbers)) for word in words))
    return Row(at, str(cells.get("key") or at), split, texts, weight, pseudo), ""


def _shares(soft: Any) -> tuple[dict[str, float], str]:
    """The words of a mixture with their shares, which add up to 1; or none, and why not."""
    shares = dict[str, float]()
    try:
        for part in soft:
            words, weight = _words(part["label"]), float(part["weight"])
            if not words or not weight >= 0:
                return {}, "their soft labels have no words or no weight"
            shares[words[0]] = shares.get(words[0], 0.0) + weight
    except (KeyError, TypeError, ValueError):
        return {}, "their soft labels are no list of label and weight"
    total = sum(shares.values())
    if not 0 < total < float("inf"):
        return {}, "their soft labels have no words or no weight"
    return {word: weight / total for word, weight in shares.items() if weight > 0}, ""


def pictures(path: Path, root: Path | None) -> Iterator[tuple[int, bytes | str]]:
    """The bytes of each row's picture, or why there are none; row by row."""
    file = pq.ParquetFile(path)
    columns = [name for name in ("image", "path") if name in file.schema_arrow.names]
    at = 0
    for batch in file.iter_batches(columns=columns, batch_size=64):
        for cells in batch.to_pylist():
            yield at, _bytes(cells, path.parent, root)
            at += 1


def _bytes(cells: dict[str, Any], beside: Path, root: Path | None) -> bytes | str:
    image, place = cells.get("image"), cells.get("path")
    if isinstance(image, bytes):
        return bytes(image)
    if isinstance(image, str):
        place = image
    if isinstance(image, dict):
        if image.get("bytes") is not None:
            return bytes(image["bytes"])
        place = image.get("path") or place
    if place is None:
        return "they have no picture"
    for folder in (root, Path("."), beside):
        if folder is not None and (folder / place).is_file():
            return Path(folder / place).read_bytes()
    return "their picture is not found"
