"""The command line."""
import argparse
import os
import sys
from pathlib import Path

from . import graph, program
from .base import open_base
from .failure import Failure
from .settings import Settings
from .table import LABELS

EXAMPLES = """examples:
  pokedex scan photos/ | pokedex split - -o split.parquet
  python -m pokedex_train finetune split.parquet --base builtin --captions labels -o my-model/
  python -m pokedex_train finetune split.parquet --base my-model/ --captions caption -o finer/ --log runs.parquet
  pokedex embed photos/ --model my-model/ -o photos.parquet
  python -m pokedex_train onnx --base my-model/ -o species/
"""


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="pokedex_train", description="Train models of pokedex on tables of one's own.")
    commands = whole.add_subparsers(dest="command", required=True)
    p = commands.add_parser("finetune", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
                            help="make a model whose vectors fit one's own pictures",
                            description="Fine-tunes a model's image tower on the rows of split train, judged by those of split validation. "
                            "Words keep their vectors. A run that was stopped, however, goes on where it was when it is called again.")
    d = Settings(LABELS)
    p.add_argument("table", type=Path, help="a Parquet table with pictures (`image` or `path`), `split`, and labels or captions")
    p.add_argument("--base", default="builtin", metavar="builtin|DIR", help="the model to begin with [default: builtin]")
    p.add_argument("--captions", required=True, metavar="COLUMN|labels", help="what says what a picture shows: a column of texts or of lists of texts; or labels")
    p.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the new model's folder; beside it DIR.work is kept until it is done")
    p.add_argument("--pseudo-labels", action="store_true", help="rows without a label are taught prediction_1, weighted by score_1; not those that are rejected")
    p.add_argument("--teacher", type=Path, metavar="TABLE", help="vectors of another model, by key, that the new one is to be like, too")
    p.add_argument("--teacher-column", default="embedding", metavar="NAME", help="their column [default: embedding]")
    p.add_argument("--root", type=Path, metavar="DIR", help="look for the files of the table below this folder first")
    p.add_argument("--log", type=Path, metavar="RUNS", help="add the run to this log, which `pokedex evaluate --compare` lists")
    p.add_argument("--tensorboard", type=Path, metavar="DIR", help="write events for TensorBoard (needs tensorboardX)")
    g = p.add_argument_group("training")
    for name, kind, text in (
            ("epochs", int, "how often each picture is learnt from at most"),
            ("batch", int, "pictures a step"),
            ("rate", float, "the learning rate of the last stages"),
            ("early-rate", float, "that of the first stages, as a share of it; 0 leaves them as they are, which is several times as fast"),
            ("keep", float, "how much it counts to see a picture as the base does, beside its words"),
            ("stay", float, "which share of the way back to the base's weights each step takes"),
            ("teach", float, "how much the teacher counts"),
            ("average", float, "how slowly the average of the weights, which is what is judged and written, follows"),
            ("patience", int, "stop after so many epochs without a better judgement"),
            ("views", int, "how many different looks at each picture there are; with --early-rate 0 each takes 0.2 MB on the disk"),
            ("seed", int, "another number draws other looks")):
        default = getattr(d, name.replace("-", "_"))
        g.add_argument(f"--{name}", type=kind, default=default, metavar="N" if kind is int else "X", help=f"{text} [default: {default}]")
    w = p.add_argument_group("work")
    w.add_argument("--threads", type=int, default=_threads(), metavar="N", help="other numbers give other last digits [default: the number of processors]")
    w.add_argument("--device", default="auto", help="cpu, cuda, or auto: a GPU if there is one [default: auto]")
    w.add_argument("--pokedex", metavar="FILE", help="the program [default: $POKEDEX, or pokedex on the PATH]")
    w.add_argument("--save-seconds", type=float, default=60.0, metavar="X", help="how much work may be lost when the process is killed [default: 60]")
    w.add_argument("--fresh", action="store_true", help="begin anew, whatever an earlier call left")
    w.add_argument("--accept-best", action="store_true", help="train no more, and write the best so far")
    w.add_argument("--keep-work", action="store_true", help="leave DIR.work when all is done")
    o = commands.add_parser("onnx", help="write what names a Pokémon as an ONNX file, for devices",
                            description="Writes the branch of a model's image tower that knows Pokémon as an ONNX file of one shape, with its classes and "
                            "how pictures are prepared, for `pokedex export --format edge --model DIR/model.onnx` (needs onnx).")
    o.add_argument("--base", default="builtin", metavar="builtin|DIR", help="the model [default: builtin]")
    o.add_argument("--what", choices=graph.WHAT, default="species", help="a score for each species, or vectors that are compared [default: species]")
    o.add_argument("--size", type=int, default=0, choices=range(48, 385, 48), metavar="N", help="pixels of a side, a multiple of 48: with fewer it takes less memory and "
                   "time, and names less well [default: the model's]")
    o.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the new folder")
    o.add_argument("--pokedex", metavar="FILE", help="the program [default: $POKEDEX, or pokedex on the PATH]")
    return whole


def _settings(args: argparse.Namespace, device: str) -> Settings:
    for name, low, high in (("epochs", 1, 1 << 20), ("batch", 2, 1 << 16), ("patience", 1, 1 << 20), ("views", 1, 1 << 16), ("threads", 1, 1 << 10), ("rate", 1e-9, 1.0),
                            ("early_rate", 0.0, 1.0), ("keep", 0.0, 1e3), ("stay", 0.0, 0.999), ("teach", 0.0, 1e3), ("average", 0.0, 0.9999), ("seed", 0, 1 << 40)):
        if not low <= getattr(args, name) <= high:
            raise Failure(f"--{name.replace('_', '-')} {getattr(args, name)}: must be from {low} to {high}")
    own = {name: getattr(args, name) for name in Settings.__dataclass_fields__ if name != "device"}
    return Settings(**own, device=device)


def main(arguments: list[str] | None = None) -> None:
    args = parser().parse_args(arguments)

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        if args.command == "onnx":
            numbers = program.species(program.find(args.pokedex))
            say(f"wrote {graph.write(open_base(args.base), args.what, sorted(numbers, key=numbers.__getitem__), args.output, args.size)}")
            return
        import torch

        from .finetune import Places, finetune

        device = args.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device != "cpu":
            # Before the first product on it; else its sums are not the same twice.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        places = Places(args.table, args.base, args.output, program.find(args.pokedex), args.root, args.teacher, args.teacher_column, args.log,
                        args.tensorboard, args.save_seconds, args.fresh, args.accept_best, args.keep_work)
        say(f"made {finetune(places, _settings(args, device), say)} in {args.output}")
    except Failure as failure:
        say(f"pokedex_train: {failure}")
        if failure.hint:
            say(f"hint: {failure.hint}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("pokedex_train: interrupted; the same call goes on")
        sys.exit(130)
