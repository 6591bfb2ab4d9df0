"""Makes the tiny model that reads beside this file: what is dark is a line, and its letters are colours.

The detector calls a pixel likely that is dark; the recogniser looks at strips of eight pixels and says `r`, `g` or `b` for red, green
and blue ones, and nothing for white and grey ones. So a dark block of coloured stripes is a line whose text is known, and no weights of
anybody are here. Ends, shapes and metadata are those of PP-OCR's models as rapidocr brings them. Needs onnx.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent


def save(name, nodes, weights, out, metadata=None, height=None):
    pixels = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, height or "h", "w"])
    given = helper.make_tensor_value_info("y", TensorProto.FLOAT, out)
    initializers = [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, name, [pixels], [given], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    onnx.checker.check_model(model)
    onnx.save(model, HERE / f"{name}.onnx")


node = helper.make_node
# Bright is 1, black is -1.
save(
    "tiny_det",
    [node("Conv", ["x", "w", "b"], ["dark"]), node("Sigmoid", ["dark"], ["y"])],
    {"w": np.full((1, 3, 1, 1), -10 / 3, np.float32), "b": np.array([-2], np.float32)},
    ["n", 1, "h", "w"],
)
# Blue comes first. Nothing wins unless one colour is well above the others.
colours = np.array([[0, 0, 0], [-0.5, -0.5, 1], [-0.5, 1, -0.5], [1, -0.5, -0.5], [0, 0, 0]], np.float32) * 20
save(
    "tiny_rec",
    [
        node("AveragePool", ["x"], ["strips"], kernel_shape=[48, 8], strides=[48, 8]),
        node("Conv", ["strips", "w", "b"], ["classes"]),
        node("Squeeze", ["classes", "down"], ["row"]),
        node("Transpose", ["row"], ["steps"], perm=[0, 2, 1]),
        node("Softmax", ["steps"], ["y"], axis=2),
    ],
    {"w": colours.reshape(5, 3, 1, 1), "b": np.array([8, 0, 0, 0, -50], np.float32), "down": np.array([2], np.int64)},
    ["n", "steps", 5],
    {"character": "r\ng\nb"},
    48,
)
