"""Embed, search and classify images; knows all 1025 Pokémon out of the box.

>>> import pokedex
>>> pokedex.query("Pikachu", top=1).column("label")
['Pikachu']

The functions of this module are the stages of the command line: they take its options as keywords, do what it does, and
say what it says to the logger ``pokedex``. Inputs are paths, tables (of any library of Arrow) or lists of paths. A stage gives
a :class:`Table`; with ``output`` it writes the file that the command would write instead, and nothing is held in memory.

>>> table = pokedex.query("a bird of ice", where="generation = 1", top=2)
>>> table.column_names
['rank', 'score', 'id', 'label', 'key', 'path']
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ._pokedex import (
    Classifier,
    Index,
    Model,
    PokedexError,
    Table,
    UsageError,
    Vectors,
    __version__,
    run,
)

# What only some functions need they import themselves: `import pokedex` is to cost no more than the module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import tempfile
    from pathlib import Path
    from typing import Any, Union

    from ._pokedex import ArrowStream

    PathLike = Union[str, os.PathLike[str]]
    Source = Union[PathLike, Sequence[PathLike], ArrowStream]
    Option = Union[str, int, float, bool, None, os.PathLike[str], Sequence[Union[str, int, float]]]

__all__ = [
    "Classifier",
    "Index",
    "Model",
    "PokedexError",
    "Table",
    "UsageError",
    "Vectors",
    "__version__",
    "check",
    "classify",
    "convert_rgb",
    "embed",
    "evaluate",
    "export",
    "index",
    "query",
    "run",
    "scan",
    "split",
    "train",
]


def scan(inputs: Source, *, output: PathLike | None = None, **options: Option) -> Table:
    """List image files: key, path, id, label, size, content hash, error.

    >>> import pokedex
    >>> pokedex.scan("photos/", verify=True)  # doctest: +SKIP
    """
    return _table("scan", inputs, output, options)


def convert_rgb(inputs: Source, *, output: PathLike | None = None, **options: Option) -> Table:
    """Pictures as upright RGB, as PNG in the table."""
    return _table("convert-rgb", inputs, output, options)


def split(table: Source, *, output: PathLike | None = None, **options: Option) -> Table:
    """Divide rows among train, validation and test."""
    return _table("split", table, output, options)


def embed(inputs: Source, *, output: PathLike | None = None, **options: Option) -> Table:
    """Add the vectors of a model to images, or to a text column (``text="title"``).

    A picture that cannot be read is a row with its ``error`` and no vector.
    """
    return _table("embed", inputs, output, options)


def index(table: Source, output: PathLike, **options: Option) -> Index:
    """Make an index in a file, and open it. :meth:`Index.of` makes one in memory."""
    with _Arguments(table) as arguments:
        _run("index", arguments, {**options, "output": output})
    model = options.get("model")
    return Index.open(output, model=None if model is None else str(model))


def classify(inputs: Source, *, output: PathLike | None = None, **options: Option) -> Table:
    """Name the species of pictures, or classes of one's own (``head=``, ``labels=``, ``index=``, ``model=``)."""
    return _table("classify", inputs, output, {"format": "parquet", **options})


def train(table: Source, output: PathLike, **options: Option) -> Path:
    """Learn a head: from vectors to classes; or, with ``method="adapter"``, a model. Gives the path of it."""
    with _Arguments(table) as arguments:
        _run("train", arguments, {**options, "output": output})
    return _path(output)


def evaluate(predictions: Source, **options: Option) -> Any:
    """How good predictions are: what ``evaluate --format json`` prints."""
    return _json("evaluate", predictions, options)


def check(inputs: Source, **options: Option) -> Any:
    """What is wrong with a data set: what ``check --format json`` prints."""
    return _json("check", inputs, options)


def export(table: Source, output: PathLike, **options: Option) -> Path:
    """Write a table in another format, or a data set for another program. Gives the path of it."""
    with _Arguments(table) as arguments:
        _run("export", arguments, {**options, "output": output})
    return _path(output)


def query(*terms: Any, index: PathLike | None = None, **options: Any) -> Table:
    """Find what is nearest to words, pictures or stored rows, in the built-in Pokédex or an index.

    Who asks often opens an :class:`Index` once. The options are those of :meth:`Index.query`.

    >>> import pokedex
    >>> pokedex.query("fire dog", top=5).num_rows
    5
    """
    opened = {name: options.pop(name) for name in ("model", "column", "forms") if name in options}
    return Index.open(index, **opened).query(*terms, **options)


class _Arguments:
    """Inputs as arguments of a command; a table in memory is a file meanwhile."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> list[str]:
        if isinstance(self.source, (str, os.PathLike)):
            return [os.fspath(self.source)]
        if isinstance(self.source, Sequence):
            return [os.fspath(path) for path in self.source]
        import tempfile

        table = Table.from_arrow(self.source)
        self.folder = tempfile.TemporaryDirectory()
        file = os.path.join(self.folder.name, "table.arrows")
        table._spool(file)
        return [file]

    def __exit__(self, *_: object) -> None:
        if self.folder is not None:
            self.folder.cleanup()


def _table(command: str, inputs: Source, output: PathLike | None, options: dict[str, Option]) -> Table:
    import tempfile

    with _Arguments(inputs) as arguments, tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "table.parquet") if output is None else output
        _run(command, arguments, {**options, "output": file})
        return Table.open(file)


def _json(command: str, inputs: Source, options: dict[str, Option]) -> Any:
    import json
    import tempfile

    with _Arguments(inputs) as arguments, tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "answer.json")
        _run(command, arguments, {**options, "format": "json", "output": file})
        with open(file, encoding="utf-8") as answer:
            return json.load(answer)


def _path(path: PathLike) -> Path:
    from pathlib import Path

    return Path(path)


def _run(command: str, arguments: list[str], options: dict[str, Option]) -> None:
    flags: list[str] = []
    for name, value in options.items():
        flag = "--" + name.strip("_").replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            flags.append(flag)
        elif isinstance(value, (list, tuple)):
            flags.extend(f"{flag}={item}" for item in value)
        else:
            flags.append(f"{flag}={os.fspath(value) if isinstance(value, os.PathLike) else value}")
    run([command, *flags, "--", *arguments])
