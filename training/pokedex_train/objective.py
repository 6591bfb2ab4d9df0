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
    """Of a batch: for each picture the number of its text (-1: none) and other texts that are as right; and how much it counts.
    Of mixtures, whose places `mixed` has, the share of every text."""

    text: Tensor
    right: Tensor
    weight: Tensor
    mixed: Tensor
    shares: Tensor

    def to(self, device: torch.device) -> "Goals":
        return Goals(*(part.to(device) for part in (self.text, self.right, self.weight, self.mixed, self.shares)))


def goals(texts: Sequence[Sequence[int]], weights: Sequence[float], chosen: Sequence[int], count: int,
          shares: Sequence[Sequence[float]] = ()) -> Goals:
    """`chosen` says which of its texts each picture is taught this time; a mixture is taught all of them, by `shares`."""
    text = torch.tensor([own[pick % len(own)] if own else -1 for own, pick in zip(texts, chosen)])
    right = torch.zeros(len(texts), count, dtype=torch.bool)
    for at, own in enumerate(texts):
        if not (shares and shares[at]):
            right[at, list(own)] = True
    mixed = [at for at, own in enumerate(shares) if own]
    parts = torch.zeros(len(mixed), count)
    for row, at in enumerate(mixed):
        parts[row, list(texts[at])] = torch.tensor(list(shares[at]))
    return Goals(text, right, torch.tensor(list(weights)), torch.tensor(mixed, dtype=torch.long), parts)


def by_words(vectors: Tensor, words: Tensor, wanted: Goals, scale: float) -> Tensor:
    """Cross entropy over the texts, and a little of the plain cosine; the mean by weights over pictures that have words."""
    told = wanted.text >= 0
    weight = wanted.weight * told
    text, right, cosines, shares = wanted.text.clamp(min=0), wanted.right, vectors @ words.T, wanted.shares
    if len(words) > MOST_TEXTS:
        own = torch.unique(torch.cat([text[told], shares.sum(0).nonzero()[:, 0]]))
        cosines, right, shares = cosines[:, own], right[:, own], shares[:, own]
        text = torch.searchsorted(own, text).clamp(max=len(own) - 1)
    mine = cosines.gather(1, text[:, None])[:, 0]
    # Its other texts are not wrong: they do not compete.
    others = right.scatter(1, text[:, None], False)
    logits = (scale * cosines).masked_fill(others, -1e4)
    entropy = F.cross_entropy(logits, text, reduction="none")
    if not bool(others.any()):
        entropy = F.cross_entropy(logits, text, reduction="none", label_smoothing=SMOOTHING)
    if len(wanted.mixed):
        # A mixture is as near to each of its texts as it shows of it.
        parts = cosines[wanted.mixed]
        soft = shares * (1 - SMOOTHING) + SMOOTHING / shares.shape[1]
        entropy = entropy.index_put((wanted.mixed,), -(soft * (scale * parts).log_softmax(1)).sum(1))
        mine = mine.index_put((wanted.mixed,), (shares * parts).sum(1))
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
