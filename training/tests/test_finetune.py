"""Whole runs, through the program."""
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from pokedex_train import program, runs
from pokedex_train.cli import main
from pokedex_train.export import verify
from pokedex_train.learner import Learner
from pokedex_train.objective import Figures


def arguments(table: Path, out: Path, tool: str, *more: str) -> list[str]:
    return ["finetune", str(table), "--captions", "labels", "-o", str(out), "--pokedex", tool, "--epochs", "4", "--batch", "8", "--patience", "9",
            "--rate", "0.001", "--threads", "1", *more]


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def undisturbed(table: Path, tool: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    main(arguments(table, folder / "model", tool, "--log", str(folder / "runs.parquet")))
    return folder


def test_a_model_comes_out_that_the_program_reads_and_that_is_better(undisturbed: Path, tool: str) -> None:
    assert sorted(path.name for path in undisturbed.iterdir()) == ["model", "runs.parquet"]
    assert verify(undisturbed / "model", 192, tool) > 0.9999
    (run,) = pq.read_table(undisturbed / "runs.parquet").to_pylist()
    figures = json.loads(run["figures"])
    assert figures["loss"] < figures["base_loss"] - 0.1 and len(run["curve"]) == 5
    texts = program.embed_texts(tool, ["--model", f"{undisturbed / 'model'}/"], ["red circle"])
    # The built-in tower adds up in another order.
    assert np.allclose(texts, program.embed_texts(tool, [], ["red circle"]), atol=1e-6)


def test_the_program_lists_the_run_beside_its_own(undisturbed: Path, tool: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"key": ["a", "b"], "label": ["x", "y"], "prediction_1": ["x", "x"]}), tmp_path / "p.parquet")
    command = [tool, "evaluate", str(tmp_path / "p.parquet"), "--compare", str(undisturbed / "runs.parquet"), "--format", "json"]
    figures = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    (run,) = pq.read_table(undisturbed / "runs.parquet").to_pylist()
    assert figures["run_1_top1"] == run["top1"]
    # And goes on with a log that this package began, as this package does with one of the program's.
    log = tmp_path / "runs.parquet"
    log.write_bytes((undisturbed / "runs.parquet").read_bytes())
    subprocess.run([tool, "evaluate", str(tmp_path / "p.parquet"), "--log", str(log)], check=True, stdout=subprocess.DEVNULL)
    told = {"command": "finetune", "input": "t", "settings": {}, "figures": {}}
    assert runs.append(log, told) == 3
    assert [row["command"] for row in pq.read_table(log).to_pylist()] == ["finetune", "evaluate", "finetune"]


def test_a_run_that_is_killed_over_and_over_ends_with_the_same_bytes(undisturbed: Path, table: Path, tool: str, tmp_path: Path) -> None:
    out, checkpoint = tmp_path / "model", tmp_path / "model.work" / "checkpoint.pt"
    command = [sys.executable, "-m", "pokedex_train", *arguments(table, out, tool, "--save-seconds", "0")]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    kills = 0
    for saves in (1, 2, 3):
        child, seen, changed = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE), 0, 0
        while changed < saves and child.poll() is None:
            now = seen
            with contextlib.suppress(FileNotFoundError):
                now = checkpoint.stat().st_mtime_ns
            seen, changed = now, changed + (now != seen)
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        kills += child.wait() == -signal.SIGKILL
        child.communicate()
    assert kills == 3
    assert torch.load(checkpoint, weights_only=True)["step"] > 0
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
    assert digests(out) == digests(undisturbed / "model")


def test_a_run_that_diverges_says_so_and_writes_nothing(table: Path, tool: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    # As the judges of a collapse would see it: good until the second epoch, then chance.
    seen = iter([Figures(2.0, 0.5, 0.6), Figures(1.0, 0.9, 0.9), Figures(9.0, 0.1, 0.2), Figures(9.0, 0.1, 0.2)])
    monkeypatch.setattr("pokedex_train.finetune.judge", lambda *_: next(seen))
    with pytest.raises(SystemExit) as stopped:
        main(arguments(table, tmp_path / "model", tool))
    told = capsys.readouterr().err
    assert stopped.value.code == 1 and not (tmp_path / "model").exists()
    assert "diverged: the judges' top1 fell from 0.9000 to 0.1000" in told and "--accept-best" in told
    # Called again it does not go on as if nothing were, but what was best can be had.
    with pytest.raises(SystemExit):
        main(arguments(table, tmp_path / "model", tool))
    assert "diverged" in capsys.readouterr().err
    monkeypatch.undo()
    main(arguments(table, tmp_path / "model", tool, "--accept-best"))
    assert (tmp_path / "model" / "image.safetensors").exists()


def test_a_loss_that_is_no_number_ends_the_run(table: Path, tool: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    before = Learner.vectors
    monkeypatch.setattr(Learner, "vectors", lambda self, seen: before(self, seen) * (float("nan") if self.step == 1 else 1.0))
    with pytest.raises(SystemExit):
        main(arguments(table, tmp_path / "model", tool))
    assert "diverged: the loss of step 2 is nan" in capsys.readouterr().err


def test_all_stages_learn_and_a_teacher_of_another_dimension_helps(table: Path, tool: str, tmp_path: Path) -> None:
    keys = pq.read_table(table, columns=["key"])["key"].to_pylist()
    vectors = np.random.default_rng(0).normal(size=(len(keys), 10)).astype(np.float32)
    pq.write_table(pa.table({"key": keys, "embedding": vectors.tolist()}), tmp_path / "teacher.parquet")
    main(arguments(table, tmp_path / "model", tool, "--early-rate", "0.1", "--teacher", str(tmp_path / "teacher.parquet"), "--epochs", "1"))
    assert verify(tmp_path / "model", 192, tool) > 0.9999
