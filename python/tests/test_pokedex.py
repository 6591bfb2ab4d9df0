"""The module beside the command that came with it."""

from __future__ import annotations

import csv
import io
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pokedex
import pytest
from conftest import png


def command(*arguments: str | Path) -> str:
    """What the command of the wheel prints."""
    program = shutil.which("pokedex")
    assert program is not None
    return subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("question", ["fire dog", "Pikachu", "gen 1 water", "blue bird of ice"])
def test_answers_are_those_of_the_command(question: str) -> None:
    there = rows(command("query", question, "--top", "20", "--format", "csv"))
    here = pokedex.query(question, top=20).to_pylist()
    assert [row["key"] for row in there] == [row["key"] for row in here]
    assert [row["score"] for row in there] == [f"{row['score']:.4f}" for row in here]


def test_an_index_is_asked_often_and_from_many_threads() -> None:
    index = pokedex.Index.open()
    questions = ["fire dog", "ghost", "a pink fairy", "speed over 100", "dragon"] * 8
    alone = [index.query(question, top=7).to_pylist() for question in questions]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda question: index.query(question, top=7).to_pylist(), questions))
    assert together == alone
    many = index.query_many(questions, top=7)
    assert many.column("key") == [row["key"] for answer in alone for row in answer]


def test_options_of_a_question() -> None:
    index = pokedex.Index.open()
    found = index.query("dragon", top=3, where="generation = 1", columns=["rank", "label", "type1"], sort="speed:desc")
    assert found.column_names == ["rank", "label", "type1"]
    assert index.query("gen 1 fire", top=2).metadata["pokedex.read_as"]
    assert "name" in index.query("Pikachu", lang="ja").column_names
    assert index.query(where="id <= 3").column("id") == [1, 2, 3]
    with pytest.raises(TypeError, match="unexpected keyword argument 'tops'"):
        index.query("x", tops=3)  # type: ignore[call-arg]
    with pytest.raises(pokedex.PokedexError, match="tipe"):
        index.query("x", where="tipe = 'fire'")


def test_stages_give_what_the_command_writes(photos: Path, tmp_path: Path) -> None:
    table = pokedex.embed(photos)
    command("embed", photos, "-o", tmp_path / "e.parquet")
    there = pokedex.Table.open(tmp_path / "e.parquet")
    assert table.to_pylist() == there.to_pylist()
    assert table.metadata == there.metadata
    written = pokedex.embed(photos, output=tmp_path / "here.parquet")
    assert len(written) == 12
    assert (tmp_path / "here.parquet").read_bytes() == (tmp_path / "e.parquet").read_bytes()


def test_tables_in_memory_go_from_stage_to_stage(photos: Path, tmp_path: Path) -> None:
    manifest = pokedex.scan(photos)
    vectors = pokedex.embed(manifest)
    divided = pokedex.split(vectors, seed=3)
    assert divided.metadata["pokedex.model"] == vectors.metadata["pokedex.model"]
    index = pokedex.Index.of(divided)
    assert len(index) == 12
    assert index.query("key:03.png", top=1).column("key") != ["03.png"]
    on_disk = pokedex.index(vectors, tmp_path / "index.parquet")
    assert index.query("red", top=12).column("key") == on_disk.query("red", top=12).column("key")
    assert pokedex.classify(vectors).column("prediction_1") == pokedex.classify(photos).column("prediction_1")
    assert pokedex.export(vectors, tmp_path / "e.csv").read_text().startswith("key,")
    assert pokedex.convert_rgb(photos, size=8)[0]["width"] == 8


def test_vectors_are_views(photos: Path) -> None:
    table = pokedex.embed(photos)
    vectors = table.vectors()
    array = np.asarray(vectors)
    assert array.shape == vectors.shape == (12, len(table[0]["embedding"]))
    assert array.dtype == np.float32 and not array.flags.owndata and not array.flags.writeable
    np.testing.assert_allclose(np.linalg.norm(array, axis=1), 1, rtol=1e-5)
    del table, vectors
    assert array[3].tolist() == pokedex.embed(photos)[3]["embedding"]


def test_models_take_whatever_is_a_picture(photos: Path) -> None:
    model = pokedex.Model()
    expected = np.asarray(pokedex.embed(photos, no_cache=True).vectors())
    paths: list[Any] = sorted(photos.iterdir())
    for pictures in (paths, [str(path) for path in paths], [path.read_bytes() for path in paths]):
        np.testing.assert_array_equal(np.asarray(model.embed(pictures)), expected)
    pil = pytest.importorskip("PIL.Image")
    np.testing.assert_array_equal(np.asarray(model.embed([pil.open(path) for path in paths])), expected)
    with pytest.raises(TypeError, match="int is no picture"):
        model.embed([3])
    assert model.embed([]).shape == (0, model.dimension)
    same = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(np.asarray(same.embed(paths)), expected)
    words = np.asarray(model.embed_text(["fire dog", "Pikachu"]))
    best = pokedex.Index.of(pokedex.embed(photos)).query("fire dog", top=1, literal=True)[0]
    np.testing.assert_allclose((expected @ words[0]).max(), best["score"], atol=1e-5)


def test_an_adapter_is_a_model(tmp_path: Path) -> None:
    for number in range(12):
        for kind in ("even", "odd"):
            folder = tmp_path / "photos" / kind
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:02}.png").write_bytes(png(number, 24 if kind == "even" else 60))
    photos = tmp_path / "photos"
    command("embed", photos, "-o", tmp_path / "e.parquet")
    command("split", tmp_path / "e.parquet", "-o", tmp_path / "split.parquet")
    command("train", tmp_path / "split.parquet", "--method", "adapter", "-o", tmp_path / "mine")
    adapted = pokedex.Model(str(tmp_path / "mine"))
    paths = sorted(photos.rglob("*.png"))
    vectors = np.asarray(adapted.embed(paths))
    assert (vectors != np.asarray(pokedex.Model().embed(paths))).any()
    command("embed", photos, "--model", tmp_path / "mine", "--no-cache", "-o", tmp_path / "mine.parquet")
    np.testing.assert_array_equal(vectors, np.asarray(pokedex.Table.open(tmp_path / "mine.parquet").vectors()))
    index = pokedex.index(tmp_path / "mine.parquet", tmp_path / "index.parquet", model=str(tmp_path / "mine"))
    found = index.query(str(paths[5]), top=1)[0]
    assert found["key"] == str(paths[5].relative_to(photos))
    # Words have the vectors that they have for its base.
    np.testing.assert_array_equal(np.asarray(adapted.embed_text(["red"])), np.asarray(pokedex.Model().embed_text(["red"])))


def test_what_is_no_picture_is_a_row_with_its_error() -> None:
    vectors = pokedex.Model().embed([png(1), b"no picture", None, "nowhere.png"])
    assert [error is None for error in vectors.errors] == [True, False, False, False]
    assert [hash is None for hash in vectors.content_hashes[:2]] == [False, False]
    array = np.asarray(vectors)
    assert np.isfinite(array[0]).all() and np.isnan(array[1:]).all()


def test_classifiers_know_the_species() -> None:
    table = pokedex.Classifier(top=3).classify([png(1), b"no picture"])
    assert {"prediction_1", "score_3", "rejected", "error"} <= set(table.column_names)
    assert table[0]["error"] is None and table[1]["error"] is not None
    with pytest.raises(pokedex.UsageError, match="only one thing"):
        pokedex.Classifier(head="a", labels="b")


def test_failures_carry_their_hints(tmp_path: Path) -> None:
    with pytest.raises(pokedex.PokedexError) as failure:
        pokedex.scan(tmp_path / "nowhere")
    assert failure.value.hint and "ls" in failure.value.hint
    with pytest.raises(pokedex.UsageError):
        pokedex.scan(tmp_path, ids="sometimes")
    with pytest.raises(pokedex.PokedexError, match="no such|cannot read"):
        pokedex.Index.open(tmp_path / "none.parquet")
    with pytest.raises(TypeError, match="no table of Arrow"):
        pokedex.Table.from_arrow(3)  # type: ignore[arg-type]
    with pytest.raises(pokedex.UsageError, match="for a shell"):
        pokedex.run(["serve"])


def test_what_a_run_says_is_logged(photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    (photos / "torn.png").write_bytes(b"no picture")
    with caplog.at_level("DEBUG", logger="pokedex"):
        table = pokedex.scan(photos)
    assert table[-1]["error"] is not None
    assert any("torn.png" in record.message and record.levelname == "WARNING" for record in caplog.records)


def test_other_libraries_read_and_give_tables(photos: Path) -> None:
    table = pokedex.embed(photos)
    arrow = pytest.importorskip("pyarrow").table(table)
    assert arrow.num_rows == 12 and pokedex.Table.from_arrow(arrow).to_pylist() == table.to_pylist()
    assert pokedex.Index.of(arrow).query("red", top=12).to_pylist() == pokedex.Index.of(table).query("red", top=12).to_pylist()
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(table)
    assert frame.height == 12
    assert len(pokedex.split(frame.select("key", "path"))) == 12
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame.from_arrow(table) if hasattr(pandas.DataFrame, "from_arrow") else arrow.to_pandas()
    assert list(frame["key"]) == table.column("key")
    duckdb = pytest.importorskip("duckdb")
    assert duckdb.sql("select count(*), max(key) from arrow").fetchall()[0][0] == 12


def test_the_lock_is_given_back(photos: Path) -> None:
    model, ticks, done = pokedex.Model(threads=1), [0], threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks[0] += 1
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    model.embed([png(number, 600) for number in range(40)])
    done.set()
    ticker.join()
    assert ticks[0] > 20


def test_ctrl_c_stops_a_stage(tmp_path: Path) -> None:
    program = (
        "import pokedex, sys\n"
        "from conftest import png\n"
        "pictures = [png(number % 99, 1200) for number in range(64)] * 200\n"
        "model = pokedex.Model(threads=1)\n"
        "print('ready', flush=True)\n"
        "try:\n    model.embed(pictures)\nexcept KeyboardInterrupt:\n    print('stopped')\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", program], cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert run.stdout is not None and run.stdout.readline() == "ready\n"
    time.sleep(0.5)
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=60)[0] == "stopped\n"


def test_importing_brings_nothing_else() -> None:
    program = "import sys, pokedex; print([name for name in ('numpy', 'pyarrow', 'PIL', 'daft') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"
    said = subprocess.run([sys.executable, "-m", "pokedex", "--version"], capture_output=True, text=True).stdout
    assert said == f"pokedex {pokedex.__version__}\n"
