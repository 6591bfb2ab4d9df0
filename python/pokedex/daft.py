"""Vectors and classes of pictures as Daft expressions, on one machine or on a Ray cluster.

    pip install "pokedex[daft]"         # on a cluster: pokedex "daft[ray]==0.7.26" numpy, on every host

    >>> import daft
    >>> from pokedex.daft import embed
    >>> pictures = daft.from_glob_path("artwork/*.png")
    >>> table = pictures.select(embed("path", key="path", urls=True).unnest())  # doctest: +SKIP
    >>> table.sort("key").write_parquet("vectors")  # doctest: +SKIP

Rows are those of every pokedex table (`key`, `embedding`, `embedding_model`, `content_hash`, `error`), so `pokedex index`,
`query` and the others read what Daft writes. What holds for both functions:

- A picture that cannot be fetched or read is a row with an `error` and no vector; so is a null. It never ends the query, and
  no other row is null. What does end it is what would be wrong for all rows: a column of numbers, a model that is not there.
- Each process loads a model once, however many threads Daft calls from; a call computes on the thread that it is made from. So
  `threads` stays at 1 unless Daft has fewer calls under way than there are processors.
- Vectors are those of `pokedex.Model.embed`, bit for bit, whatever the batches, threads and hosts were. Hosts whose model
  is not the one that the query was planned with are an error and not a mixture.
- Daft keeps no order of rows on Ray: carry a `key`, and sort by it.
- Daft hands over no more than `batch_size` rows at once. Without a limit it gives 131,072, whose bytes lie in memory together.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

try:
    import daft
    import numpy
    import pyarrow  # type: ignore[import-untyped, unused-ignore]
    from daft import DataType, Series
except ModuleNotFoundError as missing:
    raise ImportError(f"pokedex.daft needs {missing.name}, which is not installed: pip install daft==0.7.26 numpy") from missing

import pokedex

if TYPE_CHECKING:
    from daft import Expression
    from daft.io import IOConfig

__all__ = ["classify", "embed"]

_loading = threading.Lock()


def embed(
    column: str | Expression,
    key: str | Expression | None = None,
    model: str = "pokedex-mini",
    *,
    urls: bool = False,
    io_config: IOConfig | None = None,
    max_connections: int = 32,
    batch_size: int = 32,
    threads: int = 1,
) -> Expression:
    """The vector of each picture in a column.

    Args:
        column: the pictures: the bytes of files, or with `urls=True` text, paths or URLs of any kind that Daft reads.
        key: a column of names; they become the struct's field `key` and must not be null.
        model: a model's name, a folder or an `.onnx` file; where it is no built-in model, it must be on every host.
        urls: the column is text, and Daft's own `download` fetches the bytes. Select the runner (`daft.set_runner_ray`) first:
            Daft decides here how it will fetch. What could not be fetched is a row with an error; why is in Daft's log.
        io_config: how Daft reaches the store of the URLs.
        max_connections: how many files are fetched at once.
        batch_size: how many pictures at most are given to the model in one call.
        threads: on how many threads one call computes.

    Returns:
        A struct of `key` (text, only where one was asked for), `embedding` (Daft's Embedding of float32; of length 1, null where
        `error` is set), `embedding_model` (text, `name@hash`), `content_hash` (32 bytes: BLAKE3 of the file) and `error` (text,
        null where all is well). `.unnest()` makes columns of it.

    >>> import daft
    >>> from pokedex.daft import embed
    >>> pixel = b"P6 1 1 255 " + bytes([255, 0, 0])
    >>> pictures = daft.from_pydict({"name": ["pixel", "text", "none"], "bytes": [pixel, b"hello", None]})
    >>> rows = pictures.select(embed("bytes", key="name").unnest()).sort("key").to_pylist()
    >>> [(row["key"], row["embedding"] is not None, row["error"] is not None) for row in rows]
    [('none', False, True), ('pixel', True, False), ('text', False, True)]
    """
    # Asked for here, on the planning machine: the type of the column has to be known before the first row is.
    planned = _model(model, threads)
    fields = {} if key is None else {"key": DataType.string()}
    fields["embedding"] = DataType.embedding(DataType.float32(), planned.dimension)
    fields["embedding_model"] = DataType.string()
    fields["content_hash"] = DataType.fixed_size_binary(32)
    fields["error"] = DataType.string()
    return _expression(
        _embed_batch, DataType.struct(fields), column, key, urls, io_config, max_connections, batch_size,
        model=model, threads=threads, identity=planned.name, dimension=planned.dimension,
    )  # fmt: skip


def classify(
    column: str | Expression,
    key: str | Expression | None = None,
    model: str | None = None,
    *,
    head: str | None = None,
    labels: str | None = None,
    index: str | None = None,
    top: int = 5,
    neighbours: int = 10,
    urls: bool = False,
    io_config: IOConfig | None = None,
    max_connections: int = 32,
    batch_size: int = 32,
    threads: int = 1,
) -> Expression:
    """The best classes of each picture in a column.

    Args:
        column, key, urls, io_config, max_connections, batch_size, threads: as of `embed`.
        model, head, labels, index, neighbours: where the classes come from, as of `pokedex.Classifier`; the 1025 Pokémon where
            nothing is given. Files must be on every host.
        top: how many classes a row gets.

    Returns:
        A struct of `key` (only where one was asked for), `prediction_1` (text), `score_1` (float32) and so on up to `top`, null
        where there are fewer classes or `error` is set, `rejected` (whether the best score is too small to be believed) and
        `error`.

    >>> import daft
    >>> from pokedex.daft import classify
    >>> pictures = daft.from_pydict({"name": ["text"], "bytes": [b"hello"]})
    >>> [row] = pictures.select(classify("bytes", key="name", top=1).unnest()).to_pylist()
    >>> row["key"], row["prediction_1"], row["rejected"], row["error"] is not None
    ('text', None, True, True)
    """
    if top < 1:
        raise ValueError(f"top: {top} is less than 1")
    options = {
        "model": model, "head": head, "labels": labels, "index": index, "top": top, "neighbours": neighbours, "threads": threads,
    }  # fmt: skip
    planned = _classifier(options)
    fields = {} if key is None else {"key": DataType.string()}
    for place in range(1, top + 1):
        fields[f"prediction_{place}"] = DataType.string()
        fields[f"score_{place}"] = DataType.float32()
    fields["rejected"] = DataType.bool()
    fields["error"] = DataType.string()
    return _expression(
        _classify_batch, DataType.struct(fields), column, key, urls, io_config, max_connections, batch_size,
        options=options, identity=planned.name,
    )  # fmt: skip


def _expression(
    batch: Any,
    dtype: DataType,
    column: str | Expression,
    key: str | Expression | None,
    urls: bool,
    io_config: IOConfig | None,
    max_connections: int,
    batch_size: int,
    **settings: Any,
) -> Expression:
    """`batch` over a column: what both functions have in common.

    No `max_concurrency`, and `use_process=False`: else Daft starts processes of its own, each of which loads the model.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size: {batch_size} is less than 1")
    pictures = daft.col(column) if isinstance(column, str) else column
    keys = daft.col(key) if isinstance(key, str) else key
    source = None
    if urls:
        source = pictures
        # "raise" would end the query at the first file that is missing.
        pictures = pictures.download(max_connections=max_connections, on_error="null", io_config=io_config)
    function = daft.func.batch(return_dtype=dtype, batch_size=batch_size, use_process=False)(batch)
    expression: Expression = function(pictures, source, keys, dtype=dtype, **settings)
    return expression


def _embed_batch(
    pictures: Series,
    source: Series | None,
    keys: Series | None,
    dtype: DataType,
    model: str,
    threads: int,
    identity: str,
    dimension: int,
) -> Series:
    images = _images(pictures)
    loaded = _model(model, threads)
    _compare(loaded.name, identity)
    vectors = loaded.embed(images)
    errors = _errors(list(vectors.errors), images, source)
    absent = numpy.array([error is not None for error in errors], dtype=bool)
    numbers = numpy.ascontiguousarray(vectors, dtype=numpy.float32).reshape(-1)
    columns = {
        "embedding": pyarrow.FixedSizeListArray.from_arrays(
            pyarrow.array(numbers, pyarrow.float32()), dimension, mask=pyarrow.array(absent)
        ),
        "embedding_model": pyarrow.array([None if error else identity for error in errors], pyarrow.large_string()),
        "content_hash": pyarrow.array(vectors.content_hashes, pyarrow.binary(32)),
        "error": pyarrow.array(errors, pyarrow.large_string()),
    }
    return _struct(columns, keys, dtype, len(images))


def _classify_batch(
    pictures: Series,
    source: Series | None,
    keys: Series | None,
    dtype: DataType,
    options: dict[str, Any],
    identity: str,
) -> Series:
    images = _images(pictures)
    classifier = _classifier(options)
    _compare(classifier.name, identity)
    rows = classifier.classify(images).to_pylist()
    errors = _errors([row["error"] for row in rows], images, source)
    columns = {}
    for place in range(1, options["top"] + 1):
        for name, kind in ((f"prediction_{place}", pyarrow.large_string()), (f"score_{place}", pyarrow.float32())):
            # Fewer classes than were asked for: there is no such column.
            columns[name] = pyarrow.array([row.get(name) for row in rows], kind)
    columns["rejected"] = pyarrow.array([row["rejected"] for row in rows], pyarrow.bool_())
    columns["error"] = pyarrow.array(errors, pyarrow.large_string())
    return _struct(columns, keys, dtype, len(images))


def _compare(here: str, planned: str) -> None:
    if here != planned:
        raise ValueError(
            f"this host has {here}, and the query was planned with {planned}: "
            "install the same pokedex and the same files on every host"
        )


def _images(pictures: Series) -> list[bytes | None]:
    dtype = pictures.datatype()
    if dtype.is_string():
        raise TypeError("the column of pictures is text: urls=True fetches what it names")
    if not (dtype.is_binary() or dtype.is_fixed_size_binary() or dtype.is_null()):
        raise TypeError(f"the column of pictures is of {dtype}: the bytes of files are wanted, or text with urls=True")
    images: list[bytes | None] = pictures.to_pylist()
    return images


def _errors(errors: list[str | None], images: list[bytes | None], source: Series | None) -> list[str | None]:
    """Why each row has no result; a row without a picture always has a reason."""
    urls: list[str | None] = [None] * len(images) if source is None else source.to_pylist()
    for row, (image, url) in enumerate(zip(images, urls, strict=True)):
        if image is None:
            errors[row] = "there is no picture" if url is None else "the file could not be fetched"
    return errors


def _struct(columns: dict[str, pyarrow.Array[Any]], keys: Series | None, dtype: DataType, rows: int) -> Series:
    """One Series of exactly the type that was promised: Daft makes nulls of what does not fit, without a word."""
    if keys is not None:
        names = keys.cast(DataType.string()).to_arrow()
        if names.null_count:
            raise ValueError("a key is null")
        columns = {"key": names, **columns}
    for name, column in columns.items():
        if len(column) != rows:
            raise AssertionError(f"{name}: {len(column)} results for {rows} rows")
    array = pyarrow.StructArray.from_arrays(list(columns.values()), names=list(columns))
    series = Series.from_arrow(array).cast(dtype)
    if series.datatype() != dtype:
        raise AssertionError(f"made {series.datatype()} where {dtype} was promised")
    return series


def _model(model: str, threads: int) -> pokedex.Model:
    # The lock is for the first call: many threads make it at once, and each would load the model.
    with _loading:
        return _load_model(model, threads)


def _classifier(options: dict[str, Any]) -> pokedex.Classifier:
    with _loading:
        return _load_classifier(**options)


@functools.cache
def _load_model(model: str, threads: int) -> pokedex.Model:
    return pokedex.Model(model, threads=threads)


@functools.cache
def _load_classifier(**options: Any) -> pokedex.Classifier:
    return pokedex.Classifier(**options)
