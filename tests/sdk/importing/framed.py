"""The framing of W&B's files, written as its description says: blocks of 32 KiB, headers of 7."""

from __future__ import annotations

import struct
from collections.abc import Iterable

BLOCK, HEADER = 32768, 7


def framed(records: Iterable[bytes], at: int) -> bytes:
    """Records in pieces that fit into blocks, the first of which begins `at` bytes into a file."""
    out = b""
    for record in records:
        first = True
        while True:
            room = BLOCK - (at + len(out)) % BLOCK
            if room < HEADER:
                out += bytes(room)
                room = BLOCK
            piece, record = record[: room - HEADER], record[room - HEADER :]
            kind = (1 if first else 4) if not record else (2 if first else 3)
            out += struct.pack("<IHB", 0, len(piece), kind) + piece
            first = False
            if not record:
                break
    return out
