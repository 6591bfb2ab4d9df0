"""LiteRT (.tflite), for phones, Coral, and whatever runs TensorFlow Lite: in float, in 8 bits, and in 8 bits with bytes at both ends."""
PACKAGES = ["onnx2tf", "tensorflow", "ai-edge-litert"]
RUN_BY = "ai-edge-litert"


def compile_model(bundle, out):
    import os

    import numpy as np
    from PIL import Image

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import onnx2tf

    # It compares both graphs on pictures that it fetches from GitHub, also where it is given others, unless a file of this
    # name is in the working directory: 20 pictures of 128 x 128 pixels, 0 to 1.
    here = os.getcwd()
    os.chdir(str(out))
    samples = [np.asarray(Image.fromarray(pixels).resize((128, 128)), np.float32) / 255 for pixels in bundle.calibration(20)]
    np.save("calibration_image_sample_data_20x128x128x3_float32.npy", np.stack((samples * 20)[:20]))
    pictures = np.stack([bundle.numbers(pixels)[0].transpose(1, 2, 0) for pixels in bundle.calibration()])
    np.save(str(out / "calibration.npy"), pictures)
    onnx2tf.convert(input_onnx_file_path=str(bundle.model), output_folder_path=str(out), output_integer_quantized_tflite=True,
                    quant_type="per-channel", verbosity="error", not_use_onnxsim=True,
                    custom_input_op_name_np_data_path=[[bundle.input, str(out / "calibration.npy"), [[[[0.0] * 3]]], [[[[1.0] * 3]]]]])
    os.chdir(here)
    return {"float32": (out / "model_float32.tflite", "float"), "int8": (out / "model_integer_quant.tflite", "8 bits"),
            "int8 with int8 ends": (out / "model_full_integer_quant.tflite", "8 bits")}


def open_model(bundle, path):
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    port, ends = interpreter.get_input_details()[0], interpreter.get_output_details()

    def model(pixels):
        x = bundle.numbers(pixels).transpose(0, 2, 3, 1)
        if port["dtype"] != np.float32:
            scale, zero = port["quantization"]
            bounds = np.iinfo(port["dtype"])
            x = np.clip(np.round(x / scale) + zero, bounds.min, bounds.max).astype(port["dtype"])
        interpreter.set_tensor(port["index"], x)
        interpreter.invoke()
        given = []
        for end in ends:
            y = interpreter.get_tensor(end["index"])
            scale, zero = end["quantization"]
            given.append(y if y.dtype == np.float32 else (y.astype(np.float32) - zero) * scale)
        return given

    return model


def beside(bundle, build):
    return [bundle.folder / "classes.txt"] if bundle.classes else []
