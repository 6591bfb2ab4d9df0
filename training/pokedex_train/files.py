"""Files that are whole or not there."""
import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path


def sync(path: Path) -> None:
    """What was written to a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place, on the disk, when all went well."""
    temporary = path.with_name(f".tmp-{path.name}")
    yield temporary
    sync(temporary)
    temporary.replace(path)
    sync(path.parent)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
