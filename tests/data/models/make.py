"""Makes the small models beside this file, and the vectors that the program must find with them.

No weights of anybody are here: every model is drawn at random with a fixed seed and is far too small to know anything.
But each has the shape, the names and the files of models that people publish, and each has an oracle: the pipeline of
its authors, run in Python. The vectors of the oracles are in golden.json, all of length 1.

  model          files as published by             the oracle
  clip           Optimum, two towers               transformers: CLIPImageProcessor, CLIPTokenizer, CLIPModel
  clip_combined  Optimum, one graph, weights apart the same
  clip_fp16      onnxconverter-common, 16-bit ends the same, in 32 bits
  clip_int8      onnxruntime, quantize_dynamic     the same preparation, then onnxruntime, one by one
  openclip       rclip                             open_clip: image_transform_v2, SimpleTokenizer, CLIP
  siglip         Optimum, SentencePiece            transformers: SiglipImageProcessor, tokenizer.json, SiglipModel
  dinov2         Optimum, images only              transformers: BitImageProcessor, Dinov2Model (its first token)
  wordpiece      Optimum, text tower is a BERT     transformers: ChineseCLIPImageProcessor, BertTokenizer, …Model

The models of the oracles run in PyTorch with 32 bits, one input at a time. Their image processors come in two kinds:
over torchvision, which transformers takes when it can, and over Pillow, with which the models were trained. Golden is
Pillow's; the table says how near the other kind comes ("kinds").

Pictures are a formula, so that no file is needed. Texts are truncated as the tokenizers do it, and padded only where
the model wants it (siglip and openclip: to the full length; the others: each text alone, so never).

Before it writes golden.json, this checks with onnxruntime that every graph gives what PyTorch gives, alone and in
batches, and that different inputs have different vectors, without which the test would prove nothing. Needs PyTorch,
torchvision, transformers, open_clip_torch, sentencepiece, onnx, onnxruntime, onnxconverter-common and Pillow.
"""

import argparse
import gzip
import io
import json
import logging
import math
import os
import re
import string
import sys
import tempfile
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import numpy as np
import onnx
import onnxruntime
import open_clip
import sentencepiece
import tokenizers
import torch
import transformers
from onnxconverter_common import float16
from onnxruntime.quantization import QuantType, quantize_dynamic
from PIL import Image
from tokenizers import Regex, decoders, normalizers, pre_tokenizers, processors

LENGTH = 16  # of every projected vector
SIZE = 32  # of every image tower's input, in pixels
LEAST_COSINE = 0.99999  # of a graph with its oracle
MOST_ALIKE = 0.99  # two different inputs

# Widths and heights: landscape, portrait, exact, very wide, very high, to enlarge, to shrink, odd.
SHAPES = [(40, 30), (30, 40), (32, 32), (100, 20), (7, 90), (16, 16), (300, 200), (33, 47)]
IMAGES = [
    {"width": width, "height": height, "a": a, "b": b, "c": c}
    for (width, height), (a, b, c) in zip(
        SHAPES,
        [(1.0, 0.5, 0.9), (0.5, 2.0, 2.1), (2.0, 1.0, 0.4), (3.0, 0.25, 1.7)]
        + [(0.5, 4.0, 2.6), (1.5, 1.5, 1.2), (5.0, 3.0, 0.7), (0.75, 1.25, 3.0)],
    )
]
FORMULA = "floor(127.5 * (1 + sin(x * a / width * 6.283 + y * b / height * 6.283 + k * c))) in 64-bit floating point"

TEXTS = [
    "a photo of a red bird",
    "A PHOTO OF A RED BIRD, FLYING",
    "fire dog",
    "Flabébé",
    "Flabe\u0301be\u0301 in two code points each",
    "Type: Null",
    "don't you think it's what they've made?",
    "Crème brûlée, ÀÉÎÕÜ, straße, İstanbul, ñandú",
    "Farfetch'd & Mr. Mime; Porygon2 (#233)",
    "wait... what?! -- yes: [x] {y} <z> ~100% @home #1 $5 ^_^ a/b\\c",
    "0123456789 3.14159 1,000,000 1st 2nd",
    "皮卡丘是一只黄色的老鼠",
    "ピカチュウは黄色いネズミです。ゲットだぜ!",
    "بيكاتشو فأر أصفر كهربائي",
    "पिकाचु एक पीला चूहा है",
    "пикачу это жёлтая мышь",
    "피카츄는 노란 쥐입니다",
    "👩‍👩‍👧‍👦 family 🏳️‍🌈 and 🐭⚡ 👍🏽",
    "ﬁre ½ Ⅳ ＡＢＣ ㎏ ①",
    "  spaces \t tabs\nand   lines  ",
    "supercalifragilisticexpialidocious",
    "x",
    "",
    "   ",
    " ".join(f"{word} {i}" for i, word in enumerate(["red", "blue", "bird", "under", "the", "sea"] * 17))[:1200],
    " ".join(["again"] * 200),
]
# What looks like markup, a special token, or a fault. Tokenizers differ most here.
ODD_TEXTS = [
    "salt &amp; pepper",
    "a &lt;b&gt; &amp;amp; &#233; &eacute;",
    "<|endoftext|>",
    "a <|startoftext|> b <|endoftext|> c",
    "<end_of_text> and <start_of_text>",
    "<|ENDOFTEXT|>",
    "</s> <unk> <pad> <s>",
    "[CLS] bird [SEP] [MASK] [PAD] [UNK]",
    "the▁underline▁of SentencePiece",
    "l'été, “quotes”, dash—dash, ellipsis…, soft\u00adhyphen",
    "mojibake: FlabÃ©bÃ© â€™",
    "zero\u200bwidth, no\u00a0break, ideographic\u3000space, mark\ufeff",
    "control \x01 \x7f and replacement \ufffd characters",
    "ΑΣ ΌΣΟΣ ß ẞ ŉ ǅ",
    "</w> th e</w>",
]

# What SentencePiece learns its words from: enough that common words are whole and others are not.
PROSE = """
The red bird sits in a green tree beside the river. A small dog runs after the yellow ball, and the cat sleeps in the
sun. Water, fire, grass and stone are the four types of the old game. Über die Brücke läuft ein müder Löwe; la forêt
est pleine d'étoiles, et l'été est arrivé. El niño soñó con un dragón azul. Señor, ¿dónde está la montaña? At night the
moon is white and the sea is black. Big wings, sharp teeth, long tail: that is a dragon. The mouse has red cheeks and
stores lightning in them. Flowers bloom in spring, and fairies live inside the flowers. A turtle carries a heavy shell.
Fish swim in cold water. Ghosts float through walls and steal the heat of a room. Iron, steel and ice break under a
hammer. The king of the mountain is a bear with a ring on its chest. Ten thousand years ago a giant slept under this
island. Photo of a house, picture of a car, drawing of a castle, painting of a forest. Le café crème et la brûlée.
"""


def picture(image):
    """The picture of a formula."""
    width, height = image["width"], image["height"]
    pixels = np.zeros((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            for k in range(3):
                angle = x * image["a"] / width * 6.283 + y * image["b"] / height * 6.283 + k * image["c"]
                pixels[y, x, k] = math.floor(127.5 * (1 + math.sin(angle)))
    return Image.fromarray(pixels)


def draw_weights(model, seed, gain=1.4):
    """Random weights that keep the signal's size, so that different inputs end at different vectors."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            name, drawn = name.lower(), torch.randn(weight.shape, generator=generator)
            is_scale = not name.endswith("bias") and any(part in name for part in ("norm", "ln_", "lambda"))
            if weight.dim() == 0:
                continue  # the temperature stays
            if weight.dim() == 1:
                weight.copy_(is_scale + 0.1 * drawn)
            elif "embedding" in name and "patch" not in name:
                weight.copy_(drawn)
            else:
                weight.copy_(drawn * gain / math.sqrt(weight[0].numel()))
    return model.eval()


class Tower(torch.nn.Module):
    """The part of a model that a graph holds: a function of named tensors that gives tensors in an order."""

    def __init__(self, model, function):
        super().__init__()
        self.model, self.function = model, function
        self.eval()  # or the exporter leaves the model as if it were to be trained, with dropout

    def forward(self, *inputs):
        return self.function(self.model, *inputs)


def export(path, tower, inputs, outputs, fixed=()):
    """Writes a graph; all sizes are free except those named, as Optimum leaves them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    axes = {name: {i: axis for i, axis in enumerate(names)} for name, (_, names) in inputs.items()} | outputs
    axes = {name: {i: axis for i, axis in free.items() if axis not in fixed} for name, free in axes.items()}
    buffer = io.BytesIO()
    torch.onnx.export(
        tower,
        tuple(tensor for tensor, _ in inputs.values()),
        buffer,
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    onnx.save(shortened(onnx.load_from_string(buffer.getvalue())), path)


def shortened(model):
    """The same graph with short names and no constant twice: in models this small, those are most of the file."""
    graph, seen, same = model.graph, {}, {}
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        value = node.attribute[0].SerializeToString()
        same[node.output[0]] = seen.setdefault(value, node.output[0])
        if same[node.output[0]] != node.output[0]:
            graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
    short = {value.name: value.name for value in [*graph.input, *graph.output]} | {"": ""}

    def new(name):
        return short.setdefault(name, f"v{len(short)}")

    for weight in graph.initializer:
        weight.name = new(weight.name)
    for node in graph.node:
        node.input[:], node.output[:] = map(new, node.input), map(new, node.output)
        node.ClearField("doc_string")
        node.ClearField("name")
    graph.ClearField("value_info")
    return model


def without_idle_casts(model):
    """The graph without casts of 32-bit numbers to 32-bit numbers: the converter to 16 bits does not see them."""
    known = onnx.shape_inference.infer_shapes(model).graph
    types = {value.name: value.type.tensor_type.elem_type for value in [*known.input, *known.value_info]}
    for node in [node for node in model.graph.node if node.op_type == "Cast"]:
        if types.get(node.input[0]) == node.attribute[0].i == onnx.TensorProto.FLOAT:
            for reader in model.graph.node:
                reader.input[:] = [node.input[0] if name == node.output[0] else name for name in reader.input]
            model.graph.node.remove(node)
    return model


PIXELS = (torch.rand(2, 3, SIZE, SIZE), ["batch_size", "num_channels", "height", "width"])


def tokens(length, most, names=("batch_size", "sequence_length")):
    return torch.randint(0, most, (2, length)), list(names)


def ones(length, names=("batch_size", "sequence_length")):
    return torch.ones(2, length, dtype=torch.int64), list(names)


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def compact(path):
    """The same JSON without its line ends: a tokenizer is long."""
    path.write_text(json.dumps(json.loads(path.read_text()), ensure_ascii=False, separators=(",", ":")) + "\n")


def merges_of_clip(count):
    """The first merges of CLIP's own vocabulary: those of common pieces of English words."""
    lines = gzip.open(open_clip.tokenizer.default_bpe()).read().decode().split("\n")
    return lines[0], lines[1 : 1 + count]


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def unit(vector):
    vector = np.asarray(vector, np.float64).reshape(-1)
    return vector / np.linalg.norm(vector)


class Made:
    """A model with its oracle.

    `pixels` and `ids` are the author's preparation of a picture and a text: dictionaries of named tensors. `image` and
    `text` are the oracle's vectors of them; `graph_image` and `graph_text` are those that onnxruntime finds.
    """

    def __init__(self, name, tolerance=1 - LEAST_COSINE, note=""):
        self.name, self.tolerance, self.note = name, tolerance, note
        self.pixels = self.pixels_torchvision = self.ids = self.image = self.text = None
        self.graph_image = self.graph_text = None


def first(output):
    """What the function of a model that gives features gave: a tensor, or an object with it inside."""
    return output if isinstance(output, torch.Tensor) else output.pooler_output


def image_processors(config, pillow, torchvision):
    """The preparation over Pillow and the one over torchvision, from one preprocessor_config.json."""
    config = {key: value for key, value in config.items() if not key.endswith("_type")}
    functions = []
    for kind in (pillow, torchvision):
        processor = kind(**config)
        functions.append(lambda image, processor=processor: dict(processor(images=image, return_tensors="pt")))
    return functions


def graph(path, output, pick=lambda value: value):
    """The vectors that a graph gives to a dictionary of tensors, whatever its numbers are."""
    run = session(path)
    kinds = {i.name: {"tensor(float16)": np.float16, "tensor(float)": np.float32}.get(i.type) for i in run.get_inputs()}

    def vectors(tensors):
        feeds = {name: tensors[name].numpy().astype(kind or np.int64) for name, kind in kinds.items()}
        return pick(run.run([output], feeds)[0]).astype(np.float32)

    return vectors


# ---- CLIP as transformers has it --------------------------------------------------------------------------------

CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
def clip_preprocessor(size):
    return {
        "crop_size": {"height": size, "width": size},
        "do_center_crop": True,
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": CLIP_MEAN,
        "image_processor_type": "CLIPImageProcessor",
        "image_std": CLIP_STD,
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"shortest_edge": size},
    }


def clip_tokenizer(count=96):
    """CLIP's tokenizer with the first merges of its vocabulary, and how many entries it has."""
    letters = list(open_clip.tokenizer.bytes_to_unicode().values())
    merges = [tuple(merge.split()) for merge in merges_of_clip(count)[1]]
    pieces = letters + [f"{letter}</w>" for letter in letters] + ["".join(merge) for merge in merges]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    return transformers.CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77), len(pieces)


def clip_files(folder, model, tokenizer, size=SIZE):
    """The files around the graphs."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    compact(folder / "tokenizer.json")
    special = {name: {"content": token, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
               for name, token in tokenizer.special_tokens_map.items()}  # fmt: skip
    write_json(folder / "special_tokens_map.json", special | {"pad_token": "<|endoftext|>"})
    write_json(folder / "config.json", {"architectures": ["CLIPModel"], **model.config.to_diff_dict()})
    write_json(folder / "preprocessor_config.json", clip_preprocessor(size))


def clip_vision_tower(model, pixels):
    out = model.vision_model(pixel_values=pixels)
    return model.visual_projection(out.pooler_output), out.last_hidden_state


def clip_text_tower(model, ids):
    out = model.text_model(input_ids=ids)
    return model.text_projection(out.pooler_output), out.last_hidden_state


def make_clip(here):
    tokenizer, entries = clip_tokenizer()
    text = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text |= {"vocab_size": entries, "max_position_embeddings": 77, "bos_token_id": 0, "eos_token_id": 2}
    vision = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision |= {"image_size": SIZE, "patch_size": 8}
    config = transformers.CLIPConfig(
        text_config=text | {"pad_token_id": 1, "projection_dim": LENGTH},
        vision_config=vision | {"projection_dim": LENGTH},
        projection_dim=LENGTH,
        attn_implementation="eager",
    )
    model = draw_weights(transformers.CLIPModel(config), 1)

    def both(model, ids, pixels, mask):
        out = model(input_ids=ids, pixel_values=pixels, attention_mask=mask)
        return out.logits_per_image, out.logits_per_text, out.text_embeds, out.image_embeds

    hidden = {0: "batch_size", 1: "sequence_length"}
    folder = here / "clip"
    clip_files(folder, model, tokenizer)
    export(
        folder / "onnx" / "vision_model.onnx",
        Tower(model, clip_vision_tower),
        {"pixel_values": PIXELS},
        {"image_embeds": {0: "batch_size"}, "last_hidden_state": {0: "batch_size"}},
    )
    export(
        folder / "onnx" / "text_model.onnx",
        Tower(model, clip_text_tower),
        {"input_ids": tokens(7, entries)},
        {"text_embeds": {0: "batch_size"}, "last_hidden_state": hidden},
    )

    combined = here / "clip_combined"
    clip_files(combined, model, tokenizer)
    names = ("text_batch_size", "sequence_length")
    export(
        combined / "onnx" / "model.onnx",
        Tower(model, both),
        {
            "input_ids": tokens(7, entries, names),
            "pixel_values": (PIXELS[0][:1], ["image_batch_size", "num_channels", "height", "width"]),
            "attention_mask": ones(7, names),
        },
        {
            "logits_per_image": {0: "image_batch_size", 1: "text_batch_size"},
            "logits_per_text": {0: "text_batch_size", 1: "image_batch_size"},
            "text_embeds": {0: "text_batch_size"},
            "image_embeds": {0: "image_batch_size"},
        },
    )
    apart = combined / "onnx" / "model.onnx_data"
    apart.unlink(missing_ok=True)
    whole = onnx.load(combined / "onnx" / "model.onnx")
    onnx.save(
        whole, combined / "onnx" / "model.onnx", save_as_external_data=True, location=apart.name, size_threshold=1024
    )

    half, whole_numbers = here / "clip_fp16", here / "clip_int8"
    for other in (half, whole_numbers):
        clip_files(other, model, tokenizer)
        (other / "onnx").mkdir(exist_ok=True)
    for tower in ("vision_model", "text_model"):
        source = folder / "onnx" / f"{tower}.onnx"
        converted = float16.convert_float_to_float16(without_idle_casts(onnx.load(source)), keep_io_types=False)
        onnx.save(converted, half / "onnx" / f"{tower}_fp16.onnx")
        quantize_dynamic(source, whole_numbers / "onnx" / f"{tower}_quantized.onnx", weight_type=QuantType.QUInt8)

    made = []
    for name in ("clip", "clip_combined", "clip_fp16", "clip_int8"):
        one = Made(name)
        one.pixels, one.pixels_torchvision = image_processors(
            clip_preprocessor(SIZE), transformers.CLIPImageProcessorPil, transformers.CLIPImageProcessor
        )
        loaded = transformers.AutoTokenizer.from_pretrained(here / name)
        one.ids = lambda text, loaded=loaded: dict(loaded([text], padding=True, truncation=True, return_tensors="pt"))
        one.image = lambda tensors: first(model.get_image_features(**tensors))
        one.text = lambda tensors: first(model.get_text_features(**tensors))
        onnx_folder = here / name / "onnx"
        if name == "clip_combined":
            # One graph wants both: the other half is a blank picture, or a text of nothing.
            blank = {"pixel_values": torch.zeros(1, 3, SIZE, SIZE), **one.ids("")}
            image = graph(onnx_folder / "model.onnx", "image_embeds")
            text = graph(onnx_folder / "model.onnx", "text_embeds")
            one.graph_image = lambda tensors, image=image, blank=blank: image(blank | tensors)
            one.graph_text = lambda tensors, text=text, blank=blank: text(blank | tensors)
        else:
            kind = {"clip_fp16": "_fp16", "clip_int8": "_quantized"}.get(name, "")
            one.graph_image = graph(onnx_folder / f"vision_model{kind}.onnx", "image_embeds")
            one.graph_text = graph(onnx_folder / f"text_model{kind}.onnx", "text_embeds")
        made.append(one)
    made[2].tolerance, made[2].note = 2e-4, "16-bit numbers against the oracle's 32"
    made[3].tolerance = 4e-3
    made[3].note = "8-bit numbers, one input at a time: the inputs of a batch share their scales"
    made[3].image, made[3].text = made[3].graph_image, made[3].graph_text
    return made


# ---- CLIP as open_clip and rclip have it ------------------------------------------------------------------------


def make_openclip(here):
    folder = here / "openclip"
    folder.mkdir(parents=True, exist_ok=True)
    header, merges = merges_of_clip(96)
    vocabulary = folder / "bpe_simple_vocab_16e6.txt.gz"
    # No time and no name inside, so that it is the same file every time.
    vocabulary.write_bytes(gzip.compress("\n".join([header, *merges]).encode(), mtime=0))
    tokenizer = open_clip.tokenizer.SimpleTokenizer(bpe_path=str(vocabulary))
    model = open_clip.model.CLIP(
        embed_dim=LENGTH,
        vision_cfg={"image_size": SIZE, "layers": 2, "width": 24, "head_width": 12, "patch_size": 8, "mlp_ratio": 1.5},
        text_cfg={"context_length": 77, "vocab_size": tokenizer.vocab_size, "width": 16, "heads": 2, "layers": 2}
        | {"mlp_ratio": 1.5},
    )
    draw_weights(model, 2)
    export(
        folder / "visual.onnx",
        Tower(model, lambda model, pixels: model.encode_image(pixels)),
        {"input": PIXELS},
        {"output": {0: "batch_size"}},
        fixed=("num_channels", "height", "width"),
    )
    export(
        folder / "textual.onnx",
        Tower(model, lambda model, ids: model.encode_text(ids)),
        {"input": tokens(77, tokenizer.vocab_size)},
        {"output": {0: "batch_size"}},
        fixed=("sequence_length",),
    )
    preprocess = {"size": [SIZE, SIZE], "mode": "RGB", "mean": CLIP_MEAN, "std": CLIP_STD}
    preprocess |= {"interpolation": "bicubic", "resize_mode": "shortest", "fill_color": 0}
    config = {
        "model_cfg": {
            "embed_dim": LENGTH,
            "vision_cfg": {"image_size": SIZE, "layers": 2, "width": 24, "head_width": 12, "patch_size": 8},
            "text_cfg": {"context_length": 77, "vocab_size": tokenizer.vocab_size, "width": 16, "heads": 2}
            | {"layers": 2},
        },
        "preprocess_cfg": preprocess,
    }
    write_json(folder / "open_clip_config.json", config)
    transform = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(**preprocess | {"size": (SIZE, SIZE)}), is_train=False
    )
    one = Made("openclip")
    one.pixels = one.pixels_torchvision = lambda image: {"input": transform(image)[None]}
    one.ids = lambda text: {"input": tokenizer([text])}
    one.image = lambda tensors: model.encode_image(tensors["input"])
    one.text = lambda tensors: model.encode_text(tensors["input"])
    one.graph_image, one.graph_text = (graph(folder / f"{t}.onnx", "output") for t in ("visual", "textual"))
    return [one]


# ---- SigLIP ------------------------------------------------------------------------------------------------------


def train_sentencepiece(folder):
    """A Unigram model with a few rules of Unicode's compatibility forms; the full ones are 300 KB."""
    prose = Path(folder) / "prose.txt"
    prose.write_text(PROSE.lower())
    rules = Path(folder) / "rules.tsv"
    pairs = [(chr(0xFF21 + i), chr(65 + i)) for i in range(26)] + [(chr(0xFF41 + i), chr(97 + i)) for i in range(26)]
    pairs += [("ﬁ", "fi"), ("½", "1⁄2"), ("①", "1"), ("…", "..."), ("\u00a0", " "), ("\u3000", " "), ("\t", " ")]
    pairs += [(f"{letter}\u0301", accented) for letter, accented in zip("aeiou", "áéíóú")]
    rules.write_text(
        "".join(f"{' '.join(f'{ord(c):X}' for c in a)}\t{' '.join(f'{ord(c):X}' for c in b)}\n" for a, b in pairs)
    )
    sentencepiece.SentencePieceTrainer.train(
        input=str(prose),
        model_prefix=str(Path(folder) / "spiece"),
        model_type="unigram",
        vocab_size=280,
        hard_vocab_limit=False,
        shrinking_factor=0.95,
        character_coverage=1.0,
        normalization_rule_tsv=str(rules),
        add_dummy_prefix=True,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return Path(folder) / "spiece.model"


def siglip_tokenizer(model_file, most):
    """The tokenizer.json of the published files: lower case, no punctuation, then SentencePiece."""
    from sentencepiece import sentencepiece_model_pb2 as format

    proto = format.ModelProto.FromString(model_file.read_bytes())
    pieces = [(piece.piece, piece.score) for piece in proto.pieces]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=2, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Lowercase(),
            normalizers.Replace(Regex("[" + "".join(f"\\{c}" for c in string.punctuation) + "]"), ""),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
            normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
            normalizers.Replace(Regex(" {2,}"), "▁"),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>", pad_token="</s>", model_max_length=most
    ), len(pieces)


def siglip_preprocessor(size):
    return {
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_processor_type": "SiglipImageProcessor",
        "image_std": [0.5, 0.5, 0.5],
        "processor_class": "SiglipProcessor",
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"height": size, "width": size},
    }


def siglip_files(folder, model, tokenizer, size=SIZE):
    """The files around the graphs."""
    tokenizer.save_pretrained(folder)
    compact(folder / "tokenizer.json")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings.pop("backend", None)
    settings |= {"tokenizer_class": "SiglipTokenizer", "do_lower_case": True, "model_input_names": ["input_ids"]}
    write_json(folder / "tokenizer_config.json", settings)
    special = {"lstrip": True, "normalized": False, "rstrip": True, "single_word": False}
    special = {name: {"content": token, **special} for name, token in tokenizer.special_tokens_map.items()}
    write_json(folder / "special_tokens_map.json", special)
    write_json(folder / "config.json", {"architectures": ["SiglipModel"], **model.config.to_diff_dict()})
    write_json(folder / "preprocessor_config.json", siglip_preprocessor(size))


def siglip_tower(tower, value):
    out = tower(value)
    return out.last_hidden_state, out.pooler_output


def make_siglip(here):
    folder = here / "siglip"
    most = 16
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer, entries = siglip_tokenizer(train_sentencepiece(scratch), most)
    tower = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = tower | {"vocab_size": entries, "max_position_embeddings": most, "projection_size": 24}
    config = transformers.SiglipConfig(
        text_config=text | {"bos_token_id": 49406, "eos_token_id": 1, "pad_token_id": 1},
        vision_config=tower | {"image_size": SIZE, "patch_size": 8},
        attn_implementation="eager",
    )
    model = draw_weights(transformers.SiglipModel(config), 7, gain=2.5)
    siglip_files(folder, model, tokenizer)
    export(
        folder / "onnx" / "vision_model.onnx",
        Tower(model.vision_model, siglip_tower),
        {"pixel_values": PIXELS},
        {"last_hidden_state": {0: "batch_size"}, "pooler_output": {0: "batch_size"}},
    )
    export(
        folder / "onnx" / "text_model.onnx",
        Tower(model.text_model, siglip_tower),
        {"input_ids": tokens(most, entries)},
        {"last_hidden_state": {0: "batch_size", 1: "sequence_length"}, "pooler_output": {0: "batch_size"}},
    )
    one = Made("siglip")
    one.pixels, one.pixels_torchvision = image_processors(
        siglip_preprocessor(SIZE), transformers.SiglipImageProcessorPil, transformers.SiglipImageProcessor
    )
    loaded = transformers.PreTrainedTokenizerFast.from_pretrained(folder)

    def ids(text):
        encoded = loaded([text], padding="max_length", truncation=True, max_length=most, return_tensors="pt")
        return {"input_ids": encoded["input_ids"]}

    one.ids = ids
    one.image = lambda tensors: first(model.get_image_features(**tensors))
    one.text = lambda tensors: first(model.get_text_features(**tensors))
    one.graph_image, one.graph_text = (
        graph(folder / "onnx" / f"{tower}_model.onnx", "pooler_output") for tower in ("vision", "text")
    )
    return [one]


# ---- DINOv2 ------------------------------------------------------------------------------------------------------


def dinov2_preprocessor(edge, size):
    return {
        "crop_size": {"height": size, "width": size},
        "do_center_crop": True,
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.485, 0.456, 0.406],
        "image_processor_type": "BitImageProcessor",
        "image_std": [0.229, 0.224, 0.225],
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"shortest_edge": edge},
    }


def make_dinov2(here):
    folder = here / "dinov2"
    # Trained at another size than used, as the published ones are: the graph resizes its table of positions.
    config = transformers.Dinov2Config(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=72,
        patch_size=8,
        attn_implementation="eager",
    )
    model = draw_weights(transformers.Dinov2Model(config), 4)
    write_json(folder / "config.json", {"architectures": ["Dinov2Model"], **model.config.to_diff_dict()})
    write_json(folder / "preprocessor_config.json", dinov2_preprocessor(40, SIZE))
    export(
        folder / "onnx" / "model.onnx",
        Tower(model, lambda model, pixels: (model(pixels).last_hidden_state,)),
        {"pixel_values": PIXELS},
        {"last_hidden_state": {0: "batch_size", 1: "sequence_length"}},
    )
    one = Made("dinov2", note="the vector is the first token of last_hidden_state")
    one.pixels, one.pixels_torchvision = image_processors(
        dinov2_preprocessor(40, SIZE), transformers.BitImageProcessorPil, transformers.BitImageProcessor
    )
    one.image = lambda tensors: model(**tensors).pooler_output
    one.graph_image = graph(folder / "onnx" / "model.onnx", "last_hidden_state", lambda value: value[:, 0])
    return [one]


# ---- a text tower that is a BERT ---------------------------------------------------------------------------------


def wordpiece_tokenizer():
    pieces = ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = string.ascii_lowercase + string.digits
    pieces += [*string.punctuation, *letters, *(f"##{letter}" for letter in letters)]
    pieces += "the a of and red bird photo dog fire water fly type ##ing ##ed ##er ##s null blue under sea fla".split()
    pieces += "##be again wait what don you think it made 皮 卡 丘 是 一 只 黄 色 的 老 鼠 ピ カ チ ##カ ##チ ##ュ ##ウ п ##и ##к".split()
    pieces += "पि ##क بي ##ك ⚡ & 100 ##00".split()
    pieces = list(dict.fromkeys(pieces))
    return transformers.BertTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)}, model_max_length=52
    ), len(pieces)


def make_wordpiece(here):
    folder = here / "wordpiece"
    tokenizer, entries = wordpiece_tokenizer()
    tower = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.ChineseCLIPConfig(
        text_config=tower | {"vocab_size": entries, "max_position_embeddings": 52, "pad_token_id": 0},
        vision_config=tower | {"image_size": SIZE, "patch_size": 8, "projection_dim": LENGTH},
        projection_dim=LENGTH,
        attn_implementation="eager",
    )
    model = draw_weights(transformers.ChineseCLIPModel(config), 9, gain=2.5)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    compact(folder / "tokenizer.json")
    write_json(folder / "special_tokens_map.json", dict(tokenizer.special_tokens_map))
    write_json(folder / "config.json", {"architectures": ["ChineseCLIPModel"], **model.config.to_diff_dict()})
    preprocessor = {
        "do_center_crop": False,
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": CLIP_MEAN,
        "image_processor_type": "ChineseCLIPImageProcessor",
        "image_std": CLIP_STD,
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"height": SIZE, "width": SIZE},
    }
    write_json(folder / "preprocessor_config.json", preprocessor)

    def text_tower(model, ids, mask, types):
        features = model.get_text_features(input_ids=ids, attention_mask=mask, token_type_ids=types)
        return (first(features),)

    export(
        folder / "onnx" / "vision_model.onnx",
        Tower(model, lambda model, pixels: (first(model.get_image_features(pixel_values=pixels)),)),
        {"pixel_values": PIXELS},
        {"image_embeds": {0: "batch_size"}},
    )
    export(
        folder / "onnx" / "text_model.onnx",
        Tower(model, text_tower),
        {
            "input_ids": tokens(7, entries),
            "attention_mask": ones(7),
            "token_type_ids": (torch.zeros(2, 7, dtype=torch.int64), ["batch_size", "sequence_length"]),
        },
        {"text_embeds": {0: "batch_size"}},
    )
    one = Made("wordpiece")
    one.pixels, one.pixels_torchvision = image_processors(
        preprocessor, transformers.ChineseCLIPImageProcessorPil, transformers.ChineseCLIPImageProcessor
    )
    loaded = transformers.AutoTokenizer.from_pretrained(folder)
    one.ids = lambda text: dict(loaded([text], padding=True, truncation=True, return_tensors="pt"))
    one.image = lambda tensors: first(model.get_image_features(**tensors))
    one.text = lambda tensors: first(model.get_text_features(**tensors))
    one.graph_image = graph(folder / "onnx" / "vision_model.onnx", "image_embeds")
    one.graph_text = graph(folder / "onnx" / "text_model.onnx", "text_embeds")
    return [one]


# ---- the golden vectors ------------------------------------------------------------------------------------------


def least_batched(graph_vectors, inputs, expected):
    """The least cosine when inputs of one length go through a graph together."""
    least = 1.0
    lengths = {}
    for i, tensors in enumerate(inputs):
        lengths.setdefault(next(iter(tensors.values())).shape[1:], []).append(i)
    for places in lengths.values():
        batch = {name: torch.cat([inputs[i][name] for i in places]) for name in inputs[places[0]]}
        for i, vector in zip(places, graph_vectors(batch)):
            least = min(least, float(unit(vector) @ expected[i]))
    return least


def most_alike(vectors, inputs):
    """The largest cosine of two vectors whose inputs differ."""
    largest = -1.0
    for i, a in enumerate(vectors):
        for j in range(i):
            same = all(torch.equal(inputs[i][name], inputs[j][name]) for name in inputs[i])
            if not same:
                largest = max(largest, float(a @ vectors[j]))
    return largest


def rounded(vector):
    return [float(f"{x:.6g}") for x in vector]


def measure(one, what, inputs, oracle, graph_vectors, others=None):
    """The oracle's vectors of one kind of input, and a line of the table."""
    with torch.no_grad():
        expected = [unit(oracle(tensors)) for tensors in inputs]
        alone = min(float(unit(graph_vectors(t)) @ e) for t, e in zip(inputs, expected))
        kinds = min(float(unit(oracle(t)) @ e) for t, e in zip(others, expected)) if others else None
    batched = least_batched(graph_vectors, inputs, expected)
    alike = most_alike(expected, inputs)
    least = 1 - one.tolerance
    good = min(alone, batched) > least and alike < MOST_ALIKE
    shown = f"{kinds:10.7f}" if kinds is not None else " " * 10
    print(f"{one.name:14} {what:6} {len(inputs):3} {alone:10.7f} {batched:10.7f} {least:9.5f} {shown} {alike:8.4f}"
          f"  {'ok' if good else 'WRONG'}")  # fmt: skip
    return expected, good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=Path(__file__).parent, type=Path, help="the folder [default: this one]")
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    makers = (make_clip, make_openclip, make_siglip, make_dinov2, make_wordpiece)
    models = [one for make in makers for one in make(args.out)]

    pictures = [picture(image) for image in IMAGES]
    golden = {
        "image_formula": f"byte of channel k at (x, y) = {FORMULA}",
        "embeddings": "of length 1, by the pipelines that make.py names",
        "images": [image | {"byte_sum": int(np.asarray(p, np.int64).sum())} for image, p in zip(IMAGES, pictures)],
        "texts": TEXTS,
        "odd_texts": ODD_TEXTS,
        "models": {},
    }
    good = True
    print(f"{'model':14} {'inputs':10} {'alone':>10} {'in batches':>10} {'at least':>9} {'kinds':>10} {'alike':>8}")
    for one in models:
        entry = golden["models"][one.name] = {"tolerance": round(one.tolerance, 7)}
        if one.note:
            entry["note"] = one.note
        inputs = [one.pixels(image) for image in pictures]
        others = [one.pixels_torchvision(image) for image in pictures]
        vectors, fine = measure(one, "images", inputs, one.image, one.graph_image, others)
        entry["images"] = [rounded(vector) for vector in vectors]
        good &= fine
        if one.text is None:
            continue
        for what, texts in (("texts", TEXTS), ("odd", ODD_TEXTS)):
            inputs = [one.ids(text) for text in texts]
            vectors, fine = measure(one, what, inputs, one.text, one.graph_text)
            name = "texts" if what == "texts" else "odd_texts"
            entry[name] = [rounded(vector) for vector in vectors]
            entry[f"{name}_ids"] = [next(iter(tensors.values()))[0].tolist() for tensors in inputs]
            good &= fine
    # One line for each vector: a difference of two versions can be read.
    text = json.dumps(golden, ensure_ascii=False, indent=1)
    (args.out / "golden.json").write_text(join_numbers(text) + "\n")

    files = [path for path in sorted(args.out.rglob("*")) if path.is_file()]
    print(f"\n{len(files)} files, {sum(path.stat().st_size for path in files):,} bytes")
    return 0 if good else 1


def join_numbers(text):
    """JSON with every list of numbers on one line."""
    return re.sub(r"\[\s*((?:-?[\d.e-]+,?\s*)+)\]", lambda found: "[" + " ".join(found[1].split()) + "]", text)


if __name__ == "__main__":
    sys.exit(main())
