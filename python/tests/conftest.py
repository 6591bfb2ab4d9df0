"""Pictures that the tests make themselves."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest


def png(number: int, side: int = 24) -> bytes:
    """A picture of stripes in a colour of its own."""
    colour = bytes([40 * number % 256, 90 * number % 256, 17 * number % 256])
    rows = b"".join(b"\0" + (colour * 3 + bytes(9)) * (side // 6) for _ in range(side))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side // 6 * 6, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POKEDEX_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02}.png").write_bytes(png(number))
    return folder
