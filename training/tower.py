"""Image tower: a small residual convolutional network, trained to the anchors."""
import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from augment import augment, normalise, strangers
from common import append_log, load_recipe, read_csv, replacing, seed_all, trim_log

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
                if m["folder"] == folder and m["held_out"] == "0":
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


class Run:
    """Everything that a checkpoint has to bring back: weights, optimisers, random states, step."""

    def __init__(self, work, recipe, phase):
        cfg = recipe["image"]
        self.rng = seed_all(recipe["seed"] + (phase == "b"))
        self.tower = ImageTower(recipe["dimension"], cfg["widths"], cfg["depths"]).to(memory_format=torch.channels_last)
        self.log_scale = nn.Parameter(torch.tensor(2.5))
        if phase == "b":
            saved = torch.load(Path(work) / "tower_a.pt")
            self.tower.load_state_dict(saved["average"])
            self.log_scale.data.fill_(saved["log_scale"])
        self.average = copy.deepcopy(self.tower)
        convs = [b.conv.weight for b in self.tower.blocks]
        others = [p for p in self.tower.parameters() if not any(p is c for c in convs)] + [self.log_scale]
        self.lr = cfg[f"lr_{phase}"]
        self.optimisers = [Muon(convs, self.lr, cfg["weight_decay"]), torch.optim.AdamW(others, self.lr, weight_decay=0.01)]
        self.step, self.seconds = 0, 0.0

    def state(self):
        return {"tower": self.tower.state_dict(), "average": self.average.state_dict(), "log_scale": self.log_scale.item(),
                "optimisers": [o.state_dict() for o in self.optimisers], "step": self.step, "seconds": self.seconds,
                "torch": torch.get_rng_state(), "numpy": self.rng.bit_generator.state}

    def restore(self, saved):
        self.tower.load_state_dict(saved["tower"])
        self.average.load_state_dict(saved["average"])
        self.log_scale.data.fill_(saved["log_scale"])
        for optimiser, state in zip(self.optimisers, saved["optimisers"]):
            optimiser.load_state_dict(state)
        self.step, self.seconds = saved["step"], saved["seconds"]
        torch.set_rng_state(saved["torch"])
        self.rng.bit_generator.state = saved["numpy"]

    def save(self, path):
        with replacing(path) as temporary:
            torch.save(self.state(), temporary)


def train(work, recipe, phase):
    """Train one phase ("a": no dreamworld, "b": everything) for its number of pictures; resumes from its checkpoint."""
    cfg = recipe["image"]
    work = Path(work)
    final, checkpoint = work / f"tower_{phase}.pt", work / f"tower_{phase}_running.pt"
    if final.exists():
        return
    run = Run(work, recipe, phase)
    meta = read_csv(work / "render" / "meta.csv")
    train_px = np.load(work / "render" / "train.npy", mmap_mode="r")
    test_px = np.load(work / "render" / "test.npy", mmap_mode="r")
    anchors = torch.load(work / "text" / f"aligned_{phase}.pt")["anchors"]
    photos = [i for i, m in enumerate(meta) if m["folder"] == "photos" and m["held_out"] == "0"]
    photos = torch.from_numpy(train_px[photos][:, :3] + (255 - train_px[photos][:, 3:]))  # Padded with white.
    sampler = Sampler(meta, [f for f in WEIGHT if phase == "b" or f != "dreamworld"], run.rng)
    if checkpoint.exists():
        run.restore(torch.load(checkpoint, weights_only=False))
    trim_log("tower", lambda row: row["phase"] != phase or int(row["step"]) <= run.step)
    batch, nobody = cfg["batch"], cfg[f"strangers_{phase}"]
    steps = cfg[f"pictures_{phase}"] // batch
    tick, hits, losses = time.time(), [], []
    while run.step < steps:
        done = run.step / steps
        size = next(s for limit, s in cfg[f"sizes_{phase}"] if done < limit)
        rate = run.lr * min(1, (run.step + 1) / (0.01 * steps)) * max(0.01, 1 - done)
        for optimiser in run.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
        rows = sampler.draw(batch)
        x = torch.cat([augment(torch.from_numpy(train_px[rows]), size, photos), strangers(nobody, size, photos)])
        label = torch.tensor([int(meta[i]["id"]) - 1 for i in rows])
        run.tower.train()
        with torch.autocast("cpu", torch.bfloat16):
            y = run.tower(x)
        cos = y.float() @ anchors.T
        known, other = cos[:batch], cos[batch:]
        loss = F.cross_entropy(run.log_scale.clamp(max=4.0).exp() * known, label, label_smoothing=cfg["label_smoothing"])
        loss = loss + cfg["cosine_weight"] * (1 - known.gather(1, label[:, None]).mean())
        loss = loss + cfg[f"stranger_weight_{phase}"] * other.max(1).values.clamp(min=0.15).mean()
        for optimiser in run.optimisers:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in run.optimisers:
            optimiser.step()
        run.step += 1
        decay = min(cfg["average"], run.step / (run.step + 20))
        with torch.no_grad():
            for a, b in zip(run.average.state_dict().values(), run.tower.state_dict().values()):
                a.lerp_(b, 1 - decay) if a.is_floating_point() else a.copy_(b)
        hits.append((known.argmax(1) == label).float().mean().item())
        losses.append(loss.item())
        if run.step % cfg["log_steps"] == 0 or run.step == steps:
            run.seconds += time.time() - tick
            row = {"phase": phase, "step": run.step, "pictures": run.step * batch, "seconds": round(run.seconds), "size": size,
                   "loss": round(float(np.mean(losses)), 3), "train_top1": round(float(np.mean(hits)), 4),
                   "scale": round(run.log_scale.exp().item(), 2)}
            row.update(quick_scores(run.average, meta, test_px, anchors))
            append_log("tower", row)
            print(row, flush=True)
            run.save(checkpoint)
            tick, hits, losses = time.time(), [], []
    checkpoint.rename(final)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--work", required=True)
    p.add_argument("--phase", choices=["a", "b"], required=True)
    args = p.parse_args()
    train(args.work, load_recipe(), args.phase)


if __name__ == "__main__":
    main()
