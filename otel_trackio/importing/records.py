"""The framing of W&B's files, which is LevelDB's: records in blocks of 32 KiB.

W&B's own reader comes and goes from version to version of its library; the framing has not changed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HEADER: Final = struct.Struct("<4sHB")
"""What a file begins with: its mark, a magic number, a version."""

MARK: Final = (b":W&B", 0xBEE1, 0)

BLOCK: Final = 32768

_PIECE: Final = struct.Struct("<IHB")  # A checksum, how many bytes follow, and which piece it is.
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def is_framed(path: Path) -> bool:
    """Whether a file begins as W&B's do."""
    with path.open("rb") as file:
        head = file.read(HEADER.size)
    return len(head) == HEADER.size and HEADER.unpack(head) == MARK


def records(path: Path, position: int = 0) -> Iterator[tuple[int, bytes]]:
    """The records behind a position, each with the position after it.

    It ends before one that is not whole: the last one, while it is being written. Raises ValueError
    where something stands between records that cannot be there.
    """
    at = max(position, HEADER.size)
    held: list[bytes] = []
    with path.open("rb") as file:
        file.seek(at)
        while True:
            rest = BLOCK - at % BLOCK
            if rest < _PIECE.size:  # No piece fits there, and zeros fill it.
                at += rest
                file.seek(at)
            head = file.read(_PIECE.size)
            if len(head) < _PIECE.size:
                return
            _, length, kind = _PIECE.unpack(head)
            piece = file.read(length)
            if len(piece) < length:
                return
            at += _PIECE.size + length
            if kind not in (_FULL, _FIRST, _MIDDLE, _LAST):
                raise ValueError(f"a piece of kind {kind} before byte {at}")
            held = [piece] if kind in (_FULL, _FIRST) else [*held, piece]
            if kind in (_FULL, _LAST):
                yield at, b"".join(held)
