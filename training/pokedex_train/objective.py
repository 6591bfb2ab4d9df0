"""What is wanted of vectors: near to their words, not far from what the base made of the picture, like the teacher's."""
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# With more texts than that, a batch is told apart from its own texts only.
MOST_TEXTS = 2048
SMOOTHING = 0.05


@dataclass(frozen=True)
class Goals:
    """Of a batch: for each picture the number of its text (-1: none) and other texts that are as right; and how much it counts."""

    text: Tensor
    right: Tensor
    weight: Tensor

    def to(self, device: torch.device) -> "Goals":
        return Goals(self.text.to(device), self.right.to(device), self.weight.to(device))


def goals(texts: Sequence[Sequence[int]], weights: Sequence[float], chosen: Sequence[int], count: int) -> Goals:
    """`chosen` says which of its texts each picture is taught this time."""
    text = torch.tensor([own[pick % len(own)] if own else -1 for own, pick in zip(texts, chosen)])
    right = torch.zeros(len(texts), count, dtype=torch.bool)
    for at, own in enumerate(texts):
        right[at, list(own)] = True
    return Goals(text, right, torch.tensor(list(weights)))


def by_words(vectors: Tensor, words: Tensor, wanted: Goals, scale: float) -> Tensor:
    """Cross entropy over the texts, and a little of the plain cosine; the mean by weights over pictures that have words."""
    told = wanted.text >= 0
    weight = wanted.weight * told
    text, right, cosines = wanted.text.clamp(min=0), wanted.right, vectors @ words.T
    if len(words) > MOST_TEXTS:
        own = torch.unique(text[told])
        cosines, right = cosines[:, own], right[:, own]
        text = torch.searchsorted(own, text).clamp(max=len(own) - 1)
    mine = cosines.gather(1, text[:, None])[:, 0]
    # Its other texts are not wrong: they do not compete.
    others = right.scatter(1, text[:, None], False)
    logits = (scale * cosines).masked_fill(others, -1e4)
    entropy = F.cross_entropy(logits, text, reduction="none")
    if not bool(others.any()):
        entropy = F.cross_entropy(logits, text, reduction="none", label_smoothing=SMOOTHING)
    return ((entropy + 1 - mine) * weight).sum() / weight.sum().clamp(min=1e-6)


def apart(vectors: Tensor, others: Tensor) -> Tensor:
    """One less the mean cosine."""
    return (1 - F.cosine_similarity(vectors, others)).mean()


@dataclass(frozen=True)
class Figures:
    """What judges say."""

    loss: float
    top1: float
    mrr: float

    def line(self) -> str:
        return f"loss {self.loss:.4f}, right by words {self.top1:.4f}, words to pictures MRR {self.mrr:.4f}"


@torch.no_grad()
def judge(vectors: Tensor, words: Tensor, texts: Sequence[Sequence[int]], scale: float) -> Figures:
    """Cross entropy over the texts (of very many: over the judges' own), how many are nearest to a text of theirs, and the mean
    reciprocal rank of the first right picture of each text that has one."""
    used = list(range(len(words))) if len(words) <= MOST_TEXTS else sorted({number for own in texts for number in own})
    place = {number: at for at, number in enumerate(used)}
    right = torch.zeros(len(texts), len(used), dtype=torch.bool, device=vectors.device)
    for at, own in enumerate(texts):
        right[at, [place[number] for number in own]] = True
    cosines = vectors @ words[used].T
    chances = (scale * cosines).log_softmax(1)
    loss = -chances.masked_fill(~right, -torch.inf).logsumexp(1).mean().item()
    top1 = right.gather(1, cosines.argmax(1, keepdim=True)).float().mean().item()
    best = cosines.masked_fill(~right, -torch.inf).max(0).values
    rank = (cosines > best).sum(0) + 1
    return Figures(loss, top1, (1 / rank)[right.any(0)].mean().item())
