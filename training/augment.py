"""Batched augmentation of premultiplied RGBA pictures."""
import math

import torch
import torch.nn.functional as F

MEAN = torch.tensor([0.5, 0.5, 0.5])
STD = torch.tensor([0.25, 0.25, 0.25])


def uniform(n, low, high):
    return torch.rand(n) * (high - low) + low


def place(rgba, size):
    """Random scale, rotation, aspect, shift, flip and elastic bend: [N, 4, size, size]."""
    n = len(rgba)
    scale = torch.where(torch.rand(n) < 0.65, uniform(n, 0.8, 1.15), uniform(n, 0.5, 1.0))
    angle = uniform(n, -1, 1) ** 3 * math.radians(25)
    flip = torch.where(torch.rand(n) < 0.5, 1.0, -1.0)
    aspect = uniform(n, 0.9, 1.1)
    room = (1.15 - scale).clamp(min=0.08) * 0.8
    dx, dy = uniform(n, -1, 1) * room, uniform(n, -1, 1) * room
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    theta = torch.stack([torch.stack([cos * flip * aspect, -sin * flip, dx], 1), torch.stack([sin * aspect, cos, dy], 1)], 1)
    grid = F.affine_grid(theta, (n, 4, size, size), align_corners=False)
    bend = torch.randn(n, 2, 5, 5) * (uniform(n, 0, 0.13) / scale.sqrt())[:, None, None, None]
    bend = F.interpolate(bend, size=(size, size), mode="bicubic", align_corners=True)
    grid = grid + bend.permute(0, 2, 3, 1)
    return F.grid_sample(rgba, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def backgrounds(n, size, photos):
    """White four times in ten, else colour, gradient, noise or photograph."""
    out = torch.ones(n, 3, size, size)
    kind = torch.rand(n)
    solid = (kind > 0.42) & (kind < 0.6)
    out[solid] = torch.rand(int(solid.sum()), 3, 1, 1).expand(-1, -1, size, size)
    for low, high, cells in ((0.6, 0.68, 2), (0.68, 0.76, 6)):
        pick = (kind >= low) & (kind < high)
        count = int(pick.sum())
        if count:
            base = torch.rand(count, 3, 1, 1)
            small = (base + 0.5 * torch.randn(count, 3, cells, cells)).clamp(0, 1)
            out[pick] = F.interpolate(small, size=(size, size), mode="bilinear", align_corners=False)
    pick = (kind >= 0.76).nonzero()[:, 0]
    for i in pick.tolist():
        src = photos[int(torch.randint(len(photos), ()))]
        crop = int(torch.randint(size // 2, src.shape[-1] + 1, ()))
        y, x = (int(torch.randint(src.shape[-1] - crop + 1, ())) for _ in range(2))
        part = src[None, :, y : y + crop, x : x + crop].float() / 255
        out[i] = F.interpolate(part, size=(size, size), mode="bilinear", align_corners=False)[0]
    return out


def colour(x):
    """Brightness, contrast, saturation, small hue rotation, sometimes grey."""
    n = len(x)
    strong = (torch.rand(n) < 0.6).float()
    sat = 1 + strong * uniform(n, -0.4, 0.4)
    sat[torch.rand(n) < 0.06] = 0
    hue = strong * uniform(n, -0.2, 0.2)
    gain = 1 + strong * uniform(n, -0.25, 0.2)
    shift = strong * uniform(n, -0.08, 0.08)
    luma = torch.tensor([0.299, 0.587, 0.114])
    to_yiq = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    c, s = torch.cos(hue), torch.sin(hue)
    zero, one = torch.zeros(n), torch.ones(n)
    turn = torch.stack([one, zero, zero, zero, c, -s, zero, s, c], 1).view(n, 3, 3)
    mix = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    grey = luma.expand(3, 3)
    mix = sat[:, None, None] * mix + (1 - sat[:, None, None]) * grey
    mix = mix * gain[:, None, None]
    y = torch.bmm(mix, x.flatten(2)) + shift[:, None, None]
    return y.view_as(x).clamp(0, 1)


def redraw(x):
    """Another hand's finish on random parts of the batch: few tones, sharp edges, a blur."""
    n = len(x)
    order = torch.randperm(n)
    part = order[: n // 12]
    tones = torch.randint(3, 9, (len(part), 1, 1, 1)).float()
    x[part] = (x[part] * tones).round() / tones
    part = order[n // 12 : n // 6]
    soft = F.avg_pool2d(F.pad(x[part], (1, 1, 1, 1), mode="replicate"), 3, 1)
    x[part] = (x[part] + (x[part] - soft) * uniform(len(part), 0.5, 2.0)[:, None, None, None]).clamp(0, 1)
    part = order[n // 6 : n // 4]
    x[part] = F.avg_pool2d(F.pad(x[part], (1, 1, 1, 1), mode="replicate"), 3, 1)
    return x


def degrade(x):
    """Low resolution, blur, noise and cut-outs on random parts of the batch."""
    n, _, size, _ = x.shape
    order = torch.randperm(n)
    for part, small in zip(order[: n // 4].chunk(3), (int(size * 0.33), int(size * 0.5), int(size * 0.7))):
        mode = "area" if torch.rand(()) < 0.7 else "nearest"
        low = F.interpolate(x[part], size=(small, small), mode=mode)
        x[part] = F.interpolate(low, size=(size, size), mode="bilinear", align_corners=False)
    part = order[n // 4 : n // 4 + n // 8]
    x[part] += torch.randn_like(x[part]) * uniform(len(part), 0.01, 0.08)[:, None, None, None]
    part = order[n // 3 : n // 3 + n // 4]
    for i in part.tolist():
        h, w = (int(torch.randint(size // 8, size // 3, ())) for _ in range(2))
        y, z = int(torch.randint(size - h + 1, ())), int(torch.randint(size - w + 1, ()))
        x[i, :, y : y + h, z : z + w] = torch.rand(3, 1, 1)
    return x.clamp(0, 1)


def letterbox(x, share=0.15):
    """White bars, as padding to a square makes them."""
    size = x.shape[-1]
    for i in (torch.rand(len(x)) < share).nonzero()[:, 0].tolist():
        bar = int(torch.randint(2, int(size * 0.25), ()))
        if torch.rand(()) < 0.5:
            x[i, :, :bar], x[i, :, -bar:] = 1, 1
        else:
            x[i, :, :, :bar], x[i, :, :, -bar:] = 1, 1
    return x


def normalise(x):
    """Mean and standard deviation of the preprocessing contract."""
    return (x - MEAN[:, None, None]) / STD[:, None, None]


def photo_crops(n, size, photos):
    """Random crops of photographs [n, 3, size, size]."""
    out = []
    for _ in range(n):
        src = photos[int(torch.randint(len(photos), ()))]
        crop = int(torch.randint(src.shape[-1] // 3, src.shape[-1] + 1, ()))
        y, x = (int(torch.randint(src.shape[-1] - crop + 1, ())) for _ in range(2))
        part = src[None, :, y : y + crop, x : x + crop].float() / 255
        part = part.flip(3) if torch.rand(()) < 0.5 else part
        out.append(F.interpolate(part, size=(size, size), mode="bilinear", align_corners=False))
    return torch.cat(out)


@torch.no_grad()
def strangers(n, size, photos):
    """Normalised pictures of no species: crops of photographs, one in four an empty background."""
    x = photo_crops(n - n // 4, size, photos)
    # Two photographs in one, side by side or through each other: there are few, and these are no species either.
    other, part = x.roll(1, 0), uniform(len(x), 0.3, 0.7)[:, None, None, None]
    beside = (torch.linspace(0, 1, size)[None, None, None] < part).float()
    kind = torch.rand(len(x))[:, None, None, None]
    part = torch.where(kind < 0.2, beside, torch.where(kind < 0.35, part, torch.ones(())))
    x = torch.cat([x * part + other * (1 - part), backgrounds(n // 4, size, photos)])
    return normalise(degrade(letterbox(colour(x)))).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def augment(rgba, size, photos):
    """uint8 premultiplied RGBA [N, 4, H, W] -> normalised [N, 3, size, size]."""
    x = place(rgba.float() / 255, size)
    n = len(x)
    body, alpha = x[:, :3], x[:, 3:]
    x = body + backgrounds(n, size, photos) * (1 - alpha)
    return normalise(letterbox(degrade(redraw(colour(x))))).contiguous(memory_format=torch.channels_last)
