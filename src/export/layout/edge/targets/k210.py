"""Kendryte K210 (.kmodel V5) by nncase 1.9, and its simulator. Takes bytes [3, height, width], as the camera gives them.

Its KPU computes 1 x 1 and 3 x 3 convolutions of up to 1024 channels on maps from 4 x 4 to 320 x 240; nncase leaves others to the
processor, with weights of 32 bits."""
PACKAGES = ["nncase"]
RUN_BY = "nncase simulator"
TARGET = "k210"
# Of memory; the model's values take some of it, too.
MOST_BYTES = 6 << 20


def options_of(bundle):
    import nncase

    options = nncase.CompileOptions()
    options.target = TARGET
    options.preprocess, options.swapRB = True, False
    options.input_type, options.input_shape, options.input_layout = "uint8", list(bundle.shape), "NCHW"
    options.input_range = [0.0, 255.0]
    options.mean = [float(x) for x in bundle.mean]
    options.std = [float(1 / x) for x in bundle.scale]
    options.quant_type, options.w_quant_type = "uint8", "uint8"
    return options


def compile_model(bundle, out):
    import nncase
    import numpy as np

    pictures = np.stack([pixels.transpose(2, 0, 1) for pixels in bundle.calibration()])
    compiler = nncase.Compiler(options_of(bundle))
    compiler.import_onnx(bundle.model.read_bytes(), nncase.ImportOptions())
    ptq = nncase.PTQTensorOptions()
    ptq.calibrate_method = "no_clip"
    ptq.samples_count = len(pictures)
    ptq.set_tensor_data(np.ascontiguousarray(pictures).tobytes())
    compiler.use_ptq(ptq)
    compiler.compile()
    path = out / "model.kmodel"
    path.write_bytes(compiler.gencode_tobytes())
    return {"int8": (path, "8 bits")}


def open_model(bundle, path):
    import nncase
    import numpy as np

    simulator = nncase.Simulator()
    simulator.load_model(path.read_bytes())

    def model(pixels):
        x = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
        simulator.set_input_tensor(0, nncase.RuntimeTensor.from_numpy(x))
        simulator.run()
        return [simulator.get_output_tensor(i).to_numpy().copy() for i in range(simulator.outputs_size)]

    return model


def beside(bundle, build):
    return [bundle.folder / "classes.txt"] if bundle.classes else []
