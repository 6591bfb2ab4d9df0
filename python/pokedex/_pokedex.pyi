from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Any, Protocol

__version__: str

class ArrowStream(Protocol):
    """Any table of a library of Arrow."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

class PokedexError(Exception):
    """Data, a file, a model or the system failed; ``hint`` says what helps."""

    hint: str | None

class UsageError(PokedexError):
    """What was asked for makes no sense, whatever the data."""

class Table:
    """A table in memory: what a stage gave, or another library of Arrow."""

    @staticmethod
    def open(path: str | PathLike[str]) -> Table: ...
    @staticmethod
    def from_arrow(data: ArrowStream) -> Table: ...
    @property
    def num_rows(self) -> int: ...
    @property
    def column_names(self) -> list[str]: ...
    @property
    def metadata(self) -> dict[str, str]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, row: int) -> dict[str, Any]: ...
    def to_pylist(self) -> list[dict[str, Any]]: ...
    def column(self, name: str) -> list[Any]: ...
    def vectors(self, column: str = "embedding") -> Vectors: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...
    def _spool(self, path: str) -> None: ...

class Vectors:
    """Vectors of length 1, a row each: ``numpy.asarray`` of it copies nothing."""

    @property
    def errors(self) -> list[str | None]: ...
    @property
    def content_hashes(self) -> list[bytes | None]: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def __array_interface__(self) -> dict[str, Any]: ...
    def __len__(self) -> int: ...

class Model:
    """A model: pictures and texts to vectors. Threads may share one."""

    def __init__(self, name: str = "pokedex-mini", *, threads: int | None = None, cache: bool = False) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    def embed(self, images: Iterable[Any]) -> Vectors: ...
    def embed_text(self, texts: Sequence[str]) -> Vectors: ...

class Classifier:
    """What decides on the classes of pictures, loaded once; threads may share one."""

    def __init__(
        self,
        *,
        head: str | PathLike[str] | None = None,
        labels: str | PathLike[str] | None = None,
        index: str | PathLike[str] | None = None,
        model: str | None = None,
        top: int = 5,
        neighbours: int = 10,
        threads: int | None = None,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    def classify(self, images: Iterable[Any]) -> Table: ...

class Index:
    """Something to search: the built-in Pokédex, an index, or a table of vectors. Threads may share one."""

    @staticmethod
    def open(
        path: str | PathLike[str] | None = None,
        *,
        model: str | None = None,
        column: str = "embedding",
        forms: bool = False,
    ) -> Index: ...
    @staticmethod
    def of(
        table: ArrowStream,
        *,
        model: str | None = None,
        column: str = "embedding",
        columns: list[str] | None = None,
    ) -> Index: ...
    def query(
        self,
        *terms: Any,
        top: int = 10,
        offset: int = 0,
        where: str | None = None,
        sort: str | None = None,
        min_score: float | None = None,
        diverse: float | None = None,
        literal: bool = False,
        columns: list[str] | None = None,
        lang: str | None = None,
        explain: bool = False,
        exact: bool = False,
        search_k: int | None = None,
        beam: int | None = None,
    ) -> Table: ...
    def query_many(
        self,
        questions: Sequence[str],
        *,
        top: int = 10,
        offset: int = 0,
        where: str | None = None,
        sort: str | None = None,
        min_score: float | None = None,
        diverse: float | None = None,
        literal: bool = False,
        columns: list[str] | None = None,
        lang: str | None = None,
        explain: bool = False,
        exact: bool = False,
        search_k: int | None = None,
        beam: int | None = None,
    ) -> Table: ...
    def __len__(self) -> int: ...

def run(arguments: list[str]) -> int:
    """Runs a subcommand with the arguments of the command line, in this process; its exit code."""
