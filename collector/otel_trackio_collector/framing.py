"""Protobuf's outer frame: the fields of a message as slices of its bytes, values left unread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

VARINT, EIGHT_BYTES, DELIMITED, FOUR_BYTES = 0, 1, 2, 5
"""Wire types, as protobuf numbers them."""

MOST_VARINT_BYTES: Final = 10
"""A 64-bit number takes no more."""


class Field(NamedTuple):
    """One field of a message: it lies in [start, end), its value begins at `value`."""

    number: int
    wire: int
    start: int
    value: int
    end: int


def fields(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """The fields in order. Raises ValueError for what is no message."""
    end = len(data) if end is None else end
    while start < end:
        tag, at = varint(data, start)
        value, wire = at, tag & 7
        if wire == DELIMITED:
            length, value = varint(data, at)
            stop = value + length
        elif wire == VARINT:
            stop = varint(data, at)[1]
        elif wire in (EIGHT_BYTES, FOUR_BYTES):
            stop = at + (8 if wire == EIGHT_BYTES else 4)
        else:
            raise ValueError(f"wire type {wire}")
        if stop > end:
            raise ValueError("a field runs over the end of its message")
        yield Field(tag >> 3, wire, start, value, stop)
        start = stop


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends. Raises ValueError."""
    number = 0
    for place, byte in enumerate(data[at : at + MOST_VARINT_BYTES]):
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return number, at + place + 1
    raise ValueError("a number does not end")


def delimited(number: int, body: bytes) -> bytes:
    """A field that holds a message, text or bytes."""
    return encoded(number << 3 | DELIMITED) + encoded(len(body)) + body


def encoded(number: int) -> bytes:
    """The number as a varint."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
