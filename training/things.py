"""What the pretrained network's 1000 classes are in words, and how a photograph's vector is made of them."""
import numpy as np
import torch

from backbone import pretrained
from common import HERE, pad_batch, read_csv
from pokedex_train import colours

# A class in WordNet's words, in everyday words, and as people describe a photograph of it: who and what else is there.
WEIGHTS = {"wordnet": 1.0, "names": 0.5, "scenes": 1.0}
# How much of what all classes have in common goes: every photograph would be a little of everything.
COMMON = 0.5


def unit(x):
    return x / (np.linalg.norm(x, axis=-1, keepdims=True) + 1e-9)


def encode(text, tok, phrases):
    """Unit vectors [N, dimension] of phrases by the text tower."""
    with torch.no_grad():
        rows = pad_batch([tok.encode(p) or [1] for p in phrases])
        return torch.cat([text(torch.from_numpy(rows[at : at + 512])) for at in range(0, len(rows), 512)]).numpy()


def class_words(text, tok):
    """A unit vector for each ImageNet class [1000, dimension]."""
    out = []
    for row in read_csv(HERE / "things.csv"):
        out.append(unit(sum(weight * unit(encode(text, tok, row[part].split("|")).mean(0)) for part, weight in WEIGHTS.items())))
    out = np.stack(out)
    return unit(out - COMMON * out.mean(0)).astype(np.float32)


def colour_words(text, tok):
    """Unit vectors [11, dimension] of what a colour's word has that those of other colours have not."""
    out = encode(text, tok, list(colours.COLOURS))
    return unit(out - out.mean(0)).astype(np.float32)


def everyday(text, tok, rng, count=8000):
    """Vectors of pairs of words of the vocabulary, and of the classes' scenes: where words are in the space."""
    words = [t for t in tok.tokens if t.isalpha() and len(t) > 2]
    pairs = [" ".join(rng.choice(words, 2)) for _ in range(count)]
    scenes = [s for row in read_csv(HERE / "things.csv") for s in row["scenes"].split("|")]
    return encode(text, tok, pairs + scenes)


def free_directions(anchors, words, count):
    """Where neither species nor words are much: the axis of doubt, and `count` directions at right angles to it."""
    both = np.concatenate([anchors / np.sqrt(len(anchors)), 30 * anchors.mean(0, keepdims=True) / np.sqrt(len(anchors)),
                           words / np.sqrt(len(words))])
    directions = np.linalg.svd(both)[2]
    axis = directions[-1]
    axis = axis * (-1 if anchors.mean(0) @ axis > 0 else 1)
    # For looks it is the words that must not be disturbed.
    plain = words - np.outer(words @ axis, axis)
    looks = np.linalg.eigh(plain.T @ plain + 1e6 * np.outer(axis, axis))[1][:, :count].T
    return axis.astype(np.float32), looks.astype(np.float32)


def looks(count):
    """The directions [count, 1280] in which the classifier tells its classes apart most: what a picture looks like."""
    weight = pretrained()[1].detach().numpy()
    return np.linalg.svd(weight - weight.mean(0), full_matrices=False)[2][:count]
