"""Batched augmentation of premultiplied RGBA pictures: other poses, places, hands, prints, cards and screens."""
import math

import torch
import torch.nn.functional as F
from torch import Tensor

MEAN = torch.tensor([127.0, 127.0, 127.0]) / 255
STD = torch.tensor([128.0, 128.0, 128.0]) / 255


def uniform(n: int, low: float, high: float) -> Tensor:
    return torch.rand(n) * (high - low) + low


def some(n: int, share: float) -> Tensor:
    """Which of n pictures: each with a probability of `share`."""
    return (torch.rand(n) < share).nonzero()[:, 0]


def resize(x: Tensor, size: int | tuple[int, int]) -> Tensor:
    return F.interpolate(x, size=(size, size) if isinstance(size, int) else size, mode="bilinear", align_corners=False)


def place(rgba: Tensor, size: int) -> Tensor:
    """Random scale, rotation, aspect, perspective, shift, flip and elastic bend: [N, 4, size, size]."""
    n = len(rgba)
    scale = torch.where(torch.rand(n) < 0.65, uniform(n, 0.8, 1.15), uniform(n, 0.4, 1.0))
    angle = uniform(n, -1, 1) ** 3 * math.radians(35)
    flip = torch.where(torch.rand(n) < 0.5, 1.0, -1.0)
    aspect = uniform(n, 0.88, 1.14)
    room = (1.15 - scale).clamp(min=0.08) * 0.8
    dx, dy = uniform(n, -1, 1) * room, uniform(n, -1, 1) * room
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    theta = torch.stack([torch.stack([cos * flip * aspect, -sin * flip, dx], 1), torch.stack([sin * aspect, cos, dy], 1)], 1)
    grid = F.affine_grid(theta, [n, 4, size, size], align_corners=False)
    tilt = torch.where(torch.rand(n, 1) < 0.3, torch.randn(n, 2) * 0.15, torch.zeros(()))[:, None, None]
    grid = grid / (1 + (grid * tilt).sum(-1, keepdim=True)).clamp(min=0.5)
    bend = torch.randn(n, 2, 5, 5) * (uniform(n, 0, 0.13) / scale.sqrt())[:, None, None, None]
    bend = F.interpolate(bend, size=(size, size), mode="bicubic", align_corners=True)
    grid = grid + bend.permute(0, 2, 3, 1)
    return F.grid_sample(rgba, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def photo_crop(size: int, photos: Tensor, least: float) -> Tensor:
    """A random square of a random photograph [1, 3, size, size]."""
    src = photos[int(torch.randint(len(photos), ()))]
    crop = int(torch.randint(int(src.shape[-1] * least), src.shape[-1] + 1, ()))
    y, x = (int(torch.randint(src.shape[-1] - crop + 1, ())) for _ in range(2))
    part = resize(src[None, :, y : y + crop, x : x + crop].float() / 255, size)
    return part.flip(3) if torch.rand(()) < 0.5 else part


def smooth(n: int, size: int, cells: int, channels: int = 3) -> Tensor:
    """Soft noise around zero [n, channels, size, size]."""
    return resize(torch.randn(n, channels, cells, cells), size)


def backgrounds(n: int, size: int, photos: Tensor) -> Tensor:
    """White four times in ten, else colour (black often: what is left of many a transparent picture), gradient, noise or
    photograph."""
    out = torch.ones(n, 3, size, size)
    kind = torch.rand(n)
    solid = (kind > 0.4) & (kind < 0.55)
    out[solid] = torch.rand(int(solid.sum()), 3, 1, 1).expand(-1, -1, size, size)
    out[(kind > 0.4) & (kind < 0.45)] = 0
    for low, high, cells in ((0.55, 0.62, 2), (0.62, 0.68, 6)):
        pick = (kind >= low) & (kind < high)
        if count := int(pick.sum()):
            out[pick] = (torch.rand(count, 3, 1, 1) + 0.5 * smooth(count, size, cells)).clamp(0, 1)
    for i in (kind >= 0.68).nonzero()[:, 0].tolist():
        out[i] = photo_crop(size, photos, 0.5)[0]
    return out


def company(x: Tensor, behind: Tensor, share: float = 0.12) -> Tensor:
    """Another creature behind some of them, smaller or beside; its shadow at times."""
    size = x.shape[-1]
    for i in some(len(x), share).tolist():
        small = int(size * float(uniform(1, 0.35, 0.8)))
        other = resize(x[i - 1][None], small)[0]
        top, left = (int(torch.randint(size - small + 1, ())) for _ in range(2))
        spot = behind[i, :, top : top + small, left : left + small]
        behind[i, :, top : top + small, left : left + small] = other[:3] + spot * (1 - other[3:])
    part = some(len(x), 0.12)
    if len(part):
        cast = resize(F.avg_pool2d(x[part, 3:], 8), size).roll((size // 24, size // 32), (2, 3))
        behind[part] = behind[part] * (1 - uniform(len(part), 0.2, 0.7)[:, None, None, None] * cast)
    return behind


def cards(x: Tensor, photos: Tensor, share: float = 0.1) -> Tensor:
    """Some pictures as the drawing on a trading card that lies somewhere, or as the drawing with a part of its frame."""
    size = x.shape[-1]
    for i in some(len(x), share).tolist():
        card = torch.rand(3, 1, 1).expand(3, size, size).clone()
        if torch.rand(()) < 0.4:
            card = (card + 0.15 * smooth(1, size, 4)[0]).clamp(0, 1)
        edge = int(size * 0.05)
        card[:, :edge] = card[:, -edge:] = card[:, :, :edge] = card[:, :, -edge:] = torch.rand(3, 1, 1)
        top, bottom = int(size * 0.13), int(size * float(uniform(1, 0.5, 0.6)))
        left = int(size * 0.09)
        card[:, top:bottom, left : size - left] = resize(x[i][None], (bottom - top, size - 2 * left))[0]
        ink = torch.rand(3, 1, 1) * 0.4
        for row in range(bottom + 8, size - 10, int(torch.randint(7, 14, ()))):
            end = int(torch.randint(size // 2, size - left, ()))
            marks = (torch.rand(1, 1, end - left) < 0.6).float() * uniform(1, 0.3, 0.9)
            card[:, row : row + 2, left:end] = card[:, row : row + 2, left:end] * (1 - marks) + ink * marks
        card[:, 10 : top - 6, left : left + int(torch.randint(30, 100, ()))] *= 0.5
        # A card is upright: 63 by 88.
        whole = torch.cat([card, torch.ones(1, size, size)])[None]
        zoom = float(uniform(1, 0.75, 1.9))
        theta = torch.eye(2, 3)[None] / zoom
        theta[0, 0, 0] *= 88 / 63
        turn = float(torch.randn(())) * 0.12
        theta[0, 0, 1], theta[0, 1, 0] = -math.sin(turn), math.sin(turn)
        # Seen near, its drawing is what is looked at.
        theta[0, 1, 2] = -0.3 * max(0.0, 1 - 1 / zoom) * 2
        seen = F.grid_sample(whole, F.affine_grid(theta, list(whole.shape), align_corners=False), align_corners=False)[0]
        under = photo_crop(size, photos, 0.4)[0] if torch.rand(()) < 0.6 else torch.rand(3, 1, 1)
        x[i] = seen[:3] + under * (1 - seen[3:])
    return x


def light(x: Tensor) -> Tensor:
    """What cameras add: uneven light, glare, the raster of a screen or of print."""
    n, _, size, _ = x.shape
    part = some(n, 0.15)
    if len(part):
        x[part] *= 1 + uniform(len(part), 0.1, 0.4)[:, None, None, None] * smooth(len(part), size, 3, 1)
    part = some(n, 0.08)
    if len(part):
        x[part] += uniform(len(part), 0.3, 1.0)[:, None, None, None] * (smooth(len(part), size, 5, 1) - 0.8).clamp(min=0)
    part = some(n, 0.06)
    if len(part):
        at = torch.arange(size).float()
        waves = uniform(len(part), 0.3, 2.8)[:, None] * at, uniform(len(part), 0.3, 2.8)[:, None] * at
        phase = uniform(len(part) * 3, 0, 6.3).view(-1, 3, 1, 1)
        raster = torch.sin(waves[0][:, None, :, None] + phase) * torch.sin(waves[1][:, None, None, :] + phase)
        x[part] *= 1 + uniform(len(part), 0.05, 0.25)[:, None, None, None] * raster
    return x.clamp(0, 1)


def pencil(x: Tensor, share: float = 0.05) -> Tensor:
    """Some as drawings in pencil or ink: dark where neighbours differ, on paper."""
    part = some(len(x), share)
    if len(part):
        grey = x[part].mean(1, keepdim=True)
        soft = F.avg_pool2d(F.pad(grey, (3, 3, 3, 3), mode="replicate"), 7, 1)
        lines = 1 - (uniform(len(part), 2, 6)[:, None, None, None] * (soft - grey).abs()).clamp(0, 1)
        shade = uniform(len(part), 0.0, 0.5)[:, None, None, None]
        paper = uniform(len(part) * 3, 0.75, 1.0).view(-1, 3, 1, 1)
        x[part] = lines * (1 - shade + shade * grey) * paper
    return x


def colour(x: Tensor) -> Tensor:
    """Brightness, contrast, saturation, small hue rotation, at times any hue, sometimes grey."""
    n = len(x)
    strong = (torch.rand(n) < 0.6).float()
    sat = 1 + strong * uniform(n, -0.4, 0.4)
    sat[torch.rand(n) < 0.06] = 0
    hue = torch.where(torch.rand(n) < 0.12, uniform(n, -math.pi, math.pi), strong * uniform(n, -0.2, 0.2))
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


def redraw(x: Tensor) -> Tensor:
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


def degrade(x: Tensor) -> Tensor:
    """Low resolution, blur, noise and cut-outs on random parts of the batch."""
    n, _, size, _ = x.shape
    order = torch.randperm(n)
    for part, small in zip(order[: n // 4].chunk(4), (int(size * 0.2), int(size * 0.33), int(size * 0.5), int(size * 0.7))):
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


def letterbox(x: Tensor, share: float = 0.15) -> Tensor:
    """White bars, as padding to a square makes them."""
    size = x.shape[-1]
    for i in (torch.rand(len(x)) < share).nonzero()[:, 0].tolist():
        bar = int(torch.randint(2, int(size * 0.25), ()))
        if torch.rand(()) < 0.5:
            x[i, :, :bar], x[i, :, -bar:] = 1, 1
        else:
            x[i, :, :, :bar], x[i, :, :, -bar:] = 1, 1
    return x


def normalise(x: Tensor) -> Tensor:
    """Mean and standard deviation of the preprocessing contract."""
    return (x - MEAN[:, None, None]) / STD[:, None, None]


@torch.no_grad()
def strangers(n: int, size: int, photos: Tensor) -> Tensor:
    """Normalised pictures of no species: squares of photographs, one in six an empty background."""
    x = torch.cat([photo_crop(size, photos, 0.3) for _ in range(n - n // 6)])
    # Two photographs in one, side by side or through each other: there are few, and these are no species either.
    other, part = x.roll(1, 0), uniform(len(x), 0.3, 0.7)[:, None, None, None]
    beside = (torch.linspace(0, 1, size)[None, None, None] < part).float()
    kind = torch.rand(len(x))[:, None, None, None]
    part = torch.where(kind < 0.1, beside, torch.where(kind < 0.15, part, torch.ones(())))
    x = torch.cat([x * part + other * (1 - part), backgrounds(n // 6, size, photos)])
    return normalise(degrade(letterbox(light(cards(pencil(redraw(colour(x))), photos)))))


@torch.no_grad()
def augment(rgba: Tensor, size: int, photos: Tensor) -> Tensor:
    """uint8 premultiplied RGBA [N, 4, H, W] -> normalised [N, 3, size, size]."""
    x = place(rgba.float() / 255, size)
    n = len(x)
    body, alpha = x[:, :3], x[:, 3:]
    x = body + company(x, backgrounds(n, size, photos)) * (1 - alpha)
    return normalise(letterbox(degrade(light(cards(pencil(redraw(colour(x))), photos)))))
