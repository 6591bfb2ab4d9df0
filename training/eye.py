"""The image tower as it ships: every weight rounded to 8 bits, both readings of a picture, and the file that holds it.

`src/model/eye.rs` computes the same; golden values hold both together."""
import json
import struct

import numpy as np
import torch
import torch.nn.functional as F

import colours
from augment import MEAN, STD
from backbone import STAGES, pad_same, pretrained

SHARED, FINE, MIDDLE = 5, 2, 3
NEGLIGIBLE = 0.002
LEAST = 0.2  # No picture of a Pokémon scores less for its best species.


def quantise(weight):
    """int8 values and float scales per first-axis row."""
    flat = np.abs(weight.reshape(len(weight), -1)).max(1)
    scale = np.where(flat > 0, flat / 127, 1.0).astype(np.float32)
    return np.round(weight / scale.reshape(-1, *[1] * (weight.ndim - 1))).clip(-127, 127).astype(np.int8), scale


def fold(layer):
    """Weight and bias of a convolution with its batch norm folded in."""
    norm = layer.norm
    gain = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
    weight = layer.conv.weight.detach() * gain[:, None, None, None]
    return weight.numpy(), (norm.bias.detach() - norm.running_mean * gain).numpy()


class Eye:
    """The tensors of the file, and the network that they are."""

    def __init__(self):
        self.tensors, self.weights = {}, {}

    def add(self, name, weight, bias, shape=None):
        """A layer [out, inner]; of a convolution, [out, in, kernel, kernel], the channels go last."""
        weight = np.asarray(weight, np.float32)
        if weight.ndim == 4:
            weight = weight.transpose(0, 2, 3, 1)
        q, scale = quantise(weight)
        bias = np.asarray(bias, np.float32)
        self.tensors[f"{name}.weight"] = q.reshape(len(q), -1)
        self.tensors[f"{name}.scale"], self.tensors[f"{name}.bias"] = scale, bias
        real = torch.from_numpy(q.astype(np.float32) * scale.reshape(-1, *[1] * (weight.ndim - 1)))
        self.weights[name] = (real.permute(0, 3, 1, 2).contiguous() if weight.ndim == 4 else real, torch.from_numpy(bias))

    def blocks(self, name, blocks):
        for i, block in enumerate(blocks):
            parts = ["widen", "look", "narrow"][3 - len(block.layers):]
            for part, layer in zip(parts, block.layers):
                self.add(f"{name}.{i}.{part}", *fold(layer))

    def number(self, name, *values):
        for key, value in zip(name.split(), values):
            self.tensors[key] = np.array([value], np.float32)

    def value(self, name):
        return float(self.tensors[name][0])

    def conv(self, x, name, kernel=1, stride=1, act=True):
        weight, bias = self.weights[name]
        groups = weight.shape[0] if weight.shape[1] == 1 and weight.shape[0] == x.shape[1] else 1
        x = F.conv2d(pad_same(x, kernel, stride), weight, bias, stride, groups=groups)
        return x.clamp(0, 6) if act else x

    def stages(self, x, name, stages, at=0, cin=None):
        """Through some stages; `at` is the first block's number in the file."""
        for kernel, stride, expansion, out, repeats in stages:
            for i in range(repeats):
                y = self.conv(x, f"{name}.{at}.widen") if expansion > 1 else x
                y = self.conv(y, f"{name}.{at}.look", kernel, stride if i == 0 else 1)
                y = self.conv(y, f"{name}.{at}.narrow", act=False)
                x = x + y if y.shape == x.shape else y
                at += 1
        return x

    def linear(self, x, name):
        weight, bias = self.weights[name]
        return x @ weight.T + bias

    @torch.no_grad()
    def seen(self, pixels):
        """Normalised pixels [N, 3, S, S] -> fine, middle and coarse maps."""
        counts = np.cumsum([0, *(repeats for *_, repeats in STAGES)])
        fine = self.stages(self.conv(pixels, "stem", 3, 2), "shared", STAGES[:FINE])
        middle = self.stages(fine, "shared", STAGES[FINE:MIDDLE], counts[FINE])
        return fine, middle, self.stages(middle, "shared", STAGES[MIDDLE:SHARED], counts[MIDDLE])

    @torch.no_grad()
    def creature(self, fine, middle, coarse):
        """Unit vectors among the species', and logits of looking like any."""
        side = self.conv(torch.cat([self.conv(fine, "creatures.fine", 3, 2), middle], 1), "creatures.middle", 3, 2)
        x = self.stages(coarse + self.conv(side, "creatures.merge", act=False), "creatures", STAGES[SHARED:])
        x = self.conv(x, "creatures.head").mean((2, 3))
        return F.normalize(self.linear(x, "creatures.out"), dim=-1), self.linear(x, "creatures.known")[:, 0]

    def features(self, rgb):
        """uint8 [N, S, S, 3] -> features [N, 1280] of the pretrained network."""
        x = torch.from_numpy(np.array(rgb)).permute(0, 3, 1, 2).float()
        return self.read((self.seen((x - 127) / 128)[2])).numpy()

    @torch.no_grad()
    def read(self, coarse):
        return self.conv(self.stages(coarse, "things", STAGES[SHARED:]), "things.head").mean((2, 3))

    def colours(self, pixels):
        """Normalised pixels [N, 3, S, S] -> what their colours add to a vector [N, dimension]."""
        rgb = (pixels * STD[:, None, None] + MEAN[:, None, None]).permute(0, 2, 3, 1).numpy() * 255
        more = ((colours.amounts(rgb) - self.tensors["colours.mean"]) / self.tensors["colours.spread"]).clip(-3, 3)
        return self.linear(torch.from_numpy(more), "colours.words")

    @torch.no_grad()
    def thing(self, coarse, pixels):
        """Vectors of what the 1000 classes make of it, its looks, and its colours."""
        features = self.read(coarse)
        logits = self.linear(features, "classes")
        best, which = logits.topk(int(self.value("classes.best")), 1)
        weights = torch.zeros_like(logits).scatter_(1, which, ((best - best[:, :1]) / self.value("temperature")).exp())
        words = F.normalize(self.linear(weights, "words"), dim=-1)
        look = self.linear(F.normalize(self.linear(features, "look"), dim=-1), "look.out")
        return F.normalize(words + self.value("look.share") * look + self.value("colours.share") * self.colours(pixels), dim=-1)

    @torch.no_grad()
    def looks(self, pixels):
        """Normalised pixels [N, 3, S, S] -> what both readings make of them: `creature`'s two, and `thing`."""
        fine, middle, coarse = self.seen(pixels)
        return *self.creature(fine, middle, coarse), self.thing(coarse, pixels)

    def evidence(self, x, known):
        """What tells whether a picture's species is right: the branch's logit, its best cosine, and the log odds of the
        best in the look-up [N, 3]; and the weights of the look-up [N, species]."""
        match = x @ self.weights["species"][0].to(x.dtype).T
        weights = torch.softmax(self.value("readout.scale") * match, -1)
        odds = weights.max(1).values.clamp(1e-6, 1 - 1e-6).logit()
        return torch.stack([known, match.max(1).values, odds], 1), weights

    def mix(self, x, known, thing, sure):
        """Unit vectors [N, dimension] of pictures that are read so, and whose species is right by a logit of `sure` [N]."""
        species, axis = self.weights["species"][0].to(x.dtype), torch.from_numpy(self.tensors["axis"]).to(x.dtype)
        evidence, weights = self.evidence(x, known)
        share = torch.sigmoid(self.value("known.gain") * known + self.value("known.slope") * evidence[:, 1] + self.value("known.offset"))[:, None]
        found = F.normalize(weights @ species + self.value("readout.keep") * x, dim=-1)
        wanted = (self.value("sure.middle") + self.value("sure.step") * sure[:, None]).clamp(LEAST, 1)
        ratio = (found @ species.T).max(1, keepdim=True).values / wanted
        # Not quite 0, where a root has no slope.
        doubt = share * (ratio**2 - 1).clamp(min=1e-14).sqrt() * (share >= NEGLIGIBLE)
        rest = (1 - share) * (1 - share >= NEGLIGIBLE)
        doubt = doubt + rest * self.value("scene.doubt")
        both = F.normalize(share * (share >= NEGLIGIBLE) * found + rest * thing, dim=-1)
        return F.normalize(both + doubt * axis, dim=-1)

    @torch.no_grad()
    def vectors(self, pixels):
        """Normalised pixels [N, 3, S, S] -> unit vectors [N, dimension]."""
        x, known, thing = self.looks(pixels)
        numbers = torch.tensor([self.value(f"sure.{name}") for name in ("gain", "slope", "odds")])
        return self.mix(x, known, thing, self.evidence(x, known)[0] @ numbers + self.value("sure.offset"))

    def save(self, path):
        """Write it as safetensors."""
        header, at, parts = {}, 0, []
        # Four bytes first, then single ones: so every tensor lies where its numbers may be read.
        for name, x in sorted(self.tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
            data = np.ascontiguousarray(x).tobytes()
            header[name] = {"dtype": {"int8": "I8", "float32": "F32"}[x.dtype.name], "shape": list(x.shape), "data_offsets": [at, at + len(data)]}
            parts.append(data)
            at += len(data)
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def build(branch, anchors, words, looks, directions, axis, hues, usual, numbers):
    """The tower of a trained branch [class Branch], the species' vectors, the classes' words, what looks like what, the
    colours' words, and of photographs the usual features, and amounts of colours with their deviation."""
    mean, amount, spread = usual
    net, weight, bias = pretrained()
    eye = Eye()
    eye.add("stem", *fold(net.stem))
    count = sum(repeats for *_, repeats in STAGES[:SHARED])
    eye.blocks("shared", net.blocks[:count])
    eye.blocks("things", net.blocks[count:])
    eye.add("things.head", *fold(net.head))
    eye.add("classes", weight.detach().numpy(), bias.detach().numpy())
    eye.add("words", words.T, np.zeros(words.shape[1]))
    eye.add("look", looks, -looks @ mean)
    eye.add("look.out", directions.T, np.zeros(directions.shape[1]))
    eye.add("colours.words", hues.T, np.zeros(hues.shape[1]))
    eye.tensors["colours.lab"] = colours.lab(np.array(list(colours.COLOURS.values())))
    eye.tensors["colours.mean"], eye.tensors["colours.spread"] = amount, spread
    for part in ("fine", "middle", "merge", "head"):
        eye.add(f"creatures.{part}", *fold(getattr(branch, part)))
    eye.blocks("creatures", branch.blocks)
    for part in ("out", "known"):
        layer = getattr(branch, part)
        eye.add(f"creatures.{part}", layer.weight.detach().numpy(), layer.bias.detach().numpy())
    eye.add("species", anchors, np.zeros(len(anchors)))
    eye.tensors["axis"] = axis
    for name, value in numbers.items():
        eye.number(name, value)
    return eye
