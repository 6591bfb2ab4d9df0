"""Writes the branch that knows Pokémon as an ONNX file, which toolchains of devices read.

Only what names a species is written: the stem, the shared stages, the branch's own, and the species' vectors. What reads ordinary things,
the colours, and how both readings become one vector do not survive 8 bits and are no use without the text tower."""
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Base
from .eye import FINE, MIDDLE, SHARED, STAGES, Eye
from .failure import Failure

OPSET = 13  # What the oldest of these toolchains reads.
WHAT = ("species", "vectors")
# The usual length of the branch's vectors (3.1 to 7.1 of official artwork). To scale each to length 1 is what devices do badly; by a number
# for all, softmax is about as sure as it should be, and the best species is the same.
LENGTH = 4.4


class Graph:
    """Nodes that are added one after the other, each with the shape of what it gives."""

    def __init__(self, eye: Eye) -> None:
        from onnx import helper, numpy_helper

        self.helper, self.arrays = helper, numpy_helper
        self.eye = eye
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.inside: list[Any] = []
        self.shapes: dict[str, list[int]] = {}

    def node(self, kind: str, inputs: list[str], name: str, shape: list[int], **attributes: Any) -> str:
        self.nodes.append(self.helper.make_node(kind, inputs, [name], name=name, **attributes))
        self.shapes[name] = shape
        self.inside.append(self.helper.make_tensor_value_info(name, 1, shape))
        return name

    def weight(self, name: str, array: NDArray[np.float32]) -> str:
        self.weights.append(self.arrays.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    def conv(self, x: str, name: str, kernel: int = 1, stride: int = 1, act: bool = True) -> str:
        """A convolution with TensorFlow's borders, as `Eye.conv`."""
        weight, bias = (t.numpy() for t in self.eye.weights[name])
        _, channels, side, _ = self.shapes[x]
        groups = weight.shape[0] if weight.shape[1] == 1 and weight.shape[0] == channels else 1
        total = max(kernel - stride if side % stride == 0 else kernel - side % stride, 0)
        low, high = total // 2, total - total // 2
        out = (side + total - kernel) // stride + 1
        shape = [1, len(bias), out, out]
        inputs = [x, self.weight(f"{name}.weight", weight), self.weight(f"{name}.bias", bias)]
        y = self.node("Conv", inputs, f"{name}.sum" if act else name, shape, kernel_shape=[kernel] * 2, strides=[stride] * 2,
                      pads=[low, low, high, high], dilations=[1, 1], group=groups)
        return self.node("Clip", [y, "zero", "six"], name, shape) if act else y

    def stages(self, x: str, name: str, stages: list[tuple[int, int, int, int, int]], at: int = 0) -> str:
        for kernel, stride, expansion, _, repeats in stages:
            for i in range(repeats):
                own = f"{name}.{at}"
                y = self.conv(x, f"{own}.widen") if expansion > 1 else x
                y = self.conv(y, f"{own}.look", kernel, stride if i == 0 else 1)
                y = self.conv(y, f"{own}.narrow", act=False)
                x = self.node("Add", [x, y], f"{own}.with", self.shapes[y]) if self.shapes[x] == self.shapes[y] else y
                at += 1
        return x

    def creature(self, pixels: str) -> str:
        """Pixels -> the vector among the species', not scaled to length 1 [1, dimension, 1, 1]."""
        counts = np.cumsum([0, *(repeats for *_, repeats in STAGES)]).tolist()
        fine = self.stages(self.conv(pixels, "stem", 3, 2), "shared", STAGES[:FINE])
        middle = self.stages(fine, "shared", STAGES[FINE:MIDDLE], counts[FINE])
        coarse = self.stages(middle, "shared", STAGES[MIDDLE:SHARED], counts[MIDDLE])
        side = self.conv(fine, "creatures.fine", 3, 2)
        shape = [1, self.shapes[side][1] + self.shapes[middle][1], *self.shapes[side][2:]]
        joined = self.node("Concat", [side, middle], "creatures.joined", shape, axis=1)
        merged = self.conv(self.conv(joined, "creatures.middle", 3, 2), "creatures.merge", act=False)
        x = self.node("Add", [coarse, merged], "creatures.begin", self.shapes[coarse])
        x = self.conv(self.stages(x, "creatures", STAGES[SHARED:]), "creatures.head")
        x = self.node("GlobalAveragePool", [x], "creatures.mean", [*self.shapes[x][:2], 1, 1])
        return self.matrix(x, "creatures.out", *(t.numpy() for t in self.eye.weights["creatures.out"]))

    def matrix(self, x: str, name: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """A product with a matrix [out, in], as a convolution, which is what devices are good at."""
        inputs = [x, self.weight(f"{name}.weight", weight[:, :, None, None]), self.weight(f"{name}.bias", bias)]
        return self.node("Conv", inputs, name, [1, len(weight), 1, 1], kernel_shape=[1, 1], strides=[1, 1], pads=[0] * 4, dilations=[1, 1], group=1)

    def model(self, side: int, end: str, output: str) -> Any:
        from onnx import checker

        width = self.shapes[end][1]
        self.node("Flatten", [end], output, [1, width], axis=1)
        self.inside.pop()
        pixels = self.helper.make_tensor_value_info("pixels", 1, [1, 3, side, side])
        given = self.helper.make_tensor_value_info(output, 1, [1, width])
        graph = self.helper.make_graph(self.nodes, "pokedex", [pixels], [given], self.weights, value_info=self.inside)
        model = self.helper.make_model(graph, opset_imports=[self.helper.make_opsetid("", OPSET)], producer_name="pokedex_train")
        model.ir_version = 7
        checker.check_model(model)
        return model


def write(base: Base, what: str, names: list[str], out: Path, side: int = 0) -> Path:
    """A folder with `model.onnx`, how its pictures are prepared, and its classes."""
    try:
        import onnx
    except ImportError as e:
        raise Failure("onnx is not installed", "pip install onnx") from e
    eye, side = base.eye(), side or base.size
    graph = Graph(eye)
    graph.weight("zero", np.array(0.0, np.float32))
    graph.weight("six", np.array(6.0, np.float32))
    graph.shapes["pixels"] = [1, 3, side, side]
    end, output = graph.creature("pixels"), "embedding"
    if what == "species":
        rows = eye.weights["species"][0].numpy()
        if len(names) != len(rows):
            raise Failure(f"the program knows {len(names)} species, and the model {len(rows)}")
        rows = rows * (eye.value("readout.scale") / LENGTH)
        end, output = graph.matrix(end, "species", rows, np.zeros(len(rows), np.float32)), "logits"
    model = graph.model(side, end, output)
    image = base.config["image"]
    processor = {"image_processor_type": "ViTImageProcessor", "do_resize": True, "size": {"height": side, "width": side}, "resample": 2,
                 "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": image["mean"], "image_std": image["std"]}
    if out.exists():
        raise Failure(f"{out}: is there already", "name a folder that is not, or remove it")
    out.mkdir(parents=True)
    onnx.save(model, str(out / "model.onnx"))
    (out / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n", encoding="utf-8")
    if what == "species":
        (out / "classes.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return out / "model.onnx"
