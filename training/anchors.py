"""Learn one anchor vector per species and align the text tower to them."""
import copy
import re
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import teacher
from captions import Captions
from common import HERE, Tokenizer, append_log, pad_batch, read_csv, replacing, seed_all, trim_log
from text import TextTower

FIXED = set("""red blue green yellow orange purple pink brown black white gray grey golden silver violet teal cyan
small tiny little big large giant huge tall short long heavy light hot cold left right front back upper lower male
female normal fire water grass electric ice fighting poison ground flying psychic bug rock ghost dragon dark steel
fairy one two three four five six seven eight nine ten first second third generation with that the and like
pokemon type legendary mythical baby""".split())


def neighbours(tokens, raw):
    """Near synonyms of every vocabulary word by MiniLM similarity."""
    keep = [i for i, t in enumerate(tokens) if re.fullmatch(r"[a-z]{3,}", t) and t not in FIXED]
    sim = raw[keep].astype(np.float32) @ raw[keep].astype(np.float32).T
    np.fill_diagonal(sim, 0)
    out = {}
    for row, i in enumerate(keep):
        best = [j for j in np.argsort(-sim[row])[:6] if sim[row, j] > 0.7]
        if best:
            out[tokens[i]] = [tokens[keep[j]] for j in best]
    return out


def make_captions(data, work, rng, tok):
    """The caption sampler with MiniLM similarity between attribute phrases."""
    saved = np.load(Path(work) / "text" / "teacher.npz")
    names = (Path(work) / "text" / "concepts.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    row = {p: i for i, p in enumerate(names)}
    raw = saved["concepts_raw"].astype(np.float32)

    def similar(phrases):
        v = raw[[row[p] for p in phrases]]
        fixed = np.array([bool(FIXED & set(p.split())) for p in phrases])
        sim = v @ v.T
        sim[fixed] = 0
        sim[:, fixed] = 0
        return sim

    return Captions(data, tok, rng, neighbours(tok.tokens, saved["tokens_raw"]), similar)


def rank_scores(scores, relevant):
    """Precision@5 (of what is possible), reciprocal rank and top-1 of one query."""
    order = np.argsort(-scores, kind="stable")
    hit = np.isin(order, relevant)
    return hit[:5].sum() / min(5, len(relevant)), 1 / (1 + np.flatnonzero(hit)[0]), float(hit[0])


def dev_queries(data):
    """The development queries with their relevant species rows."""
    row = {f["identifier"]: int(f["id"]) - 1 for f in read_csv(f"{data}/facts.csv")}
    return [(q["query"], [row[i] for i in q["relevant"].split("|")]) for q in read_csv(HERE / "dev_queries.csv")]


def dev_scores(tower, tok, anchors, queries):
    """Mean precision@5, MRR and top-1 of text -> species."""
    with torch.no_grad():
        q = tower(torch.from_numpy(pad_batch([tok.encode(t) for t, _ in queries])))
        s = (q @ anchors.T).numpy()
    return np.mean([rank_scores(s[i], rel) for i, (_, rel) in enumerate(queries)], axis=0)


def clip_overlap(anchors, clip, of=slice(None), k=10):
    """Share of CLIP's k nearest neighbours, among all species, that the anchors keep: the mean over species `of`."""
    def near(x):
        s = x @ x.T
        np.fill_diagonal(s, -9)
        return np.argsort(-s, axis=1)[:, :k]
    a, b = near(anchors)[of], near(clip)[of]
    return float(np.mean([len(set(x) & set(y)) / k for x, y in zip(a, b)]))


def align(data, work, recipe, phase):
    """Train anchors and text tower; save work/text/aligned_<phase>.pt.

    Phase "a" withholds CLIP's vectors of a fifth of the species, which measures what becomes of species that CLIP has
    not seen; phase "b" goes on from there with all of them."""
    out = Path(work) / "text"
    final = out / f"aligned_{phase}.pt"
    if final.exists():
        return
    cfg = recipe["text"]
    rng = seed_all(recipe["seed"] + 10 + (phase == "b"))
    trim_log("align", lambda row: row["phase"] != phase)
    saved = np.load(out / "teacher.npz")
    tok = Tokenizer.load(out / "vocab.txt")
    phrases = (out / "phrases.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    phrase_ids = torch.from_numpy(pad_batch([tok.encode(p, 24) for p in phrases]))
    goals = torch.from_numpy(saved["phrases"]).float()
    caps = make_captions(data, work, rng, tok)
    queries = dev_queries(data)
    clip, withheld = teacher.vectors(data), teacher.withheld()
    lesson = teacher.predict(data, work, clip, withheld) if phase == "a" else clip
    lesson = torch.from_numpy(lesson).float()
    eye = torch.eye(len(clip)) * 99
    clip_p = F.softmax(lesson @ lesson.T / 0.12 - eye, dim=-1)

    state = torch.load(out / "distilled.pt")
    tower = TextTower(state["table.weight"], cfg["hidden"])
    tower.load_state_dict(state)
    first = copy.deepcopy(tower)
    base = state["table.weight"].clone()
    with torch.no_grad():
        start = []
        for a, w in zip(caps.attrs, caps.weights):
            v = tower(torch.from_numpy(pad_batch([tok.encode(p) for _, p in a])))
            start.append((v * torch.from_numpy(w)[:, None].float()).sum(0))
        start = torch.stack(start)
        start = F.normalize(start - 0.7 * start.mean(0), dim=-1)
    raw = torch.nn.Parameter(start.clone())
    if phase == "b":
        saved = torch.load(out / "aligned_a.pt")
        tower.load_state_dict(saved["tower"])
        raw.data.copy_(saved["anchors"])
    log_scale = torch.nn.Parameter(torch.tensor(2.7))
    log_clip = torch.nn.Parameter(torch.tensor(1.6))
    groups = [
        {"params": [raw], "lr": 4e-3},
        {"params": [tower.table.weight], "lr": 4e-3 * cfg["table_lr_scale"]},
        {"params": [tower.bias, *tower.up.parameters(), *tower.down.parameters()], "lr": 1.5e-3},
        {"params": [log_scale, log_clip], "lr": 2e-3},
    ]
    opt = torch.optim.Adam(groups)
    steps = cfg[f"align_steps_{phase}"]
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, [g["lr"] for g in groups], total_steps=steps, pct_start=0.05)
    losses = {"loss_caption": "", "loss_clip": "", "loss_distill": ""}
    for step in range(steps + 1):
        if step % 200 == 0 or step == steps:
            anchors = F.normalize(raw.detach(), dim=-1)
            p5, mrr, top = dev_scores(tower, tok, anchors, queries)
            row = {"phase": phase, "step": step, "dev_p5": round(float(p5), 4), "dev_mrr": round(float(mrr), 4), "dev_top1": round(float(top), 4),
                   "clip_overlap10": round(clip_overlap(anchors.numpy(), clip), 4),
                   "clip_overlap10_withheld": round(clip_overlap(anchors.numpy(), clip, withheld), 4),
                   "scale": round(log_scale.exp().item(), 2)}
            row.update(losses)
            append_log("align", row)
            if step == steps:
                break
        ids, target = caps.batch(cfg["align_batch"])
        anchors = F.normalize(raw, dim=-1)
        ids = torch.from_numpy(pad_batch(ids))
        y = tower(ids)
        logits = log_scale.clamp(max=cfg["max_log_scale"]).exp() * (y @ anchors.T)
        with torch.no_grad():
            soft = F.softmax(cfg["soft_scale"] * (first(ids) @ start.T), dim=-1)
            goal = (1 - cfg["soft_weight"]) * torch.from_numpy(target) + cfg["soft_weight"] * soft
        loss_cap = -(goal * F.log_softmax(logits, -1)).sum(1).mean() + (goal * (goal + 1e-9).log()).sum(1).mean()
        a_logits = log_clip.clamp(0, 3.5).exp() * (anchors @ anchors.T) - eye
        loss_clip = F.kl_div(F.log_softmax(a_logits, -1), clip_p, reduction="batchmean")
        rows = torch.randint(len(phrases), (cfg["align_batch"],))
        batch = phrase_ids[rows]
        batch = batch[:, : int((batch > 0).sum(1).max())]
        z, g = tower(batch), goals[rows]
        loss_dist = 5 * (z @ z.T - g @ g.T).pow(2).mean() + 0.3 * (1 - (z * g).sum(1).mean())
        pull = (tower.table.weight - base).pow(2).sum() / base.pow(2).sum()
        stay = 1 - (anchors * start).sum(1).mean()
        loss = loss_cap + cfg["stay_weight"] * stay + cfg["clip_weight"] * loss_clip + cfg["distill_weight"] * loss_dist + pull
        losses = {"loss_caption": round(loss_cap.item(), 4), "loss_clip": round(loss_clip.item(), 4),
                  "loss_distill": round(loss_dist.item(), 4)}
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
    with replacing(final) as temporary:
        torch.save({"tower": tower.state_dict(), "anchors": anchors.detach(), "scale": log_scale.exp().item()}, temporary)
