"""Runs of points that differ in their numbers alone, read all at once. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otel_trackio.model import NO_STEP
from otel_trackio_collector.measurement import Row
from otel_trackio_collector.otlpvalue import MAX_TIME
from otel_trackio_collector.pointbytes import (
    EXEMPLAR,
    FLOAT,
    INTEGER,
    NO_TRACE,
    SAID,
    SEQ_KEY,
    START,
    STEP_KEY,
    TIME,
    TOLD,
    WHEN,
    extent,
)

LEAST_POINTS: Final = 24
"""Fewer are read sooner one by one."""

_Bytes = NDArray[np.uint8]
_Column = NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where the numbers of a point lie: those of 8 bytes by their tag, in the point and in its
    exemplar, and step and number, as far as they reach."""

    fixed: dict[int, int]
    carried: dict[int, int]
    told: dict[bytes, tuple[int, int]]


def run_at(data: bytes, at: int, end: int, size: int, expands: bool, request: int) -> list[Row]:
    """The rows of a point of `size` bytes at `at`, and of those behind it, up to `end`, that have
    the same shape and series; none where that cannot be told."""
    shape = _shape(data, at)
    if shape is None:
        return []
    rows = np.frombuffer(data, np.uint8, (end - at) // size * size, at).reshape(-1, size)
    alike = _alike(rows, shape)
    rows = rows[: len(rows) if alike.all() else int(alike.argmin())]
    columns = _columns(rows, shape, expands)
    if columns is None:
        return []
    listed = [column.tolist() for column in columns]
    return list(zip(*listed, repeat(request), repeat(None)))


def _shape(data: bytes, at: int) -> _Shape | None:
    """The shape of a point that was read already; None where it may be none of these."""
    begin, end = extent(data, at + 1)
    shape = _Shape({}, {}, {})
    place = _eights(data, begin, (START, TIME, FLOAT, INTEGER), at, shape.fixed)
    if place < end and data[place] == EXEMPLAR:
        place, stop = extent(data, place + 1)
        place = _eights(data, place, (WHEN, SAID), at, shape.carried)
        if data[place : place + 4] == NO_TRACE:
            place += 4
        while place < stop and data[place] == TOLD:
            for key in (STEP_KEY, SEQ_KEY):
                if data.startswith(key, place + 2):
                    first, last = place + 4 + len(key), place + 2 + data[place + 1]
                    shape.told[key] = first - at, last - at
            place += 2 + data[place + 1]
        if place != stop or not shape.told:
            return None
    return shape


def _eights(data: bytes, place: int, tags: tuple[int, ...], at: int, found: dict[int, int]) -> int:
    for tag in tags:
        if data[place] == tag:
            found[tag] = place + 1 - at
            place += 9
    return place


def _alike(rows: _Bytes, shape: _Shape) -> NDArray[np.bool_]:
    """Which rows are as the first but for their numbers, and have numbers of the same length."""
    same = np.full(rows.shape[1], 255, np.uint8)
    for place in (*shape.fixed.values(), *shape.carried.values()):
        same[place : place + 8] = 0
    for first, last in shape.told.values():
        same[first:last] = 128
    alike: NDArray[np.bool_] = (((rows ^ rows[0]) & same) == 0).all(axis=1)
    return alike


def _columns(rows: _Bytes, shape: _Shape, expands: bool) -> tuple[_Column, ...] | None:
    """Time, start, value, step and number; None where one is not what it should be."""
    value = (
        _eight(rows, shape.fixed[FLOAT], "<f8")
        if FLOAT in shape.fixed
        else (_eight(rows, shape.fixed[INTEGER], "<i8"))
    )
    time = _eight(rows, shape.fixed[TIME], "<u8")
    nothing = np.zeros(len(rows), np.int64)
    start = _eight(rows, shape.fixed[START], "<u8") if START in shape.fixed else nothing
    step = number = nothing
    good = start < MAX_TIME
    if shape.carried:
        when, said = (
            _eight(rows, shape.carried[WHEN], "<u8"),
            _eight(rows, shape.carried[SAID], "<f8"),
        )
        good &= (value == said) | ((value != value) & (said != said))
        good &= (when == time) | expands
        time, value = when, said if expands else value
    step = _varints(rows, shape.told[STEP_KEY]) if STEP_KEY in shape.told else nothing + NO_STEP
    if SEQ_KEY in shape.told:
        number = _varints(rows, shape.told[SEQ_KEY])
        good &= number > 0
    good &= (time > 0) & (time < MAX_TIME)
    if STEP_KEY in shape.told:
        good &= step != NO_STEP
    if not good.all():
        return None
    return time, start, value, step, number


def _eight(rows: _Bytes, place: int, type: str) -> _Column:
    return np.ascontiguousarray(rows[:, place : place + 8]).view(type).ravel()


def _varints(rows: _Bytes, place: tuple[int, int]) -> _Column:
    numbers = np.zeros(len(rows), np.uint64)
    for shift, at in enumerate(range(*place)):
        numbers |= (rows[:, at] & 127).astype(np.uint64) << np.uint64(7 * shift)
    return numbers.view(np.int64)
