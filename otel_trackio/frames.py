"""Journal frames: the bytes of one `log()` call, and how they are read back. Pure.

A frame is a header and a body, little-endian:

    crc     u32   CRC-32 of everything after it
    length  u32   bytes in the whole frame
    number  u64   0, 1, 2, ...: never repeats, so what a lap of the ring left behind is not ours
    time    i64   nanoseconds since the epoch
    step    i64   NO_STEP where there is none
    layout  u32   what the body is

Layouts: DEFINITION (JSON: a new layout's id, keys and codes), ENTRY (JSON: anything that is not
plain numbers); any other id stands for the packed values of that layout's keys. A frame that
reaches the end of the ring goes on at its start; readers unroll the ring first.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

import numpy as np

from otel_trackio.model import NO_STEP, Ints, Values

DEFINITION: Final = 1
ENTRY: Final = 2
FIRST_LAYOUT: Final = 16

# What an entry may be (its member "entry"); the other members are the value's own fields.
POINTS: Final = "points"
EVENT: Final = "event"
RECORD: Final = "record"
HISTOGRAM: Final = "histogram"
ENTRIES: Final = (POINTS, EVENT, RECORD, HISTOGRAM)

_CRC: Final = struct.Struct("<I")
_AFTER_CRC: Final = "<IQqqI"
_HEADER: Final = struct.Struct("<IIQqqI")
HEADER_BYTES: Final = _HEADER.size

LARGEST_EXACT: Final = 2**53
_NOT_FINITE: Final = {math.inf: "Infinity", -math.inf: "-Infinity"}

_DTYPES: Final = {"d": "<f8", "q": "<i8", "?": "?"}


@dataclass(frozen=True, slots=True)
class Layout:
    """The keys of one shape of `log()` call and how their values are packed.

    `codes` has one struct character a key: d float64, q int64, ? bool. `scope` is that of the
    series they belong to.
    """

    id: int
    keys: tuple[str, ...]
    codes: str
    scope: str
    packer: struct.Struct = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "packer", struct.Struct(_AFTER_CRC + self.codes))

    @property
    def frame_bytes(self) -> int:
        return _CRC.size + self.packer.size

    def frame(self, number: int, time: int, step: int, values: Sequence[Any]) -> bytes:
        """One frame. Raises struct.error where a value or the step does not fit its code."""
        body = self.packer.pack(self.frame_bytes, number, time, step, self.id, *values)
        return _CRC.pack(zlib.crc32(body)) + body

    def definition(self) -> bytes:
        fields = {"id": self.id, "keys": self.keys, "codes": self.codes, "scope": self.scope}
        return json.dumps(fields).encode()

    @classmethod
    def defined(cls, definition: bytes | str) -> Layout:
        fields = json.loads(definition)
        return cls(fields["id"], tuple(fields["keys"]), fields["codes"], fields["scope"])

    def dtype(self) -> np.dtype[Any]:
        """A frame of this layout as a numpy record; values in runs of one code: run0, run1, ..."""
        columns = [("crc", "<u4"), ("length", "<u4"), ("number", "<u8")]
        columns += [("time", "<i8"), ("step", "<i8"), ("layout", "<u4")]
        runs = enumerate(groupby(self.codes))
        wide = [(f"run{n}", _DTYPES[code], (len([*run]),)) for n, (code, run) in runs]
        return np.dtype([*columns, *wide])


def frame(number: int, time: int, step: int, layout: int, body: bytes) -> bytes:
    """A frame whose body is already bytes."""
    length = HEADER_BYTES + len(body)
    after = struct.pack(_AFTER_CRC, length, number, time, step, layout) + body
    return _CRC.pack(zlib.crc32(after)) + after


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame found in unrolled bytes: where it starts, and its header."""

    offset: int
    length: int
    time: int
    step: int
    layout: int


@dataclass(slots=True)
class Scan:
    """A walk over the frames in `data`, of which the first is numbered `number`.

    A live drain trusts `data` to end with a whole frame. With `verify`, the walk ends at the first
    frame that is not whole; `torn` then says that one was begun there and not finished. After the
    walk `offset` and `number` are those of the first frame that is not there yet.
    """

    data: memoryview
    number: int
    verify: bool = False
    offset: int = 0
    torn: bool = False

    def __iter__(self) -> Iterator[Frame]:
        while self.offset + HEADER_BYTES <= len(self.data):
            header = _HEADER.unpack_from(self.data, self.offset)
            crc, length, number, time, step, layout = header
            if self.verify and not self._whole(crc, length, number):
                return
            found = Frame(self.offset, length, time, step, layout)
            self.offset += length
            self.number += 1
            yield found

    def _whole(self, crc: int, length: int, number: int) -> bool:
        if number != self.number or (length == 0 and crc == 0):
            return False
        end = self.offset + length
        if length >= HEADER_BYTES and end <= len(self.data):
            self.torn = zlib.crc32(self.data[self.offset + _CRC.size : end]) != crc
        else:
            self.torn = True
        return not self.torn

    def body(self, found: Frame) -> bytes:
        return bytes(self.data[found.offset + HEADER_BYTES : found.offset + found.length])


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """All frames of one layout in a walk, as columns; `first` is each one's first place."""

    layout: Layout
    first: Ints
    time: Ints
    step: Ints
    values: tuple[Values, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """Something logged that is not plain numbers, and the first place it takes."""

    first: int
    time: int
    step: int
    content: dict[str, Any]


@dataclass(slots=True)
class Drained:
    """What a walk over the journal found, in a form that is quick to store."""

    rows: list[Rows] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    layouts: list[Layout] = field(default_factory=list)
    unknown: int = 0
    times: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)


def drain(scan: Scan, layouts: dict[int, Layout]) -> Drained:
    """Reads every frame of `scan`; each value, event and record takes a place, from 0 on.

    `times` and `widths` are those of the frames that take any: when, and how many. Frames of an
    unknown layout or entry, from a damaged or a later journal, are counted and passed over.
    `layouts` are those defined before; new definitions are added to it and to the result.
    """
    found = Drained()
    places: dict[int, tuple[list[int], list[int]]] = {}
    place = 0
    for each in scan:
        if each.layout == DEFINITION:
            layout = Layout.defined(scan.body(each))
            layouts[layout.id] = layout
            found.layouts.append(layout)
            continue
        if each.layout == ENTRY:
            content = json.loads(scan.body(each))
            if content.get("entry") not in ENTRIES:
                found.unknown += 1
                continue
            found.entries.append(Entry(place, each.time, each.step, content))
            width = entry_width(content)
        elif each.layout not in layouts:
            found.unknown += 1
            continue
        else:
            offsets, firsts = places.setdefault(each.layout, ([], []))
            offsets.append(each.offset)
            firsts.append(place)
            width = len(layouts[each.layout].keys)
        found.times.append(each.time)
        found.widths.append(width)
        place += width
    for layout_id, (offsets, firsts) in places.items():
        found.rows.append(_rows(scan.data, layouts[layout_id], offsets, firsts))
    return found


def entry_width(content: dict[str, Any]) -> int:
    """How many places an entry takes: one, or one a value."""
    return len(content["values"]) if content["entry"] == POINTS else 1


def _rows(buffer: memoryview, layout: Layout, offsets: list[int], firsts: list[int]) -> Rows:
    data = np.frombuffer(buffer, dtype=np.uint8)
    dtype = layout.dtype()
    at = np.asarray(offsets, dtype=np.int64)
    frames = data[at[:, None] + np.arange(dtype.itemsize)].view(dtype).reshape(-1)
    values = tuple(
        np.ascontiguousarray(column, dtype=np.float64 if code == "d" else np.int64)
        for n, (code, _) in enumerate(groupby(layout.codes))
        for column in frames[f"run{n}"].T
    )
    return Rows(
        layout,
        np.asarray(firsts, dtype=np.int64),
        frames["time"].astype(np.int64),
        frames["step"].astype(np.int64),
        values,
    )


def number_to_json(value: float | int) -> float | int | str:
    """A number as any JSON parser holds it exactly.

    Not finite: "NaN", "Infinity", "-Infinity". Integers that a float64 may round: decimal text.
    """
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_EXACT else str(value)
    return value if math.isfinite(value) else _NOT_FINITE.get(value, "NaN")


def number_from_json(value: float | int | str) -> float | int:
    """The inverse of `number_to_json`."""
    if not isinstance(value, str):
        return value
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else int(value)


def step_or_none(step: int) -> int | None:
    """A step as people and SQL see it."""
    return None if step == NO_STEP else step
