"""Shared helpers: configuration, seeds, facts, tokenizer."""
import csv
import hashlib
import random
import tomllib
import unicodedata
from contextlib import contextmanager
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


def load_recipe():
    """Return recipe.toml as a dictionary."""
    return tomllib.loads((HERE / "recipe.toml").read_text())


def seed_all(seed, threads=2):
    """Seed python, numpy and torch, which may use so many threads; return a numpy generator."""
    import torch

    random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    return np.random.default_rng(seed)


def read_csv(path):
    """Read a CSV file into a list of dictionaries."""
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def write_csv(path, rows, fields):
    """Write dictionaries to a CSV file."""
    with open(path, "w", encoding="utf-8", newline="") as f:
        w = csv.DictWriter(f, fields, lineterminator="\n")
        w.writeheader()
        w.writerows(rows)


def append_log(name, row):
    """Append one row to training/log/<name>.csv, with a header if new."""
    path = HERE / "log" / f"{name}.csv"
    path.parent.mkdir(exist_ok=True)
    new = not path.exists()
    with open(path, "a", encoding="utf-8", newline="") as f:
        w = csv.DictWriter(f, list(row), lineterminator="\n")
        if new:
            w.writeheader()
        w.writerow(row)


def trim_log(name, keep):
    """Drop the rows of training/log/<name>.csv that `keep` does not want: those of an earlier run of a stage."""
    path = HERE / "log" / f"{name}.csv"
    if path.exists() and (rows := read_csv(path)):
        write_csv(path, [row for row in rows if keep(row)], list(rows[0]))


@contextmanager
def replacing(path):
    """A temporary path beside `path` that takes its place when all went well: what exists is whole."""
    temporary = Path(path).with_name(f"tmp-{Path(path).name}")
    yield temporary
    temporary.rename(path)


def fraction(text):
    """A stable pseudo-random number in [0, 1) made from a string."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def split_words(text):
    """Lower-case, strip marks, split at spaces and punctuation."""
    text = unicodedata.normalize("NFD", text.lower())
    words, word = [], ""
    for ch in text:
        cat = unicodedata.category(ch)
        if cat == "Mn":
            continue
        ascii_mark = 33 <= ord(ch) <= 126 and not ch.isalnum()
        if ch.isspace() or cat.startswith("P") or ascii_mark:
            if word:
                words.append(word)
            word = ""
            if not ch.isspace():
                words.append(ch)
        else:
            word += ch
    if word:
        words.append(word)
    return words


class Tokenizer:
    """WordPiece over vocab.txt: greedy longest match, no special tokens."""

    def __init__(self, tokens):
        self.tokens = list(tokens)
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        self.cache = {}

    @classmethod
    def load(cls, path):
        return cls(Path(path).read_text(encoding="utf-8").rstrip("\n").split("\n"))

    def word(self, word):
        """Token ids of one word."""
        if word not in self.cache:
            self.cache[word] = self._word(word)
        return self.cache[word]

    def _word(self, word):
        out, start = [], 0
        while start < len(word):
            end = len(word)
            while end > start:
                piece = ("##" if start else "") + word[start:end]
                if piece in self.ids:
                    break
                end -= 1
            if end == start:
                return [1]
            out.append(self.ids[piece])
            start = end
        return out

    def encode(self, text, limit=64):
        """Token ids of a text, cut at `limit`."""
        ids = []
        for w in split_words(text):
            ids.extend(self.word(w))
        return ids[:limit]


def pad_batch(rows):
    """Pad lists of ids with 0 into an int64 array [N, L]."""
    length = max(1, max(len(r) for r in rows))
    out = np.zeros((len(rows), length), dtype=np.int64)
    for i, r in enumerate(rows):
        out[i, : len(r)] = r
    return out
