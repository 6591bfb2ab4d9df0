"""The network while it learns: weights, their average, the optimiser, and the file that brings all of it back bit for bit."""
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .eye import Eye
from .failure import Failure
from .files import replacing
from .objective import Figures
from .settings import Settings
from .views import vectors

EARLY = ("stem", "shared.")
# The species stay where they are: names in words are theirs.
FIXED = ("species",)
Weights = dict[str, tuple[Tensor, Tensor]]


class Learner:
    """All that a step changes. No random number is kept: each is drawn from the seed and the place where it is needed."""

    def __init__(self, base: Eye, settings: Settings, projection: Tensor | None) -> None:
        self.settings, self.device = settings, torch.device(settings.device)
        self.eye, self.averaged = Eye(), Eye()
        self.eye.tensors = self.averaged.tensors = base.tensors
        self.start: Weights = {}
        for name, (weight, bias) in base.weights.items():
            weight = weight.to(self.device, memory_format=torch.channels_last) if weight.ndim == 4 else weight.to(self.device)
            pair = weight, bias.to(self.device)
            self.start[name] = pair
            learns = name not in FIXED and (settings.early_rate > 0 or not name.startswith(EARLY))
            self.eye.weights[name] = (nn.Parameter(pair[0].clone()), nn.Parameter(pair[1].clone())) if learns else pair
            self.averaged.weights[name] = (pair[0].clone(), pair[1].clone()) if learns else pair
        self.names = [name for name, (weight, _) in self.eye.weights.items() if weight.requires_grad]
        self.projection = None if projection is None else nn.Parameter(projection.to(self.device))
        groups: list[dict[str, Any]] = []
        for early in (False, True):
            parts = [p for name in self.names if name.startswith(EARLY) == early for p in self.eye.weights[name]]
            if parts:
                groups.append({"params": parts, "share": settings.early_rate if early else 1.0})
        if self.projection is not None:
            groups.append({"params": [self.projection], "share": 1.0})
        self.optimiser = torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.98), weight_decay=0.0)
        self.step = 0
        # Sum of the losses of this epoch's steps.
        self.loss_sum = 0.0
        # After each epoch: step, mean loss, figures of the judges. The first is the base's.
        self.history: list[tuple[int, float | None, Figures]] = []
        self.best: Weights | None = None
        self.best_at = 0
        self.seconds = 0.0
        self.ended: str | None = None

    def vectors(self, seen: dict[str, Tensor]) -> Tensor:
        return vectors(self.eye, seen)

    def learn(self, loss: Tensor, rate: float) -> None:
        """One step down."""
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        every = [p for group in self.optimiser.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(every, 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        self.optimiser.step()
        self.step += 1
        keep = min(self.settings.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name in self.names:
                for p, start, average in zip(self.eye.weights[name], self.start[name], self.averaged.weights[name]):
                    p.lerp_(start, self.settings.stay * rate / self.settings.rate)
                    average.lerp_(p, 1 - keep)

    def remember(self, figures: Figures, loss: float | None) -> bool:
        """Adds the judges' figures of the averaged weights; are they the best so far?"""
        better = not self.history or figures.loss < self.history[self.best_at][2].loss
        self.history.append((self.step, loss, figures))
        if better:
            self.best_at = len(self.history) - 1
            self.best = self.averages()
        return better

    def averages(self) -> Weights:
        return {name: (self.averaged.weights[name][0].clone(), self.averaged.weights[name][1].clone()) for name in self.names}

    def save(self, path: Path, identity: dict[str, Any]) -> None:
        """The file is whole and on the disk, or the one before is."""
        state = {
            "identity": identity,
            "weights": {name: [p.detach() for p in self.eye.weights[name]] for name in self.names},
            "averages": {name: list(self.averaged.weights[name]) for name in self.names},
            "best": None if self.best is None else {name: list(pair) for name, pair in self.best.items()},
            "best_at": self.best_at, "projection": None if self.projection is None else self.projection.detach(),
            "optimiser": self.optimiser.state_dict(), "step": self.step, "loss_sum": self.loss_sum, "seconds": self.seconds,
            "history": [(step, loss, asdict(figures)) for step, loss, figures in self.history], "ended": self.ended,
        }
        with replacing(path) as temporary:
            torch.save(state, temporary)

    def load(self, path: Path, identity: dict[str, Any]) -> None:
        """Goes on where a file of the same run stopped."""
        try:
            state = torch.load(path, weights_only=True, map_location=self.device)
        except Exception as e:  # noqa: BLE001 - torch raises whatever the bytes lead it to.
            raise Failure(f"{path}: cannot be read ({type(e).__name__})", "--fresh begins anew") from e
        differ = sorted(key for key in identity if state["identity"].get(key) != identity[key])
        if differ:
            raise Failure(f"{path} is of another run: not the same {', '.join(differ)}", "--fresh begins anew; or give another -o")
        with torch.no_grad():
            for name in self.names:
                for own, saved in zip(self.eye.weights[name], state["weights"][name]):
                    own.copy_(saved)
                for own, saved in zip(self.averaged.weights[name], state["averages"][name]):
                    own.copy_(saved)
            if self.projection is not None:
                self.projection.copy_(state["projection"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best = state["best"] and {name: (pair[0], pair[1]) for name, pair in state["best"].items()}
        self.best_at, self.step, self.loss_sum = state["best_at"], state["step"], state["loss_sum"]
        self.seconds, self.ended = state["seconds"], state["ended"]
        self.history = [(step, loss, Figures(**figures)) for step, loss, figures in state["history"]]
