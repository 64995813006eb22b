"""The frames of a journal, found as a stranger would who has read only how they are laid out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Final

_HEADER: Final = Struct("<IIQqqI")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame lies in the journal file, and its number."""

    offset: int
    length: int
    number: int


def places(journal: Path) -> list[Place]:
    """The frames of a journal that has not wrapped around, from the start of the file."""
    data = journal.read_bytes()
    found: list[Place] = []
    offset = 0
    while offset + _HEADER.size <= len(data):
        _, length, number, *_ = _HEADER.unpack_from(data, offset)
        if number != len(found) or not length:
            break
        found.append(Place(offset, length, number))
        offset += length
    return found


def flip(file: Path, offset: int, bits: int = 0xFF) -> None:
    """Inverts bits of one byte."""
    with file.open("r+b") as handle:
        handle.seek(offset)
        byte = handle.read(1)[0]
        handle.seek(offset)
        handle.write(bytes([byte ^ bits]))


def cut(file: Path, length: int) -> None:
    """Takes away the end of a file."""
    with file.open("r+b") as handle:
        handle.truncate(length)
