"""`pokedex.daft` on Daft's native runner, with pictures that are made here.

pip install daft==0.7.26 numpy pytest
pytest python/tests/test_daft.py
"""

from __future__ import annotations

import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest

pytest.importorskip("daft")

import daft  # noqa: E402
import pokedex  # noqa: E402
import pokedex.daft as adapter  # noqa: E402
from daft import DataType  # noqa: E402
from pokedex.daft import classify, embed  # noqa: E402


def png(number: int, side: int = 48) -> bytes:
    """A picture with a square on it; each number gives another."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = numpy.full((side, side, 3), 255, dtype=numpy.uint8)
    left, top = number % 7 * 3, number % 5 * 4
    pixels[top : top + 20, left : left + 16] = (number * 37 % 256, number * 91 % 256, number * 53 % 256)
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    end = chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + end


@pytest.fixture(scope="module")
def model() -> pokedex.Model:
    return pokedex.Model("pokedex-mini", threads=1)


def table(pictures: Sequence[bytes | None], **arguments: Any) -> daft.DataFrame:
    frame = daft.from_pydict({"name": [f"{row:05}" for row in range(len(pictures))], "bytes": pictures})
    return frame.select(embed("bytes", key="name", **arguments).unnest()).sort("key")


def vectors(rows: list[dict[str, Any]]) -> numpy.typing.NDArray[numpy.float32]:
    return numpy.stack([row["embedding"] for row in rows])


def test_vectors_equal_those_of_the_plain_model_bit_for_bit_whatever_the_batches(model: pokedex.Model) -> None:
    pictures = [png(number) for number in range(70)]
    plain = model.embed(pictures)
    for batch_size in (1, 7, 32, 1000):
        rows = table(pictures, batch_size=batch_size).to_pylist()
        assert vectors(rows).tobytes() == numpy.asarray(plain).tobytes()
        assert [row["content_hash"] for row in rows] == list(plain.content_hashes)
        assert {row["embedding_model"] for row in rows} == {model.name}
        assert {row["error"] for row in rows} == {None}


def test_columns_are_those_of_the_contract(model: pokedex.Model) -> None:
    schema = table([png(1)]).schema()
    assert {field.name: field.dtype for field in schema} == {
        "key": DataType.string(),
        "embedding": DataType.embedding(DataType.float32(), model.dimension),
        "embedding_model": DataType.string(),
        "content_hash": DataType.fixed_size_binary(32),
        "error": DataType.string(),
    }


def test_what_cannot_be_read_is_a_row_with_an_error_and_leaves_its_neighbours_alone(model: pokedex.Model) -> None:
    good = [png(1), png(2)]
    rows = table([good[0], b"no picture", None, b"", png(3)[:60], good[1]]).to_pylist()
    assert [row["error"] is None for row in rows] == [True, False, False, False, False, True]
    for row in rows[1:5]:
        assert row["embedding"] is None and row["embedding_model"] is None and row["error"]
    assert vectors([rows[0], rows[5]]).tobytes() == numpy.asarray(model.embed(good)).tobytes()


def test_a_column_of_nothing_but_nulls_and_a_table_without_rows_pass() -> None:
    assert [row["error"] for row in table([None, None]).to_pylist()] == ["there is no picture"] * 2
    nothing = daft.from_pydict({"name": ["a"], "bytes": [png(1)]}).where("name = 'b'")
    assert nothing.select(embed("bytes", key="name").unnest()).to_pylist() == []
    assert nothing.select(classify("bytes", key="name").unnest()).to_pylist() == []


def test_files_are_fetched_by_daft_and_missing_ones_are_rows(model: pokedex.Model, tmp_path: Path) -> None:
    odd = tmp_path / "a b%20c#1.png"
    odd.write_bytes(png(4))
    urls = [str(odd), f"file://{odd}", str(tmp_path / "missing.png"), None]
    frame = daft.from_pydict({"url": urls})
    rows = frame.select(embed("url", urls=True).unnest()).to_pylist()
    assert [row["error"] for row in rows] == [None, None, "the file could not be fetched", "there is no picture"]
    assert vectors(rows[:2]).tobytes() == numpy.asarray(model.embed([png(4)] * 2)).tobytes()


def test_text_without_urls_and_numbers_are_refused_with_words() -> None:
    for column, words in ((["a.png"], "urls=True"), ([1], "bytes of files")):
        with pytest.raises(Exception, match=words):
            daft.from_pydict({"x": column}).select(embed("x")).collect()


def test_a_null_key_ends_the_query() -> None:
    frame = daft.from_pydict({"name": ["a", None], "bytes": [png(1), png(2)]})
    with pytest.raises(Exception, match="a key is null"):
        frame.select(embed("bytes", key="name")).collect()


def test_a_thousand_and_twenty_five_pictures_load_one_model_in_one_process(
    model: pokedex.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    threads: set[int] = set()
    lock, plain = threading.Lock(), pokedex.Model

    class Watched:
        def __init__(self, name: str, threads: int) -> None:
            loads.append(name)
            self.model = plain(name, threads=threads)
            self.name, self.dimension = self.model.name, self.model.dimension

        def embed(self, images: list[bytes | None]) -> pokedex.Vectors:
            with lock:
                threads.add(threading.get_ident())
            return self.model.embed(images)

    monkeypatch.setattr(pokedex, "Model", Watched)
    adapter._load_model.cache_clear()
    try:
        pictures = [png(number, side=16) for number in range(1025)]
        rows = table(pictures).to_pylist()
    finally:
        adapter._load_model.cache_clear()
    assert loads == ["pokedex-mini"]
    assert threads
    assert [row["key"] for row in rows] == [f"{row:05}" for row in range(1025)]
    assert all(row["error"] is None for row in rows)


def test_many_threads_get_one_model_and_the_same_vectors(model: pokedex.Model) -> None:
    pictures = [png(number) for number in range(8)]
    expected = numpy.asarray(model.embed(pictures)).tobytes()
    adapter._load_model.cache_clear()
    found: list[bytes] = []
    models: set[int] = set()

    def work() -> None:
        loaded = adapter._model("pokedex-mini", 1)
        models.add(id(loaded))
        found.append(numpy.asarray(loaded.embed(pictures)).tobytes())

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [expected] * 8
    assert len(models) == 1


def test_another_model_on_a_host_ends_the_query(model: pokedex.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = daft.from_pydict({"bytes": [png(1)]}).select(embed("bytes"))

    class Other:
        name, dimension = "pokedex-mini@0000000000000000", model.dimension

    monkeypatch.setattr(adapter, "_load_model", lambda name, threads: Other)
    with pytest.raises(Exception, match="the query was planned with"):
        frame.collect()


def test_classes_are_those_of_the_classifier_and_errors_are_rows() -> None:
    pictures = [png(1), b"no picture", None]
    frame = daft.from_pydict({"name": ["a", "b", "c"], "bytes": pictures})
    rows = frame.select(classify("bytes", key="name", top=2).unnest()).sort("key").to_pylist()
    names = ["key", "prediction_1", "score_1", "prediction_2", "score_2", "rejected", "error"]
    assert all(list(row) == names for row in rows)
    [plain] = pokedex.Classifier().classify(pictures[:1]).to_pylist()
    assert all(rows[0][name] == plain[name] for name in names[1:])
    for row in rows[1:]:
        assert row["prediction_1"] is None and row["score_1"] is None and row["rejected"] and row["error"]


def test_without_daft_the_import_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "daft.py").write_text("raise ModuleNotFoundError(\"No module named 'daft'\", name='daft')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import pokedex.daft"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ImportError: pokedex.daft needs daft, which is not installed: pip install daft==0.7.26" in done.stderr
