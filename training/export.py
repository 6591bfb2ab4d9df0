"""Write the shipped files: model.json, image.safetensors, text.rten, vocab.txt, identity, golden.json, and those of facts.py."""
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
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

from common import Tokenizer, load_recipe, pad_batch, read_csv
import eye
import facts
import things
from images import is_fitted_on, pasted
from pokedex_train import colours
from pokedex_train.augment import MEAN, STD, normalise
from pokedex_train.eye import quantise
from pokedex_train.pictures import framed, open_rgba, over_white
from text import TextTower
from tower import PHASES, Branch

SIZE = 192
CROP = 0.08
NAMED = ("model.json", "image.safetensors", "text.rten", "vocab.txt")
GOLDEN_TEXTS = ["fire dog", "Small YELLOW electric mouse", "ghost that looks like a candle", "", "Pok\u00e9mon caf\u00e9, na\u00efve!",
                "a blue-green turtle (with a shell)", "\U0001f525 dragon \U0001f409", "\u706b\u306e\u72ac", "jigglypuffian zzxqj",
                "  spaces\tand\nlines  ", "x" * 40, "gen 1 legendary bird #144",
                "a very long request " + "for a small round pink creature that sings lullabies " * 12]


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


def formula_image(a, b, c):
    """A synthetic picture given by a closed formula, uint8 [3, SIZE, SIZE]."""
    ch, y, x = np.meshgrid(np.arange(3), np.arange(SIZE), np.arange(SIZE), indexing="ij")
    return ((a * x + b * y + c * ch) % 256).astype(np.uint8)


class Runner:
    """The exported towers: words in onnxruntime, pictures in torch with the weights that are shipped."""

    def __init__(self, folder, image):
        opt = onnxruntime.SessionOptions()
        opt.intra_op_num_threads = 2
        self.image = image
        self.text = onnxruntime.InferenceSession(str(Path(folder) / "text.onnx"), opt)

    def texts(self, rows):
        return self.text.run(None, {"input_ids": pad_batch(rows).astype(np.int32)})[0]

    def pixels(self, rgb, batch=16):
        """uint8 [N, S, S, 3] -> vectors."""
        out = []
        for at in range(0, len(rgb), batch):
            x = torch.from_numpy(np.array(rgb[at : at + batch])).permute(0, 3, 1, 2).float() / 255
            out.append(self.image.vectors(normalise(x)).numpy())
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
    saved = torch.load(work / "text" / f"aligned_{min(phase, 'b')}.pt")
    text = TextTower(saved["tower"]["table.weight"], recipe["text"]["hidden"])
    text.load_state_dict(saved["tower"])
    branch = Branch(recipe["dimension"])
    branch.load_state_dict(torch.load(work / f"tower_{phase}.pt", weights_only=False)["average"])
    return text.eval(), branch.eval(), saved["anchors"].numpy(), saved["scale"]


def rows_of(meta, folders, held):
    return [i for i, m in enumerate(meta) if m["folder"] in folders and m["held_out"] == held]


def fit_pictures(data, meta):
    """What the doubts are fitted on, one group after another: number of the species (0: none) and picture over white.
    Held-out pictures of each style and of team_crops; held-out sprites on half of the held-out photographs; and these
    photographs. Not wild_a, nor the other photographs, which are for measuring."""
    data = Path(data)

    def files(folder):
        return [data / folder / meta[i]["file"] for i in rows_of(meta, [folder], "1")]

    def open_all(paths, known):
        return [(int(path.name[:4]) if known else 0, over_white(open_rgba(path.read_bytes()))) for path in paths]

    for folder in ("dreamworld", "front_sprites", "ingame_sprites", "box_icons", "team_crops"):
        yield open_all(files(folder), True)
    unseen = files("photos")[::2]
    sprites = [path for path in files("front_sprites") if "shiny" not in path.name]
    yield [(int(sprite.name[:4]), picture) for _, _, sprite, picture in pasted(unseen, sprites, 4, 4) if sprite]
    yield open_all(unseen + [path for path in files("photos_dev") if is_fitted_on(path.name)], False)


def logistic(x, goal, weight):
    """A logistic regression without penalty to speak of: weights of the columns of x [N, D] and, last, an offset."""
    x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)

    def loss(w):
        return (weight * F.binary_cross_entropy_with_logits(x @ w, goal, reduction="none")).sum() / weight.sum() + 1e-4 * w[:-1].pow(2).sum()

    return least(loss, torch.zeros(x.shape[1], dtype=x.dtype))


def least(loss, start):
    """Where a loss of some numbers is least, from a start on."""
    w = start.clone().requires_grad_(True)
    for _ in range(4):
        opt = torch.optim.LBFGS([w], max_iter=100, line_search_fn="strong_wolfe")

        def step():
            opt.zero_grad()
            value = loss(w)
            value.backward()
            return value

        opt.step(step)
    return w.detach()


def fit_doubts(image, groups, anchors, shift):
    """Sets the tower's `known` and `sure`: how much of a picture is a Pokémon, by the branch's logit and best cosine, made
    more doubtful by `shift`; and how likely its species is right, by the log odds of the best in the look-up, too. Weights
    and offset each, and each folder counts the same.

    The first is a logistic regression. The second is fitted through all that comes after it, by the log loss of the
    probability that `classify` reads off the vector: what a photograph's words take from a vector, the species lose."""
    ids = torch.tensor([ident for group in groups for ident, _ in group])
    squares = (torch.from_numpy(np.array(framed(picture, SIZE, CROP))) for group in groups for _, picture in group)
    looks = [image.looks(normalise(square.permute(2, 0, 1)[None].float() / 255)) for square in squares]
    x, known, thing = (torch.cat(part).double() for part in zip(*looks))
    truth = (ids > 0).double()
    shares = [1 / (len(groups) - 1)] * (len(groups) - 1) + [1.0]
    weight = torch.cat([torch.full((len(group),), share / len(group)) for group, share in zip(groups, shares)]).double()
    evidence = image.evidence(x, known)[0]
    gain, slope, offset = logistic(evidence[:, :2], truth, weight).tolist()
    image.number("known.gain known.slope known.offset", gain, slope, offset + shift)
    # Calibration is asked of pictures of Pokémon; strangers are few, but must not be sure.
    weight = weight * torch.where(truth == 1, 1.0, 0.2)
    species = torch.from_numpy(anchors).double()
    step, middle = image.value("sure.step"), image.value("sure.middle")

    def chances(w):
        """Of each picture's best species, as `classify` has it, and whether it is the right one."""
        logits = image.mix(x, known, thing, evidence @ w[:-1] + w[-1]) @ species.T / step
        best, which = logits.max(1)
        total = F.pad(logits, (0, 1), value=middle / step).logsumexp(1)
        return (best - total).exp().clamp(1e-6, 1 - 1e-6), (which + 1 == ids).double()

    def loss(w):
        return (weight * F.binary_cross_entropy(*chances(w), reduction="none")).sum() / weight.sum() + 1e-4 * w[:-1].pow(2).sum()

    right = chances(torch.zeros(4, dtype=torch.double))[1]
    sure = least(loss, logistic(evidence, right, weight))
    image.number("sure.gain sure.slope sure.odds sure.offset", *sure.tolist())
    share = torch.sigmoid(evidence[:, :2] @ torch.tensor([gain, slope], dtype=torch.double) + offset)
    chance, right = chances(sure)
    print("share of a Pokémon, photographs and pictures:", [round(share[truth == t].mean().item(), 3) for t in (0.0, 1.0)], gain, slope, offset)
    print("sure of the right, the wrong, photographs:", [round(chance[m].mean().item(), 3) for m in (right == 1, (right == 0) & (truth == 1), truth == 0)], sure.tolist())


def image_tower(data, work, recipe, text, branch, anchors, tok):
    """The image tower of a phase, ready to be written."""
    cfg = recipe["export"]
    meta = read_csv(work / "render" / "meta.csv")
    pixels = np.load(work / "render" / "test.npy", mmap_mode="r")
    words = things.class_words(text, tok)
    axis, directions = things.free_directions(anchors, things.everyday(text, tok, np.random.default_rng(recipe["seed"])), cfg["looks"])
    numbers = {"temperature": cfg["temperature"], "classes.best": cfg["classes"], "look.share": cfg["look_share"],
               "colours.share": cfg["colours_share"], "scene.doubt": cfg["scene_doubt"], "readout.scale": cfg["readout_scale"], "readout.keep": cfg["readout_keep"],
               "sure.middle": cfg["sure_middle"], "sure.step": cfg["sure_step"]}
    looks, hues = things.looks(cfg["looks"]), things.colour_words(text, tok)
    none = np.zeros(looks.shape[1], np.float32), np.zeros(len(hues), np.float32), np.ones(len(hues), np.float32)
    image = eye.build(branch, anchors, words, looks, directions, axis, hues, none, numbers)
    # What all photographs have in common tells none of them apart: the mean over those that training saw.
    lessons = pixels[rows_of(meta, ["photos", "photos_dev"], "0")[::5]]
    amounts = colours.amounts(lessons)
    usual = np.mean([image.features(lessons[[i]])[0] for i in range(len(lessons))], 0), amounts.mean(0), amounts.std(0)
    image = eye.build(branch, anchors, words, looks, directions, axis, hues, usual, numbers)
    fit_doubts(image, list(fit_pictures(data, meta)), anchors, cfg["known_shift"])
    return image


def export(data, work, out, recipe, phase, golden=None, image_out=None):
    """Write the model of a phase into `out`, replacing it at once, its image tower into `image_out` if that is another
    folder, and its golden values into the file `golden`."""
    work, out = Path(work), Path(out)
    text, branch, anchors, scale = load(work, recipe, phase)
    tok = Tokenizer.load(work / "text" / "vocab.txt")
    tmp = out.with_name(out.name + ".tmp")
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir(parents=True)
    graphs = work / f"onnx_{phase}"
    graphs.mkdir(exist_ok=True)
    image = image_tower(data, work, recipe, text, branch, anchors, tok)
    image.save(tmp / "image.safetensors")
    text_onnx(text, graphs / "text.onnx")
    to_rten(graphs / "text.onnx", tmp / "text.rten")
    shutil.copy(work / "text" / "vocab.txt", tmp / "vocab.txt")
    spec = {
        "format": 1, "name": "pokedex-mini", "dimension": recipe["dimension"], "metric": "cosine",
        "image": {"file": "image.safetensors", "input": "pixels", "output": "embedding", "size": SIZE, "fit": "pad", "crop": CROP, "scene": "trim",
                  "filter": "bilinear", "background": "#ffffff", "mean": [round(v, 6) for v in MEAN.tolist()],
                  "std": [round(v, 6) for v in STD.tolist()]},
        "text": {"file": "text.rten", "input": "input_ids", "output": "embedding", "tokenizer": "wordpiece",
                 "vocab": "vocab.txt", "max_tokens": 64, "corrects_spelling": True},
        "logit_scale": round(scale, 4), "license": "MIT OR Apache-2.0",
    }
    (tmp / "model.json").write_text(json.dumps(spec, indent=2) + "\n")
    digest = identity(tmp)
    (tmp / "identity").write_text(digest + "\n")
    run = Runner(graphs, image)
    check(run, text, tok)
    facts.write(data, tmp, anchors, digest, text, tok)
    if golden:
        write_golden(Path(golden), run, tok)
    if image_out:
        os.replace(tmp / "image.safetensors", Path(image_out) / "image.safetensors")
    old = out.with_name(out.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        os.rename(out, old)
    os.rename(tmp, out)
    shutil.rmtree(old, ignore_errors=True)
    print("exported phase", phase, "identity", digest)
    for f in sorted(out.iterdir()):
        print(f"{f.name}\t{f.stat().st_size}")


def check(run, text, tok):
    """Exported graph of words against torch; padding must not matter; empty text must be finite."""
    rows = [tok.encode(t) for t in GOLDEN_TEXTS]
    got = run.texts(rows)
    alone = np.stack([run.texts([r])[0] for r in rows])
    assert np.abs(got - alone).max() < 1e-5 and np.isfinite(got).all()
    with torch.no_grad():
        want = text(torch.from_numpy(pad_batch(rows))).numpy()
    used = [i for i, r in enumerate(rows) if r]
    print("text cosine to torch, lowest", (got * want).sum(1)[used].min())


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--phase", choices=PHASES, default=PHASES[-1])
    p.add_argument("--golden")
    p.add_argument("--image-out", help="folder for the image tower, if another")
    args = p.parse_args()
    export(args.data, args.work, args.out, load_recipe(), args.phase, args.golden, args.image_out)


if __name__ == "__main__":
    main()
