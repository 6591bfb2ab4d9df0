"""Makes two classifiers of a picture's colour, and what 8 bits make of them.

Both answer red, green or blue, by the mean of each. `loud.onnx` also computes how bright the picture is, ten thousand times as
large, of which the next layer adds a ten-thousandth to all three, as networks with a few loud channels do. In 32 bits that changes
no answer. In 8 bits one scale for the whole layer leaves steps of forty for numbers of 0 to 1: `loud_int8.onnx` answers the same
whatever it is shown, and `calm_int8.onnx`, by the same quantiser, does not. No weights of anybody are here.

Needs onnx and onnxruntime.
"""
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

HERE = Path(__file__).resolve().parent
SIDE = 8


def model(loud):
    first = np.concatenate([np.eye(3), np.full((1, 3), loud / 3)]).astype(np.float32)
    # The loud channel moves all three alike.
    second = np.concatenate([np.eye(3), np.full((3, 1), 1.0 / max(loud, 1))], 1).astype(np.float32)
    weights = {"first": first[:, :, None, None], "second": second[:, :, None, None]}
    nodes = [
        helper.make_node("Conv", ["pixels", "first"], ["seen"], kernel_shape=[1, 1]),
        helper.make_node("GlobalAveragePool", ["seen"], ["mean"]),
        helper.make_node("Conv", ["mean", "second"], ["scores"], kernel_shape=[1, 1]),
        helper.make_node("Flatten", ["scores"], ["logits"], axis=1),
    ]
    port = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    inside = [port("seen", [1, 4, SIDE, SIDE]), port("mean", [1, 4, 1, 1]), port("scores", [1, 3, 1, 1])]
    graph = helper.make_graph(nodes, "colour", [port("pixels", [1, 3, SIDE, SIDE])], [port("logits", [1, 3])],
                              [numpy_helper.from_array(array, name) for name, array in weights.items()], value_info=inside)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="make.py")
    made.ir_version = 8
    checker.check_model(made)
    return made


class Pictures(CalibrationDataReader):
    def __init__(self):
        random = np.random.default_rng(1)
        self.left = iter([random.random((1, 3, 1, 1)).astype(np.float32) * np.ones((1, 3, SIDE, SIDE), np.float32) for _ in range(32)])

    def get_next(self):
        pixels = next(self.left, None)
        return None if pixels is None else {"pixels": pixels}


for name, loud in (("calm", 0.0), ("loud", 1e4)):
    save(model(loud), HERE / f"{name}.onnx")
    quantize_static(HERE / f"{name}.onnx", HERE / f"{name}_int8.onnx", Pictures(), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
