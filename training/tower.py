"""Image tower: a pretrained trunk that stays as it is, and a branch on it that learns the species, trained to the anchors."""
import argparse
import copy
import multiprocessing as mp
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from torch import nn

from backbone import Block, Conv, pretrained
from common import append_log, load_recipe, read_csv, replacing, seed_all, trim_log
from pokedex_train.augment import augment, normalise, strangers
from pokedex_train.eye import STAGES

WEIGHT = {"artwork_256": 0.40, "dreamworld": 0.25, "front_sprites": 0.33, "front_sprites_badcrc": 0.02,
          "ingame_sprites": 0.15, "box_icons": 0.12}
# Each goes on from the one before: without dreamworld (a style to test on), with it, and once more from a high rate.
PHASES = ["a", "b", "c", "d", "e"]
# Blocks of the trunk, and where the branch looks at it: at a quarter, an eighth and a sixteenth of the picture's size.
TRUNK = sum(repeats for *_, repeats in STAGES[:5])
TAPS = (sum(repeats for *_, repeats in STAGES[:2]), sum(repeats for *_, repeats in STAGES[:3]), TRUNK)
WIDTHS = tuple(STAGES[i][3] for i in (1, 2, 4))


class Trunk(nn.Module):
    """The first five stages of the pretrained network: pixels -> what it saw at three sizes."""

    def __init__(self, net):
        super().__init__()
        self.stem, self.blocks = net.stem, net.blocks[:TRUNK]

    def forward(self, x):
        x, seen = self.stem(x), []
        for i, block in enumerate(self.blocks, 1):
            x = block(x)
            if i in TAPS:
                seen.append(x)
        return tuple(seen)


class Branch(nn.Module):
    """What the trunk saw -> unit vector of the species' space, and how much it looks like any species (a logit).

    The last two stages begin as the pretrained ones. Drawings differ from photographs in small things, which the trunk's
    early layers have and its late ones lost: plain convolutions bring them back in."""

    def __init__(self, dim, width=640, side=(64, 160)):
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.fine = Conv(fine, side[0], 3, 2)
        self.middle = Conv(side[0] + middle, side[1], 3, 2)
        self.merge = Conv(side[1], coarse, act=False)
        nn.init.zeros_(self.merge.norm.weight)
        blocks, cin = [], coarse
        for kernel, stride, expansion, out, repeats in STAGES[5:]:
            for i in range(repeats):
                blocks.append(Block(cin, out, kernel, stride if i == 0 else 1, expansion))
                cin = out
        self.blocks = nn.Sequential(*blocks)
        self.head = Conv(cin, width)
        self.out = nn.Linear(width, dim)
        self.known = nn.Linear(width, 1)

    def start_from(self, net):
        self.blocks.load_state_dict(nn.Sequential(*copy.deepcopy(list(net.blocks[TRUNK:]))).state_dict())

    def features(self, fine, middle, coarse):
        side = self.merge(self.middle(torch.cat([self.fine(fine), middle], 1)))
        return self.head(self.blocks(coarse + side)).float().mean((2, 3))

    def forward(self, fine, middle, coarse):
        x = self.features(fine, middle, coarse)
        return F.normalize(self.out(x), dim=-1), self.known(x)[:, 0]


def trunk_onnx(work, size):
    """The trunk as an ONNX file for pictures of a size: it only runs forward, and runs faster there."""
    path = Path(work) / f"trunk_{size}.onnx"
    if not path.exists():
        net = Trunk(pretrained()[0]).eval()
        names = ["fine", "middle", "coarse"]
        with replacing(path) as temporary:
            torch.onnx.export(net, torch.zeros(1, 3, size, size), str(temporary), input_names=["pixels"], output_names=names,
                              dynamic_axes={n: {0: "n"} for n in ["pixels", *names]}, dynamo=False)
    return path


def open_onnx(path, threads=1):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options)


class Sampler:
    """Draws training rows, balanced over styles and species."""

    def __init__(self, meta, folders):
        self.groups, weights = [], []
        for folder in folders:
            by_species = {}
            for i, m in enumerate(meta):
                if m["folder"] == folder and m["held_out"] == "0":
                    by_species.setdefault(int(m["id"]), []).append(i)
            self.groups.append([np.array(v) for v in by_species.values()])
            weights.append(WEIGHT[folder])
        self.p = np.array(weights) / sum(weights)

    def draw(self, n, rng):
        rows = []
        for f in rng.choice(len(self.groups), n, p=self.p):
            group = self.groups[f][rng.integers(len(self.groups[f]))]
            rows.append(group[rng.integers(len(group))])
        return np.array(rows)


def embed(run, branch, pixels):
    """Vectors and logits of uint8 RGB pictures [N, S, S, 3], by an open trunk."""
    branch.eval()
    vectors, logits = [], []
    for at in range(0, len(pixels), 32):
        x = normalise(torch.from_numpy(np.array(pixels[at : at + 32])).permute(0, 3, 1, 2).float() / 255)
        seen = [torch.from_numpy(s) for s in run.run(None, {"pixels": x.contiguous().numpy()})]
        with torch.no_grad():
            v, k = branch(*seen)
        vectors.append(v.float())
        logits.append(k.float())
    return torch.cat(vectors), torch.cat(logits)


SHOWN = {
    "dreamworld": lambda m: m["folder"] == "dreamworld" and m["held_out"] == "1",
    "dreamworld_all": lambda m: m["folder"] == "dreamworld",
    "sprites": lambda m: m["folder"] == "front_sprites" and m["held_out"] == "1",
    "older": lambda m: m["folder"] == "ingame_sprites" and m["held_out"] == "1",
    "icons": lambda m: m["folder"] == "box_icons" and m["held_out"] == "1",
    "team_crops": lambda m: m["folder"] == "team_crops",
    "wild_a": lambda m: m["folder"] == "wild_a",
}


def quick_scores(run, branch, meta, test, anchors, limit):
    """Top-1 of held-out pictures by style, on a fixed sample; and of photographs, how many look like a species."""
    out, known = {}, []
    for name, keep in SHOWN.items():
        rows = [i for i, m in enumerate(meta) if keep(m)]
        rows = rows[:: max(1, len(rows) // limit)]
        v, k = embed(run, branch, test[rows])
        truth = torch.tensor([int(meta[i]["id"]) for i in rows])
        out[name] = round(((v @ anchors.T).argmax(1) + 1 == truth).float().mean().item(), 4)
        known.append(k)
    rows = [i for i, m in enumerate(meta) if m["folder"] in ("photos", "photos_dev") and m["held_out"] == "1"]
    _, k = embed(run, branch, test[rows[:: max(1, len(rows) // limit)]])
    out["strangers"] = round((k > torch.cat(known).quantile(0.1)).float().mean().item(), 4)
    return out


def produce(work, recipe, phase, start, steps, queue):
    """Another process: augmented pictures as the trunk sees them, step by step; each step's have a seed of their own."""
    cfg = recipe["image"]
    torch.set_num_threads(1)
    meta = read_csv(Path(work) / "render" / "meta.csv")
    pixels = np.load(Path(work) / "render" / "train.npy", mmap_mode="r")
    photos = [i for i, m in enumerate(meta) if m["folder"] in ("photos", "photos_dev") and m["held_out"] == "0"]
    photos = torch.from_numpy(pixels[photos][:, :3] + (255 - pixels[photos][:, 3:]))  # Padded with white.
    sampler = Sampler(meta, [f for f in WEIGHT if phase != "a" or f != "dreamworld"])
    label = np.array([int(m["id"]) - 1 for m in meta])
    run, size = None, 0
    for step in range(start, steps):
        rng = seed_all(recipe["seed"] + 1_000_003 * (1 + step) + PHASES.index(phase), 1)
        now = size_at(cfg, phase, step / steps)
        if now != size:
            run, size = open_onnx(trunk_onnx(work, now)), now
        rows = sampler.draw(cfg["batch"], rng)
        parts = [augment(torch.from_numpy(pixels[some]), size, photos) for some in np.array_split(rows, max(1, len(rows) // 16))]
        x = torch.cat([*parts, strangers(cfg["strangers"], size, photos)])
        seen = [s.astype(np.float16) for s in run.run(None, {"pixels": x.numpy()})]
        queue.put((step, seen, label[rows]))


def size_at(cfg, phase, done):
    return next(s for limit, s in cfg[f"sizes_{phase}"] if done < limit)


class Run:
    """Everything that a checkpoint has to bring back: weights, optimiser, step."""

    def __init__(self, work, recipe, phase):
        cfg = recipe["image"]
        seed_all(recipe["seed"] + PHASES.index(phase), 1)
        self.branch = Branch(recipe["dimension"])
        self.branch.start_from(pretrained()[0])
        self.log_scale = nn.Parameter(torch.tensor(2.7))
        if phase != "a":
            before = PHASES[PHASES.index(phase) - 1]
            saved = torch.load(Path(work) / f"tower_{before}.pt", weights_only=False)
            self.branch.load_state_dict(saved["average"])
            self.log_scale.data.fill_(saved["log_scale"])
        self.branch = self.branch.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.branch)
        # In an order of their own, by which a checkpoint's moments find them again.
        old = list(self.branch.blocks.parameters())
        known = set(old)
        new = [p for p in self.branch.parameters() if p not in known] + [self.log_scale]
        self.rates = [cfg[f"lr_{phase}"], cfg[f"lr_{phase}"] * cfg["new_layers"]]
        groups = [{"params": old}, {"params": new}]
        self.optimiser = torch.optim.AdamW(groups, weight_decay=cfg["weight_decay"], betas=(0.9, 0.98))
        self.step, self.seconds = 0, 0.0

    def state(self):
        return {"branch": self.branch.state_dict(), "average": self.average.state_dict(), "log_scale": self.log_scale.item(),
                "optimiser": self.optimiser.state_dict(), "step": self.step, "seconds": self.seconds}

    def restore(self, saved):
        self.branch.load_state_dict(saved["branch"])
        self.average.load_state_dict(saved["average"])
        self.log_scale.data.fill_(saved["log_scale"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.seconds = saved["step"], saved["seconds"]

    def save(self, path):
        with replacing(path) as temporary:
            torch.save(self.state(), temporary)

    def learn(self, seen, label, anchors, cfg):
        """One step; the loss and the share of the batch that was named rightly."""
        self.branch.train()
        with torch.autocast("cpu", torch.bfloat16):
            y, known = self.branch(*seen)
        cos = y.float() @ anchors.T
        mine, others = cos[: len(label)], cos[len(label) :]
        loss = F.cross_entropy(self.log_scale.clamp(max=4.0).exp() * mine, label, label_smoothing=cfg["label_smoothing"])
        loss = loss + cfg["cosine_weight"] * (1 - mine.gather(1, label[:, None]).mean())
        loss = loss + cfg["stranger_weight"] * others.max(1).values.clamp(min=0.15).mean()
        truth = (torch.arange(len(cos)) < len(label)).float()
        loss = loss + cfg["known_weight"] * F.binary_cross_entropy_with_logits(known.float(), truth)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.branch.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        decay = min(cfg["average"], self.step / (self.step + 20))
        with torch.no_grad():
            for a, b in zip(self.average.state_dict().values(), self.branch.state_dict().values()):
                a.lerp_(b, 1 - decay) if a.is_floating_point() else a.copy_(b)
        return loss.item(), (mine.argmax(1) == label).float().mean().item()


def train(work, recipe, phase):
    """Train one phase ("a": no dreamworld, "b": everything, "c": the same again) for its number of pictures; resumes from its checkpoint."""
    cfg = recipe["image"]
    work = Path(work)
    final, checkpoint = work / f"tower_{phase}.pt", work / f"tower_{phase}_running.pt"
    if final.exists():
        return
    for _, size in cfg[f"sizes_{phase}"]:
        trunk_onnx(work, size)
    run = Run(work, recipe, phase)
    meta = read_csv(work / "render" / "meta.csv")
    test = np.load(work / "render" / "test.npy", mmap_mode="r")
    whole = open_onnx(trunk_onnx(work, test.shape[1]))
    anchors = torch.load(work / "text" / f"aligned_{min(phase, 'b')}.pt")["anchors"]
    if checkpoint.exists():
        run.restore(torch.load(checkpoint, weights_only=False))
    trim_log("tower", lambda row: row["phase"] != phase or int(row["step"]) <= run.step)
    steps = cfg[f"pictures_{phase}"] // cfg["batch"]
    queue = mp.get_context("spawn").Queue(4)
    producer = mp.get_context("spawn").Process(target=produce, args=(work, recipe, phase, run.step, steps, queue), daemon=True)
    producer.start()
    tick, hits, losses = time.time(), [], []
    while run.step < steps:
        done = run.step / steps
        rate = min(1, (run.step + 1) / (0.03 * steps)) * max(0.01, 1 - done)
        for group, most in zip(run.optimiser.param_groups, run.rates):
            group["lr"] = most * rate
        step, seen, label = queue.get()
        assert step == run.step
        seen = [torch.from_numpy(s).float().contiguous(memory_format=torch.channels_last) for s in seen]
        loss, hit = run.learn(seen, torch.from_numpy(label), anchors, cfg)
        losses.append(loss)
        hits.append(hit)
        if run.step % cfg["log_steps"] == 0 or run.step == steps:
            run.seconds += time.time() - tick
            last = run.step == steps
            row = {"phase": phase, "step": run.step, "pictures": run.step * cfg["batch"], "seconds": round(run.seconds),
                   "size": size_at(cfg, phase, done), "loss": round(float(np.mean(losses)), 3),
                   "train_top1": round(float(np.mean(hits)), 4), "scale": round(run.log_scale.exp().item(), 2)}
            row.update(quick_scores(whole, run.average, meta, test, anchors, 400 if last else 120))
            append_log("tower", row)
            print(row, flush=True)
            run.save(checkpoint)
            tick, hits, losses = time.time(), [], []
    producer.join()
    checkpoint.rename(final)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--work", required=True)
    p.add_argument("--phase", choices=PHASES, required=True)
    args = p.parse_args()
    train(args.work, load_recipe(), args.phase)


if __name__ == "__main__":
    main()
