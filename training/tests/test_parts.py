"""The pieces, each beside a slower twin or what it was made from."""
import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from pokedex_train import runs
from pokedex_train.base import TOWER, identity, open_base
from pokedex_train.eye import Eye
from pokedex_train.failure import Failure
from pokedex_train.learner import Learner
from pokedex_train.objective import by_words, goals, judge
from pokedex_train.settings import Settings
from pokedex_train.teacher import projection, read_teacher

CHECKOUT = Path(__file__).resolve().parents[2]


def units(count: int, dimension: int, seed: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_a_tower_that_is_read_and_written_is_the_same_file(tmp_path: Path) -> None:
    base = open_base("builtin")
    eye = base.eye()
    for name, (weight, bias) in eye.weights.items():
        eye.add(name, weight.numpy(), bias.numpy())
    eye.save(tmp_path / TOWER)
    again, before = Eye.load(tmp_path / TOWER), base.eye()
    for name, (weight, bias) in before.weights.items():
        torch.testing.assert_close(again.weights[name][0], weight, rtol=1e-6, atol=0)
        assert torch.equal(again.weights[name][1], bias)
    assert identity(base.files) == (CHECKOUT / "assets" / "model" / "identity").read_text().strip()


def test_the_tower_computes_the_golden_values_of_the_built_in_model() -> None:
    eye = open_base("builtin").eye()
    for image in json.loads((CHECKOUT / "tests" / "data" / "golden.json").read_text())["images"]:
        channel, y, x = torch.meshgrid(torch.arange(3), torch.arange(192), torch.arange(192), indexing="ij")
        pixels = (image["x"] * x + image["y"] * y + image["c"] * channel) % 256
        found = eye.vectors(((pixels - 127) / 128)[None])[0]
        assert found @ torch.tensor(image["embedding"]) > 0.9999


def test_damaged_towers_are_failures(tmp_path: Path) -> None:
    good = open_base("builtin").files[TOWER].read_bytes()
    for at, data in enumerate((b"", good[:5], good[:5000], b"\xff" * 100, good[: len(good) // 2])):
        path = tmp_path / f"{at}"
        path.write_bytes(data)
        with pytest.raises(Failure):
            Eye.load(path)


def test_models_of_others_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "vision_model.onnx").write_bytes(b"")
    with pytest.raises(Failure, match="ONNX") as failure:
        open_base(str(tmp_path))
    assert failure.value.hint and "--teacher" in failure.value.hint
    with pytest.raises(Failure, match="no such folder"):
        open_base(str(tmp_path / "none"))


def test_judges_count_as_one_would_by_hand() -> None:
    rng = random.Random(1)
    vectors, words = units(12, 8, 1), units(7, 8, 2)
    texts = [rng.sample([0, 2, 3, 5], rng.randint(1, 2)) for _ in range(12)]
    used = list(range(7))
    found, ranks, loss = 0, [], 0.0
    for vector, own in zip(vectors, texts):
        scores = {text: float(vector @ words[text]) for text in used}
        found += max(scores, key=lambda text: scores[text]) in own
        chances = torch.tensor([20 * scores[text] for text in used]).softmax(0)
        loss -= float(sum(chances[used.index(text)] for text in own).log()) / 12  # type: ignore[union-attr]
    for text in sorted({text for own in texts for text in own}):
        order = sorted(range(12), key=lambda at: -float(vectors[at] @ words[text]))
        ranks.append(1 / (1 + next(place for place, at in enumerate(order) if text in texts[at])))
    figures = judge(vectors, words, texts, 20.0)
    assert figures.top1 == pytest.approx(found / 12) and figures.mrr == pytest.approx(sum(ranks) / len(ranks))
    assert figures.loss == pytest.approx(loss, rel=1e-4)


def test_pictures_come_nearer_to_their_words_and_those_without_stay() -> None:
    vectors, words = units(3, 8, 1).requires_grad_(), units(4, 8, 2)
    loss = by_words(vectors, words, goals([[1], [2, 3], []], [1.0, 0.5, 1.0], [0, 5, 0], 4), 20.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert vectors.grad is not None and torch.isfinite(vectors.grad).all()
    assert vectors.grad[2].abs().max() == 0
    assert -vectors.grad[0] @ words[1] > 0 and -vectors.grad[1] @ words[3] > 0
    half = by_words(vectors, words, goals([[1], [1], []], [1.0, 1e-9, 1.0], [0, 0, 0], 4), 20.0)
    alone = by_words(vectors[:1], words, goals([[1]], [1.0], [0], 4), 20.0)
    assert half.item() == pytest.approx(alone.item(), rel=1e-4)
    with torch.no_grad():
        none = by_words(vectors, words, goals([[], [], []], [1.0] * 3, [0] * 3, 4), 20.0)
    assert none.item() == 0


def test_a_mixture_is_drawn_to_each_of_its_texts_by_their_shares() -> None:
    words = torch.nn.functional.normalize(torch.randn(5, 16, generator=torch.Generator().manual_seed(1)), dim=1)
    vectors = torch.nn.functional.normalize(torch.randn(3, 16, generator=torch.Generator().manual_seed(2)), dim=1)
    texts = [[1], [0, 3], [2]]

    def loss(of: list[list[int]], shares: list[list[float]], rows: slice = slice(None)) -> float:
        count = len(of)
        return by_words(vectors[rows], words, goals(of, [1.0] * count, [0] * count, 5, shares), 20.0).item()

    plain = loss([[1], [0], [2]], [])
    # One class alone is what a row of that class is; hard rows beside a mixture are as they were.
    assert abs(loss(texts, [[], [1.0, 0.0], []]) - plain) < 1e-5
    one, other = loss([[0]], [], slice(1, 2)), loss([[3]], [], slice(1, 2))
    assert abs(loss([[0, 3]], [[0.7, 0.3]], slice(1, 2)) - (0.7 * one + 0.3 * other)) < 1e-5
    assert abs(loss(texts, [[], [0.7, 0.3], []]) * 3 - (plain * 3 - one + 0.7 * one + 0.3 * other)) < 1e-4


def test_a_log_grows_and_anything_else_is_left_alone(tmp_path: Path) -> None:
    run = {"command": "finetune", "input": "t", "settings": {"rate": 0.1}, "figures": {}, "top1": 0.5,
           "curve": [{"iteration": 1, "train_loss": None, "validation_loss": 1.0, "validation_top1": 0.5}]}
    assert [runs.append(tmp_path / "runs.parquet", run) for _ in range(2)] == [1, 2]
    rows = pq.read_table(tmp_path / "runs.parquet").to_pylist()
    assert [row["run"] for row in rows] == [1, 2] and rows[0]["curve"] == run["curve"]
    (tmp_path / "other").write_bytes(b"no log")
    with pytest.raises(Failure, match="not a log"):
        runs.append(tmp_path / "other", run)
    assert (tmp_path / "other").read_bytes() == b"no log"


def test_a_teacher_of_another_dimension_is_met_half_way(tmp_path: Path) -> None:
    base, turn = units(50, 8, 3), torch.randn(20, 8, generator=torch.Generator().manual_seed(4))
    teacher = torch.nn.functional.normalize(base @ turn.T, dim=1)
    table = {"key": [str(i) for i in range(50)], "embedding": [None if i == 7 else row for i, row in enumerate(teacher.tolist())]}
    import pyarrow as pa

    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    vectors, there = read_teacher(tmp_path / "t.parquet", "embedding", [str(i) for i in range(60)])
    assert vectors.shape == (60, 20) and int(there.sum()) == 49 and not there[7] and not there[55]
    linear = projection(base, vectors[:50], there[:50])
    assert torch.cosine_similarity(base[:7] @ linear.T, vectors[:7]).min() > 0.95
    with pytest.raises(Failure, match="none of the pictures"):
        read_teacher(tmp_path / "t.parquet", "embedding", ["other"])


def test_a_checkpoint_of_another_run_is_not_gone_on_with(tmp_path: Path) -> None:
    learner = Learner(open_base("builtin").eye(), Settings("labels"), None)
    learner.save(tmp_path / "c.pt", {"rate": 1, "table": "a"})
    learner.load(tmp_path / "c.pt", {"rate": 1, "table": "a"})
    with pytest.raises(Failure, match="not the same rate, table"):
        learner.load(tmp_path / "c.pt", {"rate": 2, "table": "b"})
    (tmp_path / "c.pt").write_bytes((tmp_path / "c.pt").read_bytes()[:1000])
    with pytest.raises(Failure, match="cannot be read"):
        learner.load(tmp_path / "c.pt", {"rate": 1, "table": "a"})
