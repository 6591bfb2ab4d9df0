"""Which rows teach what, and why others do not."""
from pathlib import Path

import pytest

from pokedex_train.failure import Failure
from pokedex_train.table import read_lessons

from .conftest import write_table


def rows(*cells: dict[str, object]) -> list[dict[str, object]]:
    blank: dict[str, object] = {"label": None, "split": "train", "error": None, "prediction_1": None, "score_1": None, "rejected": None}
    return [blank | {"key": f"{at}", "path": f"{at}.png"} | row for at, row in enumerate(cells)]


def test_every_row_is_used_or_left_out_for_a_reason(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.parquet", rows(
        {"label": "cat"}, {"label": "dog", "split": "VAL"}, {"label": "cat", "split": "test"}, {"label": "cat", "split": None},
        {"label": "cat", "error": "cut short"}, {"split": "dev"}, {}, {"prediction_1": "dog", "score_1": 0.75},
        {"prediction_1": "dog", "score_1": 0.9, "rejected": True}, {"prediction_1": "dog", "score_1": float("nan")}))
    lessons = read_lessons(table, "labels", pseudo_labels=True)
    assert lessons.texts == ["cat", "dog"]
    assert [(row.key, row.split, row.texts, row.weight) for row in lessons.rows] == [
        ("0", "train", [0], 1.0), ("1", "validation", [1], 1.0), ("6", "train", [], 1.0), ("7", "train", [1], 0.75)]
    assert lessons.left_out.total() == 6 and len(lessons.left_out) == 6
    report = "\n".join(lessons.report())
    assert "1 of them by pseudo-labels, whose mean weight is 0.75" in report
    assert "left out: 1 rows: their prediction was rejected" in report


def test_without_being_asked_predictions_teach_nothing(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.parquet", rows({"label": "cat"}, {"label": "cat", "split": "dev"}, {"prediction_1": "dog", "score_1": 0.75}))
    assert [row.texts for row in read_lessons(table, "labels", pseudo_labels=False).rows] == [[0], [0], []]


def test_mixtures_are_taught_by_their_soft_labels(tmp_path: Path) -> None:
    def soft(*parts: tuple[str | None, float]) -> list[dict[str, object]]:
        return [{"label": label, "weight": weight} for label, weight in parts]

    table = write_table(tmp_path / "t.parquet", rows(
        {"label": "cat", "soft_labels": soft(("cat", 0.6), ("dog", 0.4))}, {"label": "cat", "soft_labels": None},
        {"label": "dog", "split": "dev", "soft_labels": soft(("cat", 0.5), ("dog", 0.5))}, {"label": "cat", "soft_labels": soft((None, 1.0))},
        {"label": "cat", "soft_labels": soft(("cat", 3.0), ("cat", 1.0), ("owl", 4.0))}, {"label": "cat", "soft_labels": []}))
    lessons = read_lessons(table, "labels", pseudo_labels=False)
    assert lessons.texts == ["cat", "dog", "owl"]
    assert [(row.key, row.texts, row.shares) for row in lessons.rows] == [("0", [0, 1], (0.6, 0.4)), ("1", [0], ()), ("2", [1], ()), ("4", [0, 2], (0.5, 0.5))]
    assert lessons.left_out == {"their soft labels have no words or no weight": 2}
    assert "2 of them are mixtures" in "\n".join(lessons.report())


def test_captions_are_texts_or_lists_of_texts(tmp_path: Path) -> None:
    cells = rows({"words": ["a cat", " a cat ", "a dog", ""]}, {"words": ["a cat"], "split": "validation"})
    lessons = read_lessons(write_table(tmp_path / "t.parquet", cells), "words", pseudo_labels=False)
    assert (lessons.texts, [row.texts for row in lessons.rows]) == (["a cat", "a dog"], [[0, 1], [0]])


@pytest.mark.parametrize(("captions", "cells", "told"), [
    ("words", {"label": "cat"}, "no column `words`"), ("labels", {"label": None}, "no row of split train has words"),
    ("labels", {"label": "cat"}, "no row of split validation")])
def test_a_table_that_cannot_teach_is_refused(tmp_path: Path, captions: str, cells: dict[str, object], told: str) -> None:
    with pytest.raises(Failure, match=told):
        read_lessons(write_table(tmp_path / "t.parquet", rows(cells)), captions, pseudo_labels=False)
    (tmp_path / "no.parquet").write_bytes(b"no table")
    with pytest.raises(Failure):
        read_lessons(tmp_path / "no.parquet", captions, pseudo_labels=False)
