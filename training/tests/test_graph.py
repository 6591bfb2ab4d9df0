"""What is written as ONNX computes what the network does."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pokedex_train import graph
from pokedex_train.base import open_base
from pokedex_train.failure import Failure

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("what", graph.WHAT)
@pytest.mark.parametrize("side", [0, 96])
def test_onnx_gives_the_vectors_of_the_branch(tmp_path: Path, what: str, side: int) -> None:
    base = open_base("builtin")
    eye, side = base.eye(), side or base.size
    names = [f"species {i}" for i in range(1025)]
    file = graph.write(base, what, names, tmp_path / "out", side)
    pixels = np.random.default_rng(1).standard_normal((1, 3, side, side)).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(str(file)).run(None, {"pixels": pixels})
    with torch.no_grad():
        wanted = eye.creature(*eye.seen(torch.from_numpy(pixels)))[0].numpy()
    if what == "species":
        wanted = wanted @ eye.weights["species"][0].numpy().T
        assert (file.parent / "classes.txt").read_text(encoding="utf-8").splitlines() == names
        assert found.argmax() == wanted.argmax()
    assert (found * wanted).sum() / np.linalg.norm(found) / np.linalg.norm(wanted) > 0.99999
    told = json.loads((file.parent / "preprocessor_config.json").read_text(encoding="utf-8"))
    assert told["size"] == {"height": side, "width": side}


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="is there already"):
        graph.write(open_base("builtin"), "vectors", [], tmp_path)
