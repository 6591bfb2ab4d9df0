"""Fine-tuning from a table to a model: prepares, trains, watches, writes."""
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import __version__, program, runs
from .base import Base, open_base
from .events import Events
from .export import export, rounded
from .eye import Eye
from .failure import Failure
from .files import digest, replacing
from .learner import Learner
from .objective import Figures, apart, by_words, goals, judge
from .pixels import render
from .settings import Settings
from .table import LABELS, Lessons, Row, read_lessons
from .teacher import projection, read_teacher
from .views import Some, View, Views, vectors

WARM_UP, LEAST_RATE = 0.05, 0.02
# A run has collapsed when judges twice in a row find less than this share of the best.
COLLAPSE = 0.5
MOST_SCENES = 64


@dataclass(frozen=True)
class Places:
    """What is read and written, none of which decides a bit of the model but the table, the base and the teacher."""

    table: Path
    base: str
    out: Path
    tool: str
    root: Path | None = None
    teacher: Path | None = None
    teacher_column: str = "embedding"
    log: Path | None = None
    tensorboard: Path | None = None
    save_seconds: float = 60.0
    fresh: bool = False
    accept_best: bool = False
    keep_work: bool = False

    @property
    def work(self) -> Path:
        return self.out.with_name(f"{self.out.name}.work")


@dataclass
class Class:
    """The lessons of one split, ready to be looked at."""

    rows: list[Row]
    views: Views

    @property
    def texts(self) -> list[list[int]]:
        return [row.texts for row in self.rows]


def finetune(places: Places, settings: Settings, say: Callable[[str], None]) -> str:
    """Runs from the beginning or from where an earlier call stopped; the new model's name and identity."""
    if places.out.exists():
        raise Failure(f"{places.out}: exists already", "name another folder with -o, or remove it")
    if places.log is not None:
        runs.read(places.log)
    _be_exact(settings)
    base = open_base(places.base)
    lessons = read_lessons(places.table, settings.captions, settings.pseudo_labels)
    identity = asdict(settings) | {"table": digest(places.table), "base": base.identity(), "version": __version__, "torch": str(torch.__version__),
                                   "teacher": places.teacher and digest(places.teacher), "teacher column": places.teacher_column}
    if places.fresh:
        shutil.rmtree(places.work, ignore_errors=True)
    places.work.mkdir(parents=True, exist_ok=True)
    eye = base.eye()
    words = _words(places, settings, base, eye, lessons)
    train, judges = _classes(places, settings, base, eye, lessons, identity)
    for line in lessons.report():
        say(line)
    teacher = start = None
    if places.teacher is not None:
        teacher = read_teacher(places.teacher, places.teacher_column, [row.key for row in train.rows])
        seen = torch.from_numpy(np.array(train.views.plain().parts["base"]))
        start = projection(seen, *teacher)
        say(f"{int(teacher[1].sum())} of {len(train.rows)} pictures have a vector of the teacher, of dimension {teacher[0].shape[1]}")
    learner = Learner(eye, settings, start)
    checkpoint = places.work / "checkpoint.pt"
    if checkpoint.exists():
        learner.load(checkpoint, identity)
        say(f"goes on after step {learner.step}")
    training = Training(learner, train, judges, words, base.scale, teacher, checkpoint, identity, places, say)
    if places.accept_best and learner.best is not None:
        say(f"takes the best so far, of step {learner.history[learner.best_at][0]}")
    else:
        training.run()
    if learner.best_at == 0 or learner.best is None:
        raise Failure("no epoch judged better than the base did: nothing is written", "a lower --rate, a lower --keep, or more pictures")
    return _finish(places, settings, base, eye, learner, judges, words, identity, say)


def _be_exact(settings: Settings) -> None:
    """The same numbers in every run on this machine."""
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(True)


def _words(places: Places, settings: Settings, base: Base, eye: Eye, lessons: Lessons) -> Tensor:
    """A unit vector for each text: by the text tower; a species' own where a label is its name."""
    words = torch.from_numpy(program.embed_texts(places.tool, base.model, lessons.texts))
    if settings.captions == LABELS:
        numbers = program.species(places.tool)
        known = eye.weights["species"][0]
        for at, text in enumerate(lessons.texts):
            if 0 < numbers.get(text, 0) <= len(known):
                words[at] = known[numbers[text] - 1]
    return torch.nn.functional.normalize(words, dim=1)


def _classes(places: Places, settings: Settings, base: Base, eye: Eye, lessons: Lessons, identity: dict[str, Any]) -> tuple[Class, Class]:
    """Pictures, once as they are kept, and what is seen of them."""
    pixels = render(lessons, base, places.root, places.work / "pictures.u8")
    identity["pictures"] = digest(places.work / "pictures.u8")
    # Views of another run must not be taken for those of this one.
    marker, told = places.work / "views-of.txt", "".join(f"{key}: {value}\n" for key, value in sorted(identity.items()))
    if not (places.work / "checkpoint.pt").exists() and not (marker.exists() and marker.read_text() == told):
        shutil.rmtree(places.work / "views", ignore_errors=True)
        with replacing(marker) as temporary:
            temporary.write_text(told)
    if not lessons.of("train") or not lessons.of("validation"):
        raise Failure(f"{places.table}: no picture of {'validation' if lessons.of('train') else 'train'} can be read", "\n".join(lessons.report()[1:]))
    train = [at for at, row in enumerate(lessons.rows) if row.split == "train"]
    judges = [at for at, row in enumerate(lessons.rows) if row.split == "validation"]
    opaque = [at for at in train[:: max(1, len(train) // (4 * MOST_SCENES))] if pixels[at, 3].min() == 255][:MOST_SCENES]
    size = base.size
    scenes = np.array(pixels[opaque])[:, :3] if opaque else np.full((1, 3, size, size), 255, np.uint8)

    def of(name: str, rows: list[int]) -> Class:
        views = Views(places.work / "views" / name, Some(pixels, rows), eye, scenes, settings.seed, settings.early_rate > 0)
        return Class([lessons.rows[at] for at in rows], views)

    return of("train", train), of("judges", judges)


class Training:
    """The steps from where the learner stands to the end, or to where it has to stop."""

    def __init__(self, learner: Learner, train: Class, judges: Class, words: Tensor, scale: float, teacher: tuple[Tensor, Tensor] | None,
                 checkpoint: Path, identity: dict[str, Any], places: Places, say: Callable[[str], None]) -> None:
        self.learner, self.train, self.judges, self.scale, self.say = learner, train, judges, scale, say
        self.device = learner.device
        self.words, self.teacher = words.to(self.device), teacher
        self.checkpoint, self.identity, self.places = checkpoint, identity, places
        self.settings = learner.settings
        self.per_epoch = math.ceil(len(train.rows) / self.settings.batch)
        self.steps = self.per_epoch * self.settings.epochs
        self.tick = time.monotonic()

    def run(self) -> None:
        if self.learner.ended is not None:
            self._end_badly(self.learner.ended)
        events = Events(self.places.tensorboard, self.learner.step)
        try:
            if not self.learner.history:
                self._judge(events, None)
            while self.learner.step < self.steps and not self._patience_is_over():
                loss = self._step()
                if not math.isfinite(loss):
                    self._end_badly(f"the loss of step {self.learner.step + 1} is {loss}")
                if self.learner.step % self.per_epoch == 0:
                    mean, self.learner.loss_sum = self.learner.loss_sum / self.per_epoch, 0.0
                    self._judge(events, mean)
                elif time.monotonic() - self.tick > self.places.save_seconds:
                    self._save()
        finally:
            events.close()

    def _rate(self) -> float:
        done = self.learner.step / self.steps
        return self.settings.rate * min(1.0, (self.learner.step + 1) / (WARM_UP * self.steps)) * max(LEAST_RATE, (1 + math.cos(math.pi * done)) / 2)

    def _step(self) -> float:
        settings, learner = self.settings, self.learner
        epoch, place = divmod(learner.step, self.per_epoch)
        order = np.random.default_rng([settings.seed, epoch]).permutation(len(self.train.rows))
        rows = np.sort(order[place * settings.batch : (place + 1) * settings.batch])
        seen = self.train.views.lesson(epoch % settings.views).take(rows, self.device)
        vectors = learner.vectors(seen)
        some = [self.train.rows[at] for at in rows]
        wanted = goals([row.texts for row in some], [row.weight for row in some], [epoch + at for at in rows.tolist()], len(self.words),
                       [row.shares for row in some])
        loss = by_words(vectors, self.words, wanted.to(self.device), self.scale) + settings.keep * apart(vectors, seen["base"])
        if self.teacher is not None and learner.projection is not None:
            goal, there = (part[rows].to(self.device) for part in self.teacher)
            if bool(there.any()):
                loss = loss + settings.teach * apart(vectors[there] @ learner.projection.T, goal[there])
        value = loss.item()
        if math.isfinite(value):
            learner.learn(loss, self._rate())
            learner.loss_sum += value
        return value

    def _judge(self, events: Events, loss: float | None) -> None:
        learner = self.learner
        seen = _vectors_of(learner.averaged, self.judges.views.plain(), len(self.judges.rows), self.device)
        figures = judge(seen, self.words, self.judges.texts, self.scale)
        better = learner.remember(figures, loss)
        epoch = len(learner.history) - 1
        told = "the base" if loss is None else f"epoch {epoch} of {self.settings.epochs}: loss {loss:.4f}"
        self.say(f"{told}; judges: {figures.line()}{' (best)' if better and epoch else ''}")
        events.add(learner.step, loss, figures, self._rate())
        self._save()
        self._watch(figures)

    def _watch(self, figures: Figures) -> None:
        """Stops a run that does not learn but loses what it knew."""
        history = [figures for _, _, figures in self.learner.history]
        if not math.isfinite(figures.loss):
            self._end_badly(f"the judges' loss is {figures.loss}")
        for name in ("top1", "mrr"):
            values = [getattr(figures, name) for figures in history]
            if len(values) > 2 and max(values[-2:]) < COLLAPSE * max(values):
                self._end_badly(f"the judges' {name} fell from {max(values):.4f} to {values[-2]:.4f} and {values[-1]:.4f}")

    def _end_badly(self, why: str) -> None:
        learner = self.learner
        if learner.ended is None:
            learner.ended = why
            self._save()
        best = ""
        if learner.best_at:
            best = f"; the best so far is of step {learner.history[learner.best_at][0]}, with {learner.history[learner.best_at][2].line()}"
        raise Failure(f"training diverged: {why}{best}",
                      f"--fresh --rate {self.settings.rate / 3:.1g} begins anew with smaller steps{'; --accept-best writes the best so far' if best else ''}")

    def _patience_is_over(self) -> bool:
        over = len(self.learner.history) - 1 - self.learner.best_at >= self.settings.patience
        if over:
            self.say(f"stops: for {self.settings.patience} epochs the judges' loss was no better")
        return over

    def _save(self) -> None:
        now = time.monotonic()
        self.learner.seconds, self.tick = self.learner.seconds + now - self.tick, now
        self.learner.save(self.checkpoint, self.identity)


@torch.no_grad()
def _vectors_of(eye: Eye, view: View, count: int, device: torch.device) -> Tensor:
    return torch.cat([vectors(eye, view.take(np.arange(at, min(at + 32, count)), device)) for at in range(0, count, 32)])


def _finish(places: Places, settings: Settings, base: Base, eye: Eye, learner: Learner, judges: Class, words: Tensor, identity: dict[str, Any],
            say: Callable[[str], None]) -> str:
    assert learner.best is not None
    shipped = rounded(eye, learner.best)
    figures = judge(_vectors_of(shipped, judges.views.plain(), len(judges.rows), torch.device("cpu")), words, judges.texts, base.scale)
    before = learner.history[0][2]
    say(f"judges, of the model as it is written: {figures.line()}; of the base: {before.line()}")
    made = {"from": base.identity(), "by": f"pokedex_train {__version__}", "table": identity["table"], "settings": asdict(settings)}
    name = export(base, shipped, made, places.out, places.tool)
    if places.log is not None:
        curve = [{"iteration": step, "train_loss": loss, "validation_loss": f.loss, "validation_top1": f.top1} for step, loss, f in learner.history]
        told = {"top1": figures.top1, "mrr": figures.mrr, "loss": figures.loss, "base_top1": before.top1, "base_mrr": before.mrr, "base_loss": before.loss}
        number = runs.append(places.log, {
            "command": "finetune", "head": name, "input": str(places.table), "settings": asdict(settings) | {"base": base.identity()}, "figures": told,
            "top1": figures.top1, "loss": figures.loss, "seconds": learner.seconds, "curve": curve})
        say(f"run {number} of {places.log}")
    if not places.keep_work:
        shutil.rmtree(places.work)
    return name
