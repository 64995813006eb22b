"""Points and exemplars as SDKs write them, read from their bytes. Pure."""

from __future__ import annotations

import struct
from typing import Final

from otel_trackio.model import NO_STEP
from otel_trackio.semconv import POINT_NUMBER, TRAINING_STEP
from otel_trackio_collector.framing import varint

POINT: Final = 0x0A
START, TIME, FLOAT, INTEGER, EXEMPLAR = 0x11, 0x19, 0x21, 0x31, 0x2A
"""Tags of the fields of a number point, the point's own in its metric before them. Attributes
follow, and nothing after these."""

WHEN, SAID, TOLD = 0x11, 0x19, 0x3A
"""Tags of the fields of an exemplar: time, value, attribute."""

STARTED: Final = struct.Struct("<BQBQBd").unpack_from
TIMED: Final = struct.Struct("<BQBd").unpack_from
FLOAT_AT: Final = struct.Struct("<d").unpack_from
INTEGER_AT: Final = struct.Struct("<q").unpack_from

PAD: Final = bytes(32)
"""To be put behind what is read, so that these never run over its end."""

NO_TRACE: Final = b"\x22\0\x2a\0"
"""Empty ids of span and trace: the official Collector writes them."""


def _named(key: str) -> bytes:
    """An attribute's bytes, from its key to the tag of its value."""
    return b"\x0a" + bytes([len(key)]) + key.encode() + b"\x12"


STEP_KEY: Final = _named(TRAINING_STEP)
SEQ_KEY: Final = _named(POINT_NUMBER)

NO_INTEGER: Final = -(2**64)


def extent(data: bytes, at: int) -> tuple[int, int]:
    """Where a message begins and ends whose length stands at `at`. Raises ValueError."""
    size = data[at]
    if size < 128:
        return at + 1, at + 1 + size
    after = data[at + 1]
    if after < 128:
        return at + 2, at + 2 + (size & 127 | after << 7)
    size, begin = varint(data, at)
    return begin, begin + size


def mark(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Step and number, where what is left of an exemplar says one of them, or both, and no more.

    NO_STEP and 0 stand for what it does not say.
    """
    step, number = NO_STEP, 0
    if data[at : at + 4] == NO_TRACE:
        at += 4
    while at < end:
        stop = at + 2 + data[at + 1]
        if data[at] != TOLD:
            return None
        if data[at + 2 : at + 18] == STEP_KEY and step == NO_STEP:
            step = integer(data, at + 18, stop)
            plain = step > NO_STEP
        elif data[at + 2 : at + 21] == SEQ_KEY and not number:
            number = integer(data, at + 21, stop)
            plain = number > 0
        else:
            return None
        if not plain:
            return None
        at = stop
    return (step, number) if at == end and (step > NO_STEP or number) else None


def integer(data: bytes, at: int, end: int) -> int:
    """The integer in the `AnyValue` from `at` to `end`, or NO_INTEGER where it is any other."""
    size = end - at - 2
    if not 0 < size < 11 or data[at] != size + 1 or data[at + 1] != 0x18:
        return NO_INTEGER
    number = shift = byte = 0
    for byte in data[at + 2 : end]:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    if byte > 127 or shift != 7 * size:
        return NO_INTEGER
    if number < 2**63:
        return number
    return (number & 2**64 - 1) - 2**64
