"""Rockchip's NPUs (.rknn) by rknn-toolkit2, and its simulator, which only runs what it has just built."""
PACKAGES = ["rknn-toolkit2"]
RUN_BY = "rknn-toolkit2 simulator"
PLATFORM = "rk3588"
BUILT = {}


def built(bundle, quantised):
    from rknn.api import RKNN

    if quantised not in BUILT:
        rknn = RKNN(verbose=False)
        rknn.config(mean_values=[[float(x) for x in bundle.mean]], std_values=[[float(1 / x) for x in bundle.scale]], target_platform=PLATFORM)
        ensure(rknn.load_onnx(model=str(bundle.model)), "load_onnx")
        listed = bundle.folder / "build" / "rknn" / "calibration.txt"
        listed.write_text("".join("%s\n" % (bundle.folder / p["file"]) for p in bundle.manifest["calibration"]), encoding="utf-8")
        ensure(rknn.build(do_quantization=quantised, dataset=str(listed) if quantised else None), "build")
        listed.unlink()
        BUILT[quantised] = rknn
    return BUILT[quantised]


def ensure(code, what):
    if code != 0:
        raise RuntimeError("rknn: %s failed (%s)" % (what, code))


def compile_model(bundle, out):
    made = {}
    for name, quantised, bits in (("float16", False, "float"), ("int8", True, "8 bits")):
        path = out / ("model_%s.rknn" % name)
        ensure(built(bundle, quantised).export_rknn(str(path)), "export_rknn")
        made[name] = (path, bits)
    return made


def open_model(bundle, path):
    rknn = built(bundle, "int8" in path.name)
    ensure(rknn.init_runtime(), "init_runtime")
    return lambda pixels: rknn.inference(inputs=[pixels[None]], data_format=["nhwc"])


def beside(bundle, build):
    return [bundle.folder / "classes.txt"] if bundle.classes else []
