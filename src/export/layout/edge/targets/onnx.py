"""Plain ONNX: as it is, and in 8 bits by ONNX Runtime's own quantiser."""
PACKAGES = ["onnx"]
RUN_BY = "onnxruntime"


def compile_model(bundle, out):
    import shutil

    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Pictures(CalibrationDataReader):
        def __init__(self):
            self.left = iter(bundle.calibration())

        def get_next(self):
            pixels = next(self.left, None)
            return None if pixels is None else {bundle.input: bundle.numbers(pixels)}

    plain, small = out / "model.onnx", out / "model_int8.onnx"
    shutil.copyfile(str(bundle.model), str(plain))
    quantize_static(str(bundle.model), str(small), Pictures(), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    return {"float32": (plain, "float"), "int8": (small, "8 bits")}


def open_model(bundle, path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    # Products of signed weights saturate on processors without VNNI; this keeps them exact.
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {session.get_inputs()[0].name: bundle.numbers(pixels)})


def beside(bundle, build):
    return [bundle.folder / "classes.txt"] if bundle.classes else []
