#!/usr/bin/env bash
# onnx2tf 1.29.24: a conversion fetches pictures from GitHub, also where it is given pictures to calibrate with.
#
# One would guess: a converter reads the ONNX file and what its arguments name; with `custom_input_op_name_np_data_path` (-cind), which is
# there for pictures of one's own, it needs no others. Without a network it works, or says what it wants.
#
# What happens: for any network of one input [n, height, width, 3] it asks GitHub for calibration_image_sample_data_20x128x128x3_float32.npy,
# to compare both graphs on, whatever is given for calibration and although nobody asked for a comparison; without a network
# the conversion ends with requests' ConnectionError. If a file of that name lies in the working directory, that is taken, whoever put it
# there: which is how bundles of `export --format edge` convert offline.
#
# Seen: "asked for: …/onnx2tf/releases/download/1.20.4/calibration_image_sample_data_20x128x128x3_float32.npy", and with the file: converted.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx2tf==1.29.24 tensorflow==2.19.0 tf_keras==2.19.0 ai-edge-litert==2.1.0 onnx==1.19.1 \
    onnxruntime==1.23.0 numpy==1.26.4
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import requests
from onnx import TensorProto, helper, numpy_helper, save

ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("pixels", [1, 3, 8, 8]), ("mean", [1, 4, 1, 1]))]
weight = numpy_helper.from_array(np.random.default_rng(1).standard_normal((4, 3, 1, 1)).astype(np.float32), "weight")
nodes = [helper.make_node("Conv", ["pixels", "weight"], ["seen"], kernel_shape=[1, 1]), helper.make_node("GlobalAveragePool", ["seen"], ["mean"])]
model = helper.make_model(helper.make_graph(nodes, "small", ports[:1], ports[1:], [weight]), opset_imports=[helper.make_opsetid("", 13)])
model.ir_version = 8
save(model, "small.onnx")
np.save("own.npy", np.random.default_rng(2).random((20, 8, 8, 3)).astype(np.float32))

asked = []


def get(url, **_):
    asked.append(url)
    raise requests.exceptions.ConnectionError("there is no network")


requests.get = get
import onnx2tf

own = [["pixels", "own.npy", [[[[0.0] * 3]]], [[[[1.0] * 3]]]]]


def convert():
    onnx2tf.convert(input_onnx_file_path="small.onnx", output_folder_path="out", output_integer_quantized_tflite=True,
                    custom_input_op_name_np_data_path=own, not_use_onnxsim=True, verbosity="error")


try:
    convert()
    raise SystemExit("changed: it converts without asking for anything")
except requests.exceptions.ConnectionError:
    print("asked for:", asked[0])
np.save("calibration_image_sample_data_20x128x128x3_float32.npy", np.zeros((20, 128, 128, 3), np.float32))
asked.clear()
convert()
if asked:
    raise SystemExit(f"changed: it asks for {asked}")
print("with a file of that name in the working directory: converted")
PYTHON
