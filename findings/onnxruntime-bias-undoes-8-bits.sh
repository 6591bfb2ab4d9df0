#!/bin/sh
# ONNX Runtime and a product of matrices with 8-bit weights in the QDQ form (QuantizeLinear and DequantizeLinear around it).
#
# One would guess: a bias that is added to the product changes nothing of how that is computed: by 8-bit integers, as without one.
# Instead: where the input has two axes, [rows, numbers], MatMul and Add are joined to a Gemm of 32 bits first, and the weights are
# turned back into 32 bits at every call; no word is said. With three axes, or without the bias, it is MatMulIntegerToFloat. So the
# last layers of a network, which see one row a picture, are the ones that are lost. Adding the bias as an int32 DequantizeLinear to
# a Gemm of one's own, or leaving the layer's input at three axes, avoids it.
# Seen with onnxruntime 1.32.0 on x86-64; fails when that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnxruntime==1.32.0 onnx numpy
venv/bin/python - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

constants = {
    "w": np.random.default_rng(0).integers(-127, 128, (64, 32)).astype(np.int8), "w_scale": np.full(32, 0.01, np.float32),
    "w_zero": np.zeros(32, np.int8), "x_scale": np.float32(0.02), "x_zero": np.uint8(128), "bias": np.ones(32, np.float32),
}


def computed(shape, bias):
    """The operators of the graph that is run."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "x_scale", "x_zero"], ["x8"]),
        helper.make_node("DequantizeLinear", ["x8", "x_scale", "x_zero"], ["x32"]),
        helper.make_node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["w32"], axis=1),
        helper.make_node("MatMul", ["x32", "w32"], ["product" if bias else "y"]),
    ]
    nodes += [helper.make_node("Add", ["product", "bias"], ["y"])] if bias else []
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)] for name, dims in (("x", shape), ("y", None))]
    graph = helper.make_graph(nodes, "product", *ends, [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = "optimised.onnx"
    onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load("optimised.onnx").graph.node]


for shape, bias in ((["n", 64], False), (["n", 5, 64], False), (["n", 5, 64], True)):
    found = computed(shape, bias)
    print(shape, "with a bias:" if bias else "without:", *found)
    assert "MatMulIntegerToFloat" in found and "DequantizeLinear" not in found
found = computed(["n", 64], True)
print(["n", 64], "with a bias:", *found)
assert "Gemm" in found and found.count("DequantizeLinear") == 2 and "MatMulIntegerToFloat" not in found
PYTHON
