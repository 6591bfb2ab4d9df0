"""The image tower that ships, put together from what was trained."""
import numpy as np

from backbone import pretrained
from pokedex_train import colours
from pokedex_train.eye import SHARED, STAGES, Eye


def fold(layer):
    """Weight and bias of a convolution with its batch norm folded in."""
    norm = layer.norm
    gain = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
    weight = layer.conv.weight.detach() * gain[:, None, None, None]
    return weight.numpy(), (norm.bias.detach() - norm.running_mean * gain).numpy()


def blocks(eye, name, parts):
    """Adds inverted residuals under their numbers."""
    for i, block in enumerate(parts):
        for part, layer in zip(["widen", "look", "narrow"][3 - len(block.layers):], block.layers):
            eye.add(f"{name}.{i}.{part}", *fold(layer))


def build(branch, anchors, words, looks, directions, axis, hues, usual, numbers):
    """The tower of a trained branch [class Branch], the species' vectors, the classes' words, what looks like what, the
    colours' words, and of photographs the usual features, and amounts of colours with their deviation."""
    mean, amount, spread = usual
    net, weight, bias = pretrained()
    eye = Eye()
    eye.add("stem", *fold(net.stem))
    count = sum(repeats for *_, repeats in STAGES[:SHARED])
    blocks(eye, "shared", net.blocks[:count])
    blocks(eye, "things", net.blocks[count:])
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
    blocks(eye, "creatures", branch.blocks)
    for part in ("out", "known"):
        layer = getattr(branch, part)
        eye.add(f"creatures.{part}", layer.weight.detach().numpy(), layer.bias.detach().numpy())
    eye.add("species", anchors, np.zeros(len(anchors)))
    eye.tensors["axis"] = axis
    for name, value in numbers.items():
        eye.number(name, value)
    return eye
