"""Image tower: a small residual convolutional network, trained to the anchors."""
import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from augment import augment, normalise, photo_crops
from common import append_log, load_recipe, read_csv, seed_all

WEIGHT = {"artwork_256": 0.40, "dreamworld": 0.25, "front_sprites": 0.33, "front_sprites_badcrc": 0.02,
          "ingame_sprites": 0.15, "box_icons": 0.10}


class Block(nn.Module):
    """3x3 convolution, batch norm, ReLU; a skip where the shape stays."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(cout)
        self.skip = cin == cout and stride == 1

    def forward(self, x):
        y = self.norm(self.conv(x))
        return F.relu(y + x) if self.skip else F.relu(y)


class ImageTower(nn.Module):
    """96x96 RGB -> unit vector."""

    def __init__(self, dim, widths=(64, 128, 256), depths=(2, 4, 3)):
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 7, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        blocks, cin = [], widths[0]
        for stage, (width, depth) in enumerate(zip(widths, depths)):
            for i in range(depth):
                blocks.append(Block(cin, width, 2 if stage and i == 0 else 1))
                cin = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(cin, dim)

    def forward(self, x):
        x = self.blocks(F.relu(self.norm(self.stem(x))))
        return F.normalize(self.head(x.float().mean((2, 3))), dim=-1)


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonalised updates for convolution weights."""

    def __init__(self, params, lr, weight_decay, momentum=0.95):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                buf = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buf.lerp_(p.grad, 1 - group["momentum"])
                g = p.grad.lerp(buf, group["momentum"]).reshape(len(p), -1).bfloat16()
                g = g / (g.norm() + 1e-7)
                for _ in range(4):
                    a = g @ g.T
                    g = 3.4445 * g + (-4.7750 * a + 2.0315 * a @ a) @ g
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(g.float().view_as(p), alpha=-0.2 * max(g.shape) ** 0.5 * group["lr"])


class Sampler:
    """Draws training rows, balanced over styles and species."""

    def __init__(self, meta, folders, rng):
        self.rng = rng
        self.folders, self.groups, weights = [], [], []
        for folder in folders:
            by_species = {}
            for i, m in enumerate(meta):
                if m["folder"] == folder and m["held_out"] == "0" and "back" not in m["file"]:
                    by_species.setdefault(int(m["id"]), []).append(i)
            self.groups.append([np.array(v) for v in by_species.values()])
            weights.append(WEIGHT[folder])
        self.p = np.array(weights) / sum(weights)

    def draw(self, n):
        rows = []
        for f in self.rng.choice(len(self.groups), n, p=self.p):
            group = self.groups[f][self.rng.integers(len(self.groups[f]))]
            rows.append(group[self.rng.integers(len(group))])
        return np.array(rows)


def embed(tower, pixels, flip=False):
    """Vectors of uint8 RGB pictures [N, 96, 96, 3]."""
    tower.eval()
    out = []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for at in range(0, len(pixels), 256):
            x = torch.from_numpy(np.array(pixels[at : at + 256])).permute(0, 3, 1, 2).float() / 255
            x = normalise(x).contiguous(memory_format=torch.channels_last)
            y = tower(x)
            if flip:
                y = F.normalize(y + tower(x.flip(3)), dim=-1)
            out.append(y.float())
    return torch.cat(out)


def quick_scores(tower, meta, test, anchors, limit=400):
    """Top-1 of held-out pictures by style, on a fixed sample."""
    out = {}
    for name, keep in {
        "dreamworld_held": lambda m: m["folder"] == "dreamworld" and m["held_out"] == "1",
        "sprites_held": lambda m: m["folder"] == "front_sprites" and m["held_out"] == "1",
        "team_crops": lambda m: m["folder"] == "team_crops",
        "wild_a": lambda m: m["folder"] == "wild_a",
        "artwork_seen": lambda m: m["folder"] == "artwork_256",
    }.items():
        rows = [i for i, m in enumerate(meta) if keep(m)]
        rows = rows[:: max(1, len(rows) // limit)]
        got = (embed(tower, test[rows]) @ anchors.T).argmax(1) + 1
        truth = torch.tensor([int(meta[i]["id"]) for i in rows])
        out[name] = round((got == truth).float().mean().item(), 4)
    return out


def train(work, recipe, phase):
    """Train one phase ("a" or "b") up to its time budget; checkpointed."""
    cfg = recipe["image"]
    work = Path(work)
    final = work / f"tower_{phase}.pt"
    if final.exists():
        return
    rng = seed_all(recipe["seed"] + (phase == "b"))
    meta = read_csv(work / "render" / "meta.csv")
    train_px = np.load(work / "render" / "train.npy", mmap_mode="r")
    test_px = np.load(work / "render" / "test.npy", mmap_mode="r")
    anchors = torch.load(work / "text" / "aligned.pt")["anchors"]
    photos = [i for i, m in enumerate(meta) if m["folder"] == "photos" and m["held_out"] == "0"]
    photos = torch.from_numpy(train_px[photos][..., :3].copy()).permute(0, 3, 1, 2)
    near = F.softmax(cfg["near_scale"] * anchors @ anchors.T, dim=-1)
    folders = [f for f in WEIGHT if phase == "b" or f != "dreamworld"]
    sampler = Sampler(meta, folders, rng)

    tower = ImageTower(recipe["dimension"], cfg["widths"], cfg["depths"]).to(memory_format=torch.channels_last)
    log_scale = nn.Parameter(torch.tensor(2.5))
    start = work / "tower_a.pt"
    if phase == "b":
        saved = torch.load(start)
        tower.load_state_dict(saved["ema"])
        log_scale.data.fill_(saved["log_scale"])
    average = copy.deepcopy(tower)
    convs = [b.conv.weight for b in tower.blocks]
    others = [p for p in tower.parameters() if not any(p is c for c in convs)] + [log_scale]
    lr = cfg["lr"] * (cfg["lr_b_scale"] if phase == "b" else 1)
    opts = [Muon(convs, lr, cfg["weight_decay"]), torch.optim.AdamW(others, lr, weight_decay=0.01)]
    budget = 60 * cfg[f"minutes_{phase}"]
    step, spent = 0, 0.0
    ckpt = work / f"tower_{phase}_running.pt"
    if ckpt.exists():
        saved = torch.load(ckpt)
        tower.load_state_dict(saved["model"])
        average.load_state_dict(saved["ema"])
        log_scale.data.fill_(saved["log_scale"])
        step, spent = saved["step"], saved["spent"]
    next_eval = spent + cfg["eval_seconds"]
    hits = []
    while spent < budget:
        tick = time.time()
        done = spent / budget
        size = next(s for limit, s in cfg[f"sizes_{phase}"] if done < limit)
        rate = lr * min(1, (spent + 1) / 30) * max(0.01, 1 - done)
        for opt in opts:
            for g in opt.param_groups:
                g["lr"] = rate
        rows = sampler.draw(cfg["batch"])
        x = augment(torch.from_numpy(train_px[rows]), size, photos)
        strangers = cfg["strangers_b"] if phase == "b" else 0
        if strangers:
            x = torch.cat([x, photo_crops(strangers, size, photos)]).contiguous(memory_format=torch.channels_last)
        label = torch.tensor([int(meta[i]["id"]) - 1 for i in rows])
        tower.train()
        with torch.autocast("cpu", torch.bfloat16):
            y = tower(x)
        cos = y.float() @ anchors.T
        loss = 0
        if strangers:
            cos, other = cos[:-strangers], cos[-strangers:]
            loss = cfg["stranger_weight"] * other.max(1).values.clamp(min=0.15).mean()
        share = cfg["near_share_b"] if phase == "b" else 0
        goal = (1 - share) * F.one_hot(label, len(anchors)) + share * near[label]
        flat = cfg["label_smoothing"] if phase == "a" else 0
        loss = loss + F.cross_entropy(log_scale.clamp(max=4.0).exp() * cos, goal, label_smoothing=flat)
        loss = loss + cfg[f"cosine_weight_{phase}"] * (1 - cos.gather(1, label[:, None]).mean())
        for opt in opts:
            opt.zero_grad()
        loss.backward()
        for opt in opts:
            opt.step()
        step += 1
        decay = min(cfg["ema"], step / (step + 20))
        with torch.no_grad():
            for a, b in zip(average.state_dict().values(), tower.state_dict().values()):
                a.lerp_(b, 1 - decay) if a.is_floating_point() else a.copy_(b)
        hits.append((cos.argmax(1) == label).float().mean().item())
        spent += time.time() - tick
        if spent > next_eval or spent >= budget:
            next_eval = spent + cfg["eval_seconds"]
            row = {"phase": phase, "step": step, "images": step * cfg["batch"], "seconds": round(spent), "size": size,
                   "loss": round(loss.item(), 3), "train_top1": round(float(np.mean(hits[-200:])), 4),
                   "scale": round(log_scale.exp().item(), 2)}
            row.update(quick_scores(average, meta, test_px, anchors))
            append_log("tower", row)
            print(row, flush=True)
            state = {"model": tower.state_dict(), "ema": average.state_dict(), "log_scale": log_scale.item(),
                     "step": step, "spent": spent}
            torch.save(state, str(ckpt) + ".tmp")
            Path(str(ckpt) + ".tmp").rename(ckpt)
    ckpt.rename(final)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--work", required=True)
    p.add_argument("--phase", choices=["a", "b"], required=True)
    args = p.parse_args()
    train(args.work, load_recipe(), args.phase)


if __name__ == "__main__":
    main()
