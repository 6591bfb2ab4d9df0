"""Attributes of every species, and query texts made from them."""
import re

import numpy as np

from common import HERE, read_csv, split_words

PLURAL_KEEP = {"glass", "grass", "bus", "octopus", "cactus", "moss", "dress", "compass", "fungus", "lens", "gas",
               "fearless", "armless", "legless", "headless", "ness", "virus", "hypnosis", "walrus", "platypus"}
SENTENCES = 0.3
ROMAN = ["", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"]
KIND_WEIGHT = {"looks_like": 4.0, "features": 2.0, "themes": 1.2, "type": 2.0, "color": 1.5, "shape": 0.4,
               "habitat": 0.3, "genus": 1.0, "size": 0.8, "rank": 0.8, "generation": 0.08}
# How people begin, join and end a whole sentence. The words between say nothing: the tower learns to pass over them.
OPENINGS = ["which pokemon is", "which one is", "what is that", "what's the name of", "what's the one called that is", "who is",
            "i am looking for", "i'm looking for", "do you know", "is there", "show me", "find me", "can you find", "give me",
            "i want", "i need", "i remember", "that one pokemon that is", "what was", "what are", "the one that is",
            "what do you call", "does anyone know", "are there any", "all the", "one of those", "the pokemon that is"]
JOINTS = ["and", "with", "that has", "which has", "that is", "who is", "that looks like", "it has", "it is", "and is", "of", "like",
          "that comes with", "and it has", "sort of", "kind of", "a bit like", "that reminds me of", "has", "having", "but also"]
FILLERS = ["really", "very", "kind of", "some", "some kind of", "its", "their", "all", "just", "always", "a lot of", "so", "this",
           "that", "big", "little", "somehow", "one", "these", "the whole", "quite"]
ENDINGS = ["?", "please", "i think", "called", "what is it called", "on its body", "around", "all the time", "you know", "or so",
           "i forgot its name", "from the games", "when it was young", "somewhere", "in the world"]
HABITAT = {"waters-edge": "water's edge", "rough-terrain": "rough terrain"}
SHAPE = {"bug-wings": "insect wings", "heads": "many heads"}


def singular(word):
    """A crude singular form."""
    if len(word) < 4 or word in PLURAL_KEEP or word.endswith("ss") or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("wolves"):
        return "wolf"
    if re.search(r"(sh|ch|x|ss)es$", word):
        return word[:-2]
    return word[:-1]


def plural(word):
    """A crude plural form."""
    if word.endswith("s"):
        return word
    if re.search(r"(sh|ch|x)$", word):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def normal(text):
    """Key under which two phrases count as equal."""
    return " ".join(singular(w) for w in split_words(text))


def name_words(facts):
    """One-word species names, never used in captions."""
    return {f["identifier"] for f in facts if "-" not in f["identifier"]}


def attributes(data):
    """For every species a list of (kind, phrase)."""
    facts = read_csv(f"{data}/facts.csv")
    concepts = read_csv(HERE / "concepts.csv")
    out = []
    for f, c in zip(facts, concepts):
        a = []
        for kind in ("looks_like", "features", "themes"):
            a += [(kind, x.strip()) for x in c[kind].split("|") if x.strip()]
        a += [("type", f[t]) for t in ("type1", "type2") if f[t]]
        a.append(("color", f["color"]))
        if f["color"] == "gray":
            a.append(("color", "grey"))
        a.append(("shape", SHAPE.get(f["shape"], f["shape"])))
        if f["habitat"] and f["habitat"] != "rare":
            a.append(("habitat", HABITAT.get(f["habitat"], f["habitat"])))
        genus = re.sub(r"\s*Pok.mon", "", f["genus"]).lower()
        if genus:
            a.append(("genus", genus))
        height = int(f["height_dm"])
        if height <= 5:
            a += [("size", "small"), ("size", "tiny"), ("size", "little")]
        if height >= 20:
            a += [("size", "big"), ("size", "giant"), ("size", "huge")]
        if int(f["weight_hg"]) >= 2000:
            a.append(("size", "heavy"))
        for flag, word in (("is_legendary", "legendary"), ("is_mythical", "mythical"), ("is_baby", "baby")):
            if f[flag] in ("1", "True", "true"):
                a.append(("rank", word))
        g = int(f["generation"])
        a += [("generation", f"generation {g}"), ("generation", f"{ROMAN[g]} generation")]
        out.append(a)
    return out


def clauses(data):
    """Flavor text cut into clauses: list of (species index, clause), names removed."""
    names = name_words(read_csv(f"{data}/facts.csv"))
    out = []
    for row in read_csv(f"{data}/flavor_en.csv"):
        text = re.sub(r"[\s\u00ad]+", " ", row["flavor_text"])
        for part in re.split(r"[.!?,;:]+|\b(?:and|but|while|which|that|when|because)\b", text):
            words = [w for w in split_words(part) if w not in names and w not in ("pokemon", "\u2019", "'", "s")]
            if 3 <= len(words) <= 14:
                out.append((int(row["species_id"]) - 1, " ".join(words)))
    return sorted(set(out))


class Captions:
    """Samples synthetic queries with soft targets over the species."""

    def __init__(self, data, tokenizer, rng, neighbours=None, similar=None):
        self.rng = rng
        self.tok = tokenizer
        self.attrs = attributes(data)
        self.clauses = clauses(data)
        self.neighbours = neighbours or {}
        self.phrases = sorted({p for a in self.attrs for _, p in a})
        self.row = {p: i for i, p in enumerate(self.phrases)}
        self.match = self._match(similar)
        self.weights = []
        for a in self.attrs:
            w = np.array([KIND_WEIGHT[k] for k, _ in a])
            first = {}
            for i, (k, _) in enumerate(a):
                first.setdefault(k, i)
            w[first["looks_like"]] *= 1.5
            counts = {k: sum(1 for kk, _ in a if kk == k) for k, _ in a}
            w /= np.array([counts[k] for k, _ in a]) ** 0.7
            self.weights.append(w / w.sum())

    def _match(self, similar):
        """Degree [phrase, species] to which the phrase holds for the species."""
        count = len(self.phrases)
        has = np.zeros((count, len(self.attrs)), np.float32)
        for s, a in enumerate(self.attrs):
            for _, p in a:
                has[self.row[p], s] = 1
        keys = [normal(p).split() for p in self.phrases]
        by_head = {}
        for i, k in enumerate(keys):
            if k:
                by_head.setdefault(k[-1], []).append(i)
        link = np.zeros((count, count), np.float32)
        for i, k in enumerate(keys):
            need = set(k)
            for j in by_head.get(k[-1] if k else "", []):
                if need == set(keys[j]):
                    link[i, j] = 1
                elif need < set(keys[j]):
                    link[i, j] = 0.8
        if similar is not None:
            sim = similar(self.phrases)
            soft = np.clip((sim - 0.72) / 0.2, 0, 1) * 0.7
            soft[sim < 0.72] = 0
            link = np.maximum(link, soft.astype(np.float32))
        np.fill_diagonal(link, 1)
        best = np.zeros_like(has)
        for i in range(count):
            cols = np.flatnonzero(link[i])
            best[i] = (link[i, cols, None] * has[cols]).max(0)
        return best

    def _word_noise(self, words):
        """Swap words for near synonyms, change number."""
        out = []
        for w in words:
            r = self.rng.random()
            if r < 0.22 and w in self.neighbours:
                near = self.neighbours[w]
                w = near[self.rng.integers(len(near))]
            elif r > 0.95:
                w = singular(w)
            out.append(w)
        return out

    def sample(self):
        """One query: text and dense target [species]."""
        rng = self.rng
        if rng.random() < 0.12:
            s, text = self.clauses[rng.integers(len(self.clauses))]
            words = text.split()
            if len(words) > 5 and rng.random() < 0.5:
                at = rng.integers(len(words) - 4)
                words = words[at : at + rng.integers(4, 9)]
            target = np.zeros(len(self.attrs), np.float32)
            target[s] = 1
            return " ".join(words), target, s
        s = int(rng.integers(len(self.attrs)))
        is_sentence = rng.random() < SENTENCES
        n = rng.choice([2, 3, 4, 5], p=[0.3, 0.4, 0.2, 0.1]) if is_sentence else rng.choice([1, 2, 3, 4], p=[0.35, 0.38, 0.2, 0.07])
        picks = rng.choice(len(self.attrs[s]), size=n, replace=False, p=self.weights[s])
        chosen = [self.attrs[s][i] for i in picks]
        degrees = np.stack([self.match[self.row[p]] for _, p in chosen])
        product = degrees.prod(0)
        target = product / product.sum()
        if n > 1:
            partial = degrees.mean(0) ** 4
            target = 0.9 * target + 0.1 * partial / partial.sum()
        return self._sentence(chosen) if is_sentence else self._phrase(chosen), target, s

    def _sentence(self, chosen):
        """The chosen attributes in a whole sentence, full of words that say nothing."""
        rng = self.rng
        pick = lambda words: words[rng.integers(len(words))]
        article = lambda: pick(["a", "the", "an", "the", "a", ""])
        parts = [pick(OPENINGS) if rng.random() < 0.8 else "", article()]
        for i, at in enumerate(rng.permutation(len(chosen))):
            kind, p = chosen[at]
            words = self._word_noise(p.split())
            if kind in ("looks_like", "genus") and rng.random() < 0.15:
                words[-1] = plural(words[-1])
            if i:
                parts += [pick(JOINTS), article() if rng.random() < 0.4 else ""]
            parts += [pick(FILLERS) if rng.random() < 0.3 else "", *words]
        parts.append(pick(ENDINGS) if rng.random() < 0.4 else "")
        return " ".join(p for p in parts if p)

    def _phrase(self, chosen):
        """Write the chosen attributes the way people ask."""
        rng = self.rng
        front = {"size": 0, "rank": 0, "color": 1, "type": 2, "shape": 2, "generation": 3}
        order = sorted(chosen, key=lambda c: front.get(c[0], 2.5 if len(c[1].split()) == 1 else 3) + rng.random() * 0.4)
        if rng.random() < 0.25:
            order = [chosen[i] for i in rng.permutation(len(chosen))]
        heads = [c for c in order if c[0] in ("looks_like", "genus")]
        texts = []
        for kind, p in order:
            words = self._word_noise(p.split())
            if kind in ("looks_like", "genus") and rng.random() < 0.15:
                words[-1] = plural(words[-1])
            p = " ".join(words)
            if kind == "type" and rng.random() < 0.25:
                p += " type"
            if kind == "features" and len(order) > 1 and rng.random() < 0.35:
                p = "with " + ("a " if rng.random() < 0.3 else "") + p
            if kind == "looks_like" and len(order) > 1 and len(heads) and rng.random() < 0.1:
                p = "that looks like a " + p
            if kind == "habitat":
                p = ("in the " if rng.random() < 0.5 else "") + p
            texts.append(p)
        text = " ".join(texts)
        r = rng.random()
        if r < 0.06:
            text += " pokemon"
        elif r < 0.10:
            text = "a pokemon that is " + text
        elif r < 0.14:
            text = "a " + text
        elif r < 0.16:
            text = "pokemon that looks like a " + text
        elif r < 0.18:
            text = "picture of a " + text
        elif r < 0.20:
            text = "which pokemon is a " + text
        return text

    def batch(self, size):
        """Token ids (lists), targets [size, species]."""
        rows = [self.sample() for _ in range(size)]
        return [self.tok.encode(t) or [1] for t, _, _ in rows], np.stack([y for _, y, _ in rows])
