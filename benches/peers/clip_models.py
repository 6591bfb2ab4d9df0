"""Makes models of full size, for the comparisons beside this file: the shapes that people use, with random weights.

Speed and exactness do not depend on what a model has learned, only on its shape, so nothing has to be downloaded. What
the folder holds afterwards, each as its users find it:

  rclip/           the data folder of rclip 3.3 (RCLIP_DATADIR): open_clip's ViT-B-32-256. The model for pokedex is the
                   folder ViT-B-32-256-datacomp_s34b_b86k inside, with a copy of the vocabulary beside the two graphs
  clip-vit-b32/    CLIP ViT-B/32 as transformers and Optimum have it, 32 bits, and 8 bits as *_quantized.onnx
  dinov2-small/    DINOv2 ViT-S/14, images only (--all)
  siglip-base/     SigLIP ViT-B/16 at 224 pixels, with a small vocabulary (--all)

The 32-bit models are 0.6, 0.6, 0.1 and 0.8 GB. A model that is there already is left alone. Needs what
tests/data/models/make.py needs, whose functions this uses.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "data" / "models"))

import make
import open_clip
import torch
import transformers
from onnxruntime.quantization import QuantType, quantize_dynamic

RCLIP_MODEL = "ViT-B-32-256-datacomp_s34b_b86k"
ALL_MERGES = 49152 - 256 - 2
GAIN = 1.0  # of the random weights: with twelve layers, more of it makes chaos of rounding errors


def pixels(size):
    return {"pixel_values": (torch.rand(2, 3, size, size), ["batch_size", "num_channels", "height", "width"])}


def make_rclip(folder):
    model_folder, tokenizer_folder = folder / RCLIP_MODEL, folder / "tokenizer"
    tokenizer_folder.mkdir(parents=True, exist_ok=True)
    model = make.draw_weights(open_clip.create_model("ViT-B-32-256"), 1, GAIN)
    free = {"output": {0: "batch_size"}}
    images = {"input": (torch.rand(2, 3, 256, 256), ["batch_size", "num_channels", "height", "width"])}
    fixed = ("num_channels", "height", "width", "sequence_length")
    texts = {"input": make.tokens(77, 49408)}
    make.export(model_folder / "visual.onnx", make.Tower(model, lambda m, x: m.encode_image(x)), images, free, fixed)
    make.export(model_folder / "textual.onnx", make.Tower(model, lambda m, x: m.encode_text(x)), texts, free, fixed)
    for place in (model_folder, tokenizer_folder):
        shutil.copyfile(open_clip.tokenizer.default_bpe(), place / "bpe_simple_vocab_16e6.txt.gz")


def make_clip(folder):
    tokenizer, entries = make.clip_tokenizer(ALL_MERGES)
    assert entries == 49408
    config = transformers.CLIPConfig(
        text_config={"vocab_size": entries, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1},
        vision_config={"patch_size": 32},
        attn_implementation="eager",
    )
    model = make.draw_weights(transformers.CLIPModel(config), 2, GAIN)
    make.clip_files(folder, model, tokenizer, 224)
    embeds = {0: "batch_size"}
    make.export(
        folder / "onnx" / "vision_model.onnx",
        make.Tower(model, make.clip_vision_tower),
        pixels(224),
        {"image_embeds": embeds, "last_hidden_state": embeds},
    )
    make.export(
        folder / "onnx" / "text_model.onnx",
        make.Tower(model, make.clip_text_tower),
        {"input_ids": make.tokens(7, entries)},
        {"text_embeds": embeds, "last_hidden_state": embeds | {1: "sequence_length"}},
    )
    for tower in ("vision_model", "text_model"):
        source, target = (folder / "onnx" / f"{tower}{kind}.onnx" for kind in ("", "_quantized"))
        quantize_dynamic(source, target, weight_type=QuantType.QUInt8)


def make_dinov2(folder):
    config = transformers.Dinov2Config(
        hidden_size=384, num_attention_heads=6, image_size=518, patch_size=14, attn_implementation="eager"
    )
    model = make.draw_weights(transformers.Dinov2Model(config), 3, GAIN)
    make.write_json(folder / "config.json", {"architectures": ["Dinov2Model"], **model.config.to_diff_dict()})
    make.write_json(folder / "preprocessor_config.json", make.dinov2_preprocessor(256, 224))

    def tower(model, values):
        out = model(values)
        return out.last_hidden_state, out.pooler_output

    make.export(
        folder / "onnx" / "model.onnx",
        make.Tower(model, tower),
        pixels(224),
        {"last_hidden_state": {0: "batch_size", 1: "sequence_length"}, "pooler_output": {0: "batch_size"}},
    )


def make_siglip(folder):
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer, _ = make.siglip_tokenizer(make.train_sentencepiece(scratch), 64)
    config = transformers.SiglipConfig(
        text_config={"eos_token_id": 1, "pad_token_id": 1}, attn_implementation="eager"
    )
    model = make.draw_weights(transformers.SiglipModel(config), 4, 1.8 * GAIN)  # its pooling evens out much
    make.siglip_files(folder, model, tokenizer, 224)
    for tower, inputs in (("vision", pixels(224)), ("text", {"input_ids": make.tokens(64, 32000)})):
        make.export(
            folder / "onnx" / f"{tower}_model.onnx",
            make.Tower(getattr(model, f"{tower}_model"), make.siglip_tower),
            inputs,
            {"last_hidden_state": {0: "batch_size"}, "pooler_output": {0: "batch_size"}},
        )


MAKERS = {"rclip": make_rclip, "clip-vit-b32": make_clip, "dinov2-small": make_dinov2, "siglip-base": make_siglip}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the models go")
    parser.add_argument("--all", action="store_true", help="the last two as well")
    args = parser.parse_args()
    for name in list(MAKERS)[: None if args.all else 2]:
        folder = args.folder / name
        if folder.exists():
            print(f"{folder} is there already")
            continue
        unfinished = args.folder / f"{name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        MAKERS[name](unfinished)
        unfinished.rename(folder)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            print(f"{path.stat().st_size / 1e6:8.1f} MB  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
