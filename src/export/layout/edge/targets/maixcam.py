"""Sipeed's MaixCam (.cvimodel for the CV181x, and its .mud) by tpu-mlir, and its simulator. Takes RGB bytes."""
PACKAGES = ["tpu_mlir"]
RUN_BY = "tpu-mlir simulator"
PROCESSOR = "cv181x"


def tool(out, name, *arguments):
    import subprocess
    import sys
    from pathlib import Path

    program = Path(sys.executable).parent / name
    command = [str(program)] if program.exists() else [name]
    with open(str(out / "tpu-mlir.log"), "ab") as log:
        done = subprocess.run(command + list(arguments), cwd=str(out), stdout=log, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError("%s failed: %s" % (name, out / "tpu-mlir.log"))


def compile_model(bundle, out):
    shape = "[[%s]]" % ",".join(str(side) for side in bundle.shape)
    listed = ",".join
    tool(out, "model_transform", "--model_name", "model", "--model_def", str(bundle.model), "--input_shapes", shape,
         "--mean", listed("%.7g" % x for x in bundle.mean), "--scale", listed("%.9g" % x for x in bundle.scale), "--pixel_format", "rgb",
         "--output_names", bundle.answers["output"], "--mlir", "model.mlir")
    tool(out, "run_calibration", "model.mlir", "--dataset", str(bundle.folder / "calibration"), "--input_num",
         str(len(bundle.manifest["calibration"])), "-o", "model.table")
    made = {}
    for name, arguments, bits in (("bf16", ["--quantize", "BF16"], "float"), ("int8", ["--quantize", "INT8", "--calibration_table", "model.table"], "8 bits")):
        path = out / ("model_%s.cvimodel" % name)
        tool(out, "model_deploy", "--mlir", "model.mlir", "--processor", PROCESSOR, *arguments, "--model", path.name)
        made[name] = (path, bits)
    return made


def open_model(bundle, path):
    import tpu_mlir  # finds the simulator's libraries
    from tpu_mlir.python.tools.model_runner import model_inference

    # The simulator is fed what the graph is fed, and rounds it as the device does.
    return lambda pixels: list(model_inference({bundle.input: bundle.numbers(pixels)}, str(path), dump_all=False).values())


def beside(bundle, build):
    return [bundle.folder / "targets" / "maixcam.mud"] + ([bundle.folder / "classes.txt"] if bundle.classes else [])
