"""Write the shipped files: model.json, image.rten, text.rten, vocab.txt, identity, pokedex.parquet, golden.json."""
import argparse
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from onnx import TensorProto, helper, numpy_helper

from augment import MEAN, STD, normalise
from common import HERE, Tokenizer, load_recipe, pad_batch, read_csv
from text import TextTower
from tower import ImageTower

LEAST = 0.05  # No picture scores less for its best species.
NAMED = ("model.json", "image.rten", "text.rten", "vocab.txt")
GOLDEN_TEXTS = ["fire dog", "Small YELLOW electric mouse", "ghost that looks like a candle", "", "Pok\u00e9mon caf\u00e9, na\u00efve!",
                "a blue-green turtle (with a shell)", "\U0001f525 dragon \U0001f409", "\u706b\u306e\u72ac", "jigglypuffian zzxqj",
                "  spaces\tand\nlines  ", "x" * 40, "gen 1 legendary bird #144",
                "a very long request " + "for a small round pink creature that sings lullabies " * 12]


def quantise(weight):
    """int8 values and float scales per first-axis row."""
    flat = np.abs(weight.reshape(len(weight), -1)).max(1)
    scale = np.where(flat > 0, flat / 127, 1.0).astype(np.float32)
    q = np.round(weight / scale.reshape(-1, *[1] * (weight.ndim - 1))).clip(-127, 127).astype(np.int8)
    return q, scale


class Graph:
    """A small helper to build an ONNX graph."""

    def __init__(self):
        self.nodes, self.init, self.count = [], [], 0

    def const(self, array, name=None):
        self.count += 1
        name = name or f"c{self.count}"
        self.init.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def op(self, kind, *inputs, out=None, **attrs):
        self.count += 1
        out = out or f"t{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], name=f"n{self.count}", **attrs))
        return out

    def weight(self, array):
        """An int8 weight, dequantised per output channel."""
        q, scale = quantise(array)
        return self.op("DequantizeLinear", self.const(q), self.const(scale), self.const(np.zeros(len(q), np.int8)), axis=0)

    def linear(self, x, weight, bias):
        """x @ weight.T + bias with an int8 weight."""
        w = self.op("Transpose", self.weight(weight), perm=[1, 0])
        return self.op("Add", self.op("MatMul", x, w), self.const(bias))

    def unit(self, x, out=None):
        """L2 normalisation of the last axis."""
        axes = self.const(np.array([-1], np.int64))
        square = self.op("ReduceSum", self.op("Mul", x, x), axes, keepdims=1)
        norm = self.op("Max", self.op("Sqrt", square), self.const(np.array([1e-12], np.float32)))
        return self.op("Div", x, norm, out=out)

    def save(self, path, name, kind, shape):
        graph = helper.make_graph(
            self.nodes, "pokedex", [helper.make_tensor_value_info(name, kind, shape)],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 256])], self.init)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="pokedex")
        model.ir_version = 8
        onnx.checker.check_model(model)
        onnx.save(model, path)


def fold(conv, norm):
    """Weight and bias of a convolution with its batch norm folded in."""
    gain = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
    weight = conv.weight.detach() * gain[:, None, None, None]
    return weight.numpy(), (norm.bias.detach() - norm.running_mean * gain).numpy()


def doubt_axis(anchors):
    """The direction that has least to do with any species: a unit vector at right angles, nearly, to all anchors."""
    axis = np.linalg.svd(np.concatenate([anchors, 30 * anchors.mean(0, keepdims=True)]))[2][-1]
    return (axis * (-1 if anchors.mean(0) @ axis > 0 else 1)).astype(np.float32)


def readout(views, anchors, cfg):
    """What the image graph makes of the tower's vectors of a picture and its mirror image [2, N, D].

    Their mean is added to the anchors, weighted by how well they match, so that words find pictures. Then it turns towards
    the doubt axis until its best cosine to an anchor is the mean's own, which says how sure the tower is."""
    unit = torch.nn.functional.normalize
    mean = unit(views.sum(0), dim=-1)
    match = mean @ anchors.T
    found = unit(cfg["readout_keep"] * mean + torch.softmax(cfg["readout_scale"] * match, dim=-1) @ anchors, dim=-1)
    best, top = (m.max(1, keepdim=True).values for m in (match, found @ anchors.T))
    doubt = ((top / best.clamp(min=LEAST)) ** 2 - 1).clamp(min=0).sqrt()
    return unit(found + doubt * torch.from_numpy(doubt_axis(anchors.numpy())), dim=-1)


def image_onnx(tower, anchors, cfg, path):
    """Image tower as ONNX with int8 weights, both views and the look-up over the anchors included."""
    g = Graph()
    number = lambda x: g.const(np.array([x], np.float32))

    def conv(x, layer, norm):
        w, b = fold(layer, norm)
        pad = [layer.padding[0]] * 4
        return g.op("Conv", x, g.weight(w), g.const(b.astype(np.float32)), kernel_shape=list(layer.kernel_size),
                    strides=list(layer.stride), pads=pad)

    mirrored = g.op("Gather", "pixels", g.const(np.arange(95, -1, -1, dtype=np.int32)), axis=3)
    x = g.op("Concat", "pixels", mirrored, axis=0)
    x = g.op("Relu", conv(x, tower.stem, tower.norm))
    for block in tower.blocks:
        y = conv(x, block.conv, block.norm)
        x = g.op("Relu", g.op("Add", y, x) if block.skip else y)
    x = g.op("Flatten", g.op("GlobalAveragePool", x), axis=1)
    x = g.unit(g.linear(x, tower.head.weight.detach().numpy(), tower.head.bias.detach().numpy()))
    views = g.op("Reshape", x, g.const(np.array([2, -1, anchors.shape[1]], np.int64)))
    x = g.unit(g.op("ReduceSum", views, g.const(np.array([0], np.int64)), keepdims=0))
    table = g.weight(anchors)
    match = g.op("MatMul", x, g.op("Transpose", table, perm=[1, 0]))
    weight = g.op("Softmax", g.op("Mul", match, number(cfg["readout_scale"])), axis=-1)
    found = g.unit(g.op("Add", g.op("Mul", x, number(cfg["readout_keep"])), g.op("MatMul", weight, table)))
    best = g.op("Max", g.op("ReduceMax", match, axes=[-1], keepdims=1), number(LEAST))
    top = g.op("ReduceMax", g.op("MatMul", found, g.op("Transpose", table, perm=[1, 0])), axes=[-1], keepdims=1)
    ratio = g.op("Div", top, best)
    doubt = g.op("Sqrt", g.op("Max", g.op("Sub", g.op("Mul", ratio, ratio), number(1)), number(0)))
    g.unit(g.op("Add", found, g.op("Mul", doubt, g.const(doubt_axis(anchors)[None]))), out="embedding")
    g.save(path, "pixels", TensorProto.FLOAT, ["batch", 3, 96, 96])


def text_onnx(tower, path):
    """Text tower as ONNX with an int8 token table."""
    g = Graph()
    q, scale = quantise(tower.table.weight.detach().numpy())
    q[0], scale[0] = 0, 0
    rows = g.op("Cast", g.op("Gather", g.const(q, "table"), "input_ids", axis=0), to=TensorProto.FLOAT)
    scales = g.op("Gather", g.const(scale[:, None], "scale"), "input_ids", axis=0)
    total = g.op("ReduceSum", g.op("Mul", rows, scales), g.const(np.array([1], np.int64)), keepdims=0)
    x = g.unit(g.op("Add", total, g.const(tower.bias.detach().numpy())))
    h = g.op("Relu", g.linear(x, tower.up.weight.detach().numpy(), tower.up.bias.detach().numpy()))
    y = g.linear(h, tower.down.weight.detach().numpy(), tower.down.bias.detach().numpy())
    g.unit(g.op("Add", x, y), out="embedding")
    g.save(path, "input_ids", TensorProto.INT32, ["batch", "length"])


def to_rten(source, target):
    """Convert ONNX to rten."""
    tool = Path(sys.executable).with_name("rten-convert")
    subprocess.run([str(tool), str(source), str(target)], check=True, stdout=subprocess.DEVNULL)


def identity(folder):
    """SHA-256 over names, lengths and contents of the model's files."""
    h = hashlib.sha256()
    for name in NAMED:
        data = (folder / name).read_bytes()
        h.update(name.encode() + b"\0" + struct.pack("<Q", len(data)) + data)
    return h.hexdigest()


def write_parquet(path, data, vectors, digest):
    """The species table."""
    facts = read_csv(f"{data}/facts.csv")
    concepts = read_csv(HERE / "concepts.csv")
    col = {}

    def text(name, key, source=facts, sep=", "):
        col[name] = pa.array([(r[key].replace("|", sep) or None) for r in source], pa.string())

    def number(name, key, kind, factor=1):
        col[name] = pa.array([(float(r[key]) * factor if kind == pa.float32() else int(r[key])) if r[key] else None for r in facts], kind)

    text("key", "identifier")
    number("id", "id", pa.int32())
    text("label", "name")
    text("genus", "genus")
    number("generation", "generation", pa.int32())
    for name in ("type1", "type2"):
        text(name, name)
    for name in ("hp", "attack", "defense", "special_attack", "special_defense", "speed"):
        number(name, name, pa.int32())
    number("height_m", "height_dm", pa.float32(), 0.1)
    number("weight_kg", "weight_hg", pa.float32(), 0.1)
    for name in ("color", "shape", "habitat", "egg_groups"):
        text(name, name)
    for name in ("is_legendary", "is_mythical", "is_baby"):
        col[name] = pa.array([r[name] == "1" for r in facts], pa.bool_())
    number("evolves_from_id", "evolves_from_id", pa.int32())
    for name in ("looks_like", "features", "themes"):
        text(name, name, concepts)
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).reshape(-1), pa.float32())
    kind = pa.list_(pa.field("item", pa.float32()), vectors.shape[1])
    col["embedding"] = pa.FixedSizeListArray.from_arrays(flat, type=kind)
    col["embedding_model"] = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(len(facts), np.int32)), pa.array([f"pokedex-mini@{digest[:16]}"]))
    fields = [pa.field(k, v.type, nullable=k != "key") for k, v in col.items()]
    meta = {"pokedex.schema": "index", "pokedex.schema_version": "1", "pokedex.model": f"pokedex-mini@{digest}",
            "pokedex.dimension": str(vectors.shape[1]), "pokedex.metric": "cosine"}
    table = pa.Table.from_arrays(list(col.values()), schema=pa.schema(fields, metadata=meta))
    plain = [k for k in col if k != "embedding"]
    pq.write_table(table, path, compression="snappy", use_dictionary=plain, row_group_size=len(facts),
                   use_compliant_nested_type=False)


def formula_image(a, b, c):
    """A synthetic picture given by a closed formula, uint8 [3, 96, 96]."""
    ch, y, x = np.meshgrid(np.arange(3), np.arange(96), np.arange(96), indexing="ij")
    return ((a * x + b * y + c * ch) % 256).astype(np.uint8)


class Runner:
    """The exported graphs in onnxruntime."""

    def __init__(self, folder):
        opt = onnxruntime.SessionOptions()
        opt.intra_op_num_threads = 2
        self.image = onnxruntime.InferenceSession(str(Path(folder) / "image.onnx"), opt)
        self.text = onnxruntime.InferenceSession(str(Path(folder) / "text.onnx"), opt)

    def texts(self, rows):
        return self.text.run(None, {"input_ids": pad_batch(rows).astype(np.int32)})[0]

    def pixels(self, rgb, batch=64):
        """uint8 [N, 96, 96, 3] -> vectors."""
        out = []
        for at in range(0, len(rgb), batch):
            x = torch.from_numpy(np.array(rgb[at : at + batch])).permute(0, 3, 1, 2).float() / 255
            out.append(self.image.run(None, {"pixels": normalise(x).numpy()})[0])
        return np.concatenate(out)


def write_golden(path, run, tok):
    """Expected vectors of fixed inputs."""
    texts = []
    for t in GOLDEN_TEXTS:
        ids = tok.encode(t)
        texts.append({"text": t, "ids": ids, "embedding": [round(float(v), 6) for v in run.texts([ids])[0]]})
    images = []
    for a, b, c in ((7, 13, 41), (1, 2, 90), (0, 0, 60)):
        v = run.pixels(formula_image(a, b, c).transpose(1, 2, 0)[None])[0]
        images.append({"generator": f"pixel(c,y,x) = ({a}*x + {b}*y + {c}*c) % 256", "x": a, "y": b, "c": c,
                       "embedding": [round(float(v), 6) for v in v]})
    path.write_text(json.dumps({"texts": texts, "images": images}, ensure_ascii=False) + "\n", encoding="utf-8")


def load(work, recipe, phase):
    """The trained towers, anchors and scale of a phase."""
    work = Path(work)
    saved = torch.load(work / "text" / f"aligned_{phase}.pt")
    text = TextTower(saved["tower"]["table.weight"], recipe["text"]["hidden"])
    text.load_state_dict(saved["tower"])
    image = ImageTower(recipe["dimension"], recipe["image"]["widths"], recipe["image"]["depths"])
    image.load_state_dict(torch.load(work / f"tower_{phase}.pt", weights_only=False)["average"])
    return text.eval(), image.eval(), saved["anchors"].numpy(), saved["scale"]


def export(data, work, out, recipe, phase, golden=None):
    """Write the model of a phase into `out`, replacing it at once, and its golden values into the file `golden`."""
    work, out = Path(work), Path(out)
    text, image, anchors, scale = load(work, recipe, phase)
    tmp = out.with_name(out.name + ".tmp")
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir(parents=True)
    graphs = work / f"onnx_{phase}"
    graphs.mkdir(exist_ok=True)
    cfg = recipe["export"]
    image_onnx(image, anchors, cfg, graphs / "image.onnx")
    text_onnx(text, graphs / "text.onnx")
    to_rten(graphs / "image.onnx", tmp / "image.rten")
    to_rten(graphs / "text.onnx", tmp / "text.rten")
    shutil.copy(work / "text" / "vocab.txt", tmp / "vocab.txt")
    spec = {
        "format": 1, "name": "pokedex-mini", "dimension": recipe["dimension"], "metric": "cosine",
        "image": {"file": "image.rten", "input": "pixels", "output": "embedding", "size": 96, "fit": "pad", "crop": 0.08, "filter": "bilinear",
                  "background": "#ffffff", "mean": [round(v, 6) for v in MEAN.tolist()], "std": [round(v, 6) for v in STD.tolist()]},
        "text": {"file": "text.rten", "input": "input_ids", "output": "embedding", "tokenizer": "wordpiece",
                 "vocab": "vocab.txt", "max_tokens": 64, "corrects_spelling": True},
        "logit_scale": round(scale, 4), "license": "MIT OR Apache-2.0",
    }
    (tmp / "model.json").write_text(json.dumps(spec, indent=2) + "\n")
    digest = identity(tmp)
    (tmp / "identity").write_text(digest + "\n")
    run = Runner(graphs)
    tok = Tokenizer.load(tmp / "vocab.txt")
    check(run, text, image, tok, work, anchors, cfg)
    write_parquet(tmp / "pokedex.parquet", data, anchors, digest)
    if golden:
        write_golden(Path(golden), run, tok)
    old = out.with_name(out.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        os.rename(out, old)
    os.rename(tmp, out)
    shutil.rmtree(old, ignore_errors=True)
    print("exported phase", phase, "identity", digest)
    for f in sorted(out.iterdir()):
        print(f"{f.name}\t{f.stat().st_size}")


def check(run, text, image, tok, work, anchors, cfg):
    """Exported graphs against torch; padding must not matter; empty text must be finite."""
    rows = [tok.encode(t) for t in GOLDEN_TEXTS]
    got = run.texts(rows)
    alone = np.stack([run.texts([r])[0] for r in rows])
    assert np.abs(got - alone).max() < 1e-5 and np.isfinite(got).all()
    with torch.no_grad():
        want = text(torch.from_numpy(pad_batch(rows))).numpy()
    used = [i for i, r in enumerate(rows) if r]
    print("text cosine to torch, lowest", (got * want).sum(1)[used].min())
    px = np.load(work / "render" / "test.npy", mmap_mode="r")[::177]
    with torch.no_grad():
        x = normalise(torch.from_numpy(np.array(px)).permute(0, 3, 1, 2).float() / 255)
        want = readout(torch.stack([image(x), image(x.flip(3))]), torch.from_numpy(anchors), cfg).numpy()
    print("image cosine to torch, lowest", (run.pixels(px) * want).sum(1).min())


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--phase", choices=["a", "b"], default="b")
    p.add_argument("--golden")
    args = p.parse_args()
    export(args.data, args.work, args.out, load_recipe(), args.phase, args.golden)


if __name__ == "__main__":
    main()
